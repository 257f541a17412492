"""Work as rows: written in the transaction of the change, claimed with a lease.

A job is waiting (`leased_by` is null), running (leased) or dead (`dead_at`). A worker that dies
leaves a lease that runs out; whoever notices makes the job wait again. A finished job is deleted.
Leases are told by the database's clock, the one that all workers share. `last_error` holds stable
codes, never what somebody said. docs/decisions/0001-jobs-in-postgresql.md tells the reasons.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from erasmus_app.ids import JobId
from erasmus_app.kit.backoff import backoff
from erasmus_app.kit.clock import Clock
from erasmus_app.store.database import Database

CHANNEL = "erasmus_job"
MOST_ATTEMPTS = 12
_SOON = "due <= now() + interval '1 second'"
_MINE = "job_id = $1 and leased_by = $2 and attempts = $3"  # this claim, not a later one
_LET_GO = "again = false, lease_until = null, leased_by = null"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One claimed piece of work."""

    job_id: JobId
    kind: str
    payload: Any
    attempts: int  # this one included
    requested_at: datetime
    leased_by: UUID


class Retry(Exception):
    """Raised by a handler: not now. `after` is in seconds; None lets the backoff decide."""

    def __init__(self, code: str, after: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.after = after


class Bury(Exception):
    """Raised by a handler: never, as it stands. An operator may replay the job."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Again(Exception):
    """Raised by the handler of a recurring job: done for now, once more in `after` seconds."""

    def __init__(self, after: float) -> None:
        super().__init__(after)
        self.after = after


class LeaseLost(Exception):
    """The job is somebody else's by now: what was done for it must not be committed."""


async def enqueue(
    connection: asyncpg.Connection,
    kind: str,
    payload: Any,
    *,
    dedupe_key: str | None = None,
    due: datetime | None = None,
) -> None:
    """Write a job in the caller's transaction.

    A job with the same dedupe key that waits takes the new request in and keeps the earlier due;
    one that runs is done once more after it has ended, since it may have looked too early.
    """
    await _put(connection, kind, [(dedupe_key, payload)], due)


async def ensure(database: Database, kind: str, payload: Any, dedupe_key: str) -> None:
    """Make a recurring job unless it is there: it brings itself back (`Again`)."""
    async with database.transaction() as connection:
        there = await connection.fetchval(
            "select 1 from job where dedupe_key = $1 and dead_at is null", dedupe_key
        )
        if not there:
            await enqueue(connection, kind, payload, dedupe_key=dedupe_key)


async def _put(
    connection: asyncpg.Connection,
    kind: str,
    jobs: Sequence[tuple[str | None, Any]],
    due: datetime | None,
) -> None:
    # Who sleeps looks at least once a second: only what is due sooner is worth a NOTIFY.
    await connection.execute(
        f"""with put as (
               insert into job (kind, payload, dedupe_key, due)
               select $1, payload::jsonb, dedupe_key, coalesce($4, now())
               from unnest($2::text[], $3::text[]) as new (payload, dedupe_key)
               on conflict (dedupe_key) where dedupe_key is not null and dead_at is null
               do update set
                   requested_at = now(),
                   due = case when job.leased_by is null or job.again
                              then least(job.due, excluded.due) else excluded.due end,
                   again = job.leased_by is not null
               returning due)
           select pg_notify('{CHANNEL}', '') from put where {_SOON}""",  # noqa: S608 - constants
        kind,
        [msgspec.json.encode(payload).decode() for _, payload in jobs],
        [key for key, _ in jobs],
        due,
    )


@dataclass(frozen=True, slots=True)
class JobQueue:
    """The table of jobs as a queue."""

    database: Database
    clock: Clock

    async def write(self, kind: str, jobs: Mapping[str, Any], *, after: timedelta) -> None:
        """Write jobs by their dedupe keys in one transaction of its own, due in `after`."""
        in_order = sorted(jobs.items())  # the same for all, so that nobody waits in a circle
        async with self.database.pool.acquire() as connection:
            await _put(connection, kind, in_order, self.clock() + after)

    async def claim(
        self,
        limit: int,
        lease: timedelta,
        worker: UUID,
        kinds: Collection[str] | None = None,
    ) -> list[Job]:
        """Take up to `limit` due jobs that nobody holds, the longest due first."""
        rows = await self.database.fetch(
            """with picked as materialized (
                   select job_id from job
                   where dead_at is null and leased_by is null and due <= now()
                       and ($4::text[] is null or kind = any($4))
                   order by due limit $1 for update skip locked)
               update job set lease_until = now() + $2, leased_by = $3, attempts = attempts + 1
               from picked where job.job_id = picked.job_id
               returning job.job_id, kind, payload::text as payload, attempts, requested_at, due""",
            limit,
            lease,
            worker,
            None if kinds is None else list(kinds),
        )
        rows.sort(key=lambda row: row["due"])
        return [
            Job(
                job_id=JobId(row["job_id"]),
                kind=row["kind"],
                payload=msgspec.json.decode(row["payload"]),
                attempts=row["attempts"],
                requested_at=row["requested_at"],
                leased_by=worker,
            )
            for row in rows
        ]

    async def heartbeat(self, jobs: Collection[JobId], lease: timedelta, worker: UUID) -> None:
        """Say that the worker is still at it. One that is being completed is not waited for."""
        await self.database.execute(
            """update job set lease_until = now() + $3 where job_id in (
                   select job_id from job where job_id = any($1) and leased_by = $2
                   for update skip locked)""",
            list(jobs),
            worker,
            lease,
        )

    async def take_over(self) -> int:
        """Let jobs whose lease ran out wait again, due at once. Returns how many there were."""
        found: int = await self.database.fetchval(
            f"""with expired as (
                   select job_id from job where lease_until <= now() and dead_at is null
                   for update skip locked),
               waiting as (
                   update job set due = least(due, now()), {_LET_GO}
                   from expired where job.job_id = expired.job_id returning 1)
               select count(*) from waiting"""  # noqa: S608 - a constant
        )
        return found

    async def finish(self, job: Job) -> bool:
        """Take a done job off the list, or let it run again where that was asked meanwhile.

        Returns False where it is not ours any more: its handler completed it, or the lease is lost.
        """
        async with self.database.pool.acquire() as connection:
            return await _end(connection, job)

    async def postpone(self, job: Job, after: timedelta, code: str | None) -> None:
        """Give a job back, to be done in `after`. Without a code it starts afresh."""
        await self.database.execute(
            f"""update job set last_error = $5, {_LET_GO},
                   due = case when again then least(due, now() + $4) else now() + $4 end,
                   attempts = case when $5::text is null then 0 else attempts end
               where {_MINE}""",  # noqa: S608 - constants
            job.job_id,
            job.leased_by,
            job.attempts,
            after,
            code,
        )

    async def release(self, job: Job) -> None:
        """Give a job back that was not done, as if it had not been claimed."""
        await self.database.execute(
            f"""update job set due = now(), attempts = attempts - 1, {_LET_GO}
               where {_MINE}""",  # noqa: S608 - constants
            job.job_id,
            job.leased_by,
            job.attempts,
        )

    async def fail(self, job: Job, code: str, after: float | None = None) -> None:
        """Try again later, or give up after the last attempt."""
        if job.attempts >= MOST_ATTEMPTS:
            await self.bury(job, code)
        else:
            wait = backoff(job.attempts) if after is None else timedelta(seconds=after)
            await self.postpone(job, wait, code)

    async def bury(self, job: Job, code: str) -> None:
        """Put a job aside for an operator; `code` is stable and holds nothing personal."""
        await self.database.execute(
            f"""update job set dead_at = now(), last_error = $4, {_LET_GO}
               where {_MINE}""",  # noqa: S608 - constants
            job.job_id,
            job.leased_by,
            job.attempts,
            code,
        )

    async def replay(self, job_id: JobId) -> bool:
        """Bring a dead job back. False where there is none, or its like waits already."""
        try:
            revived = await self.database.fetchrow(
                f"""with revived as (
                       update job set dead_at = null, attempts = 0, due = now()
                       where job_id = $1 and dead_at is not null returning 1)
                   select pg_notify('{CHANNEL}', '') from revived""",  # noqa: S608 - a constant
                job_id,
            )
        except asyncpg.UniqueViolationError:
            return False
        return revived is not None

    async def until_next(self, kinds: Collection[str] | None = None) -> timedelta | None:
        """Return in how long the next waiting job is due; None where none waits."""
        wait: timedelta | None = await self.database.fetchval(
            """select due - now() from job
               where dead_at is null and leased_by is null
                   and ($1::text[] is null or kind = any($1))
               order by due limit 1""",
            None if kinds is None else list(kinds),
        )
        return wait


async def complete(connection: asyncpg.Connection, job: Job) -> None:
    """Finish a job in the transaction of what it did, as its last statement.

    Raises:
        LeaseLost: the job is another's by now; let it roll the transaction back.
    """
    if not await _end(connection, job):
        raise LeaseLost(f"job {job.job_id}")


async def _end(connection: asyncpg.Connection, job: Job) -> bool:
    mine = (job.job_id, job.leased_by, job.attempts)
    deleted = await connection.fetchval(
        f"delete from job where {_MINE} and not again returning 1",  # noqa: S608 - constants
        *mine,
    )
    if deleted is not None:
        return True
    waits = await connection.fetchrow(
        f"""with back as (
               update job set attempts = 0, last_error = null, {_LET_GO}
               where {_MINE} and again returning due)
           select due, case when {_SOON} then pg_notify('{CHANNEL}', '') end from back""",  # noqa: S608 - constants
        *mine,
    )
    return waits is not None
