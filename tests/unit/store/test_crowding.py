"""An api's word that it is late, as workers hear it."""

import asyncio
from pathlib import Path

from redis.asyncio import Redis

from erasmus_app.store.crowding import KEY, LASTS, Crowding
from erasmus_app.store.embedded import embedded_valkey


async def test_a_word_of_one_api_is_heard_for_a_moment(valkey: str):
    async with Redis.from_url(valkey) as api, Redis.from_url(valkey) as worker:
        await api.delete(KEY)
        assert await Crowding(worker).told() == 1
        await Crowding(api).tell(2.5)
        assert 0 < await worker.pttl(KEY) <= LASTS
        assert await Crowding(worker).told() == 2.5


async def test_without_valkey_nobody_hears_of_it_and_nothing_fails(tmp_path: Path):
    async with embedded_valkey(tmp_path) as url:
        pass
    async with Redis.from_url(url) as redis:
        await Crowding(redis).tell(2.5)
        assert await Crowding(redis).told() == 1


async def test_who_tells_or_asks_again_and_again_ends_when_told_to(valkey: str):
    async with Redis.from_url(valkey, socket_timeout=2) as redis:
        crowding = Crowding(redis)

        async def tell() -> None:
            while True:
                await crowding.tell(2.5)

        async def ask() -> None:
            while True:
                await crowding.told()

        for number in range(300):
            tasks = {asyncio.create_task(each()) for each in (tell, ask)}
            await asyncio.sleep(number % 10 / 5000)  # in whatever it is doing
            for each in tasks:
                each.cancel()
            _, left = await asyncio.wait(tasks, timeout=5)
            assert not left
