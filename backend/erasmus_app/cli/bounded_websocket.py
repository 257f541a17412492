"""WebSockets as uvicorn speaks them, with an end for who reads nothing any more.

uvicorn waits for as long as the other side keeps the connection open, also after a close.
"""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from erasmus_app.cli.bounded_http import Patience

LARGEST_MESSAGE = 100_000  # bytes, of a client's; ours are as long as what was asked for
CLOSING_SECONDS = 5.0  # for the other side to close as well


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """One socket."""

    patience = Patience

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._patience = self.patience()

    def pause_writing(self) -> None:
        """Let what is said wait until the other side has taken some of it, but not for ever."""
        self._patience.begin(self.transport)
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on."""
        self._patience.end()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._patience.end()
        super().connection_lost(exc)

    async def run_asgi(self) -> None:
        """Talk until either side ends it, and see that it is over then."""
        await super().run_asgi()
        asyncio.get_running_loop().call_later(CLOSING_SECONDS, self.transport.abort)
