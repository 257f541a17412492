"""graphql-transport-ws: GraphQL over one WebSocket, as the npm package `graphql-ws` speaks it.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md says what follows what, and with
which code a socket is closed.
"""

import asyncio
from contextlib import ExitStack, aclosing, suppress
from functools import partial
from typing import Any

import msgspec
import structlog
from litestar.types import Receive, Send, WebSocketScope

from erasmus_app.api.callers import address_of
from erasmus_app.api.guards import headers_of, session_of
from erasmus_app.api.origins import is_ours
from erasmus_app.api.requests import Refused, Request, extensions
from erasmus_app.api.subscribing.door import Begun, Door, Limits, results
from erasmus_app.api.subscribing.openings import End, Openings, TooMany
from erasmus_app.errors import LimitsAway, NotSignedIn
from erasmus_app.errors import TooMany as TooManyRequests
from erasmus_app.identity.models import Session
from erasmus_app.limits.rules import Limit
from erasmus_app.services import Services

PROTOCOL = "graphql-transport-ws"
LONGEST_REASON = 120  # bytes; RFC 6455 §5.5 leaves 123
CLOSE_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Message(msgspec.Struct, frozen=True):
    """One message of a client's."""

    type: str
    id: str | None = None
    payload: msgspec.Raw = msgspec.Raw(b"null")


class Closing(Exception):
    """The socket is to be closed."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:LONGEST_REASON].decode(errors="ignore")


class Gone(Exception):
    """The client has left."""


ENDS = {
    End.SESSION_OVER: (4403, "The session is over"),
    End.GOING_AWAY: (1001, "Going away"),
}
_message = msgspec.json.Decoder(Message).decode
_request = msgspec.json.Decoder(Request).decode
_payload = msgspec.json.Decoder(dict[str, Any] | None).decode
_encode = msgspec.json.Encoder().encode


class Socket:
    """One socket, from its handshake to its end."""

    def __init__(
        self,
        services: Services,
        door: Door,
        openings: Openings,
        limits: Limits,
        scope: WebSocketScope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._services, self._door, self._openings, self._limits = services, door, openings, limits
        self._headers, self._offered = headers_of(scope), scope["subprotocols"]
        self._address = address_of(scope, services.settings.trusted_proxies)
        self._receive, self._send = receive, send
        self._taking_turns = asyncio.Lock()
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._broken: asyncio.Future[BaseException] = asyncio.Future()

    async def refuse(self) -> None:
        """Do not accept it: the handshake fails."""
        await self._receive()  # that somebody wants to connect
        await self._send({"type": "websocket.close", "code": 1001, "reason": "Going away"})

    async def run(self) -> None:
        """Accept it, and talk until it ends."""
        if self._services.news.leaving.is_set():
            await self.refuse()
            return
        await self._receive()
        try:
            offered = PROTOCOL if PROTOCOL in self._offered else None
            await self._hand_over(
                {"type": "websocket.accept", "subprotocol": offered, "headers": []}
            )
            if offered is None:
                raise Closing(4406, "Subprotocol not acceptable")
            await self._talk(await self._greeted())
        except Closing as end:
            await self._close(end)
        except Gone:
            pass

    async def _greeted(self) -> Session:
        """Return whose socket it is. Raises Closing, Gone."""
        try:
            async with asyncio.timeout(self._limits.init_seconds):
                return await self._initialised()
        except TimeoutError:
            raise Closing(4408, "Connection initialisation timeout") from None

    async def _initialised(self) -> Session:
        while (message := await self._next()).type != "connection_init":
            if message.type == "subscribe":
                raise Closing(4401, "Unauthorized")
            await self._heed(message)
        try:
            payload = _payload(message.payload) or {}
        except (msgspec.DecodeError, RecursionError):
            raise Closing(4400, "connection_init: its payload is no object") from None
        headers = dict(self._headers)
        if not is_ours(headers.get("origin"), self._services.settings):
            # Any site can open a socket to us, and the browser sends our cookie along with it.
            headers.pop("cookie", None)
        for name, given in payload.items():
            if name.lower() == "authorization" and isinstance(given, str):
                headers["authorization"] = given
        try:
            return await session_of(self._services, headers, self._door.resource)
        except NotSignedIn as error:
            log.info("access.refused", what="/graphql", code=error.code)
            try:
                self._services.limits.spend(Limit.ANONYMOUS, self._address)
            except (TooManyRequests, LimitsAway) as often:
                raise Closing(4429, "Too many requests") from often
            raise Closing(4403, "Forbidden") from error

    async def _talk(self, session: Session) -> None:
        """Hear what the client says until either side ends it. Raises Closing, Gone."""
        with ExitStack() as stack:
            try:
                opening = stack.enter_context(self._openings.opened(session))
            except TooMany:
                raise Closing(4429, "Too many sockets of this session") from None
            hearing = asyncio.create_task(self._hear(session))
            try:
                await self._say(type="connection_ack")
                ends: set[asyncio.Future[Any]] = {hearing, self._broken, opening.ended}
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                if opening.ended.done():
                    raise Closing(*ENDS[opening.ended.result()])
                if self._broken.done():
                    raise self._broken.result()
                await hearing
            finally:
                await _cancelled({hearing, *self._running})

    async def _hear(self, session: Session) -> None:
        while True:
            message = await self._next()
            if message.type == "connection_init":
                raise Closing(4429, "Too many initialisation requests")
            if message.type == "subscribe":
                await self._subscribe(message, session)
            else:
                await self._heed(message)

    async def _heed(self, message: Message) -> None:
        """Do what a message asks that may come at any time."""
        if message.type == "ping":
            await self._say(type="pong")
        elif message.type == "complete":
            task = self._operations.pop(_id(message), None)
            if task is not None:
                task.cancel()
        elif message.type != "pong":
            raise Closing(4400, "No such type of message")

    async def _subscribe(self, message: Message, session: Session) -> None:
        id = _id(message)
        if id in self._operations:
            raise Closing(4409, f"Subscriber for {id} already exists")
        try:
            request = _request(message.payload)
        except (msgspec.DecodeError, RecursionError):
            raise Closing(4400, "subscribe: its payload is no request") from None
        with ExitStack() as stack:
            try:
                if len(self._running) >= self._limits.socket_operations:
                    raise TooMany
                stack.enter_context(self._openings.operation(session))
                begun = self._door.begin(request, session)
            except (Refused, TooMany) as error:
                await self._say(type="error", id=id, payload=errors_of(error))
                return
            task = asyncio.create_task(self._operate(id, begun, session))
            self._operations[id] = task
            self._running.add(task)
            task.add_done_callback(partial(self._operated, id, stack.pop_all()))

    async def _operate(self, id: str, begun: Begun, session: Session) -> None:
        """Run one operation and say what comes of it."""
        async with aclosing(results(self._door, begun, session, self._headers)) as found:
            async for answer, has_failed in found:
                if has_failed:
                    self._operations.pop(id, None)  # from now on the id may be used again
                    await self._say(type="error", id=id, payload=answer["errors"])
                    return
                await self._say(type="next", id=id, payload=answer)
        self._operations.pop(id, None)
        await self._say(type="complete", id=id)

    def _operated(self, id: str, held: ExitStack, task: asyncio.Task[None]) -> None:
        held.close()
        self._running.discard(task)
        if self._operations.get(id) is task:
            del self._operations[id]
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not self._broken.done():
            self._broken.set_result(error)

    async def _next(self) -> Message:
        """Return the client's next message. Raises Closing, Gone."""
        event = await self._receive()
        if event["type"] != "websocket.receive":
            raise Gone
        text = event.get("text")
        if text is None:
            raise Closing(4400, "Messages are text")
        if len(text) > self._limits.message_bytes:
            raise Closing(1009, "Message too big")
        try:
            return _message(text)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            raise Closing(4400, "No message of this protocol") from None

    async def _say(self, **message: Any) -> None:
        """Send a message. Raises Closing where it is not taken in time, Gone."""
        await self._hand_over({"type": "websocket.send", "text": _encode(message).decode()})

    async def _hand_over(self, event: Any) -> None:
        # Nothing is put aside for a slow client: an operation reads on once its event is taken.
        try:
            async with asyncio.timeout(self._limits.send_seconds), self._taking_turns:
                await self._send(event)
        except TimeoutError:
            log.info("subscribing.slow", seconds=self._limits.send_seconds)
            raise Closing(1008, "Too slow") from None
        except OSError:  # how an ASGI server says that nobody is there any more
            raise Gone from None

    async def _close(self, end: Closing) -> None:
        event: Any = {"type": "websocket.close", "code": end.code, "reason": end.reason}
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._send(event)


def errors_of(error: Refused | TooMany) -> list[dict[str, Any]]:
    """Return a refusal as an answer's errors."""
    if isinstance(error, Refused):
        errors: list[dict[str, Any]] = error.answer["errors"]
        return errors
    why = extensions("too_many_operations")
    return [{"message": "as many operations are under way as may be", "extensions": why}]


def _id(message: Message) -> str:
    """Return the id of the operation that a message is about. Raises Closing."""
    if not message.id:
        raise Closing(4400, f"{message.type}: has no id")
    return message.id


async def _cancelled(tasks: set[asyncio.Task[None]]) -> None:
    """End tasks, and wait until they have."""
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
