"""What browsers are told with every answer, and which other sites' pages may read one (CORS).

A page of another origin reads answers if an operator has named that origin, and only with a token:
cookies are for this site's own pages, so no answer allows credentials.
"""

from urllib.parse import urlsplit

import msgspec
import structlog
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Send

from erasmus_app.api.requests import named
from erasmus_app.settings import LOOPBACK_NAMES, Settings
from ewp.errors import place_of

Lines = tuple[tuple[bytes, bytes], ...]

ALWAYS: Lines = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
"""What an answer says that says nothing else about it: routes have words of their own."""
TLS_ONLY = (b"strict-transport-security", b"max-age=31536000")
PAGES = (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()")

OPEN = (
    *("/graphql", "/chat", "/auth/token", "/auth/revoke", "/auth/logout"),
    *("/privacy/exports/", "/calendar/mobilities/", "/.well-known/"),
)
"""What a web app of another origin has to do with; by the beginnings of paths."""
ASKS: Lines = (
    (b"access-control-allow-methods", b"GET, POST"),
    (
        b"access-control-allow-headers",
        b"accept, accept-language, authorization, content-type, if-none-match",
    ),
    (b"access-control-max-age", b"7200"),  # seconds; no browser remembers it for longer
)
READS = b"content-disposition, content-language, etag, retry-after, www-authenticate, x-request-id"
VARIES = (b"vary", b"Origin")
PROBLEM = (b"content-type", b"application/problem+json")
FAILED = {
    "type": "about:blank",
    "title": "Internal Server Error",
    "status": 500,
    "detail": "an error of ours",
    "code": "internal_error",
}

log = structlog.get_logger(__name__)


class Answer:
    """What sends one answer with all that it has to say."""

    __slots__ = ("_always", "_more", "_send", "begun")

    def __init__(self, send: Send, always: Lines, more: Lines) -> None:
        self._send, self._always, self._more = send, always, more
        self.begun = False

    async def __call__(self, message: Message) -> None:
        """Send a part of it."""
        if message["type"] == "http.response.start":
            self.begun = True
            headers = list(message["headers"])
            said = {name.lower(): value for name, value in headers}
            headers += [each for each in self._always if each[0] not in said]
            if said.get(b"content-type", b"").startswith(b"text/html"):
                headers.append(PAGES)
            message["headers"] = [*headers, *self._more]
        await self._send(message)


class Browsers:
    """Completes the answers of an application."""

    def __init__(self, settings: Settings) -> None:
        local = urlsplit(settings.public_url).hostname in LOOPBACK_NAMES
        self._always = ALWAYS if local else (*ALWAYS, TLS_ONLY)
        self._origins = frozenset(each.encode("ascii") for each in settings.app_origins)

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send, door: ASGIApp) -> None:
        """Have a door answer, and answer for what it has not foreseen."""
        if await self._preflight(scope, send):
            return
        answer = Answer(send, self._always, self._for_origin(scope))
        try:
            await door(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told nothing of it
            # Where, but not what it says: that may be the student's.
            log.error("request.failed", error=type(error).__name__, where=place_of(error))  # noqa: TRY400
            if not answer.begun:  # else the server ends the connection within the answer
                await answer({"type": "http.response.start", "status": 500, "headers": [PROBLEM]})
                body = msgspec.json.encode(FAILED | named())
                await answer({"type": "http.response.body", "body": body, "more_body": False})

    def _for_origin(self, scope: HTTPScope) -> Lines:
        """Return what lets the page that asks read the answer, if it may."""
        if not self._origins or not scope["path"].startswith(OPEN):
            return ()
        origin = self._listed(scope)
        if origin is None:
            return (VARIES,)
        return (*_allows(origin), (b"access-control-expose-headers", READS))

    async def _preflight(self, scope: HTTPScope, send: Send) -> bool:
        """Answer a browser that asks for a page whether it may call here.

        False: nobody asks that, or the page may not, which any other answer says as well.
        """
        if scope["method"] != "OPTIONS":
            return False
        origin = self._listed(scope) if scope["path"].startswith(OPEN) else None
        asks = any(name == b"access-control-request-method" for name, _ in scope["headers"])
        if origin is None or not asks:
            return False
        headers = [*self._always, *ASKS, *_allows(origin)]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return True

    def _listed(self, scope: HTTPScope) -> bytes | None:
        """Return the origin of the page that asks, where it is one that an operator has named."""
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        return origin if origin in self._origins else None


def _allows(origin: bytes) -> Lines:
    return (VARIES, (b"access-control-allow-origin", origin))
