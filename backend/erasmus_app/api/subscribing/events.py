"""GraphQL over server-sent events, in distinct connections, as the npm package `graphql-sse` does.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md: one POST is one operation, its
answer a stream of `next` events with a `complete` at the end.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing, suppress
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar.types import Receive, Send

from erasmus_app.api.requests import Refused, extensions
from erasmus_app.api.subscribing.door import Begun, Door, Limits, results
from erasmus_app.api.subscribing.openings import End, Opening, Openings, TooMany
from erasmus_app.identity.models import Session

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # what proxies of nginx's kind read
    (b"x-content-type-options", b"nosniff"),
]
COMMENT = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
ENDS = {
    End.SESSION_OVER: "the session is over: sign in or refresh it, and subscribe anew",
    End.GOING_AWAY: "this server stops: subscribe anew",
}

log = structlog.get_logger(__name__)

_encode = msgspec.json.Encoder().encode


class _Gone(Exception):
    """The client has left, or takes nothing any more."""


class Events:
    """One stream."""

    def __init__(
        self, door: Door, openings: Openings, limits: Limits, receive: Receive, send: Send
    ) -> None:
        self._door, self._openings, self._limits = door, openings, limits
        self._receive, self._send = receive, send
        self._taking_turns = asyncio.Lock()

    async def run(self, begun: Begun, session: Session, headers: dict[str, str]) -> None:
        """Stream until the operation is over. Raises Refused where it is not begun."""
        with ExitStack() as stack:
            try:
                opening = stack.enter_context(self._openings.opened(session))
                stack.enter_context(self._openings.operation(session))
            except TooMany:
                raise Refused(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    "too_many_operations",
                    "as many operations are under way as may be",
                ) from None
            found = results(self._door, begun, session, headers)
            with suppress(_Gone):
                await self._stream(found, opening)

    async def _stream(
        self, found: AsyncGenerator[tuple[dict[str, Any], bool], None], opening: Opening
    ) -> None:
        await self._hand_over({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await self._write(COMMENT)  # so that the client knows at once that it is heard
        operating = asyncio.create_task(self._operate(found))
        others = {asyncio.create_task(self._keep_alive()), asyncio.create_task(self._gone())}
        try:
            ends: set[asyncio.Future[Any]] = {operating, opening.ended, *others}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            done = {each for each in (operating, *others) if each.done()}
            for each in {operating, *others} - done:
                each.cancel()
            await asyncio.gather(operating, *others, return_exceptions=True)
        for each in done:
            each.result()
        if not operating.done() or operating.cancelled():
            why = opening.ended.result()
            errors = [{"message": ENDS[why], "extensions": extensions(why.value)}]
            await self._next({"errors": errors})
        await self._write(COMPLETE, more=False)

    async def _operate(self, found: AsyncGenerator[tuple[dict[str, Any], bool], None]) -> None:
        async with aclosing(found):
            async for answer, _ in found:
                await self._next(answer)

    async def _keep_alive(self) -> None:
        """Let proxies see that the stream lives, and see ourselves whether anybody reads it."""
        while True:
            await asyncio.sleep(self._limits.keep_alive_seconds)
            await self._write(COMMENT)

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        raise _Gone

    async def _next(self, answer: dict[str, Any]) -> None:
        await self._write(b"event: next\ndata: " + _encode(answer) + b"\n\n")

    async def _write(self, body: bytes, *, more: bool = True) -> None:
        await self._hand_over({"type": "http.response.body", "body": body, "more_body": more})

    async def _hand_over(self, event: Any) -> None:
        # Nothing is put aside for a slow client: an operation reads on once its event is taken.
        try:
            async with asyncio.timeout(self._limits.send_seconds), self._taking_turns:
                await self._send(event)
        except TimeoutError:
            log.info("subscribing.slow", seconds=self._limits.send_seconds)
            raise _Gone from None
        except OSError:  # how an ASGI server says that nobody is there any more
            raise _Gone from None
