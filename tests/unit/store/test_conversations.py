"""What a chat was about, on a real Valkey: for half an hour, an account's own, and may be lost."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from erasmus_app.chat.ports import MOST_TURNS, Turn
from erasmus_app.ids import AccountId, HeiId, MobilityId
from erasmus_app.store.embedded.folder import free_port
from erasmus_app.store.keys import RedisConversations

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
TURN = Turn(
    intent="la_status",
    mobility_id=MobilityId(UUID(int=1)),
    hei_ids=(HeiId("lindental.example"),),
    asked_back="mobility",
    language="pt",
    at=AT,
)


def turns(number: int) -> Iterator[Turn]:
    return (Turn(intent=f"intent {each}", at=AT) for each in range(number))


@pytest.fixture
async def redis(valkey: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey) as redis:
        yield redis


async def test_turns_are_found_again_in_their_order_by_their_account_alone(redis: Redis):
    conversations, account, other = RedisConversations(redis), AccountId(uuid4()), uuid4()
    await conversations.add(account, "c-1", TURN)
    await conversations.add(account, "c-1", Turn(at=AT))

    assert await conversations.turns(account, "c-1") == [TURN, Turn(at=AT)]
    assert await conversations.turns(account, "c-2") == []
    assert await conversations.turns(AccountId(other), "c-1") == []


async def test_the_latest_turns_are_kept_for_half_an_hour_after_the_last(redis: Redis):
    conversations, account = RedisConversations(redis), AccountId(uuid4())
    for each in turns(MOST_TURNS + 3):
        await conversations.add(account, "c", each)
        await redis.expire(f"chat:{account}:c", 60)
    await conversations.add(account, "c", TURN)

    kept = [*turns(MOST_TURNS + 3), TURN][-MOST_TURNS:]
    assert await conversations.turns(account, "c") == kept
    assert 1795 < await redis.ttl(f"chat:{account}:c") <= 1800


async def test_what_is_kept_holds_no_words(redis: Redis):
    account = AccountId(uuid4())
    await RedisConversations(redis).add(account, "c", TURN)

    assert await redis.lrange(f"chat:{account}:c", 0, -1) == [
        (
            b'{"intent":"la_status","mobility_id":"00000000-0000-0000-0000-000000000001",'
            b'"hei_ids":["lindental.example"],"asked_back":"mobility","language":"pt",'
            b'"at":"2026-11-20T12:00:00Z"}'
        )
    ]


async def test_what_another_version_wrote_is_not_known(redis: Redis):
    account = AccountId(uuid4())
    await redis.rpush(f"chat:{account}:c", b'{"at": 5}')
    await redis.set(f"chat:{account}:d", b"text")
    conversations = RedisConversations(redis)
    await conversations.add(account, "d", TURN)

    assert [await conversations.turns(account, each) for each in ("c", "d")] == [(), ()]


async def test_without_valkey_nothing_is_known_and_nothing_fails():
    async with Redis.from_url(f"redis://127.0.0.1:{free_port()}/0") as redis:
        conversations, account = RedisConversations(redis), AccountId(uuid4())
        await conversations.add(account, "c", TURN)

        assert await conversations.turns(account, "c") == ()
