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
from erasmus_app.store.database import Database
from erasmus_app.telemetry.traces import carried

CHANNEL = "erasmus_job"  # a NOTIFY says of which kind the work is; nothing for any
MOST_ATTEMPTS = 12
_SOON = "due <= now() + interval '1 second'"
BATCH = 100  # jobs that are handed over together at most
MOST_TRACES = 8  # of those that asked for one job
BATCHED_ATTEMPTS = 3  # one that has failed more often stands alone: it may be why the others did
_LET_GO = "again = false, lease_until = null, leased_by = null"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One claimed piece of work."""

    job_id: JobId
    kind: str
    payload: Any
    attempts: int  # this one included
    requested_at: datetime
    leased_by: UUID
    traces: tuple[str, ...] = ()  # what asked for it; of several the first one is its cause
    with_it: tuple["Job", ...] = ()  # others of its batch, to be done together and to end alike

    @property
    def all(self) -> tuple["Job", ...]:
        """The job and those with it."""
        return (self, *self.with_it)


class New(msgspec.Struct, frozen=True, kw_only=True):
    """A job to be written: due at a moment or, without one, in `after` by the database's clock."""

    kind: str
    payload: Any
    dedupe_key: str | None = None
    due: datetime | None = None
    after: timedelta = timedelta(0)
    traces: tuple[str, ...] = ()  # what asks for it


def together(jobs: Sequence[Job]) -> Job:
    """Return some jobs as one, the first with the others."""
    alone = [msgspec.structs.replace(each, with_it=()) for each in jobs]
    return msgspec.structs.replace(alone[0], with_it=tuple(alone[1:]))


class Retry(Exception):
    """Raised by a handler: not now. `after` is in seconds; None lets the backoff decide."""

    def __init__(self, code: str, after: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.after = after


class Later(Exception):
    """Raised by a handler: not in the next `after` seconds, through no fault of the job.

    Unlike `Retry` this is no attempt: the partner is busy or left alone, and the job gives its
    place to others. `jobs` are those of a batch that come again where the others are done.
    """

    def __init__(self, after: float, jobs: Sequence[Job] | None = None) -> None:
        super().__init__(after)
        self.after = after
        self.jobs = jobs


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
    new = New(kind=kind, payload=payload, dedupe_key=dedupe_key, due=due, traces=causes())
    await put(connection, [new])


def causes() -> tuple[str, ...]:
    """Return what a job that is written now is asked for by: the trace under way, if any."""
    trace = carried()
    return () if trace is None else (trace,)


async def alive(database: Database, dedupe_keys: Sequence[str]) -> set[str]:
    """Return those of the keys that a living job has."""
    rows = await database.fetch(
        "select dedupe_key from job where dedupe_key = any($1) and dead_at is null", dedupe_keys
    )
    return {row["dedupe_key"] for row in rows}


async def ensure(database: Database, kind: str, jobs: Mapping[str, Any]) -> None:
    """Make recurring jobs, by dedupe key, unless they are there: they bring themselves back."""
    for key in sorted(jobs.keys() - await alive(database, list(jobs))):
        async with database.transaction() as connection:
            await enqueue(connection, kind, jobs[key], dedupe_key=key)


async def put(connection: asyncpg.Connection, new: Sequence[New]) -> None:
    """Write jobs in the caller's transaction; no two of them with the same dedupe key.

    Several come in the order of their keys, the same for all, so that nobody waits in a circle.
    """
    # Who sleeps looks at least once a second: only what is due sooner is worth a NOTIFY.
    await connection.execute(
        f"""with put as (
               insert into job (kind, payload, dedupe_key, due, traces)
               select kind, payload::jsonb, dedupe_key, coalesce(due, now() + after),
                   string_to_array(traces, ' ')
               from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::interval[],
                   $6::text[]) as new (kind, payload, dedupe_key, due, after, traces)
               on conflict (dedupe_key) where dedupe_key is not null and dead_at is null
               do update set
                   requested_at = now(),
                   due = case when job.leased_by is null or job.again
                              then least(job.due, excluded.due) else excluded.due end,
                   again = job.leased_by is not null,
                   traces = (case when job.leased_by is null
                       then job.traces || excluded.traces
                       else excluded.traces || job.traces end)[:{MOST_TRACES}]
               returning kind, due)
           select pg_notify('{CHANNEL}', kind) from put where {_SOON}""",  # noqa: S608 - constants
        [each.kind for each in new],
        [msgspec.json.encode(each.payload).decode() for each in new],
        [each.dedupe_key for each in new],
        [each.due for each in new],
        [each.after for each in new],
        [" ".join(each.traces) or None for each in new],
    )


@dataclass(frozen=True, slots=True)
class JobQueue:
    """The table of jobs as a queue."""

    database: Database

    async def claim(
        self,
        limit: int,
        lease: timedelta,
        worker: UUID,
        kinds: Collection[str] | None = None,
        batch: int = BATCH,
    ) -> list[Job]:
        """Take up to `limit` due jobs that nobody holds, the longest due first.

        With a job come those of its batch that are due as well, or within a second, whatever the
        limit: up to `batch` for all of them.
        """
        rows = await self.database.fetch(
            f"""with picked as materialized (
                   select job_id, batch from job
                   where dead_at is null and leased_by is null and due <= now()
                       and ($4::text[] is null or kind = any($4))
                   order by due limit $1 for update skip locked),
               more as materialized (
                   select job_id from job
                   where batch = any(array(select batch from picked where batch is not null))
                       and dead_at is null and leased_by is null and {_SOON}
                       and attempts < $6 and job_id <> all(array(select job_id from picked))
                   order by due limit $5 for update skip locked)
               update job set lease_until = now() + $2, leased_by = $3, attempts = attempts + 1
               from (table more union all select job_id from picked) as taken
               where job.job_id = taken.job_id
               returning job.job_id, kind, payload::text as payload, attempts, requested_at, due,
                   batch, traces""",  # noqa: S608 - a constant
            limit,
            lease,
            worker,
            None if kinds is None else list(kinds),
            batch,
            BATCHED_ATTEMPTS,
        )
        rows.sort(key=lambda row: row["due"])
        batches: dict[object, list[Job]] = {}
        for row in rows:
            is_one_of_many = row["batch"] is not None and row["attempts"] <= BATCHED_ATTEMPTS
            batch = row["batch"] if is_one_of_many else row["job_id"]
            batches.setdefault(batch, []).append(
                Job(
                    job_id=JobId(row["job_id"]),
                    kind=row["kind"],
                    payload=msgspec.json.decode(row["payload"]),
                    attempts=row["attempts"],
                    requested_at=row["requested_at"],
                    leased_by=worker,
                    traces=tuple(row["traces"] or ()),
                )
            )
        return [together(jobs) for jobs in batches.values()]

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
        mine, claim = _mine(job)
        await self.database.execute(
            f"""update job set last_error = $5, {_LET_GO},
                   due = case when again then least(due, now() + $4) else now() + $4 end,
                   attempts = case when $5::text is null then 0 else attempts end,
                   traces = case when $5::text is null and not again then null else traces end
               where {mine}""",  # noqa: S608 - constants
            *claim,
            after,
            code,
        )

    async def release(self, job: Job, after: timedelta = timedelta(0)) -> None:
        """Give a job back that was not done, as if it had not been claimed."""
        mine, claim = _mine(job)
        await self.database.execute(
            f"""update job set due = now() + $4, attempts = attempts - 1, {_LET_GO}
               where {mine}""",  # noqa: S608 - constants
            *claim,
            after,
        )

    async def fail(self, job: Job, code: str, after: float | None = None) -> None:
        """Try again later, or give up after the last attempt."""
        if last := [each for each in job.all if each.attempts >= MOST_ATTEMPTS]:
            await self.bury(together(last), code)
        if more := [each for each in job.all if each.attempts < MOST_ATTEMPTS]:
            wait = backoff(job.attempts) if after is None else timedelta(seconds=after)
            await self.postpone(together(more), wait, code)

    async def bury(self, job: Job, code: str) -> None:
        """Put a job aside for an operator; `code` is stable and holds nothing personal."""
        mine, claim = _mine(job)
        await self.database.execute(
            f"""update job set dead_at = now(), last_error = $4, {_LET_GO}
               where {mine}""",  # noqa: S608 - constants
            *claim,
            code,
        )

    async def replay(self, job_id: JobId) -> bool:
        """Bring a dead job back. False where there is none, or its like waits already."""
        try:
            revived = await self.database.fetchrow(
                f"""with revived as (
                       update job set dead_at = null, attempts = 0, due = now()
                       where job_id = $1 and dead_at is not null returning kind)
                   select pg_notify('{CHANNEL}', kind) from revived""",  # noqa: S608 - a constant
                job_id,
            )
        except asyncpg.UniqueViolationError:
            return False
        return revived is not None

    async def until_next(
        self, kinds: Collection[str] | None = None
    ) -> tuple[timedelta, str] | None:
        """Return in how long the next waiting job is due, and its kind; None where none waits."""
        row = await self.database.fetchrow(
            """select due - now() as wait, kind from job
               where dead_at is null and leased_by is null
                   and ($1::text[] is null or kind = any($1))
               order by due limit 1""",
            None if kinds is None else list(kinds),
        )
        return None if row is None else (row["wait"], row["kind"])


async def complete(connection: asyncpg.Connection, job: Job) -> None:
    """Finish a job in the transaction of what it did, as its last statement.

    Raises:
        LeaseLost: the job is another's by now; let it roll the transaction back.
    """
    if not await _end(connection, job):
        raise LeaseLost(f"job {job.job_id}")


def _mine(job: Job) -> tuple[str, tuple[Any, ...]]:
    """Return a condition that holds for this claim of the job, not for a later one.

    And its arguments, the first three. That of one job is planned once, that of an array each time.
    """
    if not job.with_it:
        return (
            "leased_by = $2 and job_id = $1 and attempts = $3",
            (job.job_id, job.leased_by, job.attempts),
        )
    claims = "select * from unnest($1::bigint[], $3::integer[])"
    return (
        f"leased_by = $2 and (job_id, attempts) in ({claims})",
        ([each.job_id for each in job.all], job.leased_by, [each.attempts for each in job.all]),
    )


async def _end(connection: asyncpg.Connection, job: Job) -> bool:
    mine, claim = _mine(job)
    deleted = await connection.fetch(
        f"delete from job where {mine} and not again returning 1",  # noqa: S608 - constants
        *claim,
    )
    if len(deleted) == len(job.all):
        return True
    waits = await connection.fetch(
        f"""with back as (
               update job set attempts = 0, last_error = null, {_LET_GO}
               where {mine} and again returning due, kind)
           select due, case when {_SOON} then pg_notify('{CHANNEL}', kind) end from back""",  # noqa: S608 - constants
        *claim,
    )
    return bool(deleted or waits)
