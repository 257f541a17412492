"""An HTTP/2 client for one origin: many requests side by side on few connections.

`h2` speaks the protocol, this module moves the bytes. It exists since firebase-admin cannot be
pointed at another address, and since httpx costs ten times the time per message (STACK's figures
are in docs/decisions/0004).
"""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import hpack
import msgspec
from hyperframe.frame import Frame, GoAwayFrame

LARGEST_ANSWER = 65_536  # bytes
LARGEST_BODY = 16_384  # bytes: one frame, as every server takes it
PAUSE = 1.0  # seconds from a connection that was not to be had to the next try, where one is open
TRIES = 3  # of what a server says that it did not process


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class NoAnswer(Exception):
    """The connection broke, or time ran out: whether the request was processed is not known."""


class _Request:
    """One request, from when it is given until it has an answer."""

    __slots__ = (
        "answer",
        "body",
        "deadline",
        "done",
        "headers",
        "heard",
        "lines",
        "status",
        "tries",
    )

    def __init__(self, lines: Sequence[tuple[bytes, bytes]], body: bytes, deadline: float) -> None:
        self.lines, self.body, self.deadline = lines, body, deadline
        self.tries = 0
        self.heard = 0  # what had come on its connection when it was sent
        self.status = 0
        self.headers: dict[str, str] = {}
        self.answer = bytearray()
        self.done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def fail(self, error: NoAnswer) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class _Encoder(hpack.Encoder):
    """Writes headers that are the same each time as the same bytes (RFC 7541).

    Once they are all in the dynamic table, they are a row of numbers. The last header, the only
    one that changes, is never put there: so the numbers stay what they are until other headers
    come, say with a new token.
    """

    _fixed: "Sequence[object] | None" = None
    _block: bytes | None = None

    def encode(self, headers: Any, huffman: bool = True) -> bytes:
        *fixed, (name, value) = headers
        if name != b"content-length" or self.table_size_changes:
            self._fixed = self._block = None
            return bytes(super().encode(headers, huffman))
        if fixed != self._fixed:
            self._fixed, self._block = fixed, None
            block = super().encode(fixed, huffman)  # what is new goes into the table
        elif self._block is None:
            block = self._block = super().encode(fixed, huffman)
        else:
            block = self._block
        # Literal without indexing, its name entry 28 of the static table.
        return b"%s\x0f\x0d%c%s" % (block, len(value), value)


class _H2(h2.connection.H2Connection):
    """Reads on after a GOAWAY, as RFC 9113 §6.8 wants: the answers under way still come.

    h2 takes the connection for closed then, and every further frame for an error. It counts its
    streams at each new one, which is done here, by `fits`: it is let to clear up now and then.
    """

    _begun = 0

    def _receive_goaway_frame(
        self, frame: GoAwayFrame
    ) -> tuple[list[Frame], list[h2.events.Event]]:
        left = h2.events.ConnectionTerminated()
        left.last_stream_id = frame.last_stream_id
        return [], [left]

    def _open_streams(self, remainder: int) -> int:
        self._begun += 1
        return 0 if self._begun % 64 else super()._open_streams(remainder)


class _Connection(asyncio.Protocol):
    """One connection until it ends or the server sends it away.

    `news` is called when there may be room for more, with the requests that the server has not
    processed.
    """

    def __init__(self, news: Callable[[Sequence[_Request]], None]) -> None:
        config = h2.config.H2Configuration(
            client_side=True,
            header_encoding="utf-8",
            validate_outbound_headers=False,  # they are ours, and in order
            normalize_outbound_headers=False,
        )
        self.h2 = _H2(config)
        self.h2.encoder = _Encoder()
        self.under_way: dict[int, _Request] = {}
        self.open = True  # takes new requests
        self.most = 0  # requests side by side; the server's first frame says how many
        self.heard = 0  # how often something came
        self.refused: NoAnswer | None = None  # how it ended, if before the server's first frame
        self._news = news
        self._loop = asyncio.get_running_loop()
        self._flushing = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not derive from it
        self.h2.initiate_connection()
        self._flush()

    def fits(self, body: bytes) -> bool:
        """Whether one more request of this size may be sent now."""
        return (
            self.open
            and len(self.under_way) < self.most
            and len(body) <= self.h2.outbound_flow_control_window
        )

    def send(self, request: _Request) -> None:
        """Send a request that fits."""
        try:
            number = self.h2.get_next_available_stream_id()
        except h2.exceptions.ProtocolError:  # after a thousand million requests
            self.retire()
            self._news([request])
            return
        self.under_way[number] = request
        request.heard = self.heard
        try:
            self.h2.send_headers(number, request.lines)
            self.h2.send_data(number, request.body, end_stream=True)
        except h2.exceptions.ProtocolError as error:  # no window of the server lets it through
            self._give_up(number, NoAnswer(type(error).__name__))
        self._flush()

    def expire(self, now: float, error: NoAnswer) -> None:
        """Give up what has waited for too long, or what nobody waits for any longer."""
        late = [
            number
            for number, each in self.under_way.items()
            if each.done.done() or each.deadline <= now
        ]
        for number in late:
            request = self.under_way[number]
            self._give_up(number, error)
            if request.heard == self.heard:  # nothing at all since: nobody may be there any longer
                self.retire()
        if late:
            self._news(())

    def _give_up(self, number: int, error: NoAnswer) -> None:
        self.under_way.pop(number).fail(error)
        self._reset(number)
        self._close_when_idle()

    def give_up(self, request: _Request) -> None:
        """Reset a request that nobody waits for any longer."""
        for number in [each for each, found in self.under_way.items() if found is request]:
            self._give_up(number, NoAnswer("given up"))
            if request.heard == self.heard:
                self.retire()
            self._news(())

    def retire(self) -> None:
        """Take no new requests, and end with the last one under way."""
        self.open = False
        self._close_when_idle()

    def _reset(self, number: int) -> None:
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self.h2.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
            self._flush()

    def data_received(self, data: bytes) -> None:
        self.heard += 1
        try:
            events = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError:
            self._break(NoAnswer("protocol error"))
            return
        back: list[_Request] = []
        for event in events:
            self._on(event, back)
        self._flush()
        self._close_when_idle()
        self._news(back)

    def connection_lost(self, _error: Exception | None) -> None:
        self._break(NoAnswer("connection lost"))

    def _on(self, event: h2.events.Event, back: list[_Request]) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            if (request := self.under_way.get(event.stream_id)) is not None:
                request.headers = {str(name): str(value) for name, value in event.headers or ()}
                request.status = int(request.headers.pop(":status", "0"))
        elif isinstance(event, h2.events.DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
            if (request := self.under_way.get(event.stream_id)) is not None:
                request.answer += event.data or b""
                if len(request.answer) > LARGEST_ANSWER:
                    self._give_up(event.stream_id, NoAnswer("answer too large"))
        elif isinstance(event, h2.events.StreamEnded):
            if (request := self.under_way.pop(event.stream_id, None)) is not None:
                _answer(request)
        elif isinstance(event, h2.events.StreamReset):
            refused = event.error_code == h2.errors.ErrorCodes.REFUSED_STREAM
            request = self.under_way.pop(event.stream_id, None)
            if request is not None and refused:
                back.append(request)
            elif request is not None:
                request.fail(NoAnswer("reset"))
        elif isinstance(event, h2.events.ConnectionTerminated):
            last = event.last_stream_id or 0
            back += [self.under_way.pop(each) for each in [*self.under_way] if each > last]
            self.open = False
        elif isinstance(event, h2.events.RemoteSettingsChanged):
            self.most = self.h2.remote_settings.max_concurrent_streams

    def _break(self, error: NoAnswer) -> None:
        """End where the server has broken it off; not by `close`, which comes first then."""
        if self.open and not self.most:
            self.refused = error
        self._end(error)

    def _end(self, error: NoAnswer) -> None:
        self.open = False
        for request in self.under_way.values():
            request.fail(error)
        self.under_way.clear()
        if self._transport is not None:
            self._transport.close()
        self._news(())

    def _close_when_idle(self) -> None:
        if not self.open and not self.under_way and self._transport is not None:
            self._flush_now()
            self._transport.close()

    def _flush(self) -> None:
        """Write what has gathered, once for all that is sent in this turn of the loop."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._flushing = False
        if self._transport is not None and (data := self.h2.data_to_send()):
            self._transport.write(data)

    def close(self) -> None:
        """End the connection; what is under way is not waited for."""
        if self.open:
            with contextlib.suppress(h2.exceptions.ProtocolError):
                self.h2.close_connection()
                self._flush_now()
        self._end(NoAnswer("closed"))


def _answer(request: _Request) -> None:
    if not request.done.done():
        request.done.set_result(
            Answer(status=request.status, headers=request.headers, body=bytes(request.answer))
        )


class Http2Transport:
    """Posts to one https origin; connects when needed, and again when sent away.

    Where one connection is full, another is opened, `connections` at most; beyond that requests
    wait their turn.
    """

    def __init__(
        self, origin: str, context: ssl.SSLContext, *, seconds: float = 10.0, connections: int = 1
    ) -> None:
        parts = urlsplit(origin)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._authority = parts.netloc.encode()
        self._context = context
        self._context.set_alpn_protocols(["h2"])
        self._seconds = seconds
        self._most = connections
        self._connections: list[_Connection] = []
        self._connecting: asyncio.Task[None] | None = None
        self._not_before = 0.0  # in the loop's time: no further connection until then
        self._leaving: list[_Connection] = []  # with the last requests under way
        self._waiting: deque[_Request] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post, and return the whole answer.

        Raises:
            NoAnswer: the connection broke or time ran out; the outcome is unknown.
        """
        request = self._begin(path, headers, body)
        try:
            return await request.done
        except asyncio.CancelledError:
            for connection in [*self._connections]:
                connection.give_up(request)
            raise

    def begin(self, path: str, headers: Mapping[str, str], body: bytes) -> "asyncio.Future[Answer]":
        """Post as `post` does, without waiting; the future has the answer, or NoAnswer."""
        return self._begin(path, headers, body).done

    def _begin(self, path: str, headers: Mapping[str, str], body: bytes) -> _Request:
        lines = [
            (b":method", b"POST"),
            (b":scheme", b"https"),
            (b":authority", self._authority),
            (b":path", path.encode()),
            *((name.lower().encode(), value.encode()) for name, value in headers.items()),
            (b"content-length", b"%d" % len(body)),
        ]
        loop = asyncio.get_running_loop()
        request = _Request(lines, body, loop.time() + self._seconds)
        if len(body) > LARGEST_BODY:
            request.fail(NoAnswer("too large"))
            return request
        self._waiting.append(request)
        self._pump()
        if self._timer is None:
            self._timer = loop.call_later(self._seconds / 20, self._expire)
        return request

    def _pump(self) -> None:
        """Send what waits and has room; connect where there is none and may be more."""
        while self._waiting:
            request = self._waiting[0]
            if request.done.done():  # given up meanwhile
                self._waiting.popleft()
                continue
            connection = next((c for c in self._connections if c.fits(request.body)), None)
            if connection is None:
                break
            connection.send(self._waiting.popleft())
        if self._waiting and self._connecting is None and self._may_connect():
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def _may_connect(self) -> bool:
        if not self._connections:
            return True
        may_come = all(each.most for each in self._connections)  # none that has just been opened
        again = asyncio.get_running_loop().time() >= self._not_before
        return may_come and again and len(self._connections) < self._most

    def _heard(self, back: Sequence[_Request]) -> None:
        """Something has changed on a connection; `back` are requests that it did not process."""
        for request in reversed(back):
            request.tries += 1
            if request.tries < TRIES:
                self._waiting.appendleft(request)
            else:
                request.fail(NoAnswer("sent away three times"))
        if not all(each.open for each in self._connections):
            ended = [each for each in self._connections if not each.open]
            self._leaving += ended
            self._connections = [each for each in self._connections if each.open]
            for each in ended:
                if each.refused is not None:
                    self._no_further(each.refused)
        if self._waiting:
            self._pump()

    def _no_further(self, error: NoAnswer) -> None:
        """Let what waits wait for room on what is open; where nothing is, it fails."""
        if self._connections:
            self._not_before = asyncio.get_running_loop().time() + PAUSE
        else:
            self._fail_waiting(error)

    def _fail_waiting(self, error: NoAnswer) -> None:
        waiting, self._waiting = self._waiting, deque()
        for request in waiting:
            request.fail(error)

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self._heard), self._host, self._port, ssl=self._context
                )
            self._connections.append(connection)
        except (OSError, ssl.SSLError) as failed:  # TimeoutError is one
            self._no_further(NoAnswer(type(failed).__name__))
        self._connecting = None
        self._heard(())

    def _expire(self) -> None:
        """Look for what has waited for too long, as long as anything is under way."""
        self._timer = None
        loop = asyncio.get_running_loop()
        now, error = loop.time(), NoAnswer(f"no answer in {self._seconds:.0f} s")
        late = [each for each in self._waiting if each.deadline <= now]
        for request in late:
            request.fail(error)
        for connection in [*self._connections, *self._leaving]:
            connection.expire(now, error)
            if late and not connection.most:  # it has not even said how much it takes
                connection.close()
        self._leaving = [each for each in self._leaving if each.under_way]
        self._heard(())
        if self._waiting or self._leaving or any(each.under_way for each in self._connections):
            self._timer = loop.call_later(self._seconds / 20, self._expire)

    def close(self) -> None:
        """End the connections."""
        if self._timer is not None:
            self._timer.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        self._fail_waiting(NoAnswer("closed"))
        for connection in [*self._connections, *self._leaving]:
            connection.close()
