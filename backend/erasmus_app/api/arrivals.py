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

from erasmus_app.api.rest.callers import is_among
from erasmus_app.telemetry import logs

HEADER = b"x-request-id"

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

        await handle(scope, receive, sent if scope["type"] == ScopeType.HTTP else send)

    def believed(self, scope: Scope, header: bytes) -> bytes | None:
        """Return a header that a proxy of ours has set, None where there is none."""
        if not self.proxies:
            return None
        client: Any = scope.get("client")
        if client is None or not _is_proxy(client[0], tuple(self.proxies)):
            return None
        return next((value for name, value in scope["headers"] if name == header), None)


@lru_cache(maxsize=1_000)
def _is_proxy(peer: str, proxies: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return is_among(peer, proxies)
