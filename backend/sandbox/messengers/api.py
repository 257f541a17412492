"""What all doubles share: what was sent, refusals on demand, and HTTP around them."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sandbox.serving import serving

LARGEST = 1 << 20  # bytes of a request


class Refused(Exception):
    """A request that the original would not take, or that its documents do not allow."""

    def __init__(self, status: int, why: str, code: object = None) -> None:
        super().__init__(why)
        self.status, self.why, self.code = status, why, code


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer."""

    status: int = 200
    body: dict[str, Any]
    headers: tuple[tuple[str, str], ...] = ()


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A message as a chat got it."""

    chat: str
    text: str
    buttons: tuple[tuple[str, str], ...] = ()  # label, and what it gives back
    raw: dict[str, Any]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Read the body. Raises Refused."""
        if self.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise Refused(400, "the content is no JSON")
        try:
            found = msgspec.json.decode(self.body)
        except ValueError as error:
            raise Refused(400, "can't parse JSON") from error
        if not isinstance(found, dict):
            raise Refused(400, "an object is wanted")
        return found

    def bearer(self, token: str) -> None:
        """Look at the token. Raises Refused."""
        if self.headers.get("authorization") != f"Bearer {token}":
            raise Refused(401, "invalid token", "invalid_auth")


@dataclass(slots=True, kw_only=True)
class MessengerApi:
    """One messenger's API; each messenger says what it takes."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(30))
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(30))
    url: str = ""
    received: list[Sent] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)  # why something was not taken
    failing: list[tuple[int, int | None]] = field(default_factory=list)  # status, Retry-After
    requests: int = 0
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self, count: int, seconds: float = 20) -> list[Sent]:
        """Return all messages once there are so many. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while len(self.received) < count:
                self._came.clear()
                await self._came.wait()
        return list(self.received)

    def answer(self, asked: Asked) -> Reply:
        """Answer one request. Raises Refused."""
        raise NotImplementedError

    def error(self, refused: Refused) -> Reply:
        """Write a refusal as the messenger does."""
        raise NotImplementedError

    def wait_for(self, seconds: int) -> Reply:
        """Write that it is too much, as the messenger does."""
        return Reply(
            status=429, body={"error": "too much"}, headers=(("retry-after", str(seconds)),)
        )

    def deliver(self, sent: Sent) -> None:
        """Let a chat have a message."""
        self.received.append(sent)
        self._came.set()

    async def app(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serve it as ASGI."""
        if scope["type"] != "http":
            return
        body, more = bytearray(), True
        while more:
            message = await receive()
            body += message.get("body", b"")[: LARGEST - len(body)]
            more = message.get("more_body", False)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        path = scope["raw_path"].decode().partition("?")[0]
        self.requests += 1
        reply = self._replied(
            Asked(method=scope["method"], path=path, headers=headers, body=bytes(body))
        )
        start = [(b"content-type", b"application/json")]
        start += [(name.encode(), value.encode()) for name, value in reply.headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": start})
        await send({"type": "http.response.body", "body": msgspec.json.encode(reply.body)})

    def _replied(self, asked: Asked) -> Reply:
        if self.failing:
            status, seconds = self.failing.pop(0)
            if status == 429:
                return self.wait_for(seconds or 1)
            return Reply(status=status, body={"error": "told to"})
        try:
            return self.answer(asked)
        except Refused as refused:
            self.refusals.append(refused.why)
            return self.error(refused)


@asynccontextmanager
async def running_api(api: MessengerApi) -> AsyncIterator[None]:
    """Serve a double on loopback until the block is left."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await api.app(scope, receive, send)  # uvicorn mistakes a bound method

    async with serving(app) as origin:
        api.url = origin
        yield


def only(of: Mapping[str, Any], *names: str) -> None:
    """See that there are no others. Raises Refused."""
    if strange := sorted(set(of) - set(names)):
        raise Refused(400, f"unknown field: {strange[0]}", 100)


def length(text: object, longest: int, what: str, *, least: int = 1) -> str:
    """See that it is a text of that length in UTF-16 units. Raises Refused."""
    if not isinstance(text, str):
        raise Refused(400, f"{what} is no text", 100)
    size = len(text.encode("utf-16-le")) // 2
    if not least <= size <= longest:
        raise Refused(400, f"{what} has {size} of {longest} characters", 100)
    return text
