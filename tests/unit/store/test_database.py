"""Transactions by name, on a real server."""

import asyncio

import pytest
from databases import until, waits_for_a_lock

from erasmus_app.store.database import Database


async def days(database: Database) -> list[str]:
    return [str(row[0]) for row in await database.fetch("select day from refusal order by 1")]


INSERT = "insert into refusal (tenant, api, reason, day) values ('uni.example', 'a', 'b', '{}')"


async def test_those_of_one_name_wait_for_each_other_and_others_do_not(database: Database):
    order: list[str] = []
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with database.locked("om-1") as connection:
            inside.set()
            await go_on.wait()
            await connection.execute(INSERT.format("2028-02-29"))
            order.append("first")

    async def second() -> None:
        await inside.wait()
        async with database.locked("om-1"):
            order.append(f"second sees {await days(database)}")

    tasks = [asyncio.create_task(each()) for each in (first, second)]
    await inside.wait()
    async with database.locked("om-2"):
        order.append("another")
    await until(lambda: waits_for_a_lock(database))
    go_on.set()
    await asyncio.gather(*tasks)

    assert order == ["another", "first", "second sees ['2028-02-29']"]


@pytest.mark.parametrize("at_leisure", [True, False])
async def test_an_error_rolls_back_and_the_connection_is_as_before(
    database: Database, at_leisure: bool
):
    async def fails() -> None:
        async with database.locked("om-1", at_leisure=at_leisure) as connection:
            await connection.execute(INSERT.format("2026-11-25"))
            raise KeyError

    for _ in range(20):  # more often than there are connections
        with pytest.raises(KeyError):
            await fails()
    async with database.locked("om-1", at_leisure=at_leisure) as connection:
        await connection.execute(INSERT.format("2026-11-26"))

    assert await days(database) == ["2026-11-26"]


async def test_what_may_be_lost_in_a_crash_is_that_transaction_alone(database: Database):
    asked = "show synchronous_commit"
    await database.execute("set synchronous_commit = on")  # the server of tests is in a hurry
    async with database.locked("om-1", at_leisure=True) as connection:
        inside = await connection.fetchval(asked)
    async with database.locked("om-1") as connection:
        told = await connection.fetchval(asked)

    assert (inside, told, await database.fetchval(asked)) == ("off", "on", "on")


async def test_a_cancelled_wait_gives_the_connection_back(database: Database):
    async with database.locked("om-1"):
        for _ in range(12):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02), database.locked("om-1"):
                    raise AssertionError("two at once")
    async with database.locked("om-1"):
        pass


async def test_a_connection_that_ends_while_it_is_given_back_is_no_error(database: Database):
    """What a cancelled statement leaves behind ends in its own time: at any moment, thus then."""
    borrowed = await database.pool.acquire()
    real = borrowed._con
    giving_back = asyncio.ensure_future(database.pool.release(borrowed))
    await asyncio.sleep(0)
    real.terminate()
    await giving_back

    assert await database.fetchval("select 1") == 1
