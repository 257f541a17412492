"""What runs beside other work ends with it."""

import asyncio
from collections.abc import Awaitable, Callable
from importlib import import_module

import pytest
from redis.asyncio import Redis

from erasmus_app.bootstrap.beside import beside
from erasmus_app.store.crowding import Crowding

MODULE = import_module("erasmus_app.bootstrap.beside")  # the package has the function by its name


async def test_it_runs_until_the_block_is_left():
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Future()
        finally:
            ended.set()

    async with beside(work()):
        await asyncio.sleep(0)
        assert not ended.is_set()
    assert ended.is_set()


async def test_what_fails_beside_it_is_heard_of_when_the_block_is_left():
    async def work() -> None:
        raise ValueError("of no use")

    with pytest.raises(ValueError, match="of no use"):
        async with beside(work()):
            await asyncio.sleep(0)


async def test_who_keeps_a_cancellation_for_itself_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(MODULE, "AGAIN", 0.01)
    kept = []

    async def work() -> None:
        while len(kept) < 3:
            try:
                await asyncio.Future()
            except asyncio.CancelledError:
                kept.append("one")
        await asyncio.Future()

    async with asyncio.timeout(5), beside(work()):
        await asyncio.sleep(0)
    assert kept == ["one"] * 3


async def test_who_asks_valkey_again_and_again_ends_in_whatever_it_is_doing(
    valkey: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(MODULE, "AGAIN", 0.005)  # the client keeps some for itself
    ends = asyncio.get_running_loop().time() + 60  # where it fails it leaves nothing behind

    async def always(ask: Callable[[], Awaitable[object]]) -> None:
        while asyncio.get_running_loop().time() < ends:
            await ask()
            await asyncio.sleep(0.0005)
        raise AssertionError("it went on asking")

    async with Redis.from_url(valkey, socket_timeout=2) as redis:
        crowding = Crowding(redis)
        for number in range(100):
            async with (
                beside(always(lambda: crowding.tell(2.5, 1))),
                beside(always(crowding.told)),
            ):
                await asyncio.sleep(number % 10 / 5000)
