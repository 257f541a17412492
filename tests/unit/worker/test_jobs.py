"""Jobs as leased rows, on a real server."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from databases import until

from erasmus_app.store.database import Database
from erasmus_app.store.jobs import (
    MOST_ATTEMPTS,
    MOST_TRACES,
    Job,
    JobQueue,
    LeaseLost,
    complete,
    enqueue,
)

LEASE = timedelta(seconds=30)
GONE = timedelta(0)  # a lease that has run out when it is given
ONE, TWO = uuid4(), uuid4()


@pytest.fixture
def queue(database: Database) -> JobQueue:
    return JobQueue(database)


async def put(database: Database, payload: Any = None, **named: Any) -> None:
    async with database.transaction() as connection:
        await enqueue(connection, "fetch", payload, **named)


async def rows(database: Database, columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await database.fetch(f"select {columns} from job order by 1")]


async def the_job(queue: JobQueue) -> Job:
    [job] = await queue.claim(1, LEASE, ONE)
    return job


async def test_a_job_is_claimed_once_and_gone_when_done(database: Database, queue: JobQueue):
    await put(database, {"id": "om-1"})

    [job] = await queue.claim(5, LEASE, ONE)
    assert (job.kind, job.payload, job.attempts, job.leased_by) == ("fetch", {"id": "om-1"}, 1, ONE)
    assert await queue.claim(5, LEASE, TWO) == []
    assert await queue.finish(job)
    assert await rows(database, "job_id") == []


async def test_a_job_of_a_transaction_that_fails_was_never_there(database: Database):
    async def change_that_fails() -> None:
        async with database.transaction() as connection:
            await enqueue(connection, "fetch", {})
            raise KeyError

    with pytest.raises(KeyError):
        await change_that_fails()
    assert await rows(database, "job_id") == []


async def test_only_what_is_due_is_claimed_the_longest_due_first(
    database: Database, queue: JobQueue
):
    now = datetime.now(UTC)
    for name, hours in (("later", 1), ("recent", -1), ("old", -2)):
        await put(database, name, due=now + timedelta(hours=hours))

    assert [job.payload for job in await queue.claim(5, LEASE, ONE)] == ["old", "recent"]
    found = await queue.until_next()
    assert found is not None
    wait, kind = found
    assert timedelta(minutes=59) < wait <= timedelta(hours=1)
    assert kind == "fetch"
    assert await queue.until_next(["other"]) is None


async def test_only_the_kinds_that_are_wanted_are_claimed(database: Database, queue: JobQueue):
    await put(database)

    assert await queue.claim(5, LEASE, ONE, ["poll"]) == []
    assert len(await queue.claim(5, LEASE, ONE, ["poll", "fetch"])) == 1


async def test_a_request_for_what_waits_already_keeps_the_earlier_due(
    database: Database, queue: JobQueue
):
    soon = datetime.now(UTC) + timedelta(minutes=1)
    late = soon + timedelta(hours=1)
    await put(database, dedupe_key="k", due=late)
    [(first_request,)] = await rows(database, "requested_at")
    await put(database, dedupe_key="k", due=soon)
    await put(database, dedupe_key="k", due=late)
    await put(database, dedupe_key="another", due=late)

    assert await rows(database, "dedupe_key, due, again") == [
        ("another", late, False),
        ("k", soon, False),
    ]
    assert await database.fetchval("select requested_at from job where dedupe_key = 'k'") > (
        first_request
    )


async def test_a_request_while_the_job_runs_makes_it_run_once_more(
    database: Database, queue: JobQueue
):
    await put(database, dedupe_key="k")
    first = await the_job(queue)
    for _ in range(3):
        await put(database, dedupe_key="k")
    assert await queue.claim(5, LEASE, TWO) == []  # never two at once
    await queue.finish(first)

    again = await the_job(queue)
    assert (again.job_id, again.attempts) == (first.job_id, 1)
    await queue.finish(again)
    assert await rows(database, "job_id") == []


async def test_a_running_job_that_asks_for_itself_later_comes_then(
    database: Database, queue: JobQueue
):
    later = datetime.now(UTC) + timedelta(hours=1)
    await put(database, dedupe_key="k")
    job = await the_job(queue)
    await put(database, dedupe_key="k", due=later)
    await queue.finish(job)

    assert await rows(database, "due, again, leased_by") == [(later, False, None)]


async def test_a_request_in_the_gap_after_a_lease_ran_out_is_not_lost(
    database: Database, queue: JobQueue
):
    await put(database, dedupe_key="k")
    [slow] = await queue.claim(1, GONE, ONE)
    await put(database, dedupe_key="k")
    await queue.finish(slow)  # late, but nobody had taken it over

    assert await rows(database, "again, leased_by") == [(False, None)]


def a_refresh(number: int, hei: str = "clairval.example") -> dict[str, str]:
    about = {"tenant": "ribeira.example", "hei_id": hei, "sending_hei_id": hei}
    return about | {"api": "omobilities", "omobility_id": f"om-{number}"}


async def put_refreshes(database: Database, *payloads: dict[str, str], **named: Any) -> None:
    async with database.transaction() as connection:
        for each in payloads:
            await enqueue(connection, "refresh", each, **named)


async def test_jobs_of_one_batch_come_together_and_end_together(
    database: Database, queue: JobQueue
):
    await put_refreshes(database, *(a_refresh(number) for number in range(5)))
    await put_refreshes(database, a_refresh(7, "jezioro.example"))
    await put_refreshes(database, a_refresh(9), due=datetime.now(UTC) + timedelta(hours=1))
    await put(database, 1)

    claimed = await queue.claim(1, LEASE, ONE)
    assert [[job.payload for job in each.all] for each in claimed] == [
        [a_refresh(number) for number in range(5)]
    ]
    [batch] = claimed
    assert await queue.finish(batch)
    rest = await queue.claim(5, LEASE, ONE)
    assert [len(each.all) for each in rest] == [1, 1]
    for each in rest:
        await queue.finish(each)
    assert await rows(database, "payload->>'omobility_id'") == [("om-9",)]


async def test_of_a_batch_those_that_were_asked_for_meanwhile_run_once_more(
    database: Database, queue: JobQueue
):
    for number in range(3):
        await put_refreshes(database, a_refresh(number), dedupe_key=f"k{number}")
    batch = await the_job(queue)
    await put_refreshes(database, a_refresh(1), dedupe_key="k1")
    assert await queue.finish(batch)

    again = await the_job(queue)
    assert [job.payload for job in again.all] == [a_refresh(1)]


async def test_a_heartbeat_and_a_failure_are_of_the_whole_batch(
    database: Database, queue: JobQueue
):
    await put_refreshes(database, *(a_refresh(number) for number in range(3)))
    await database.execute(
        "update job set attempts = 2 where job_id = (select min(job_id) from job)"
    )
    batch = await the_job(queue)
    assert sorted(job.attempts for job in batch.all) == [1, 1, 3]
    await queue.fail(batch, "partner_unreachable", 0)

    assert await rows(database, "attempts, last_error, leased_by") == [
        (1, "partner_unreachable", None),
        (1, "partner_unreachable", None),
        (3, "partner_unreachable", None),
    ]
    # What has failed often may be why the others did: it stands alone from now on.
    apart = await queue.claim(5, LEASE, ONE)
    assert sorted(sorted(job.attempts for job in each.all) for each in apart) == [[2, 2], [4]]


async def test_two_workers_claim_disjoint_batches(database: Database, queue: JobQueue):
    for number in range(60):
        await put(database, number)

    batches = await asyncio.gather(
        *(queue.claim(7, LEASE, worker) for worker in (ONE, TWO) * 6), return_exceptions=False
    )
    rest = await queue.claim(100, LEASE, ONE)
    claimed = [job.payload for batch in (*batches, rest) for job in batch]
    assert sorted(claimed) == list(range(60))
    assert max(len(batch) for batch in batches) <= 7


async def test_a_lease_that_ran_out_is_taken_over_and_its_old_holder_notices(
    database: Database, queue: JobQueue
):
    await put(database)
    [lost] = await queue.claim(1, GONE, ONE)
    assert await queue.take_over() == 1
    [taken] = await queue.claim(1, LEASE, TWO)
    assert (taken.job_id, taken.attempts) == (lost.job_id, 2)

    async def too_late() -> None:
        async with database.transaction() as connection:
            await connection.execute("insert into job (kind, payload) values ('effect', '1')")
            await complete(connection, lost)

    with pytest.raises(LeaseLost):
        await too_late()
    assert not await queue.finish(lost)
    await queue.fail(lost, "too_late")
    await queue.bury(lost, "too_late")
    await queue.release(lost)
    assert await rows(database, "kind, leased_by, last_error") == [("fetch", TWO, None)]


async def test_an_earlier_claim_of_the_same_worker_is_lost_too(database: Database, queue: JobQueue):
    await put(database)
    [earlier] = await queue.claim(1, GONE, ONE)
    await queue.take_over()
    await the_job(queue)

    assert not await queue.finish(earlier)


async def test_a_heartbeat_keeps_a_lease_and_waits_for_nobody(database: Database, queue: JobQueue):
    await put(database, 1)
    await put(database, 2)
    jobs = await queue.claim(2, GONE, ONE)
    async with database.transaction() as connection:
        await complete(connection, jobs[0])  # its row is locked until the commit
        await queue.heartbeat([job.job_id for job in jobs], LEASE, ONE)
    await queue.heartbeat([job.job_id for job in jobs], GONE, TWO)  # not theirs

    assert await queue.take_over() == 0
    assert await rows(database, "leased_by, lease_until > now()") == [(ONE, True)]


async def test_completion_commits_together_with_the_effect(database: Database, queue: JobQueue):
    await put(database)
    job = await the_job(queue)
    async with database.transaction() as connection:
        await enqueue(connection, "deliver", {})
        await complete(connection, job)

    assert await rows(database, "kind") == [("deliver",)]


async def test_a_failed_attempt_waits_and_the_last_one_is_buried(
    database: Database, queue: JobQueue
):
    await put(database)
    job = await the_job(queue)
    await queue.fail(job, "partner_unreachable", 3600)
    [(due_later, error)] = await rows(database, "due > now() + interval '59 minutes', last_error")
    assert (due_later, error) == (True, "partner_unreachable")

    await database.execute("update job set due = now(), attempts = $1", MOST_ATTEMPTS - 1)
    await queue.fail(await the_job(queue), "partner_unreachable")
    assert await rows(database, "dead_at is not null, last_error, leased_by") == [
        (True, "partner_unreachable", None)
    ]
    assert await queue.claim(5, LEASE, ONE) == []


async def test_a_dead_job_lets_its_like_in_and_is_replayed_when_that_is_gone(
    database: Database, queue: JobQueue
):
    await put(database, "dead", dedupe_key="k")
    dead = await the_job(queue)
    await queue.bury(dead, "reply_invalid")
    await put(database, "new", dedupe_key="k")

    assert not await queue.replay(dead.job_id)
    new = await the_job(queue)
    assert not await queue.replay(new.job_id)  # it lives
    await queue.finish(new)
    assert await queue.replay(dead.job_id)
    revived = await the_job(queue)
    assert (revived.payload, revived.attempts) == ("dead", 1)


async def test_what_is_due_now_is_announced_and_what_is_due_later_is_not(database: Database):
    heard: list[str] = []
    listener = await asyncpg.connect(database.direct or database.dsn)
    await listener.add_listener("erasmus_job", lambda *told: heard.append(told[3]))
    await listener.add_listener("end", lambda *_: heard.append("end"))
    await put(database, due=datetime.now(UTC) + timedelta(hours=1))
    await put(database)
    await database.execute('notify "end"')
    await until(lambda: "end" in heard)
    await listener.close()

    assert heard == ["fetch", "end"]


async def test_a_job_keeps_the_traces_of_who_asked_for_it_and_one_that_recurs_forgets_them(
    database: Database, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
):
    async def asked(trace: str | None) -> None:
        monkeypatch.setattr("erasmus_app.store.jobs.carried", lambda: trace)
        await put(database, dedupe_key="one")

    for trace in ("a", None, "b"):
        await asked(trace)
    first = await the_job(queue)
    await asked("c")  # while it runs: it is done once more, for this one
    assert await queue.finish(first)
    again = await the_job(queue)
    await queue.fail(again, "partner_unreachable", 0.0)
    later = await the_job(queue)
    await queue.postpone(later, timedelta(0), None)
    recurring = await the_job(queue)
    for number in range(2 * MOST_TRACES):
        await asked(str(number))

    found = [each.traces for each in (first, again, later, recurring)]
    assert found == [("a", "b"), ("c", "a", "b"), ("c", "a", "b"), ()]
    assert await rows(database, "cardinality(traces)") == [(MOST_TRACES,)]
