"""The door of `/mcp`: who may call, from where, how much; behind it the official library serves.

An OAuth resource server (RFC 6750, 9728): only a token of a client of ours is good here, which the
student gave to it for this address (RFC 8707). Cookies and the app's own tokens open nothing.
"""

import asyncio
import importlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
import structlog
from litestar.types import HTTPReceiveMessage, HTTPScope, Message, Receive, Send

from erasmus_app.api.callers import address_of
from erasmus_app.api.guards import headers_of, session_of
from erasmus_app.api.mcp.tools import BY_NAME, USED
from erasmus_app.errors import LimitsAway, NotSignedIn, TooMany
from erasmus_app.identity.models import Session
from erasmus_app.limits.ports import Who
from erasmus_app.limits.rules import Limit
from erasmus_app.services import Services

PATH = "/mcp"
METADATA = f"/.well-known/oauth-protected-resource{PATH}"
LARGEST_BODY = 65_536  # bytes; a call takes an id and a language
MOST_AT_ONCE = 8  # calls of one connection that are answered at the same time
CALL = "erasmus_app.call"
"""Under which the scope of a request says whose call it is."""

SERVING = "erasmus_app.api.mcp.serving"

_PARSE, _INVALID, _REFUSED = -32700, -32600, -32000  # JSON-RPC 2.0, §5.1
_ALWAYS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """Whose call a request is."""

    services: Services
    session: Session
    headers: dict[str, str]


class Refused(Exception):
    """A request that gets no further."""

    def __init__(self, status: int, code: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.headers = [
            (name.replace("_", "-").encode("ascii"), value.encode("ascii"))
            for name, value in headers.items()
        ]


class Serving(Protocol):
    """Speaks the protocol: `api.mcp.serving`, which is loaded when somebody is let in."""

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer one request."""

    async def close(self) -> None:
        """End what runs beside."""


class McpEndpoint:
    """The ASGI application at `/mcp`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        settings = services.settings
        here = settings.public_url.rstrip("/")
        self.resource = f"{here}{PATH}"
        self._metadata = f"{here}{METADATA}"
        self._origins = {_origin(settings.public_url), _origin(settings.browser_url)}
        self._open: Counter[str] = Counter()
        self._served: Serving | None = None
        self._loading = asyncio.Lock()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve until the block is left."""
        try:
            yield
        finally:
            if self._served is not None:
                await self._served.close()

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        try:
            headers = headers_of(scope)
            session = await self._let_in(scope, headers)
            if scope["method"] != "POST":  # there is no stream of ours, and no session to end
                raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, _REFUSED, "POST only", allow="POST")
            body = await _body(headers, receive)
            _check(body, session)
        except Refused as error:
            await _send(send, error)
            return
        name = str(session.session_id)
        if self._open[name] >= MOST_AT_ONCE:
            words = f"more than {MOST_AT_ONCE} calls at once"
            await _send(
                send, Refused(HTTPStatus.TOO_MANY_REQUESTS, _REFUSED, words, retry_after="1")
            )
            return
        self._open[name] += 1
        try:
            serving = await self._serving()
            call = Call(self._services, session, headers)
            whole: Any = dict(scope) | {CALL: call, "path": PATH, "root_path": ""}
            await serving(whole, _again(body, receive), _guarded(send))
        finally:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]

    async def _let_in(self, scope: HTTPScope, headers: dict[str, str]) -> Session:
        """Return the session of a client's token. Raises Refused."""
        origin = headers.get("origin")
        if origin is not None and _origin(origin) not in self._origins:
            log.info("mcp.refused", code="origin")
            raise Refused(HTTPStatus.FORBIDDEN, _REFUSED, "Origin: not from pages of other sites")
        # Without the cookies: a browser sends them from whatever page it shows.
        bearer = {"authorization": headers.get("authorization", "")}
        try:
            session = await session_of(self._services, bearer, self.resource)
        except NotSignedIn as error:
            address = address_of(scope, self._services.settings.trusted_proxies)
            self._count(Limit.ANONYMOUS, address)
            raise self._unknown(headers) from error
        if session.client_id is None:  # the app's own token, which is good for all but this
            raise self._unknown(headers)
        self._count(Limit.ASSISTANT, session.session_id)
        return session

    def _count(self, limit: Limit, who: Who | None) -> None:
        """Count a call. Raises Refused where there were as many as may be."""
        try:
            self._services.limits.spend(limit, who)
        except (TooMany, LimitsAway) as error:
            again = {name.replace("-", "_"): value for name, value in error.headers.items()}
            raise Refused(error.status, _REFUSED, str(error), **again) from error

    def _unknown(self, headers: dict[str, str]) -> Refused:
        log.info("mcp.refused", code="not_signed_in")
        given = "authorization" in headers
        challenge = ", ".join(
            [
                *(['error="invalid_token"'] if given else []),
                f'resource_metadata="{self._metadata}"',
                f'scope="{" ".join(USED)}"',
            ]
        )
        return Refused(
            HTTPStatus.UNAUTHORIZED,
            _REFUSED,
            "A token for this address is needed, which the student gives; see resource_metadata.",
            www_authenticate=f"Bearer {challenge}",
        )

    async def _serving(self) -> Serving:
        """Return what speaks the protocol; loaded for the first who is let in."""
        async with self._loading:
            if self._served is None:
                # The library takes a second to read: in a thread, so that others are answered.
                module = await asyncio.to_thread(importlib.import_module, SERVING)
                self._served = await module.serving()
                log.info("mcp.loaded")
        assert self._served is not None
        return self._served


def _check(body: bytes, session: Session) -> None:
    """Look at what is called before anybody else reads it. Raises Refused."""
    try:
        message: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, _PARSE, "not JSON") from error
    if not isinstance(message, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, _INVALID, "one message at a time, as an object")
    parameters = message.get("params")
    name = parameters.get("name") if isinstance(parameters, dict) else None
    if message.get("method") != "tools/call" or not isinstance(name, str):
        return
    if (tool := BY_NAME.get(name)) and (lacks := tool.lacks(session.scopes or ())):
        scope = " ".join(lacks)
        raise Refused(
            HTTPStatus.FORBIDDEN,
            _REFUSED,
            f"{name}: the student has not allowed this app {scope}",
            www_authenticate=f'Bearer error="insufficient_scope", scope="{scope}"',
        )


async def _body(headers: dict[str, str], receive: Receive) -> bytes:
    """Read a body of bounded size. Raises Refused."""
    length, parts = headers.get("content-length", ""), list[bytes]()
    too_large = Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _INVALID, f"over {LARGEST_BODY} bytes")
    if length.isdigit() and int(length[:20]) > LARGEST_BODY:
        raise too_large
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(HTTPStatus.BAD_REQUEST, _INVALID, "the body did not end")
        size += len(message["body"])
        if size > LARGEST_BODY:
            raise too_large
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read once more, and then what comes behind it."""
    waiting: list[HTTPReceiveMessage] = [
        {"type": "http.request", "body": body, "more_body": False},
    ]

    async def given() -> Any:
        return waiting.pop() if waiting else await receive()

    return given


def _guarded(send: Send) -> Send:
    """Return what sends with the headers that every answer has."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [each for each in message["headers"] if each[0].lower() != b"cache-control"]
            message["headers"] = [*kept, *_ALWAYS]
        await send(message)

    return sent


async def _send(send: Send, error: Refused) -> None:
    """Write a refusal as an error of JSON-RPC without an id: which call it was is nobody's."""
    body = msgspec.json.encode(
        {"jsonrpc": "2.0", "id": None, "error": {"code": error.code, "message": str(error)}}
    )
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode("ascii")),
        *error.headers,
        *_ALWAYS,
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _origin(address: str) -> str:
    """Return who serves an address: scheme, host and port, as browsers write it."""
    try:
        parts = urlsplit(address.lower())
        port = parts.port
    except ValueError:
        return "null"
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    shown = f":{port}" if port not in {None, usual} else ""
    return f"{parts.scheme}://{parts.hostname}{shown}"
