"""Subscriptions at `/graphql`: graphql-transport-ws, and GraphQL over SSE in distinct connections.

Queries and mutations may come the same ways. What an operation may and costs is decided by the
endpoint, as for every POST; here is how it travels, and when it ends.
"""

from collections.abc import Mapping

from litestar.types import Receive, Send, WebSocketScope

from erasmus_app.api.subscribing.door import Begun, Door, Limits
from erasmus_app.api.subscribing.events import Events
from erasmus_app.api.subscribing.openings import Openings
from erasmus_app.api.subscribing.websocket import Socket
from erasmus_app.identity.models import Session
from erasmus_app.services import Services

__all__ = ["Begun", "Limits", "Transports", "takes_events", "takes_events_only"]

EVENT_STREAM = "text/event-stream"


def takes_events(headers: Mapping[str, str]) -> bool:
    """Whether an answer may be a stream of events."""
    return EVENT_STREAM in headers.get("accept", "")


def takes_events_only(headers: Mapping[str, str]) -> bool:
    """Whether it has to be one. Some clients name a stream with each request, beside JSON."""
    accept = headers.get("accept", "")
    return EVENT_STREAM in accept and "json" not in accept and "*/*" not in accept


class Transports:
    """Both ways, over one endpoint."""

    def __init__(self, services: Services, door: Door, limits: Limits | None = None) -> None:
        self._services, self._door = services, door
        self._limits = limits or Limits()
        self._openings = Openings(services, self._limits)
        self._sockets = 0

    def numbers(self) -> dict[str, float]:
        """Return how many connections are open, and how many operations are under way there."""
        return {
            "connections": float(self._openings.connections.total()),
            "operations": float(self._openings.operations.total()),
        }

    async def websocket(self, scope: WebSocketScope, receive: Receive, send: Send) -> None:
        """Talk over one socket until it ends."""
        socket = Socket(
            self._services, self._door, self._openings, self._limits, scope, receive, send
        )
        if self._sockets >= self._limits.sockets:
            await socket.refuse()
            return
        self._sockets += 1
        try:
            await socket.run()
        finally:
            self._sockets -= 1

    async def events(
        self,
        begun: Begun,
        session: Session,
        headers: dict[str, str],
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer one request as a stream. Raises Refused before it begins."""
        events = Events(self._door, self._openings, self._limits, receive, send)
        await events.run(begun, session, headers)
