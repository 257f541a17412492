"""What a balancer and an operator are told of a process, on real engines."""

import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from erasmus_app.store.database import Database
from erasmus_app.store.embedded.folder import free_port
from erasmus_app.store.operations import OperationsView

WELL = dict.fromkeys(
    ("draining", "database", "migrations", "redis", "catalogue", "signing_keys"), "ok"
)


@pytest.fixture
async def redis(valkey: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey) as redis:
        yield redis


def a_view(
    database: Database,
    redis: Redis,
    age: timedelta | None = timedelta(),
    unlisted: tuple[str, ...] = (),
) -> OperationsView:
    return OperationsView(
        database=database,
        redis=redis,
        catalogue_age=lambda: age,
        unlisted_keys=lambda: unlisted,
        patience=0.5,
    )


async def at(database: Database, revision: str) -> None:
    await database.execute("update alembic_version set version_num = $1", revision)


async def test_all_is_well_or_says_what_is_not(database: Database, redis: Redis):
    hours = {None: "none yet", 1: "ok", 26: "degraded: not confirmed for 25 hours"}
    for age, told in hours.items():
        view = a_view(database, redis, None if age is None else timedelta(hours=age))
        assert await view.checks() == WELL | {"catalogue": told}

    view = a_view(database, redis, unlisted=("a.example", "b.example"))
    told = "degraded: not in the catalogue: a.example, b.example"
    assert await view.checks() == WELL | {"signing_keys": told}

    view.drain()
    assert (await view.checks())["draining"] == "this process ends"


@pytest.mark.parametrize(("revision", "told"), [("0001", "not up to date"), ("a-later-one", "ok")])
async def test_tables_of_the_version_before_are_not_served_and_those_of_the_next_are(
    database: Database, redis: Redis, revision: str, told: str
):
    await at(database, revision)

    assert await a_view(database, redis).checks() == WELL | {"migrations": told}


async def test_engines_that_are_away_are_told_and_nothing_is_raised(
    database: Database, redis: Redis
):
    await database.pool.close()
    async with Redis.from_url(f"redis://127.0.0.1:{free_port()}/0") as nobody:
        checks = await a_view(database, nobody).checks()

    assert checks == WELL | {
        "database": "InterfaceError",
        "migrations": "InterfaceError",
        "redis": "degraded: nobody can log in: ConnectionError",
    }


async def test_an_engine_that_takes_connections_and_says_nothing_is_not_waited_for(
    database: Database,
):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        async with Redis.from_url(f"redis://127.0.0.1:{port}/0") as silent:
            checks = await a_view(database, silent).checks()

    assert checks == WELL | {"redis": "degraded: nobody can log in: TimeoutError"}


async def test_a_start_is_complete_once_and_for_all(database: Database, redis: Redis):
    await at(database, "0001")
    assert await a_view(database, redis, None).missing() == {
        "migrations": "not up to date",
        "catalogue": "none yet",
    }
    await at(database, "a-later-one")
    view = a_view(database, redis)
    assert await view.missing() == {}

    await database.pool.close()
    assert await view.missing() == {}
    assert await a_view(database, redis).missing() == {
        "database": "InterfaceError",
        "migrations": "InterfaceError",
    }
