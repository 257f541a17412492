"""An HTTP/2 client for one origin: many requests side by side on one connection.

`h2` speaks the protocol, this module moves the bytes. It exists since firebase-admin cannot be
pointed at another address, and since httpx costs ten times the time per message (STACK's figures
are in docs/decisions/0004).
"""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import msgspec
from hyperframe.frame import Frame, GoAwayFrame

LARGEST_ANSWER = 65_536  # bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class NoAnswer(Exception):
    """The connection broke, or time ran out: whether the request was processed is not known."""


class NotProcessed(NoAnswer):
    """The server said that it did not process the request: it may be sent again at once."""


class _Stream:
    """One request under way."""

    __slots__ = ("body", "done", "headers", "status")

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()


class _H2(h2.connection.H2Connection):
    """Reads on after a GOAWAY, as RFC 9113 §6.8 wants: the answers under way still come.

    h2 takes the connection for closed then, and every further frame for an error.
    """

    def _receive_goaway_frame(
        self, frame: GoAwayFrame
    ) -> tuple[list[Frame], list[h2.events.Event]]:
        left = h2.events.ConnectionTerminated()
        left.last_stream_id = frame.last_stream_id
        return [], [left]


class _Connection(asyncio.Protocol):
    """One connection until it ends or the server sends it away."""

    def __init__(self) -> None:
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self.h2 = _H2(config)
        self.streams: dict[int, _Stream] = {}
        self.open = True  # takes new requests
        self.most = 0  # requests side by side; the server's first frame says how many
        self.heard = 0  # how often something came
        self.news = asyncio.Event()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's does not derive from it
        self.h2.initiate_connection()
        self._flush()

    async def request(self, headers: list[tuple[str, str]], body: bytes) -> Answer:
        heard = self.heard
        try:
            number = self.h2.get_next_available_stream_id()
        except h2.exceptions.ProtocolError as error:  # after a thousand million requests
            self.retire()
            raise NotProcessed from error
        stream = self.streams[number] = _Stream()
        try:
            self.h2.send_headers(number, headers)
            self.h2.send_data(number, body, end_stream=True)
            self._flush()
            return await stream.done
        except h2.exceptions.ProtocolError as error:  # no window of the server lets it through
            raise NoAnswer(type(error).__name__) from error
        except asyncio.CancelledError:
            if self.heard == heard:  # nothing at all since: nobody may be there any longer
                self.retire()
            raise
        finally:
            self.give_up(number)

    async def room_for(self, body: bytes) -> bool:
        """Wait until one more request of this size fits; False where the connection has ended."""
        while self.open and not self._fits(body):
            self.news.clear()
            await self.news.wait()
        return self.open

    def _fits(self, body: bytes) -> bool:
        frame = self.h2.max_outbound_frame_size
        window = self.h2.outbound_flow_control_window
        return len(self.streams) < self.most and len(body) <= min(frame, window)

    def give_up(self, number: int) -> None:
        """Reset a request that nobody waits for any longer."""
        if self.streams.pop(number, None) is not None:
            self._reset(number)
            self.news.set()
            self._close_when_idle()

    def retire(self) -> None:
        """Take no new requests, and end with the last one under way."""
        self.open = False
        self.news.set()
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
            self._end(NoAnswer("protocol error"))
            return
        for event in events:
            self._on(event)
        self._flush()

    def connection_lost(self, _error: Exception | None) -> None:
        self._end(NoAnswer("connection lost"))

    def _on(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            if (stream := self.streams.get(event.stream_id)) is not None:
                stream.headers = {str(name): str(value) for name, value in event.headers or ()}
                stream.status = int(stream.headers.pop(":status", "0"))
        elif isinstance(event, h2.events.DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
            if (stream := self.streams.get(event.stream_id)) is not None:
                stream.body += event.data or b""
                if len(stream.body) > LARGEST_ANSWER:
                    self._reset(event.stream_id)
                    self._finish(event.stream_id, NoAnswer("answer too large"))
        elif isinstance(event, h2.events.StreamEnded):
            self._finish(event.stream_id, None)
        elif isinstance(event, h2.events.StreamReset):
            refused = event.error_code == h2.errors.ErrorCodes.REFUSED_STREAM
            self._finish(event.stream_id, NotProcessed() if refused else NoAnswer("reset"))
        elif isinstance(event, h2.events.ConnectionTerminated):
            last = event.last_stream_id or 0
            for number in [each for each in self.streams if each > last]:
                self._finish(number, NotProcessed())
            self.retire()
        elif isinstance(event, h2.events.RemoteSettingsChanged):
            self.most = self.h2.remote_settings.max_concurrent_streams
        self.news.set()

    def _finish(self, number: int, error: NoAnswer | None) -> None:
        stream = self.streams.pop(number, None)
        if stream is None or stream.done.done():
            return
        if error is not None:
            stream.done.set_exception(error)
        else:
            answer = Answer(status=stream.status, headers=stream.headers, body=bytes(stream.body))
            stream.done.set_result(answer)
        self.news.set()
        self._close_when_idle()

    def _end(self, error: NoAnswer) -> None:
        self.open = False
        for number in list(self.streams):
            self._finish(number, error)
        if self.transport is not None:
            self.transport.close()
        self.news.set()

    def _close_when_idle(self) -> None:
        if not self.open and not self.streams and self.transport is not None:
            self.transport.close()

    def _flush(self) -> None:
        if self.transport is not None and (data := self.h2.data_to_send()):
            self.transport.write(data)

    def close(self) -> None:
        """End the connection; what is under way is not waited for."""
        if self.open:
            with contextlib.suppress(h2.exceptions.ProtocolError):
                self.h2.close_connection()
                self._flush()
        self._end(NoAnswer("closed"))


class Http2Transport:
    """Posts to one https origin; connects when needed, and again when sent away."""

    def __init__(self, origin: str, context: ssl.SSLContext, *, seconds: float = 10.0) -> None:
        parts = urlsplit(origin)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._authority = parts.netloc
        self._context = context
        self._context.set_alpn_protocols(["h2"])
        self._seconds = seconds
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post, and return the whole answer.

        Raises:
            NoAnswer: the connection broke or time ran out; the outcome is unknown.
        """
        lines = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", self._authority),
            (":path", path),
            ("content-length", str(len(body))),
            *((name.lower(), value) for name, value in headers.items()),
        ]
        try:
            async with asyncio.timeout(self._seconds):
                for _ in range(3):  # not processed: the same on a new connection
                    with contextlib.suppress(NotProcessed):
                        return await self._send(lines, body)
        except TimeoutError as error:
            raise NoAnswer(f"no answer in {self._seconds:.0f} s") from error
        except (OSError, ssl.SSLError) as error:
            raise NoAnswer(type(error).__name__) from error
        raise NoAnswer("sent away three times")

    async def _send(self, lines: list[tuple[str, str]], body: bytes) -> Answer:
        connection = await self._connected()
        if not await connection.room_for(body):
            raise NotProcessed
        return await connection.request(lines, body)

    async def _connected(self) -> _Connection:
        async with self._connecting:
            if self._connection is None or not self._connection.open:
                _, self._connection = await asyncio.get_running_loop().create_connection(
                    _Connection, self._host, self._port, ssl=self._context
                )
            return self._connection

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
