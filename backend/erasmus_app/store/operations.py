"""What an operator asks of a running process: is all well, and how much is there of what."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from erasmus_app.errors import Unavailable
from erasmus_app.store.database import AWAY, Database
from erasmus_app.store.jobs import JobQueue
from erasmus_app.store.outages import outage
from erasmus_app.store.versions import standing

IS_READ_ONLY = "select current_setting('transaction_read_only')::bool"
READ_ONLY = "read-only"  # those who read are served
OLDEST_CATALOGUE = timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class OperationsView:
    """Checks and numbers; nothing in them is personal."""

    database: Database
    redis: Redis
    catalogue_age: Callable[[], timedelta | None]
    queue: JobQueue

    async def checks(self) -> dict[str, str]:
        """Return what must be well for traffic, each `ok` or what is wrong."""
        found = {"database": "ok", "migrations": "ok", "redis": "ok", "catalogue": "ok"}
        try:
            how = await standing(self.database)
            if not how.fits:
                found["migrations"] = "too new" if how.too_new else "not up to date"
            if await self.database.fetchval(IS_READ_ONLY):
                found["database"] = READ_ONLY
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

    def outage(self, error: BaseException) -> Unavailable | None:
        """Return what is told of an error where an engine made it."""
        return outage(error)

    async def numbers(self) -> dict[str, dict[str, float]]:
        """Return counts by metric and label."""
        jobs = await self.database.fetch(
            """select kind || ' ' || case when dead_at is not null then 'dead'
                   when lease_until > now() then 'running' else 'waiting' end as name, count(*)
               from job group by 1"""
        )
        deliveries = await self.database.fetch(
            """select case when state = 'pending' and held_until > now() then 'held' else state end
                   as name, count(*) from delivery group by 1"""
        )
        refusals = await self.database.fetch(
            "select api || ' ' || reason, sum(times) from refusal group by 1"
        )
        polls = await self.database.fetch(
            """select case when first_sync_done_at is null then 'first' else 'synchronised' end
                   as name, count(*) from poll_state group by 1"""
        )
        retained = await self.database.fetch("select class, rows from retained")
        age = self.catalogue_age()
        return {
            "erasmus_polls": {row[0]: float(row[1]) for row in polls},
            "erasmus_jobs": {row[0]: float(row[1]) for row in jobs},
            "erasmus_deliveries": {row[0]: float(row[1]) for row in deliveries},
            "ewp_refusals": {row[0]: float(row[1]) for row in refusals},
            "erasmus_retained_rows": {row[0]: float(row[1]) for row in retained},
            "ewp_catalogue_age_seconds": {"": age.total_seconds()} if age is not None else {},
        }
