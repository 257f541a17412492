"""An api's word that it is late, as workers hear it."""

from pathlib import Path

from redis.asyncio import Redis

from erasmus_app.store.crowding import KEY, Crowding
from erasmus_app.store.embedded import embedded_valkey


async def test_a_word_of_one_api_is_heard_for_a_moment(valkey: str):
    async with Redis.from_url(valkey) as api, Redis.from_url(valkey) as worker:
        await api.delete(KEY)
        assert await Crowding(worker).told() == 1
        await Crowding(api).tell(2.5, 0.5)
        assert 0 < await worker.pttl(KEY) <= 500
        assert await Crowding(worker).told() == 2.5
        await Crowding(api).tell(2.5, 7)
        assert 500 < await worker.pttl(KEY) <= 1000


async def test_without_valkey_nobody_hears_of_it_and_nothing_fails(tmp_path: Path):
    async with embedded_valkey(tmp_path) as url:
        pass
    async with Redis.from_url(url) as redis:
        await Crowding(redis).tell(2.5, 1)
        assert await Crowding(redis).told() == 1
