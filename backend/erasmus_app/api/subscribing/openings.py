"""The sockets and streams that are open, each for as long as its session is good."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import structlog

from erasmus_app.api.subscribing.door import Limits
from erasmus_app.identity.models import ACCESS_LIFETIME, Session
from erasmus_app.services import Services

LOOK_SECONDS = 0.25

log = structlog.get_logger(__name__)


class End(StrEnum):
    """Why we end a connection that is good otherwise."""

    SESSION_OVER = "session_over"  # signed out, or its token is over: sign in or refresh, come back
    GOING_AWAY = "going_away"  # this process stops: come back


class TooMany(Exception):
    """A session has as many connections, or operations under way, as one may."""


@dataclass(slots=True, eq=False)
class Opening:
    """One open socket or stream."""

    session: Session
    until: datetime
    ended: asyncio.Future[End] = field(default_factory=asyncio.Future)

    def end(self, why: End) -> None:
        """Have it ended, where it is not already."""
        if not self.ended.done():
            self.ended.set_result(why)


class Openings:
    """Knows them all, and sees when one has to end.

    An access token lives for ten minutes and so does what was opened with it. A browser's cookie
    lives longer, and what was opened with that ends after ten minutes as well: by then somebody has
    to look whether the session is still there.
    """

    def __init__(self, services: Services, limits: Limits) -> None:
        self._services, self._limits = services, limits
        self._open: set[Opening] = set()
        self.connections: Counter[UUID] = Counter()  # by session
        self.operations: Counter[UUID] = Counter()
        self._watcher: asyncio.Task[None] | None = None

    @contextmanager
    def opened(self, session: Session) -> Iterator[Opening]:
        """Have a connection of a session's open. Raises TooMany."""
        until = min(session.expires_at, self._services.clock() + ACCESS_LIFETIME)
        opening = Opening(session, until)
        with self._counted(self.connections, session, self._limits.connections):
            self._open.add(opening)
            if self._services.news.leaving.is_set():
                opening.end(End.GOING_AWAY)
            elif self._watcher is None:
                self._watcher = asyncio.create_task(self._watch())
            try:
                yield opening
            finally:
                self._open.discard(opening)
                if not self._open and self._watcher is not None:
                    self._watcher.cancel()
                    self._watcher = None

    @contextmanager
    def operation(self, session: Session) -> Iterator[None]:
        """Have an operation of a session's under way. Raises TooMany."""
        with self._counted(self.operations, session, self._limits.session_operations):
            yield

    @contextmanager
    def _counted(self, counter: Counter[UUID], session: Session, most: int) -> Iterator[None]:
        if counter[session.session_id] >= most:
            log.info("subscribing.too_many", session_id=str(session.session_id), most=most)
            raise TooMany
        counter[session.session_id] += 1
        try:
            yield
        finally:
            counter[session.session_id] -= 1
            if not counter[session.session_id]:
                del counter[session.session_id]

    async def _watch(self) -> None:
        """End what has to end, until nothing is open any more."""
        leaving = self._services.news.leaving
        while not leaving.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await leaving.wait()
            now = self._services.clock()
            for each in self._open:
                if self._is_over(each, now):
                    each.end(End.SESSION_OVER)
        for each in self._open:
            each.end(End.GOING_AWAY)

    def _is_over(self, opening: Opening, now: datetime) -> bool:
        login = self._services.login
        ended = login.revocations.has(opening.session.session_id) if login else True
        # Where nothing is known of ended sessions right now, `until` is what holds.
        return now >= opening.until or ended is True
