"""Behind a pooler that lends a connection for a transaction; `make test-pooled` asks for more."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from databases import VAULT, until
from pooler import BEHIND, PROGRAM, pooler_running

from erasmus_app.errors import EngineFailed
from erasmus_app.store.database import Database, open_database

pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed"),
    pytest.mark.skipif(BEHIND, reason="everything is behind one"),
]


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    with pooler_running(dsn, servers=2) as pooled:
        async with open_database(pooled, VAULT, direct=dsn, size=8) as database:
            yield database


async def test_statements_of_many_share_two_connections(database: Database):
    async def of_texts(number: int) -> list[str]:
        rows = await database.fetch("select $1 || n as text from generate_series(1, 2) n", "a")
        return [row["text"] for row in rows]

    async def of_numbers(number: int) -> int:
        found: int = await database.fetchval("select $1::bigint * $2::bigint", number, number)
        return found

    async def of_json(number: int) -> object:
        return await database.fetchval("select $1::jsonb", {"number": number})

    found = await asyncio.gather(
        *(each(number) for number in range(100) for each in (of_texts, of_numbers, of_json))
    )
    wanted = ((["a1", "a2"], number**2, {"number": number}) for number in range(100))

    assert found == [each for three in wanted for each in three]


async def test_many_rows_are_written_as_one_transaction(database: Database):
    await database.execute("create table number (number int primary key)")
    write = "insert into number values ($1)"
    await database.pool.executemany(write, [(1,), (2,)])
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.pool.executemany(write, [(3,), (1,)])

    assert await database.fetchval("select array_agg(number order by number) from number") == [1, 2]


async def test_cursors_of_other_processes_leave_nothing_in_the_way(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    async def count(upto: int) -> list[int]:
        async with database.transaction() as connection:
            monkeypatch.setattr("asyncpg.connection._uid", 0)  # as in a process that has begun
            rows = connection.cursor("select n from generate_series(1, $1) n", upto, prefetch=2)
            return [row["n"] async for row in rows]

    found = [await count(upto) for upto in range(5)]

    assert found == [list(range(1, upto + 1)) for upto in range(5)]


async def test_who_is_cancelled_in_the_line_before_it_does_not_stay_there(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("erasmus_app.store.database.ROLLBACK_SECONDS", 0.2)
    async with database.locked("a"), database.locked("b"), asyncio.timeout(30):
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), database.locked("c"):
                    raise AssertionError("there is no third server")
    async with database.locked("c") as connection:
        assert await connection.fetchval("select 1") == 1


async def test_what_must_listen_goes_past_it(database: Database):
    async with database.listening("news") as heard:
        await until(heard.is_set)  # listening: something may have been missed before
        heard.clear()
        await database.execute("notify news")
        await until(heard.is_set)


async def test_who_does_not_say_that_there_is_one_is_told_what_to_set(database: Database):
    with pytest.raises(EngineFailed) as refused:
        async with open_database(database.dsn, VAULT):
            pass

    assert str(refused.value) == (
        "PostgreSQL cannot be reached: unsupported startup parameter: jit; look at "
        "ERASMUS_APP_DATABASE_URL: it leads to a pooler, so set ERASMUS_APP_DATABASE_DIRECT_URL "
        "as well"
    )
