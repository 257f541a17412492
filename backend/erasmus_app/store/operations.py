"""What an operator asks of a running process: is all well."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from erasmus_app.errors import AppError
from erasmus_app.services import DEGRADED
from erasmus_app.store.database import AWAY, Database
from erasmus_app.store.outages import told_of
from erasmus_app.store.versions import standing

IS_READ_ONLY = "select current_setting('transaction_read_only')::bool"
READ_ONLY = f"{DEGRADED}read-only"  # those who read are served
OLDEST_CATALOGUE = timedelta(hours=25)
PATIENCE = 2.0  # seconds for an engine to answer: a balancer waits no longer either


@dataclass(slots=True, kw_only=True)
class OperationsView:
    """Checks; nothing in them is personal."""

    database: Database
    redis: Redis
    catalogue_age: Callable[[], timedelta | None]
    unlisted_keys: Callable[[], Sequence[str]]
    patience: float = PATIENCE
    _draining: bool = False
    _started: bool = False

    def drain(self) -> None:
        """Want no new traffic from now on: the process ends."""
        self._draining = True

    async def missing(self) -> dict[str, str]:
        """Return what the start still waits for; nothing once it has been complete."""
        if self._started:
            return {}
        age, tables = self.catalogue_age(), await self._tables()
        found = tables | {"catalogue": "none yet" if age is None else "ok"}
        found = {name: what for name, what in found.items() if what != "ok"}
        self._started = not found
        return found

    async def checks(self) -> dict[str, str]:
        """Return what should be well, each `ok`, what is wrong, or DEGRADED and what is wrong."""
        tables, redis = await asyncio.gather(self._tables(), self._redis())
        return {
            "draining": "this process ends" if self._draining else "ok",
            **tables,
            "redis": redis,
            "catalogue": self._catalogue(),
            "signing_keys": self._keys(),
        }

    async def _tables(self) -> dict[str, str]:
        try:
            async with asyncio.timeout(self.patience):
                how = await standing(self.database)
                read_only = await self.database.fetchval(IS_READ_ONLY)
        except AWAY as error:
            return dict.fromkeys(("database", "migrations"), type(error).__name__)
        wrong = "too new" if how.too_new else "not up to date"
        return {
            "database": READ_ONLY if read_only else "ok",
            "migrations": "ok" if how.fits else wrong,
        }

    async def _redis(self) -> str:
        try:
            async with asyncio.timeout(self.patience):
                await self.redis.ping()
        except (RedisError, OSError) as error:  # whoever is logged in reads on without it
            return f"{DEGRADED}nobody can log in: {type(error).__name__}"
        return "ok"

    def _catalogue(self) -> str:
        age = self.catalogue_age()
        if age is None:
            return "none yet"
        old = age > OLDEST_CATALOGUE  # it is used all the same
        return f"{DEGRADED}not confirmed for 25 hours" if old else "ok"

    def _keys(self) -> str:
        unlisted = self.unlisted_keys()
        return f"{DEGRADED}not in the catalogue: {', '.join(unlisted)}" if unlisted else "ok"

    def told_of(self, error: BaseException) -> AppError | None:
        """Return what is told of an error that an engine made."""
        return told_of(error)
