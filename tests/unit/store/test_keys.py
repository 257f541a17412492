"""What lives in Valkey, on a real one; and what an operator sees."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from databases import VAULT
from redis.asyncio import Redis
from unit.store.samples import HOME, log_in

from erasmus_app.errors import EngineFailed
from erasmus_app.identity.models import CodeForApp, LoginUnderWay
from erasmus_app.ids import AccountId
from erasmus_app.kit.clock import utc_now
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.embedded import embedded_valkey
from erasmus_app.store.embedded.folder import free_port
from erasmus_app.store.jobs import JobQueue, enqueue
from erasmus_app.store.keys import RedisLoginStates
from erasmus_app.store.operations import OperationsView
from erasmus_app.store.records import RecordTable

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOGIN = LoginUnderWay(
    state="s", nonce="n", verifier="v" * 43, cookie="c", app_challenge="a", return_to="app://x"
)
CODE = CodeForApp(account_id=AccountId(uuid4()), challenge="a")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def redis_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with embedded_valkey(tmp_path_factory.mktemp("valkey") / "data") as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as redis:
        await redis.flushall()
        yield redis


async def test_a_login_under_way_is_taken_once_and_lives_for_ten_minutes(redis: Redis):
    states = RedisLoginStates(redis)
    await states.keep_login(LOGIN)
    seconds = await redis.ttl("login:s")

    assert 595 < seconds <= 600
    assert [await states.take_login(each) for each in ("other", "s", "s")] == [None, LOGIN, None]


async def test_a_one_time_code_is_taken_once_and_lives_for_a_minute(redis: Redis):
    states = RedisLoginStates(redis)
    await states.keep_code("code", CODE)
    seconds = await redis.ttl("app-code:code")

    assert 55 < seconds <= 60
    assert [await states.take_code(each) for each in ("other", "code", "code")] == [
        None,
        CODE,
        None,
    ]


async def test_a_code_is_no_state_and_the_other_way_round(redis: Redis):
    states = RedisLoginStates(redis)
    await states.keep_login(LOGIN)
    await states.keep_code("c", CODE)

    assert (await states.take_code("s"), await states.take_login("c")) == (None, None)


async def test_losing_everything_is_a_login_to_start_again(redis: Redis):
    states = RedisLoginStates(redis)
    await states.keep_login(LOGIN)
    await redis.flushall()

    assert await states.take_login("s") is None


@pytest.mark.parametrize("wrong", ["nobody listens", "another password"])
async def test_valkey_away_is_one_clear_line_without_a_secret(redis_url: str, wrong: str):
    url = (
        f"redis://:a-secret@127.0.0.1:{free_port()}/0"
        if wrong == "nobody listens"
        else f"redis://:a-secret@{redis_url.rpartition('@')[2]}"
    )
    async with Redis.from_url(url) as redis:
        states = RedisLoginStates(redis)
        for call in (
            lambda: states.keep_login(LOGIN),
            lambda: states.take_login("s"),
            lambda: states.keep_code("c", CODE),
            lambda: states.take_code("c"),
        ):
            with pytest.raises(EngineFailed, match="ERASMUS_APP_REDIS_URL") as failed:
                await call()
            assert "a-secret" not in str(failed.value)
            assert "\n" not in str(failed.value)


@pytest_asyncio.fixture(loop_scope="module")
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, VAULT) as database:
        yield database


def a_view(database: Database, redis: Redis, age: timedelta | None) -> OperationsView:
    return OperationsView(database, redis, lambda: age, JobQueue(database, utc_now))


async def test_all_is_well_or_says_what_is_not(database: Database, redis: Redis):
    hours = {None: "none yet", 1: "ok", 26: "older than 25 hours"}
    for age, told in hours.items():
        view = a_view(database, redis, None if age is None else timedelta(hours=age))
        assert await view.checks() == {
            "database": "ok",
            "migrations": "ok",
            "redis": "ok",
            "catalogue": told,
        }
    await database.execute("update alembic_version set version_num = '0000'")
    checks = await a_view(database, redis, timedelta(0)).checks()
    assert checks["migrations"] == "not up to date"


async def test_engines_that_are_away_are_told_and_nothing_is_raised(
    database: Database, redis: Redis
):
    await database.pool.close()
    async with Redis.from_url(f"redis://127.0.0.1:{free_port()}/0") as nobody:
        checks = await a_view(database, nobody, timedelta(0)).checks()

    assert checks == {
        "database": "InterfaceError",
        "migrations": "InterfaceError",
        "redis": "ConnectionError",
        "catalogue": "ok",
    }


async def test_numbers_count_rows_by_what_they_are(database: Database, redis: Redis):
    await log_in(AccountTable(database))
    async with database.transaction() as connection:
        for kind in ("fetch", "fetch", "fetch", "poll"):
            await enqueue(connection, kind, {})
    queue = JobQueue(database, utc_now)
    running, dead = await queue.claim(2, timedelta(seconds=30), uuid4(), ["fetch"])
    await queue.bury(dead, "gone")
    records = RecordTable(database)
    for _ in range(2):
        await records.count_refusal(HOME, "omobility-cnr", "signature_invalid")
    await database.execute(
        """insert into poll_state (tenant, hei_id, api, first_sync_done_at)
           values ('a.example', 'b.example', 'omobilities', now()),
                  ('a.example', 'c.example', 'omobilities', null)"""
    )
    await database.execute("insert into retained values ('access_log', 3, now())")

    assert running.kind == "fetch"
    assert await a_view(database, redis, timedelta(seconds=5)).numbers() == {
        "erasmus_polls": {"first": 1.0, "synchronised": 1.0},
        "erasmus_jobs": {
            "fetch running": 1.0,
            "fetch dead": 1.0,
            "fetch waiting": 1.0,
            "poll waiting": 1.0,
        },
        "erasmus_deliveries": {},
        "erasmus_retained_rows": {"access_log": 3.0},
        "ewp_refusals": {"omobility-cnr signature_invalid": 2.0},
        "ewp_catalogue_age_seconds": {"": 5.0},
    }
