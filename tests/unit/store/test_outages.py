"""Engines that are gone, full or read-only: what is told, and what comes back by itself."""

import asyncio
import socket
from urllib.parse import urlsplit

import asyncpg
import pytest
from databases import VAULT
from pooler import past
from redis.exceptions import ConnectionError as RedisGone

from erasmus_app.errors import EngineFailed, RequestInvalid, SettingsInvalid, Unavailable
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.embedded.folder import free_port
from erasmus_app.store.keys import RedisLoginStates, open_redis
from erasmus_app.store.outages import is_away, is_outage, outage, told_of

FULL, READ_ONLY = asyncpg.DiskFullError("x"), asyncpg.ReadOnlySQLTransactionError("x")
STARTS, CRASHED = asyncpg.CannotConnectNowError("x"), asyncpg.CrashShutdownError("x")
BROKEN, CLOSED = asyncpg.ConnectionDoesNotExistError("x"), asyncpg.InterfaceError("pool is closed")
NO_NAME, LATE = socket.gaierror(-2, "Name or service not known"), TimeoutError()
OURS, WRONG = asyncpg.UniqueViolationError("x"), asyncpg.InterfaceError("expects 1 argument")
SLOW = asyncpg.QueryCanceledError("x")
ERRORS = (FULL, READ_ONLY, STARTS, CRASHED, BROKEN, CLOSED, NO_NAME, LATE, OURS, WRONG, SLOW)


def test_outages_are_told_from_what_is_a_matter_of_the_statement():
    told = [outage(each) for each in (*ERRORS, RedisGone(), EngineFailed(), KeyError())]

    assert [each and each.reason for each in told] == [
        "database_full",
        "database_read_only",
        *["database_away"] * 6,
        *[None] * 3,
        "valkey_away",
        "valkey_away",
        None,
    ]
    assert [each for each in ERRORS if is_away(each)] == list(ERRORS[:8])
    assert [each for each in ERRORS if is_outage(each)] == [FULL, READ_ONLY, STARTS]


def test_a_text_that_cannot_be_kept_is_a_matter_of_whoever_sent_it():
    told = [told_of(each) for each in (asyncpg.CharacterNotInRepertoireError("x"), FULL, OURS)]

    assert [each and (type(each), each.status) for each in told] == [
        (RequestInvalid, 400),
        (Unavailable, 503),
        None,
    ]


@pytest.fixture
def dsn(dsn: str) -> str:
    """A way that no pooler is on: none passes on what a server says of itself."""
    return past(dsn) or dsn


async def pid(database: Database) -> int:
    found: int = await database.fetchval("select pg_backend_pid()")
    return found


async def set_read_only(dsn: str, value: str) -> None:
    connection = await asyncpg.connect(
        dsn, server_settings={"default_transaction_read_only": "off"}
    )
    name = urlsplit(dsn).path[1:]
    await connection.execute(f"alter database {name} set default_transaction_read_only = {value}")
    await connection.close()


async def test_a_connection_to_a_server_that_takes_no_writes_is_made_anew(dsn: str):
    await set_read_only(dsn, "on")
    async with open_database(dsn, VAULT, size=1, renew=0) as database:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await database.execute("insert into job (kind, payload) values ('a', '{}')")
        first = await pid(database)
        await set_read_only(dsn, "off")

        await database.execute("insert into job (kind, payload) values ('a', '{}')")
        second = await pid(database)
        assert second != first
        assert await pid(database) == second  # and is kept from then on


async def test_of_several_hosts_the_one_that_takes_writes_is_used(dsn: str):
    parts = urlsplit(dsn)
    user, _, host = parts.netloc.rpartition("@")
    several = f"postgresql://{user}@127.0.0.1:{free_port()},{host}{parts.path}?sslmode=disable"

    async with open_database(f"{several}&target_session_attrs=primary", VAULT) as database:
        assert await database.fetchval("select 1") == 1
    with pytest.raises(EngineFailed, match="DATABASE_URL") as refused:
        async with open_database(f"{several}&target_session_attrs=standby", VAULT):
            pass
    assert "\n" not in str(refused.value)


async def test_a_name_that_is_not_found_is_one_line():
    with pytest.raises(EngineFailed, match=r"cannot be reached: .*DATABASE_URL$") as refused:
        async with open_database("postgresql://a@nowhere.invalid/a"):
            pass
    assert "\n" not in str(refused.value)


async def test_a_valkey_that_has_fallen_silent_is_not_waited_for_for_long():
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    over = asyncio.Event()
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with open_redis(f"redis://127.0.0.1:{port}/0") as redis:
            with pytest.raises(EngineFailed, match="Valkey cannot be reached"):
                await RedisLoginStates(redis).take_code("guessed")
        over.set()


@pytest.mark.parametrize("url", ["valkey.internal:6379", "redis://:geheim@valkey:x/0"])
def test_an_address_that_is_none_of_valkeys_is_one_line_without_its_password(url: str):
    with pytest.raises(SettingsInvalid, match=r"^ERASMUS_APP_REDIS_URL: ") as refused:
        open_redis(url)
    assert "geheim" not in str(refused.value)


async def test_nobody_waits_for_a_connection_for_long(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("erasmus_app.store.database.WAIT_SECONDS", 0.2)
    async with open_database(dsn, VAULT, size=1) as database:
        async with database.transaction():
            with pytest.raises(TimeoutError) as late:
                await database.fetchval("select 1")
        assert is_away(late.value)
        assert await database.fetchval("select 1") == 1
