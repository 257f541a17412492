"""What an operator asks of a running process: is all well."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from erasmus_app.store.database import AWAY, Database, is_current

OLDEST_CATALOGUE = timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class OperationsView:
    """Checks; nothing in them is personal."""

    database: Database
    redis: Redis
    catalogue_age: Callable[[], timedelta | None]

    async def checks(self) -> dict[str, str]:
        """Return what must be well for traffic, each `ok` or what is wrong."""
        found = {"database": "ok", "migrations": "ok", "redis": "ok", "catalogue": "ok"}
        try:
            if not await is_current(self.database):
                found["migrations"] = "not up to date"
        except AWAY as error:
            found["database"] = found["migrations"] = type(error).__name__
        try:
            await self.redis.ping()
        except (RedisError, OSError) as error:
            found["redis"] = type(error).__name__
        age = self.catalogue_age()
        if age is None or age > OLDEST_CATALOGUE:
            found["catalogue"] = "none yet" if age is None else "older than 25 hours"
        return found
