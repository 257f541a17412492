"""What both transports stand on: the endpoint behind them, limits, and an operation's results."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, NamedTuple, Protocol

import msgspec

from erasmus_app.api.context import Context
from erasmus_app.api.requests import Refused, Request
from erasmus_app.identity.models import Session
from erasmus_app.limits.keeping import Left
from strawberry_plans.documents import Document


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one caller may take up; each ends in an error, or in the end of the connection."""

    init_seconds: float = 10.0  # from an accepted socket to its `connection_init`
    message_bytes: int = 100_000  # one message of a client's
    sockets: int = 10_000  # of one process, whoever they are
    connections: int = 10  # of one session: sockets and streams
    socket_operations: int = 20  # under way over one socket
    session_operations: int = 50  # under way for one session
    send_seconds: float = 10.0  # for one message to be taken: who is slower is not waited for
    keep_alive_seconds: float = 12.0  # between two comments in a stream where nothing happens


class Begun(NamedTuple):
    """An operation that may be run."""

    request: Request
    document: Document
    word: str  # query, mutation, subscription
    left: Left | None = None  # of what may be read


class Door(Protocol):
    """What `/graphql` does with every operation, however it came."""

    resource: str

    def begin(self, request: Request, session: Session) -> Begun:
        """Return what is to be run. Raises Refused where it may not be."""

    async def admit(self, begun: Begun, session: Session) -> None:
        """Count what is dear of it. Raises Refused."""

    def context(self, begun: Begun, session: Session, headers: dict[str, str]) -> Context:
        """Return what its resolvers may reach."""

    async def execute(self, begun: Begun, context: Context) -> tuple[int, dict[str, Any]]:
        """Run a query or a mutation; return an HTTP status and the answer."""

    def follow(self, begun: Begun, context: Context) -> AsyncGenerator[dict[str, Any], None]:
        """Run a subscription; yield the answer to each event."""


async def results(
    door: Door, begun: Begun, session: Session, headers: dict[str, str]
) -> AsyncGenerator[tuple[dict[str, Any], bool], None]:
    """Yield each answer, and whether it is the end: nothing could be run (any more)."""
    try:
        await door.admit(begun, session)
    except Refused as error:
        yield {"data": None} | error.answer, True
        return
    context = door.context(begun, session, headers)
    if begun.word != "subscription":
        _, answer = await door.execute(begun, context)
        yield answer, _has_failed(answer)
        return
    async with aclosing(door.follow(begun, context)) as found:
        async for answer in found:
            yield answer, _has_failed(answer)


def _has_failed(answer: dict[str, Any]) -> bool:
    """Whether an answer is of the operation as a whole: an event's errors have a path."""
    return answer["data"] is None and not any(each.get("path") for each in answer["errors"])
