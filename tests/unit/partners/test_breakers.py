"""A partner that does not answer is left alone, and looked at again by one call."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from erasmus_app.ids import HeiId
from erasmus_app.partners.breakers import AT_ONCE, FIRST, Breakers, Resting, Silent

UNI, OTHER = HeiId("uni.example"), HeiId("other.example")


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 2, 28, 23, 59, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breakers(clock: Clock) -> Breakers:
    return Breakers(clock)


async def asks(breakers: Breakers, hei: HeiId = UNI, api: str = "omobilities") -> str:
    try:
        async with breakers.call(hei, api):
            return "asked"
    except Resting:
        return "left alone"


async def falls_silent(breakers: Breakers) -> None:
    with pytest.raises(Silent):
        async with breakers.call(UNI, "omobilities"):
            raise Silent


async def test_one_silence_opens_it_for_that_partner_and_api_alone(breakers: Breakers):
    assert await asks(breakers) == "asked"
    await falls_silent(breakers)

    assert await asks(breakers) == "left alone"
    assert await asks(breakers, api="omobility-las") == "asked"
    assert await asks(breakers, hei=OTHER) == "asked"


async def test_a_refusal_is_an_answer(breakers: Breakers):
    with pytest.raises(ValueError, match="400"):
        async with breakers.call(UNI, "omobilities"):
            raise ValueError("400")

    assert await asks(breakers) == "asked"


async def test_when_its_time_is_over_one_call_goes_to_see_and_closes_it(
    breakers: Breakers, clock: Clock
):
    await falls_silent(breakers)
    clock.now += FIRST

    async with breakers.call(UNI, "omobilities"):
        assert await asks(breakers) == "left alone"
    assert await asks(breakers) == "asked"


async def test_it_stays_open_longer_each_time(breakers: Breakers, clock: Clock):
    for _ in range(12):
        await falls_silent(breakers)
        state = breakers._states[UNI, "omobilities"]
        assert state.until is not None
        assert FIRST / 2 <= state.until - clock.now <= timedelta(minutes=30)
        clock.now = state.until

    assert breakers._states[UNI, "omobilities"].failures == 12


async def test_a_look_that_was_cancelled_lets_another_go(breakers: Breakers, clock: Clock):
    await falls_silent(breakers)
    clock.now += FIRST
    with pytest.raises(asyncio.CancelledError):
        async with breakers.call(UNI, "omobilities"):
            raise asyncio.CancelledError

    assert await asks(breakers) == "asked"


async def test_who_waits_for_a_turn_is_sent_away_when_the_partner_falls_silent(breakers: Breakers):
    hanging = asyncio.Event()

    async def hangs() -> None:
        async with breakers.call(UNI, "omobilities"):
            await hanging.wait()
            raise Silent

    under_way = [asyncio.create_task(hangs()) for _ in range(AT_ONCE)]
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(asks(breakers)) for _ in range(20)]
    hanging.set()

    assert await asyncio.gather(*waiting) == ["left alone"] * 20
    assert [type(each) for each in await asyncio.gather(*under_way, return_exceptions=True)] == [
        Silent
    ] * AT_ONCE
