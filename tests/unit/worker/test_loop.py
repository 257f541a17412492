"""The worker over a real server: nothing is lost, nothing waits for long."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import structlog
from databases import VAULT, until, waits_for_a_lock

from erasmus_app.errors import NotFound
from erasmus_app.store.database import AWAY, Database, open_database
from erasmus_app.store.embedded import embedded_postgres
from erasmus_app.store.jobs import (
    BATCH,
    CHANNEL,
    Again,
    Bury,
    Job,
    JobQueue,
    Later,
    Retry,
    complete,
    enqueue,
)
from erasmus_app.store.versions import upgrade
from erasmus_app.worker import loop, pace
from erasmus_app.worker.loop import Handler, Worker, waiting

BACKEND = Path(__file__).parents[3] / "backend"
SHORT = timedelta(seconds=0.6)  # a lease


async def put(database: Database, kind: str, payload: Any = None, **named: Any) -> None:
    async with database.transaction() as connection:
        await enqueue(connection, kind, payload, **named)


@asynccontextmanager
async def working(
    database: Database,
    handlers: Mapping[str, Handler],
    *,
    drain: float = 10,
    queue: JobQueue | None = None,
    **named: Any,
) -> AsyncIterator[Worker]:
    worker = Worker(queue=queue or JobQueue(database), handlers=handlers, **named)
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop, drain=drain))
    try:
        yield worker
    finally:
        stop.set()
        await task


def empty(database: Database) -> Callable[[], Any]:
    async def look() -> bool:
        return bool(await database.fetchval("select count(*) = 0 from job"))

    return look


async def test_jobs_are_done_and_gone(database: Database):
    done: list[Any] = []

    async def fetch(job: Job) -> None:
        done.append(job.payload)

    for number in range(40):
        await put(database, "fetch", number)
    async with working(database, {"fetch": fetch}, concurrency=3):
        await until(empty(database))

    assert sorted(done) == list(range(40))


async def test_a_notify_wakes_a_worker_that_would_sleep_for_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loop, "LONGEST_SLEEP", 3600.0)
    done = asyncio.Event()

    async def fetch(_: Job) -> None:
        done.set()

    async with working(database, {"fetch": fetch}):
        await until(empty(database))  # it listens by then, or finds the job when it does
        await put(database, "fetch")
        await asyncio.wait_for(done.wait(), 20)


async def test_work_of_others_wakes_nobody(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loop, "LONGEST_SLEEP", 3600.0)
    claims: list[int] = []

    class Counting(JobQueue):
        async def claim(self, *given: Any) -> list[Job]:
            claims.append(1)
            return await super().claim(*given)

    done: list[Any] = []

    async def fetch(job: Job) -> None:
        done.append(job.payload)

    worker = Worker(queue=Counting(database), handlers={"fetch": fetch})
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    async with database.listening(CHANNEL) as heard:
        await put(database, "fetch", "first")
        await until(lambda: done == ["first"])
        for number in range(30):
            heard.clear()
            await put(database, "deliver", number)
            await heard.wait()  # the worker has heard it too
        await put(database, "fetch", "last")
        await until(lambda: done == ["first", "last"])
    stop.set()
    await task

    assert len(claims) < 30


@dataclass(frozen=True, slots=True)
class Noting(JobQueue):
    """Counts what is looked for."""

    looked: Counter[tuple[str, ...]]

    async def claim(
        self, limit: int, lease: Any, worker: Any, kinds: Any = None, batch: int = BATCH
    ) -> list[Job]:
        self.looked[tuple(kinds)] += 1
        return await JobQueue.claim(self, limit, lease, worker, kinds, batch)


async def test_who_is_woken_by_one_kind_looks_for_that_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loop, "LONGEST_SLEEP", 3600.0)
    done: list[Any] = []

    async def do(job: Job) -> None:
        done.append(job.payload)

    queue, both = Noting(database, Counter()), {"fetch": do, "mail": do}
    async with working(database, both, queue=queue, limits={"mail": 1}):
        for number in range(20):
            await put(database, "fetch", number)
            await until(lambda number=number: number in done)
        await put(database, "mail", "a letter")
        await until(lambda: "a letter" in done)

    assert queue.looked["fetch",] >= 20
    assert queue.looked["mail",] < 10


async def test_who_wakes_for_what_is_due_looks_for_that_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loop, "LONGEST_SLEEP", 3600.0)
    done: list[Any] = []

    async def do(job: Job) -> None:
        done.append(job.payload)

    for number in range(5):
        due = datetime.now(UTC) + timedelta(seconds=1 + number / 5)
        await put(database, "fetch", number, due=due)
    queue, both = Noting(database, Counter()), {"fetch": do, "mail": do}
    async with working(database, both, queue=queue, limits={"mail": 1}):
        await until(lambda: done == [0, 1, 2, 3, 4])

    assert queue.looked["fetch",] > queue.looked["mail",] <= 2  # at the start, and by its ears


async def test_what_comes_in_quick_succession_is_looked_for_together(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pace, "GAP", 0.5)
    looked: list[int] = []

    class Bringing(JobQueue):
        async def claim(self, limit: int, *given: Any) -> list[Job]:
            found = await super().claim(limit, *given)
            looked.append(len(found))
            return found

    done: list[Any] = []

    async def fetch(job: Job) -> None:
        done.append(job.payload)

    queue = Bringing(database)
    async with working(database, {"fetch": fetch}, queue=queue, concurrency=100):
        await until(lambda: looked)
        for number in range(20):
            await put(database, "fetch", number)
            await asyncio.sleep(0.01)
        await until(lambda: sorted(done) == list(range(20)))

    assert max(looked) > 5
    assert len(looked) < 10


async def test_polling_alone_is_enough(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loop, "LONGEST_SLEEP", 0.05)
    monkeypatch.setattr(loop, "CHANNEL", "nobody_speaks_here")
    done = asyncio.Event()

    async def fetch(_: Job) -> None:
        done.set()

    async with working(database, {"fetch": fetch}):
        await put(database, "fetch")
        await asyncio.wait_for(done.wait(), 20)


async def test_a_job_due_later_is_done_when_it_is_due(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loop, "LONGEST_SLEEP", 3600.0)
    due = datetime.now(UTC) + timedelta(seconds=1.5)
    began: list[datetime] = []

    async def fetch(_: Job) -> None:
        began.append(datetime.now(UTC))

    await put(database, "fetch", due=due)
    async with working(database, {"fetch": fetch}):
        await until(empty(database))

    assert began[0] >= due


async def test_what_a_handler_raises_decides_what_becomes_of_its_job(database: Database):
    async def fail(job: Job) -> None:
        raise {
            "retry": Retry("partner_unreachable", after=3600),
            "bury": Bury("reply_invalid"),
            "again": Again(3600),
            "ours": NotFound("Inês"),
            "crash": ValueError("Inês"),
        }[job.kind]

    kinds = ("retry", "bury", "again", "ours", "crash")
    with structlog.testing.capture_logs() as logged:
        async with working(database, dict.fromkeys(kinds, fail)):
            for kind in kinds:
                await put(database, kind)

            async def all_looked_at() -> bool:
                waiting = "select count(*) from job where due <= requested_at and dead_at is null"
                return await database.fetchval(f"{waiting}") == 0

            await until(all_looked_at)

    found = await database.fetch(
        """select kind, last_error, dead_at is not null, due > now() + interval '50 minutes'
           from job order by kind"""
    )
    assert [tuple(row) for row in found] == [
        ("again", None, False, True),
        ("bury", "reply_invalid", True, False),
        ("crash", "ValueError", False, False),
        ("ours", "not_found", False, False),
        ("retry", "partner_unreachable", False, True),
    ]
    assert "Inês" not in repr(logged)


async def test_a_kind_nobody_here_handles_is_left_to_others(database: Database):
    done = asyncio.Event()

    async def fetch(_: Job) -> None:
        done.set()

    await put(database, "of-a-newer-program")
    await put(database, "fetch")
    async with working(database, {"fetch": fetch}):
        await asyncio.wait_for(done.wait(), 20)

    assert await database.fetchval("select attempts from job where kind <> 'fetch'") == 0


async def test_a_slow_kind_leaves_room_for_others(database: Database):
    slow_running, slow_most, quick = 0, 0, asyncio.Event()
    release = asyncio.Event()

    async def slow(_: Job) -> None:
        nonlocal slow_running, slow_most
        slow_running += 1
        slow_most = max(slow_most, slow_running)
        await release.wait()
        slow_running -= 1

    async def deliver(_: Job) -> None:
        quick.set()

    for _ in range(6):
        await put(database, "slow")
    async with working(
        database, {"slow": slow, "deliver": deliver}, concurrency=4, limits={"slow": 2}
    ):
        await until(lambda: slow_running == 2)
        await put(database, "deliver")
        await asyncio.wait_for(quick.wait(), 20)
        release.set()
        await until(empty(database))

    assert slow_most == 2


async def test_who_waits_for_somebody_outside_lends_his_place(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loop, "PATIENCE", 0.05)
    hanging, waits = asyncio.Event(), []

    async def hang(job: Job) -> None:
        with waiting():
            waits.append(job.payload)
            await hanging.wait()

    async def deliver(_: Job) -> None:
        hanging.set()

    for number in range(6):
        await put(database, "hang", number)
    await put(database, "deliver")
    async with working(database, {"hang": hang, "deliver": deliver}, concurrency=2):
        await until(empty(database))

    assert sorted(waits) == list(range(6))


async def test_places_are_lent_up_to_a_number(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loop, "PATIENCE", 0.0)
    monkeypatch.setattr(loop, "MOST_WAITING", 3)
    hanging, waits = asyncio.Event(), []

    async def hang(job: Job) -> None:
        with waiting():
            waits.append(job.payload)
            await hanging.wait()

    async def several() -> bool:
        return len(waits) >= 6

    for number in range(20):
        await put(database, "hang", number)
    async with working(database, {"hang": hang}, concurrency=2) as worker:
        await until(several)
        assert worker._room() == 0
        hanging.set()
        await until(empty(database))

    assert len(waits) == 20


async def test_a_job_that_finds_its_partner_busy_comes_again_and_has_lost_no_attempt(
    database: Database,
):
    attempts: list[int] = []

    async def fetch(job: Job) -> None:
        attempts.append(job.attempts)
        if len(attempts) < 15:  # more often than attempts are allowed
            raise Later(0.001)

    await put(database, "fetch")
    async with working(database, {"fetch": fetch}):
        await until(empty(database))

    assert attempts == [1] * 15


async def test_some_of_a_batch_may_come_again_where_the_others_are_done(database: Database):
    batches: list[list[str]] = []

    async def refresh(job: Job) -> None:
        batches.append([each.payload["omobility_id"] for each in job.all])
        if len(batches) == 1:
            raise Later(0.001, [each for each in job.all if each.payload["omobility_id"] != "b"])

    async with database.transaction() as connection:
        for name in ("a", "b", "c"):
            about = {"tenant": "t", "hei_id": "h", "api": "x", "sending_hei_id": "h"}
            await enqueue(connection, "refresh", about | {"omobility_id": name})
    async with working(database, {"refresh": refresh}):
        await until(empty(database))

    assert [sorted(each) for each in batches] == [["a", "b", "c"], ["a", "c"]]


async def test_heartbeats_keep_a_job_that_takes_longer_than_its_lease(database: Database):
    runs, release = 0, asyncio.Event()

    async def long(_: Job) -> None:
        nonlocal runs
        runs += 1
        await release.wait()

    await put(database, "long")
    async with (
        working(database, {"long": long}, lease=SHORT),
        working(database, {"long": long}, lease=SHORT),
    ):
        await until(lambda: runs == 1)
        first = await database.fetchval("select lease_until from job")

        async def three_leases_later() -> bool:
            held = await database.fetchval("select lease_until from job")
            return bool(held > first + 3 * SHORT)

        await until(three_leases_later)
        release.set()
        await until(empty(database))

    assert runs == 1


async def test_a_stopped_worker_finishes_or_gives_back_at_once(database: Database):
    begun = 0

    async def stuck(_: Job) -> None:
        nonlocal begun
        begun += 1
        await asyncio.Event().wait()

    async def short(_: Job) -> None:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0.1)

    await put(database, "stuck")
    await put(database, "short")
    async with working(database, {"stuck": stuck, "short": short}, drain=0.5):
        await until(lambda: begun == 2)

    left = await database.fetch("select kind, attempts, leased_by, due <= now() from job")
    assert [tuple(row) for row in left] == [("stuck", 0, None, True)]


async def test_a_stopped_worker_ends_though_its_claim_hangs_and_a_handler_does_not_want_to(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loop, "LONGEST_SLEEP", 0.01)
    begun, free = asyncio.Event(), asyncio.Event()

    async def stubborn(_: Job) -> None:
        begun.set()
        while not free.is_set():
            with suppress(asyncio.CancelledError):
                await free.wait()

    await put(database, "fetch")
    connection = await asyncpg.connect(database.dsn)
    try:
        async with working(database, {"fetch": stubborn}, drain=0.3) as worker:
            await begun.wait()
            await connection.execute("begin; lock table job in access exclusive mode")
            await until(lambda: waits_for_a_lock(connection))
        # It has ended by now, and what it leaves is as after a kill.
        left = await connection.fetch("select leased_by from job")
        free.set()
        await connection.execute("rollback")
    finally:
        await connection.close()

    assert [row["leased_by"] for row in left] == [worker.name]


async def test_a_handler_that_completed_its_job_itself_is_not_run_again(database: Database):
    runs = 0

    async def fetch(job: Job) -> None:
        nonlocal runs
        runs += 1
        async with database.transaction() as connection:
            await enqueue(connection, "deliver", job.payload)
            await complete(connection, job)

    await put(database, "fetch", "om-1")
    async with working(database, {"fetch": fetch}):

        async def delivery_waits() -> bool:
            kinds = await database.fetch("select kind from job")
            return [row["kind"] for row in kinds] == ["deliver"]

        await until(delivery_waits)

    assert runs == 1


async def test_a_job_that_kills_its_workers_is_buried_in_the_end(database: Database):
    await put(database, "deadly")
    await database.execute("update job set attempts = 99")

    async def deadly(_: Job) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    async with working(database, {"deadly": deadly}):

        async def buried() -> bool:
            return await database.fetchval("select last_error from job") == "worker_lost"

        await until(buried)


WORKER_OF_ITS_OWN = """
import asyncio, sys
from datetime import timedelta
from erasmus_app.store.database import AWAY, open_database
from erasmus_app.store.jobs import JobQueue
from erasmus_app.worker.loop import Worker

async def main():
    async with open_database(sys.argv[1], direct=sys.argv[3] or None) as database:
        async def never_ends(job):
            print("began", flush=True)
            await asyncio.Event().wait()
        worker = Worker(queue=JobQueue(database), handlers={"fetch": never_ends},
                        concurrency=5, lease=timedelta(seconds=float(sys.argv[2])))
        await worker.run(asyncio.Event())
asyncio.run(main())
"""


async def test_jobs_of_a_worker_that_was_killed_are_taken_up_soon(dsn: str, database: Database):
    for number in range(20):
        await put(database, "fetch", number)
    victim = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WORKER_OF_ITS_OWN, dsn, str(SHORT.total_seconds())),
        database.direct or "",
        env=os.environ | {"PYTHONPATH": str(BACKEND)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert victim.stdout is not None
    for _ in range(5):
        assert await asyncio.wait_for(victim.stdout.readline(), 20) == b"began\n"
    victim.kill()
    await victim.wait()
    held = await database.fetchval("select max(lease_until) from job")

    done: list[tuple[int, int]] = []
    last = held

    async def fetch(job: Job) -> None:
        nonlocal last
        done.append((job.payload, job.attempts))
        last = max(last, await database.fetchval("select now()"))

    async with working(database, {"fetch": fetch}, lease=SHORT):
        await until(empty(database))

    assert sorted(done) == [(number, 2 if number < 5 else 1) for number in range(20)]


async def test_no_attempt_is_spent_on_a_database_without_room(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loop, "OUTAGE", timedelta(0))
    attempts: list[int] = []

    async def fetch(job: Job) -> None:
        attempts.append(job.attempts)
        if len(attempts) <= 20:
            raise asyncpg.DiskFullError("could not extend file")

    async with working(database, {"fetch": fetch}):
        await put(database, "fetch")
        await until(empty(database))

    assert attempts == [1] * 21


async def test_a_restart_of_the_server_is_survived(tmp_path: Path):
    done: list[int] = []
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def fetch(job: Job) -> None:
        if job.payload == 0:
            entered.set()
            await go_on.wait()
        done.append(job.payload)

    async with embedded_postgres(tmp_path / "data", durable=False) as dsn:
        await upgrade(dsn)
        async with open_database(dsn, VAULT) as database, working(database, {"fetch": fetch}):
            await put(database, "fetch", 0)
            await entered.wait()
            postmaster = int((tmp_path / "data/postgres/postmaster.pid").read_text().split()[0])
            os.kill(postmaster, signal.SIGINT)

            async def away() -> bool:
                try:
                    return int(await database.fetchval("select 0")) == 1
                except AWAY:
                    return True

            await until(away)
            go_on.set()  # its end is written down when the server is back

            async def back() -> bool:
                try:
                    await put(database, "fetch", 1)
                except AWAY:
                    return False
                return True

            await until(back)
            await until(empty(database))

    assert sorted(done) == [0, 1]


async def test_where_workers_give_way_little_is_under_way_and_no_line_stands_before_other_kinds(
    database: Database,
):
    done: list[str] = []
    under_way: list[int] = [0]

    async def do(job: Job) -> None:
        under_way.append(under_way[-1] + 1)
        await asyncio.sleep(0.01)
        under_way.append(under_way[-1] - 1)
        done.append(job.kind)

    for number in range(12):
        await put(database, "fetch", number, due=datetime.now(UTC) - timedelta(minutes=1))
    await put(database, "mail", 0)
    slow = pace.Pace(least=0.1, share=0.1)
    async with working(database, {"fetch": do, "mail": do}, limits={"mail": 4}, pace=slow):
        await until(lambda: len(done) == 13)

    assert "mail" in done[:2]
    assert max(under_way) == 2
