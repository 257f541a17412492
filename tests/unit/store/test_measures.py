"""What is counted of the database, on a real one, and that it reads no table through."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from databases import VAULT
from unit.store.samples import log_in

from erasmus_app.ids import AccountId
from erasmus_app.kit.clock import utc_now
from erasmus_app.store import measures
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.jobs import JobQueue, enqueue
from erasmus_app.store.measures import LANES, MOST_COUNTED, Measures

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, VAULT) as database:
        yield database


async def labelled(database: Database, metric: str) -> dict[tuple[str, ...], float]:
    """A figure's values by its labels' values; those of nothing are left out."""
    found = {each.name: each.values for each in await Measures(database, THREE).figures()}
    return {labels: value for labels, value in found[metric].items() if value}


THREE = timedelta(minutes=3)


async def deliver(
    connection: asyncpg.Connection, account: AccountId, channel: str, **columns: object
) -> None:
    """A delivery with these columns; each to a device of its own."""
    entry = uuid4()
    await connection.execute(
        """insert into inbox_entry (account_id, inbox_entry_id, tenant, event_id, kind, arguments)
           values ($1, $2, 'a.example', $2, 'nominated', ''::bytea)""",
        account,
        entry,
    )
    given = {"delivery_id": uuid4(), "account_id": account, "inbox_entry_id": entry}
    given |= {"device_id": uuid4(), "channel": channel, "expires_at": utc_now()} | columns
    places = ", ".join(f"${place}" for place in range(1, len(given) + 1))
    await connection.execute(
        f"insert into delivery ({', '.join(given)}) values ({places})",
        *given.values(),
    )


async def test_the_outbox_by_lane_and_by_why_it_waits(database: Database):
    account = await log_in(AccountTable(database))
    now = utc_now()
    async with database.transaction() as connection:
        await deliver(connection, account, "fcm", created_at=now - timedelta(minutes=1))
        await deliver(connection, account, "fcm", held_until=now + timedelta(hours=8))
        await deliver(connection, account, "fcm", held_until=now - timedelta(minutes=7))
        await deliver(connection, account, "fcm", state="failed", finished_at=now)
        await deliver(connection, account, "fcm", state="accepted", finished_at=now)
        await deliver(connection, account, "fcm", carried_by=uuid4())
        merging = {"created_at": now - timedelta(minutes=4), "merges": True}
        await deliver(connection, account, "web_push", **merging)

    assert await labelled(database, "erasmus_outbox_rows") == {
        ("fcm", "waiting"): 1,
        ("fcm", "held"): 1,
        ("fcm", "late"): 1,
        ("fcm", "failed"): 1,
        ("web_push", "waiting"): 1,
    }
    ages = await labelled(database, "erasmus_outbox_oldest_age_seconds")
    assert {lane: round(age, -1) for lane, age in ages.items()} == {
        ("fcm",): 420,
        ("web_push",): 60,  # three minutes of the four it was to wait for others
    }


async def test_jobs_by_kind_and_state_but_for_pushes(database: Database):
    async with database.transaction() as connection:
        for kind in ("fetch", "fetch", "fetch", "deliver"):
            await enqueue(connection, kind, {})
        await enqueue(connection, "poll", {}, due=utc_now() + timedelta(hours=1))
    queue = JobQueue(database)
    _, dead = await queue.claim(2, timedelta(seconds=30), uuid4(), ["fetch"])
    await queue.bury(dead, "gone")
    await database.execute("update job set due = now() - interval '1 min' where kind = 'fetch'")

    assert await labelled(database, "erasmus_jobs") == {
        ("fetch", "running"): 1,
        ("fetch", "dead"): 1,
        ("fetch", "waiting"): 1,
        ("poll", "planned"): 1,
    }
    overdue = await labelled(database, "erasmus_jobs_overdue_seconds")
    assert {kind: round(age, -1) for kind, age in overdue.items()} == {("fetch",): 60}


async def test_a_job_whose_worker_died_is_late_from_the_end_of_its_lease(database: Database):
    async with database.transaction() as connection:
        await enqueue(connection, "plan-polls", {})
    await JobQueue(database).claim(1, timedelta(seconds=30), uuid4())
    assert await labelled(database, "erasmus_jobs_overdue_seconds") == {}

    await database.execute("update job set lease_until = now() - interval '5 min'")
    overdue = await labelled(database, "erasmus_jobs_overdue_seconds")
    assert {kind: round(age, -1) for kind, age in overdue.items()} == {("plan-polls",): 300}


async def test_freshness_is_of_the_pair_that_was_read_longest_ago_and_is_still_read(
    database: Database,
):
    async with database.transaction() as connection:
        await connection.execute(
            """insert into poll_state (tenant, hei_id, api, last_success_began_at)
               values ('a.example', 'gone.example', 'omobilities', now() - interval '9 days'),
                      ('a.example', 'b.example', 'omobilities', now() - interval '2 h'),
                      ('a.example', 'c.example', 'omobilities', now()),
                      ('a.example', 'd.example', 'omobilities', null)"""
        )
        for hei in "bcd":
            key = f"poll a.example {hei}.example omobilities"
            await enqueue(connection, "poll", {}, dedupe_key=key)

    ages = await labelled(database, "ewp_freshness_seconds")
    assert {api: round(age / 60) for api, age in ages.items()} == {("omobilities",): 120}
    assert await labelled(database, "erasmus_polls") == {
        ("omobilities", "synchronised"): 3,
        ("omobilities", "first"): 1,
    }


async def test_a_notification_is_remembered_by_what_its_transaction_writes(database: Database):
    account = await log_in(AccountTable(database))
    heard = utc_now() - timedelta(seconds=2)
    async with database.transaction() as connection:
        await connection.execute(
            "select set_config('erasmus.heard_at', $1, true)", heard.isoformat()
        )
        await deliver(connection, account, "fcm")
    async with database.transaction() as connection:  # on the same connection, as a rule
        await deliver(connection, account, "fcm")

    rows = await database.fetch("select heard_at from delivery order by heard_at")
    assert [row["heard_at"] for row in rows] == [heard, None]


GROWING = ("delivery", "job", "poll_state", "device")
FIRSTS: list[tuple[str, tuple[object, ...]]] = [
    (measures._OLDEST, (LANES, THREE)),
    (measures._OVERDUE, ()),
    (measures._STALEST, (["omobilities"],)),
]
COUNTS: list[tuple[str, tuple[object, ...]]] = [
    (measures._OUTBOX, (LANES, MOST_COUNTED)),
    (measures._FAILED, (MOST_COUNTED,)),
    (measures._JOBS, (MOST_COUNTED,)),
    (measures._POLLS, (["omobilities"], MOST_COUNTED)),
    (measures._DEVICES, ()),
]


async def plan(database: Database, statement: str, given: tuple[object, ...]) -> str:
    """How a statement would be answered, were the tables large: then walking through is dear."""
    async with database.transaction() as connection:
        await connection.execute("set local enable_seqscan = off")
        await connection.execute("set local enable_bitmapscan = off")
        rows = await connection.fetch(f"explain {statement}", *given)
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize(("statement", "given"), FIRSTS + COUNTS)
async def test_nothing_that_grows_is_read_through(
    database: Database, statement: str, given: tuple[object, ...]
):
    found = await plan(database, statement, given)

    assert [each for each in GROWING if f"Seq Scan on {each}" in found] == []
    assert "Index" in found


@pytest.mark.parametrize(("statement", "given"), FIRSTS)
async def test_who_wants_the_first_does_not_read_them_all(
    database: Database, statement: str, given: tuple[object, ...]
):
    lines = (await plan(database, statement, given)).splitlines()
    sorts = [
        key
        for node, key in pairwise(lines)
        if "Sort Key" in key and "Merge Append" not in node  # of partitions that are in order
    ]
    assert [each for each in sorts if "kind" not in each] == []
