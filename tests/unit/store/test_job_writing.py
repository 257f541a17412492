"""Jobs that an API process writes, on a real server: many in one statement, each as if alone."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from erasmus_app.store import job_writing
from erasmus_app.store.database import Database
from erasmus_app.store.job_writing import JobWriting
from erasmus_app.store.jobs import MOST_TRACES, Job, JobQueue, New, put

LEASE, NOW = timedelta(seconds=30), timedelta(0)


@pytest.fixture
def queue(database: Database) -> JobQueue:
    return JobQueue(database)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many jobs each statement has written."""
    found: list[int] = []

    async def counted(connection: asyncpg.Connection, new: list[New]) -> None:
        found.append(len(new))
        await put(connection, new)

    monkeypatch.setattr(job_writing, "put", counted)
    return found


async def jobs(queue: JobQueue) -> dict[str, Any]:
    return {each.kind: each.payload for each in await queue.claim(9, LEASE, uuid4())}


async def test_what_is_due_at_once_is_there_at_once_and_no_clock_of_ours_is_asked(
    database: Database, queue: JobQueue
):
    async def the_job() -> Job:
        [job] = await queue.claim(1, LEASE, uuid4())
        return job

    await JobWriting(database).write("fetch", {"one": 1}, after=NOW)

    job = await the_job()
    await queue.release(job, timedelta(0))
    job = await the_job()
    await queue.fail(job, "partner_unreachable", 0)
    job = await the_job()
    assert await queue.take_over() == 0  # its lease is told by the database's clock
    assert await queue.finish(job)


async def test_a_storm_about_one_object_is_one_job_and_two_statements(
    database: Database, queue: JobQueue, written: list[int]
):
    writing = JobWriting(database)
    await asyncio.gather(
        writing.write("fetch", {"one": {"n": 1}}, after=NOW),
        *(writing.write("fetch", {"one": {"n": 1}}, after=LEASE) for _ in range(50)),
        *(writing.write(f"kind {n}", {f"key {n}": n}, after=NOW) for n in range(3)),
    )

    assert written == [4]
    assert await jobs(queue) == {"fetch": {"n": 1}, "kind 0": 0, "kind 1": 1, "kind 2": 2}


async def test_who_is_told_is_each_kind_once(database: Database, dsn: str):
    heard: list[object] = []
    done = asyncio.Event()
    listener = await asyncpg.connect(database.direct or dsn)

    def hear(*told: object) -> None:
        heard.append(told[3])
        if told[3] == "end":
            done.set()

    await listener.add_listener("erasmus_job", hear)
    await listener.add_listener("end", hear)
    writing = JobWriting(database)
    await asyncio.gather(
        *(writing.write("fetch", {f"one {n}": n}, after=NOW) for n in range(9)),
        writing.write("poll", {"two": 2}, after=NOW),
        writing.write("later", {"three": 3}, after=LEASE),
    )
    await database.execute("select pg_notify('end', 'end')")
    await done.wait()
    await listener.close()

    assert sorted(map(str, heard)) == ["end", "fetch", "poll"]


async def test_the_earlier_due_counts_and_each_of_the_causes(
    database: Database, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
):
    numbers = iter(range(20))
    monkeypatch.setattr(job_writing, "causes", lambda: (f"cause-{next(numbers)}",))
    writing = JobWriting(database)
    await asyncio.gather(
        *(writing.write("fetch", {"one": 1}, after=each) for each in (LEASE, NOW, LEASE))
    )
    await asyncio.gather(*(writing.write("fetch", {"one": 1}, after=LEASE) for _ in range(17)))

    [job] = await queue.claim(9, LEASE, uuid4())
    assert job.traces == tuple(f"cause-{n}" for n in range(MOST_TRACES))


async def test_what_postgresql_cannot_hold_fails_alone(
    database: Database, queue: JobQueue, written: list[int]
):
    writing = JobWriting(database)
    found = await asyncio.gather(
        *(writing.write(f"kind {n}", {f"key {n}": text}, after=NOW) for n, text in enumerate("ab")),
        writing.write("bad", {"bad": "\x00"}, after=NOW),
        return_exceptions=True,
    )

    assert [type(each) for each in found] == [
        type(None),
        type(None),
        asyncpg.UntranslatableCharacterError,
    ]
    assert written == [3, 1, 1, 1]
    assert await jobs(queue) == {"kind 0": "a", "kind 1": "b"}


async def test_two_processes_that_write_the_same_do_not_wait_in_a_circle(database: Database):
    one, two = JobWriting(database), JobWriting(database)
    keys = [f"key {n:02}" for n in range(40)]
    for _ in range(5):
        await asyncio.gather(
            *(one.write("fetch", {key: 1}, after=LEASE) for key in keys),
            *(two.write("fetch", {key: 1}, after=LEASE) for key in reversed(keys)),
        )

    assert await database.fetchval("select count(*) from job") == 40
