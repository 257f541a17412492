"""Upgrades that are disturbed, that others run beside, and programs that meet other tables."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from databases import VAULT, DatabaseServer, database_of_old, until, waits_for_a_lock

from erasmus_app.cli.tables import status
from erasmus_app.errors import EngineFailed
from erasmus_app.settings import load_settings
from erasmus_app.store.database import open_database
from erasmus_app.store.versions import MIGRATIONS, see_tables, standing, upgrade

TAKES_LONG = "perform pg_sleep(3600)"  # until whoever waits is ended
NO_ROOM = "raise exception using errcode = '53100', message = 'could not extend file'"


@pytest.fixture
async def old(database_server: DatabaseServer) -> AsyncIterator[str]:
    async with database_of_old(database_server, "0026") as dsn:
        yield dsn


async def in_the_middle(dsn: str, then: str) -> None:
    """Let something happen when the next migration has made its first table."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        f"""create function in_the_middle() returns event_trigger language plpgsql as
                $$ begin {then}; end $$;
            create event trigger in_the_middle on ddl_command_end when tag in ('CREATE TABLE')
                execute function in_the_middle()"""
    )
    await connection.close()


async def without_what_happened(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("drop event trigger in_the_middle; drop function in_the_middle")
    await connection.close()


async def sleeping(dsn: str) -> int | None:
    """Return the process of PostgreSQL that is in the middle of a migration."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(
            """select pid from pg_stat_activity
               where datname = current_database() and wait_event = 'PgSleep'"""
        )
    finally:
        await connection.close()


async def is_as_it_was(dsn: str) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        left: str | None = await connection.fetchval(
            "select to_regclass('unanswered_question')::text"
        )
    finally:
        await connection.close()
    return (left, (await standing(dsn)).found) == (None, "0026")


async def test_an_upgrade_whose_connection_is_cut_in_the_middle_can_be_done_again(old: str):
    await in_the_middle(old, TAKES_LONG)
    upgrading = asyncio.create_task(upgrade(old, VAULT))
    await until(lambda: sleeping(old))
    connection = await asyncpg.connect(old)
    await connection.execute("select pg_terminate_backend($1)", await sleeping(old))
    await connection.close()

    with pytest.raises(EngineFailed, match=r"are of version 0026, .* can be started again"):
        await upgrading
    assert await is_as_it_was(old)
    await without_what_happened(old)
    await upgrade(old, VAULT)
    assert (await standing(old)).fits


async def test_an_upgrade_that_is_killed_in_the_middle_can_be_done_again(old: str, tmp_path: Path):
    await in_the_middle(old, TAKES_LONG)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "erasmus_app.cli", "db", "upgrade"),
        env={
            **os.environ,
            "ERASMUS_APP_DATABASE_URL": old,
            "ERASMUS_APP_REDIS_URL": "redis://127.0.0.1:1",
            "ERASMUS_APP_PUBLIC_URL": "https://backend.example",
            "ERASMUS_APP_DATA_DIR": str(tmp_path),
        },
    )
    await until(lambda: sleeping(old))
    process.send_signal(signal.SIGKILL)
    await process.wait()
    pid = await sleeping(old)  # which sees only when it is done that nobody asks any more
    connection = await asyncpg.connect(old)
    await connection.execute("select pg_cancel_backend($1)", pid)
    await connection.close()

    await without_what_happened(old)  # waits for the dead one's transaction to be rolled back
    assert await is_as_it_was(old)
    await upgrade(old, VAULT)
    assert (await standing(old)).fits


async def test_an_upgrade_without_room_says_so_and_changes_nothing(old: str):
    await in_the_middle(old, NO_ROOM)

    with pytest.raises(EngineFailed, match=r"no room \(could not extend file\); make some.* 0026"):
        await upgrade(old, VAULT)
    assert await is_as_it_was(old)


async def test_whoever_reads_beside_an_upgrade_that_has_to_wait_is_served(
    database_server: DatabaseServer,
):
    async with database_of_old(database_server, "0023") as dsn:  # after which `job` is altered
        long, other = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
        reads = long.transaction()
        await reads.start()
        await long.fetch("select from job")

        upgrading = asyncio.create_task(upgrade(dsn, VAULT))
        await until(lambda: waits_for_a_lock(other))
        await other.fetch("select from job")  # would wait for `long`'s end behind the upgrade
        await reads.rollback()
        await upgrading

        await long.close()
        await other.close()
        assert (await standing(dsn)).fits


async def test_an_upgrade_that_waits_for_too_long_gives_up_with_a_line(
    database_server: DatabaseServer,
):
    async with database_of_old(database_server, "0023") as dsn:
        connection = await asyncpg.connect(dsn)
        await connection.execute("begin; select from job")

        with pytest.raises(EngineFailed, match=r"given up waiting for somebody's transaction"):
            await upgrade(dsn, VAULT, patience=0)
        await connection.close()
        assert (await standing(dsn)).found == "0023"


# --- made-up migrations


def migrations(folder: Path, **steps: str) -> Path:
    """Write migrations `v0001`, ... with their SQL; a name that ends in `_alone` is one that is."""
    folder.mkdir()
    shutil.copy(MIGRATIONS / "env.py", folder)
    (folder / "versions").mkdir()
    runs = (MIGRATIONS / "versions" / "0028_reach.py").read_text().partition("def upgrade")
    before: str | None = None
    for name, sql in steps.items():
        revision = name[1:5]
        head = f"revision = {revision!r}\ndown_revision = {before!r}\n"
        alone = f"alone = {name.endswith('_alone')}\n"
        imports = "from pathlib import Path\nfrom alembic import op\n"
        text = f'"""What {revision} brings."""\n{imports}{head}{alone}\n\n{runs[1]}{runs[2]}'
        (folder / "versions" / f"{name}.py").write_text(text)
        (folder / "versions" / f"{name}.sql").write_text(sql)
        before = revision
    return folder


FIRST = "create table shelf (book text); create table schema_reach (oldest text)"
INDEX = """-- On a table that has grown.
drop index concurrently if exists shelf_book;
create index concurrently shelf_book on shelf (book);
"""


@pytest.fixture
async def empty(database_server: DatabaseServer) -> AsyncIterator[str]:
    async with database_of_old(database_server, "base") as dsn:
        yield dsn


async def test_each_step_stays_though_the_next_one_fails(empty: str, tmp_path: Path):
    broken = migrations(tmp_path / "broken", v0001=FIRST, v0002="create table x (); select 1 / 0")
    with pytest.raises(EngineFailed, match=r"division by zero; the tables are of version 0001"):
        await upgrade(empty, scripts=broken)

    mended = migrations(tmp_path / "mended", v0001=FIRST, v0002="create table x ()")
    assert (await standing(empty, mended)).missing == (("0002", "What 0002 brings."),)
    await upgrade(empty, scripts=mended)
    assert (await standing(empty, mended)).fits


async def test_an_index_is_made_beside_writers_by_whoever_is_first(empty: str, tmp_path: Path):
    scripts = migrations(tmp_path / "made", v0001=FIRST, v0002_alone=INDEX, v0003="select 1")
    writer = await asyncpg.connect(empty)

    await asyncio.gather(*(upgrade(empty, scripts=scripts) for _ in range(3)))

    valid = await writer.fetchval(
        "select indisvalid from pg_index where indexrelid = 'shelf_book'::regclass"
    )
    await writer.close()
    assert (valid, (await standing(empty, scripts)).found) == (True, "0003")


async def test_an_older_program_works_with_newer_tables_until_they_say_that_it_may_not(
    empty: str, tmp_path: Path
):
    reach = "insert into schema_reach (oldest) values ('0001')"
    new = {"v0001": FIRST, "v0002": reach, "v0003": "update schema_reach set oldest = '0002'"}
    await upgrade(empty, scripts=migrations(tmp_path / "new", **new))

    seen = {}
    for number in (1, 2, 3):
        program = migrations(tmp_path / f"{number}", **dict(list(new.items())[:number]))
        how = await standing(empty, program)
        seen[how.wanted] = (how.found, how.oldest, how.fits, how.too_new)
        if how.too_new:
            with pytest.raises(EngineFailed) as refused:
                await upgrade(empty, scripts=program)
        else:
            await upgrade(empty, scripts=program)

    assert seen == {
        "0001": ("0003", "0002", False, True),
        "0002": ("0003", "0002", True, False),
        "0003": ("0003", None, True, False),
    }
    assert str(refused.value) == (
        "the tables are of version 0003, which works with programs of version 0002 and later; "
        "this program is of 0001: install the newer program, or restore the backup that was made "
        "before the upgrade"
    )


# --- this program


@pytest.mark.parametrize(
    ("sql", "wrong"),
    [
        ("update alembic_version set version_num = '0026'", r"are of version 0026.* db upgrade"),
        ("drop table alembic_version", r"are of version none.* db upgrade"),
        (
            "update alembic_version set version_num = '9999'; update schema_reach set oldest = '9'",
            r"are of version 9999.* this program is of",
        ),
        (
            "insert into alembic_version values ('0001')",
            r"versions 0001 and \d+ at once: .* into an empty database",
        ),
    ],
    ids=["older", "none", "newer", "of two at once"],
)
async def test_commands_refuse_tables_that_they_were_not_written_for(
    dsn: str, sql: str, wrong: str
):
    async with open_database(dsn, VAULT) as database:
        await see_tables(database)
        await database.execute(sql)
        with pytest.raises(EngineFailed, match=wrong) as refused:
            await see_tables(database)
    assert "\n" not in str(refused.value)


async def test_tables_that_are_a_little_newer_are_as_good(dsn: str):
    async with open_database(dsn, VAULT) as database:
        await database.execute("update alembic_version set version_num = '9999'")
        await see_tables(database)
        how = await standing(database)
    assert (how.fits, how.wrong) == (True, None)


async def test_the_status_of_the_tables_is_told_and_is_the_commands_own(
    dsn: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    settings = load_settings(
        {
            "ERASMUS_APP_DATABASE_URL": dsn,
            "ERASMUS_APP_REDIS_URL": "redis://127.0.0.1:1",
            "ERASMUS_APP_PUBLIC_URL": "https://backend.example",
            "ERASMUS_APP_DATA_DIR": str(tmp_path),
        }
    )
    wanted = (await standing(dsn)).wanted

    current = await status(settings), capsys.readouterr().out
    await done(dsn, "update alembic_version set version_num = '0027'")
    older = await status(settings), capsys.readouterr().out

    assert current == (0, f"tables: {wanted}\nprogram: {wanted}\n")
    assert (older[0], older[1].splitlines()[:3]) == (
        1,
        [
            "tables: 0027",
            f"program: {wanted}",
            "missing: 0028 Tables say themselves which programs may work with them.",
        ],
    )


async def done(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(sql)
    await connection.close()
