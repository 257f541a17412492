"""Work as rows: written in the transaction of the change, claimed with a lease.

A job is waiting (no lease), running (a lease in the future) or dead (`dead_at`). A worker that dies
leaves a lease that runs out; whoever looks next takes the job up. A finished job is deleted.
"""

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
    await connection.execute(
        """insert into job (kind, payload, dedupe_key, due)
           values ($1, $2::text::jsonb, $3, coalesce($4, now()))
           on conflict (dedupe_key) where dedupe_key is not null and dead_at is null
           do update set
               requested_at = now(),
               due = case when job.lease_until > now() then job.due
                          else least(job.due, excluded.due) end,
               again = job.again or coalesce(job.lease_until > now(), false)""",
        kind,
        msgspec.json.encode(payload).decode(),
        dedupe_key,
        due,
    )
    await connection.execute(f"notify {CHANNEL}")


@dataclass(frozen=True, slots=True)
class JobQueue:
    """The table of jobs as a queue."""

    database: Database
    clock: Clock

    async def write(self, kind: str, payload: Any, *, dedupe_key: str, after: timedelta) -> None:
        """Write a job in a transaction of its own, due in `after`."""
        async with self.database.transaction() as connection:
            await enqueue(
                connection, kind, payload, dedupe_key=dedupe_key, due=self.clock() + after
            )

    async def claim(self, limit: int, lease: timedelta, worker: UUID) -> list[Job]:
        """Take up to `limit` due jobs that nobody holds."""
        rows = await self.database.fetch(
            """update job set lease_until = now() + $2, leased_by = $3, attempts = attempts + 1
               where job_id in (
                   select job_id from job
                   where dead_at is null and due <= now()
                       and (lease_until is null or lease_until <= now())
                   order by due limit $1 for update skip locked)
               returning job_id, kind, payload::text as payload, attempts, requested_at""",
            limit,
            lease,
            worker,
        )
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

    async def heartbeat(self, jobs: list[JobId], lease: timedelta, worker: UUID) -> None:
        """Say that the worker is still at it."""
        await self.database.execute(
            "update job set lease_until = now() + $3 where job_id = any($1) and leased_by = $2",
            jobs,
            worker,
            lease,
        )

    async def finish(self, job: Job) -> None:
        """Take a done job off the list, or let it run again where that was asked meanwhile."""
        async with self.database.transaction() as connection:
            await complete(connection, job)

    async def postpone(self, job: Job, after: timedelta, code: str | None) -> None:
        """Give a job back, to be done in `after`. Without a code it starts afresh."""
        await self.database.execute(
            """update job set due = case when again then now() else now() + $3 end, again = false,
                   lease_until = null, leased_by = null, last_error = $4,
                   attempts = case when $4::text is null then 0 else attempts end
               where job_id = $1 and leased_by = $2""",
            job.job_id,
            job.leased_by,
            after,
            code,
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
            """update job set dead_at = now(), last_error = $3, lease_until = null, leased_by = null
               where job_id = $1 and leased_by = $2""",
            job.job_id,
            job.leased_by,
            code,
        )

    async def replay(self, job_id: JobId) -> bool:
        """Bring a dead job back. False where there is none, or its like waits already."""
        try:
            revived = await self.database.fetchval(
                """update job set dead_at = null, attempts = 0, due = now()
                   where job_id = $1 and dead_at is not null returning 1""",
                job_id,
            )
        except asyncpg.UniqueViolationError:
            return False
        return revived is not None

    async def next_due(self) -> datetime | None:
        """Return when the next job is due that nobody holds, or a lease runs out."""
        due: datetime | None = await self.database.fetchval(
            "select min(greatest(due, coalesce(lease_until, due))) from job where dead_at is null"
        )
        return due


async def complete(connection: asyncpg.Connection, job: Job) -> None:
    """Finish a job in the transaction of what it did. Raises LeaseLost if it is another's now."""
    row = await connection.fetchrow(
        "select again from job where job_id = $1 and leased_by = $2 for update",
        job.job_id,
        job.leased_by,
    )
    if row is None:
        raise LeaseLost(f"job {job.job_id}")
    if row["again"]:
        await connection.execute(
            """update job set again = false, attempts = 0, lease_until = null, leased_by = null,
                   due = now() where job_id = $1""",
            job.job_id,
        )
        await connection.execute(f"notify {CHANNEL}")
    else:
        await connection.execute("delete from job where job_id = $1", job.job_id)
