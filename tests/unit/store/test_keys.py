"""What lives in Valkey, on a real one; and what an operator sees."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from erasmus_app.errors import EngineFailed
from erasmus_app.identity.models import CodeForApp, LoginUnderWay
from erasmus_app.ids import AccountId
from erasmus_app.store.embedded import embedded_valkey
from erasmus_app.store.embedded.folder import free_port
from erasmus_app.store.keys import RedisLoginStates

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
