"""Jobs that were given up, as an operator sees them: what they are about, never about whom.

Everything here is done a batch at a time beside running workers: what somebody holds is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from erasmus_app.ids import JobId
from erasmus_app.privacy.exports import EXPORT
from erasmus_app.store.database import Database
from erasmus_app.store.erasures import ERASE
from erasmus_app.store.jobs import CHANNEL

BATCH = 500  # rows that are brought back or deleted in one transaction
PROMISED = (ERASE, EXPORT)
"""Kinds that a student was promised: they are replayed, not discarded."""
SHOWN = (
    "tenant",
    "hei_id",
    "sending_hei_id",
    "receiving_hei_id",
    "api",
    "delivery_id",
    "webhook_id",
)
"""What is shown of a payload: universities, and ids of our own that say nothing by themselves."""

_CHOSEN = """dead_at is not null
    and ($1::bigint is null or job_id = $1)
    and ($2::text is null or kind = $2)
    and ($3::text is null or last_error = $3)
    and ($4::interval is null or dead_at <= now() - $4)"""
_LIKE_WAITS = """exists (select from job living
    where living.dedupe_key = job.dedupe_key and living.dead_at is null)"""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead jobs are meant: those for which all that is named is so."""

    job_id: JobId | None = None
    kind: str | None = None
    code: str | None = None
    older_than: timedelta | None = None  # since it was given up

    @property
    def arguments(self) -> tuple[object, ...]:
        """What the condition's parameters are."""
        return self.job_id, self.kind, self.code, self.older_than


class DeadGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Dead jobs of one kind and code."""

    kind: str
    code: str | None
    jobs: int
    first_at: datetime
    last_at: datetime


class DeadJob(msgspec.Struct, frozen=True, kw_only=True):
    """One dead job. `about` holds nothing personal."""

    job_id: JobId
    kind: str
    code: str | None
    attempts: int
    requested_at: datetime
    dead_at: datetime
    like_waits: bool  # another job does its work
    about: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeadJobs:
    """The dead letters of the queue."""

    database: Database

    async def groups(self, chosen: Chosen) -> list[DeadGroup]:
        """Return how many there are by kind and code, the most first."""
        rows = await self.database.fetch(
            f"""select kind, last_error as code, count(*) as jobs, min(dead_at) as first_at,
                    max(dead_at) as last_at
                from job where {_CHOSEN}
                group by 1, 2 order by jobs desc, 1, 2""",  # noqa: S608 - constants
            *chosen.arguments,
        )
        return [DeadGroup(**row) for row in rows]

    async def newest(self, chosen: Chosen, most: int) -> list[DeadJob]:
        """Return single ones, the last that died first."""
        shown = ", ".join(f"'{each}', payload -> '{each}'" for each in SHOWN)
        rows = await self.database.fetch(
            f"""select job_id, kind, last_error as code, attempts, requested_at, dead_at,
                    {_LIKE_WAITS} as like_waits,
                    jsonb_strip_nulls(jsonb_build_object({shown})) as about
                from job where {_CHOSEN}
                order by dead_at desc, job_id desc limit $5""",  # noqa: S608 - constants
            *chosen.arguments,
            most,
        )
        return [DeadJob(**row) for row in rows]

    async def replay(self, chosen: Chosen) -> int:
        """Bring them back, due at once, with all their attempts; return how many.

        One whose like waits already stays dead: its work will be done.
        """
        done, last = 0, 0
        while True:
            try:
                picked, revived = await self._revive(chosen, last, BATCH)
            except asyncpg.UniqueViolationError:  # its like came meanwhile, and is seen now
                picked, revived = await self._revive_each(chosen, last)
            done += revived
            if not picked:
                return done
            last = picked[-1]

    async def _revive(self, chosen: Chosen, after: int, most: int) -> tuple[Sequence[int], int]:
        """Bring a batch back; return which were looked at, in order, and how many are alive."""
        async with self.database.transaction() as connection:
            rows = await connection.fetch(
                f"""select job_id, {_LIKE_WAITS} as like_waits,
                        row_number() over (partition by coalesce(dedupe_key, job_id::text)
                            order by job_id desc) = 1 as is_last
                    from (select * from job where {_CHOSEN} and job_id > $5
                        order by job_id limit $6 for update skip locked) as job
                    order by job_id""",  # noqa: S608 - constants
                *chosen.arguments,
                after,
                most,
            )
            back = [row["job_id"] for row in rows if row["is_last"] and not row["like_waits"]]
            await connection.execute(
                """update job set dead_at = null, attempts = 0, again = false, due = now()
                   where job_id = any($1)""",
                back,
            )
            if back:
                await connection.execute(f"select pg_notify('{CHANNEL}', '')")
        return [row["job_id"] for row in rows], len(back)

    async def _revive_each(self, chosen: Chosen, after: int) -> tuple[Sequence[int], int]:
        """Bring a batch back one by one, so that one whose like came holds up nobody."""
        looked: list[int] = []
        done = 0
        while len(looked) < BATCH:
            try:
                picked, revived = await self._revive(chosen, looked[-1] if looked else after, 1)
            except asyncpg.UniqueViolationError:
                continue  # seen the next time
            if not picked:
                break
            looked += picked
            done += revived
        return looked, done

    async def discard(self, chosen: Chosen) -> int:
        """Delete them; return how many. A delivery that one was to make has failed by then.

        Those that a student was promised stay.
        """
        done = 0
        while True:
            async with self.database.transaction() as connection:
                rows = await connection.fetch(
                    f"""delete from job where job_id = any(array(
                            select job_id from job where {_CHOSEN} and kind <> all($5)
                            order by job_id limit $6 for update skip locked))
                        returning payload ->> 'delivery_id' as delivery, last_error""",  # noqa: S608
                    *chosen.arguments,
                    list(PROMISED),
                    BATCH,
                )
                await connection.execute(
                    """update delivery set state = 'failed', finished_at = now(),
                           last_error = coalesce(last_error, code)
                       from unnest($1::text[], $2::text[]) as gone (of, code)
                       where (delivery_id = of::uuid or carried_by = of::uuid)
                           and state = 'pending'""",
                    [row["delivery"] for row in rows if row["delivery"]],
                    [row["last_error"] for row in rows if row["delivery"]],
                )
            done += len(rows)
            if not rows:
                return done
