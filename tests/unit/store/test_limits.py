"""What is owed, in a real Valkey: shared, hashed, gone by itself, and away."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from uuid import uuid4

import psutil
import pytest
from databases import PATIENCE, VAULT, until
from redis.asyncio import Redis

from erasmus_app.errors import EngineFailed, LimitsAway, TooMany
from erasmus_app.kit.clock import elapsed
from erasmus_app.limits.keeping import Limits
from erasmus_app.limits.ports import Charge
from erasmus_app.limits.rules import RULES, Limit, load_rules
from erasmus_app.store.embedded import embedded_valkey
from erasmus_app.store.limits import RedisCounts

RULE = RULES[Limit.CHANGING]  # 240 in a minute: each a quarter of a second


@pytest.fixture
async def redis(valkey: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey) as redis:
        yield redis


@pytest.fixture
def counts(redis: Redis) -> RedisCounts:
    return RedisCounts(redis, VAULT, PATIENCE)


def somebody() -> str:
    return str(uuid4())


def owing(seconds: float, who: str) -> Charge:
    return Charge(RULE, who, seconds)


async def test_a_debt_is_how_long_its_key_lives_and_nobody_can_be_read_there(
    counts: RedisCounts, redis: Redis
):
    who = somebody()
    key = counts.key(owing(0, who))
    assert await counts.add([owing(20, who)]) == [20.0]

    assert 15_000 < await redis.pttl(key) <= 20_000
    assert await redis.get(key) == b""
    assert key.startswith("limit:changing:")
    assert len(key) == len("limit:changing:") + 16
    assert who not in key
    other = RedisCounts(redis, type(VAULT).of([b"d" * 32], b"m" * 32), PATIENCE)
    assert other.key(owing(0, who)) != key


async def test_all_are_taken_or_none(counts: RedisCounts):
    full, free = somebody(), somebody()
    await counts.add([owing(59.9, full)])

    [wait, none] = await counts.take([owing(10, full), owing(10, free)])
    assert 5 < wait <= 9.9
    assert none == 0
    assert await counts.look([owing(60, free)]) == [0.0]  # it owes nothing
    assert await counts.take([owing(60, free)]) == [0.0]
    [wait] = await counts.look([owing(60, free)])
    assert 55 < wait <= 60


async def test_nobody_owes_more_than_twice_the_rule(counts: RedisCounts):
    who = somebody()
    found = [await counts.add([owing(50, who)]) for _ in range(4)]

    assert found[-1] == [120.0]


async def test_a_clock_that_is_set_locks_nobody_out_for_longer_than_the_rule(
    counts: RedisCounts, redis: Redis
):
    who = somebody()
    await redis.set(counts.key(owing(0, who)), "", px=7_200_000)  # as one set back by two hours

    assert await counts.look([owing(10, who)]) == [10.0]
    assert await counts.add([owing(1, who)]) == [120.0]


async def test_two_processes_share_what_is_taken_at_once(redis: Redis):
    rules, who = load_rules(["login=3/600"]), somebody()
    processes = [
        Limits(rules=rules, counts=RedisCounts(redis, VAULT, PATIENCE), elapsed=elapsed)
        for _ in range(2)
    ]
    for process in (*processes, processes[0]):
        await process.take((Limit.LOGIN, who))

    for process in processes:
        with pytest.raises(TooMany) as refused:
            await process.take((Limit.LOGIN, who))
        assert 150 < refused.value.after <= 200


async def test_two_processes_hear_of_each_other_when_they_settle(redis: Redis):
    rules, who = load_rules(["reading=100/600"]), somebody()
    here, there = (
        Limits(rules=rules, counts=RedisCounts(redis, VAULT, PATIENCE), elapsed=elapsed)
        for _ in range(2)
    )
    here.spend(Limit.READING, who, 90)
    there.spend(Limit.READING, who, 9)
    await here.settle()
    await there.settle()

    with pytest.raises(TooMany):
        there.spend(Limit.READING, who, 9)


async def test_settling_goes_on_beside_the_work(redis: Redis):
    counts, who = RedisCounts(redis, VAULT, PATIENCE), somebody()
    limits = Limits(rules=RULES, counts=counts, elapsed=elapsed)
    keeping = asyncio.create_task(limits.keep())
    for number in range(1_200):  # more than go at once
        limits.spend(Limit.EXPORT, f"{who} {number}")
    await until(lambda: not limits._unsettled)
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping

    rule = RULES[Limit.EXPORT]
    waits = await counts.look([Charge(rule, f"{who} {n}", rule.seconds) for n in range(1_200)])
    assert all(waits)


async def test_valkey_is_killed_and_comes_back(folder: Path):
    who = somebody()
    async with embedded_valkey(folder) as url, Redis.from_url(url) as redis:
        limits = Limits(rules=RULES, counts=RedisCounts(redis, VAULT, PATIENCE), elapsed=elapsed)
        await limits.take((Limit.LOGIN, who))
        os.kill(_server(url), signal.SIGKILL)

        async def is_closed() -> bool:
            try:
                await limits.take((Limit.LOGIN, who))
            except LimitsAway:
                return True
            return False

        await until(is_closed)
        for _ in range(RULE.most):
            await limits.take((Limit.CHANGING, who))

        async def is_full() -> bool:
            with contextlib.suppress(TooMany):
                await limits.take((Limit.CHANGING, who))
                return False
            return True

        await until(is_full)

        async def is_open() -> bool:
            return not await is_closed()

        await until(is_open)  # whoever keeps it has started it anew
        await limits.settle()
        [owed] = await limits.counts.add([owing(0, who)])
        assert owed > 0


async def test_a_valkey_that_hangs_costs_a_moment_and_then_nothing():
    reached = 0

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal reached
        reached += 1
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    async with server, Redis.from_url(f"redis://127.0.0.1:{port}/0") as redis:
        counts = RedisCounts(redis, VAULT, 0.05)
        limits = Limits(rules=RULES, counts=counts, elapsed=lambda: 0.0)
        began = monotonic()
        for _ in range(100):
            with pytest.raises(LimitsAway):
                await limits.take((Limit.LOGIN, "here"))
        assert monotonic() - began < PATIENCE  # were each one waited for, nobody would answer
        assert reached == 1
        with pytest.raises(EngineFailed, match="did not answer in time"):
            await counts.look([owing(1, "here")])


async def test_a_loop_that_was_busy_is_no_valkey_that_is_away(redis: Redis):
    counts = RedisCounts(redis, VAULT, 0.2)
    await redis.ping()

    async def be_busy() -> None:
        began = monotonic()
        while monotonic() - began < 0.3:  # nobody else runs meanwhile
            pass

    busy = asyncio.create_task(be_busy())
    found = await counts.look([owing(1, somebody())])
    await busy
    assert found == [0.0]


def _server(url: str) -> int:
    """The process that listens there."""
    port = int(url.rpartition(":")[2].partition("/")[0])
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any(c.status == "LISTEN" and c.laddr.port == port for c in each.net_connections()):
                return each.pid
    raise AssertionError(f"nobody listens at {port}")
