"""What was given up: counted, looked at, brought back and deleted, on a real server."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from databases import until, waits_for_a_lock

from erasmus_app.store.database import Database
from erasmus_app.store.dead_jobs import BATCH, Chosen, DeadJobs
from erasmus_app.store.jobs import JobQueue, enqueue

ALL = Chosen()
LEASE = timedelta(seconds=30)


@pytest.fixture
def dead(database: Database) -> DeadJobs:
    return DeadJobs(database)


async def bury(
    database: Database, kind: str, code: str, payload: Any = None, key: str | None = None
) -> None:
    async with database.transaction() as connection:
        await enqueue(connection, kind, payload or {}, dedupe_key=key)
    queue = JobQueue(database)
    [job] = await queue.claim(1, LEASE, uuid4(), [kind])
    await queue.bury(job, code)


async def alive(database: Database) -> list[tuple[str, int]]:
    rows = await database.fetch(
        "select kind, attempts from job where dead_at is null and due <= now() order by job_id"
    )
    return [tuple(row) for row in rows]


async def test_dead_jobs_are_counted_by_kind_and_code(database: Database, dead: DeadJobs):
    await bury(database, "refresh", "partner_unreachable")
    await bury(database, "refresh", "partner_unreachable")
    await bury(database, "deliver", "KeyError")

    groups = await dead.groups(ALL)
    assert [(each.jobs, each.kind, each.code) for each in groups] == [
        (2, "refresh", "partner_unreachable"),
        (1, "deliver", "KeyError"),
    ]
    assert [each.jobs for each in await dead.groups(Chosen(kind="deliver"))] == [1]
    assert await dead.groups(Chosen(code="LookupError")) == []
    assert await dead.groups(Chosen(older_than=timedelta(days=1))) == []


async def test_one_is_shown_without_whom_it_is_about(database: Database, dead: DeadJobs):
    payload = {"tenant": "ribeira.example", "omobility_id": "om-17", "esi": "urn:schac:1"}
    await bury(database, "refresh", "partner_unreachable", payload)

    [shown] = await dead.newest(ALL, 5)
    assert (shown.kind, shown.code, shown.attempts, shown.like_waits, shown.about) == (
        "refresh",
        "partner_unreachable",
        1,
        False,
        {"tenant": "ribeira.example"},
    )


async def test_one_or_all_of_a_code_come_back_with_all_their_attempts(
    database: Database, dead: DeadJobs
):
    await bury(database, "refresh", "a")
    await bury(database, "refresh", "b")
    await bury(database, "poll", "b")
    [first] = await dead.newest(Chosen(code="a"), 1)

    assert await dead.replay(Chosen(job_id=first.job_id)) == 1
    assert await alive(database) == [("refresh", 0)]
    assert await dead.replay(Chosen(code="b")) == 2
    assert await alive(database) == [("refresh", 0), ("refresh", 0), ("poll", 0)]
    assert await dead.replay(ALL) == 0


async def test_one_whose_like_waits_stays_and_of_two_alike_one_comes_back(
    database: Database, dead: DeadJobs
):
    for key in ("waits", "alike", "alike", "alone"):
        await bury(database, "refresh", "a", key=key)
    async with database.transaction() as connection:
        await enqueue(connection, "refresh", {}, dedupe_key="waits")

    assert await dead.replay(ALL) == 2
    rows = await database.fetch(
        "select dedupe_key from job where dead_at is null order by dedupe_key"
    )
    assert [row["dedupe_key"] for row in rows] == ["alike", "alone", "waits"]
    assert [each.like_waits for each in await dead.newest(ALL, 5)] == [True, True]


async def test_one_whose_like_comes_during_the_replay_holds_up_nobody(
    database: Database, dead: DeadJobs
):
    for number in range(3):
        await bury(database, "refresh", "a", key=f"key {number}")
    async with database.transaction() as connection:
        # Not seen by the replay's look, and in its way when it writes.
        await enqueue(connection, "refresh", {}, dedupe_key="key 1")
        replay = asyncio.create_task(dead.replay(ALL))
        await until(lambda: waits_for_a_lock(database))
        assert not replay.done()
    assert await replay == 2
    assert await database.fetchval("select count(*) from job where dead_at is null") == 3


async def test_more_than_a_batch_comes_back_and_what_somebody_holds_does_not_wait(
    database: Database, dead: DeadJobs
):
    await database.execute(
        """insert into job (kind, payload, last_error, dead_at)
           select 'refresh', '{}', 'a', now() from generate_series(1, $1)""",
        BATCH * 2 + 7,
    )
    async with database.transaction() as connection:
        await connection.execute(
            "select from job where job_id = (select min(job_id) from job) for update"
        )
        assert await dead.replay(ALL) == BATCH * 2 + 6
    assert await dead.replay(ALL) == 1


async def test_what_is_discarded_is_gone_and_its_delivery_has_failed(
    database: Database, dead: DeadJobs
):
    account, entry, delivery = uuid4(), uuid4(), uuid4()
    await database.execute("insert into account (account_id) values ($1)", account)
    await database.execute(
        """insert into inbox_entry (account_id, inbox_entry_id, tenant, event_id, kind, arguments)
           values ($1, $2, 'ribeira.example', $3, 'nominated', '')""",
        account,
        entry,
        uuid4(),
    )
    await database.execute(
        """insert into delivery (delivery_id, account_id, inbox_entry_id, device_id, channel,
               expires_at)
           values ($1, $2, $3, $4, 'fcm', now() + interval '1 day')""",
        delivery,
        account,
        entry,
        uuid4(),
    )
    await bury(database, "deliver", "KeyError", {"delivery_id": str(delivery)})
    await bury(database, "refresh", "a")

    assert await dead.discard(Chosen(kind="deliver")) == 1
    row = await database.fetchrow("select state, last_error from delivery")
    assert tuple(row or ()) == ("failed", "KeyError")
    assert [each.kind for each in await dead.newest(ALL, 5)] == ["refresh"]


async def test_what_a_student_was_promised_is_not_discarded(database: Database, dead: DeadJobs):
    await bury(database, "erase", "a")
    await bury(database, "export", "a")
    await bury(database, "poll", "a")

    assert await dead.discard(ALL) == 1
    assert {each.kind for each in await dead.newest(ALL, 5)} == {"erase", "export"}
