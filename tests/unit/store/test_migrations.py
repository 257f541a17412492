"""Migrations, and the database behind the pool."""

import asyncio

import asyncpg
import pytest
from databases import VAULT, DatabaseServer, database_of_old
from subscribers import told

from erasmus_app.errors import EngineFailed
from erasmus_app.store.database import open_database
from erasmus_app.store.embedded.folder import free_port
from erasmus_app.store.inbox import InboxTable
from erasmus_app.store.versions import Standing, standing, upgrade


@pytest.fixture
async def empty_dsn(database_server: DatabaseServer):
    connection = await asyncpg.connect(database_server.dsn)
    await connection.execute("create database bare")
    yield database_server.direct_dsn_of("bare")
    await connection.execute("drop database bare with (force)")
    await connection.close()


async def test_an_empty_database_is_not_current_and_an_upgrade_makes_it_so(empty_dsn: str):
    before = await standing(empty_dsn)

    await upgrade(empty_dsn)
    await upgrade(empty_dsn)  # nothing is left to do

    async with open_database(empty_dsn) as database:
        after = await standing(database)
    assert (before.found, before.fits, len(before.missing) > 20) == (None, False, True)
    assert (after, after.fits) == (Standing(after.wanted, after.wanted, None, ()), True)


async def test_upgrades_that_start_together_take_turns(empty_dsn: str):
    await asyncio.gather(*(upgrade(empty_dsn) for _ in range(4)))

    assert (await standing(empty_dsn)).fits


async def test_a_transaction_that_fails_leaves_nothing(dsn: str):
    async with open_database(dsn, VAULT) as database:

        async def half_a_change() -> None:
            async with database.transaction() as connection:
                await connection.execute("insert into job (kind, payload) values ('a', '{}')")
                raise KeyError

        with pytest.raises(KeyError):
            await half_a_change()
        assert await database.fetchval("select count(*) from job") == 0


async def test_values_of_jsonb_come_back_as_they_went(dsn: str):
    value = {"title": "Inês", "steps": [1, None, True], "deep": {"a": "b"}}
    async with open_database(dsn, VAULT) as database:
        assert await database.fetchval("select $1::jsonb", value) == value
        assert await database.fetchval("select $1::text::jsonb", '{"a": 1}') == {"a": 1}


async def test_a_restart_of_the_server_is_survived_by_pool_and_listener(dsn: str):
    async with open_database(dsn, VAULT) as database, database.listening("news") as heard:
        await asyncio.wait_for(heard.wait(), 10)
        heard.clear()
        other = await asyncpg.connect(dsn)
        await other.execute(
            """select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid()"""
        )
        await asyncio.wait_for(heard.wait(), 10)  # it listens again
        heard.clear()
        await other.execute("notify news")
        await asyncio.wait_for(heard.wait(), 10)
        await other.close()

        assert await database.fetchval("select 1") == 1


async def test_a_server_that_is_not_there_is_one_clear_line():
    port = free_port()
    with pytest.raises(EngineFailed, match="DATABASE_URL") as found:
        async with open_database(f"postgresql://nobody@127.0.0.1:{port}/none"):
            pass
    assert "\n" not in str(found.value)


async def test_messages_of_before_stand_in_the_order_in_which_the_inbox_shows_them(
    database_server: DatabaseServer,
):
    async with database_of_old(database_server, "0011") as dsn:
        old = await asyncpg.connect(dsn)
        account = await old.fetchval("insert into account default values returning account_id")
        await old.execute(
            """insert into inbox_entry (account_id, inbox_entry_id, tenant, event_id, kind,
                   arguments, created_at)
               select $1, gen_random_uuid(), 'ribeira.example', gen_random_uuid(), 'welcome',
                   '\\x007b7d', now() - make_interval(secs => random() * 10)
               from generate_series(1, 50)""",
            account,
        )
        await old.close()
        await upgrade(dsn, VAULT)
        async with open_database(dsn, VAULT) as database:
            inbox = InboxTable(database)
            shown = await inbox.entries(account, first=100, after=None)
            assert list(await inbox.behind(account, 0, 100)) == list(reversed(shown))
            await told(database, account, 1)
            newest = await inbox.place(account, None)

    assert [each.place for each in reversed(shown)] == list(range(1, 51))
    assert newest == 51


async def test_how_polls_stood_is_what_an_office_sees_of_partners_at_first(
    database_server: DatabaseServer,
):
    async with database_of_old(database_server, "0014") as dsn:
        old = await asyncpg.connect(dsn)
        await old.execute(
            """insert into poll_state (tenant, hei_id, api, last_success_began_at, last_attempt_at,
                   last_error, failures)
               select 'ribeira.example', of.* from (values
                   ('a.example', 'omobilities', timestamptz '2026-11-01 12:00Z',
                       timestamptz '2026-11-02 12:00Z', 'x', 3),
                   ('b.example', 'omobilities', '2026-11-03 12:00Z', '2026-11-03 12:00Z', null, 0),
                   ('c.example', 'omobilities', null, null, null, 0)) as of"""
        )
        await old.execute(
            """insert into person (tenant) values ('ribeira.example');
               insert into mobility (tenant, person_id, sending_hei_id, omobility_id,
                   receiving_hei_id, record, sealed)
               select tenant, person_id, tenant, 'om-1', 'a.example', '{}', '' from person"""
        )
        await old.close()
        await upgrade(dsn, VAULT)
        async with open_database(dsn, VAULT) as database:
            rows = await database.fetch(
                """select hei_id, last_success_at::date::text, last_failure_at::date::text,
                       last_failure, failures from partner_health order by hei_id"""
            )
            due = await database.fetchval("select waits_until = '-infinity' from mobility")

    assert [tuple(row) for row in rows] == [
        ("a.example", "2026-11-01", "2026-11-02", "x", 3),
        ("b.example", "2026-11-03", None, None, 0),
        ("c.example", None, None, None, 0),
    ]
    assert due is True
