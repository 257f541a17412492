"""What every request has before anybody looks at it: an id, named by its answer and log lines.

A proxy in front may have given it one (`X-Request-Id`); it is believed from `TRUSTED_PROXIES`
alone, as the rest of what proxies say.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from litestar.enums import ScopeType
from litestar.types import Message, Receive, Scope, Send

from erasmus_app.api.callers import is_among
from erasmus_app.telemetry import logs, traces

HEADER = b"x-request-id"

UNTRACED = {"/livez", "/readyz", "/startupz", "/metrics"}  # asked every few seconds
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

Handle = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The door before all doors."""

    proxies: Sequence[IPv4Network | IPv6Network]

    async def __call__(self, scope: Scope, receive: Receive, send: Send, handle: Handle) -> None:
        """Have one request answered, under its id."""
        given = self.believed(scope, HEADER)
        named = (HEADER, logs.begin(given).encode("ascii"))

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                # An EWP host repeats the id that its caller has signed.
                if not any(name == HEADER for name, _ in headers):
                    message["headers"] = [*headers, named]
            await send(message)

        if scope["type"] != ScopeType.HTTP:
            await handle(scope, receive, send)
        elif not traces.is_on() or scope["path"] in UNTRACED:
            await handle(scope, receive, sent)
        else:
            await self._traced(scope, receive, sent, handle)

    async def _traced(self, scope: Any, receive: Receive, send: Send, handle: Handle) -> None:
        method, path = scope["method"], scope["path"]
        # What partners send, proxies hand on as it came: it says nothing of our traces.
        given = None if path.startswith("/ewp/") else self.believed(scope, b"traceparent")
        of = [] if given is None else [given.decode("latin-1")]
        status = 0

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        name = method if method in METHODS else "HTTP"
        about = {"http.request.method": name, "request_id": logs.request_id()}
        with traces.span(name, "server", of=of, **about) as span:
            try:
                await handle(scope, receive, answered)
            finally:
                route = _route_of(scope, path)
                span.named(f"{name} {route}" if route else name)
                span.note(**{"http.route": route, "http.response.status_code": status})
            if status >= 500:
                span.failed(str(status))

    def believed(self, scope: Scope, header: bytes) -> bytes | None:
        """Return a header that a proxy of ours has set, None where there is none."""
        if not self.proxies:
            return None
        client: Any = scope.get("client")
        if client is None or not _is_proxy(client[0], tuple(self.proxies)):
            return None
        return next((value for name, value in scope["headers"] if name == header), None)


def _route_of(scope: Any, path: str) -> str | None:
    """Return which of our routes it was; None where a caller made the path up."""
    if path == "/graphql":
        return path
    if path.startswith("/ewp/"):
        return "/ewp/{hei_id}"
    template: str | None = scope.get("path_template")
    return template


@lru_cache(maxsize=1_000)
def _is_proxy(peer: str, proxies: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return is_among(peer, proxies)
