"""Sessions that were ended lately, known to each API process without asking for each request."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from uuid import UUID

import asyncpg
import structlog

from erasmus_app.identity.models import ACCESS_LIFETIME
from erasmus_app.kit.clock import Clock
from erasmus_app.store.accounts import REVOKED
from erasmus_app.store.database import AWAY, Database, is_read_only

OFTEN = 0.5  # seconds between two looks, where nothing is heard
STALE = 1.0  # seconds after which what was read says nothing any more
MARGIN = timedelta(minutes=5)  # clocks of the processes and of the database may differ

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class SessionRevocations:
    """What `identity.ports.Revocations` asks for, kept up to date by `keep`.

    A token outlives its session by ten minutes at most, so there are never many. Where the database
    cannot be read for a second, nothing is known: whoever asks then has to ask it for the session.
    """

    database: Database
    clock: Clock
    _ended: frozenset[UUID] = frozenset()
    _read_at: float = field(default=float("-inf"))

    def has(self, session: UUID) -> bool | None:
        """Return whether a session was ended; None where that is not known right now."""
        if monotonic() - self._read_at > STALE:
            return None
        return session in self._ended

    async def keep(self) -> None:
        """Read whenever the database says so, and twice a second, until cancelled.

        Over a connection of its own: in a line behind all who ask it would come too late when there
        are many, and all of these would then ask for their session as well.
        """
        async with self.database.listening(REVOKED) as heard:
            while True:
                try:
                    async with self.database.pool.acquire() as connection:
                        await self._keep(connection, heard)
                except AWAY as error:
                    log.warning("revocations.unreadable", error=type(error).__name__)
                    await asyncio.sleep(OFTEN)

    async def _keep(self, connection: asyncpg.Connection, heard: asyncio.Event) -> None:
        """Read until no writes are taken there: it is for the pool to look for another server."""
        while True:
            heard.clear()
            await self._read(connection)
            with suppress(TimeoutError):
                async with asyncio.timeout(OFTEN):
                    await heard.wait()
            if is_read_only(connection):
                return

    async def _read(self, connection: asyncpg.Connection) -> None:
        began = monotonic()
        rows = await connection.fetch(
            "select session_id from session where revoked_at > $1",
            self.clock() - ACCESS_LIFETIME - MARGIN,
        )
        self._ended, self._read_at = frozenset(row["session_id"] for row in rows), began
