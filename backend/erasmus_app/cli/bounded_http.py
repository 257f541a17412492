"""HTTP as uvicorn speaks it, with limits on what comes before a body.

uvicorn keeps every header that a caller sends, for as long as it goes on sending. A proxy in front
has limits of its own; these hold where there is none, or where it lets much through.
"""

import asyncio
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

LARGEST_HEAD = 65_536  # bytes of a request line and its headers; a signed request has some 2,000
HEAD_SECONDS = 10.0  # for all of them to arrive
TAKING_SECONDS = 20.0  # for a caller to take what is ready for them (some 64 kB), and go on


class Patience:
    """Ends a connection whose other side takes nothing any more, with whatever waits for it."""

    seconds = TAKING_SECONDS

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    def begin(self, transport: asyncio.Transport) -> None:
        """Wait from now on."""
        self.end()
        self._handle = asyncio.get_running_loop().call_later(self.seconds, transport.abort)

    def end(self) -> None:
        """Wait no longer."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class HttpState(ServerState):
    """What the connections of a server share: also whether it is about to end."""

    leaving = False

    def leave(self) -> None:
        """Let each connection end with its next answer, and say so in it."""
        self.leaving = True
        for each in self.connections:
            if isinstance(each, BoundedHttp):
                each.end_with_answer()

    def give_up(self) -> None:
        """Let a request that is cancelled from now on be told to come again, which is no crash."""
        for each in self.connections:
            if isinstance(each, BoundedHttp) and each.cycle is not None:
                each.cycle.send_500_response = partial(_come_again, each.cycle)  # type: ignore[method-assign]


async def _come_again(cycle: RequestResponseCycle) -> None:
    headers = [(b"content-length", b"0"), (b"retry-after", b"1"), (b"connection", b"close")]
    await cycle.send({"type": "http.response.start", "status": 503, "headers": headers})
    await cycle.send({"type": "http.response.body", "body": b"", "more_body": False})


class BoundedHttp(HttpToolsProtocol):
    """One connection; a caller with too long or too slow a head is turned away."""

    head_seconds = HEAD_SECONDS
    patience = Patience

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a first request."""
        super().connection_made(transport)
        self._head = 0
        self._in_head = True
        self._waiting: asyncio.TimerHandle | None = None
        self._patience = self.patience()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._wait_no_longer()
        self._patience.end()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Let an answer wait until the caller has taken some of it, but not for ever."""
        self._patience.begin(self.transport)
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on."""
        self._patience.end()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take what came, and count it as long as it belongs to a head."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head += len(data)
            if self._head > LARGEST_HEAD:
                self.send_400_response(f"A request's headers have at most {LARGEST_HEAD} bytes.")

    def on_message_begin(self) -> None:
        """Count from here."""
        super().on_message_begin()
        self._head, self._in_head = 0, True
        self._wait()

    def on_headers_complete(self) -> None:
        """Leave what follows to whoever reads the body."""
        self._in_head = False
        self._wait_no_longer()
        super().on_headers_complete()
        if isinstance(self.server_state, HttpState) and self.server_state.leaving:
            self.end_with_answer()

    def end_with_answer(self) -> None:
        """Let an answer that has not begun be the last: a pool sends nothing more this way then."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_started:
            cycle.keep_alive = False

    def _wait(self) -> None:
        self._wait_no_longer()
        self._waiting = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _wait_no_longer(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
