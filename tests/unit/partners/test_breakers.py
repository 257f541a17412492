"""A partner that does not answer is left alone, and no host is asked too much at once."""

import asyncio
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from erasmus_app.ids import HeiId
from erasmus_app.partners.breakers import (
    AT_ONCE,
    FIRST,
    LATEST,
    MOST,
    Breakers,
    Busy,
    Resting,
    Silent,
)

UNI, OTHER, THIRD = HeiId("uni.example"), HeiId("other.example"), HeiId("third.example")
HOST, ELSEWHERE = "ewp.provider.example", "ewp.uni.example:8443"


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


async def asks(
    breakers: Breakers, hei: HeiId = UNI, api: str = "omobilities", host: str = HOST
) -> str:
    try:
        async with breakers.call(host, hei, api):
            return "asked"
    except Resting:
        return "left alone"


async def falls_silent(breakers: Breakers, hei: HeiId = UNI) -> None:
    with pytest.raises(Silent):
        async with breakers.call(HOST, hei, "omobilities"):
            raise Silent


async def test_one_silence_opens_it_for_that_partner_and_api_alone(breakers: Breakers):
    assert await asks(breakers) == "asked"
    await falls_silent(breakers)

    assert await asks(breakers) == "left alone"
    assert await asks(breakers, api="omobility-las") == "asked"
    assert await asks(breakers, hei=OTHER) == "asked"
    assert await asks(breakers, host=ELSEWHERE) == "asked"


async def test_two_silent_heis_in_a_row_open_it_for_all_of_their_host(breakers: Breakers):
    await falls_silent(breakers)
    await falls_silent(breakers, OTHER)

    assert await asks(breakers, hei=THIRD) == "left alone"
    assert await asks(breakers, hei=THIRD, api="omobility-las") == "asked"
    assert await asks(breakers, hei=THIRD, host=ELSEWHERE) == "asked"


async def test_a_host_that_answered_in_between_is_not_left_alone(breakers: Breakers):
    await falls_silent(breakers)
    assert await asks(breakers, hei=THIRD) == "asked"
    await falls_silent(breakers, OTHER)

    assert await asks(breakers, hei=THIRD) == "asked"
    assert await asks(breakers, hei=OTHER) == "left alone"


async def test_when_a_host_comes_back_one_call_tells_for_all(breakers: Breakers, clock: Clock):
    await falls_silent(breakers)
    await falls_silent(breakers, OTHER)
    clock.now += FIRST

    async with breakers.call(HOST, THIRD, "omobilities"):
        assert await asks(breakers, hei=UNI) == "left alone"
    assert [await asks(breakers, hei=each) for each in (THIRD, UNI, OTHER)] == ["asked"] * 3


async def test_a_call_that_may_not_go_to_see_leaves_that_to_another(
    breakers: Breakers, clock: Clock
):
    await falls_silent(breakers)
    clock.now += FIRST
    await falls_silent(breakers)  # once more: it rests for longer than the host
    await falls_silent(breakers, OTHER)
    clock.now += FIRST
    host = breakers._states[HOST, "omobilities", None]
    own = breakers._states[HOST, "omobilities", UNI]
    assert host.until is not None
    own.until = clock.now + timedelta(hours=1)

    assert await asks(breakers) == "left alone"
    assert await asks(breakers, hei=THIRD) == "asked"


async def test_a_refusal_is_an_answer(breakers: Breakers):
    with pytest.raises(ValueError, match="400"):
        async with breakers.call(HOST, UNI, "omobilities"):
            raise ValueError("400")

    assert await asks(breakers) == "asked"


async def test_when_its_time_is_over_one_call_goes_to_see_and_closes_it(
    breakers: Breakers, clock: Clock
):
    await falls_silent(breakers)
    clock.now += FIRST

    async with breakers.call(HOST, UNI, "omobilities"):
        assert await asks(breakers) == "left alone"
    assert await asks(breakers) == "asked"


async def test_it_stays_open_longer_each_time(breakers: Breakers, clock: Clock):
    for _ in range(12):
        await falls_silent(breakers)
        state = breakers._states[HOST, "omobilities", UNI]
        assert state.until is not None
        assert FIRST / 2 <= state.until - clock.now <= timedelta(minutes=30)
        clock.now = state.until

    assert breakers._states[HOST, "omobilities", UNI].failures == 12


async def test_a_look_that_was_cancelled_lets_another_go(breakers: Breakers, clock: Clock):
    await falls_silent(breakers)
    clock.now += FIRST
    with pytest.raises(asyncio.CancelledError):
        async with breakers.call(HOST, UNI, "omobilities"):
            raise asyncio.CancelledError

    assert await asks(breakers) == "asked"


def test_a_host_has_a_few_places_and_the_last_is_for_what_is_urgent(breakers: Breakers):
    with ExitStack() as taken:
        for _ in range(AT_ONCE - 1):
            taken.enter_context(breakers.turn([HOST]))
        with pytest.raises(Busy), breakers.turn([HOST]):
            pass
        with breakers.turn([HOST], urgent=True), pytest.raises(Busy):
            taken.enter_context(breakers.turn([HOST], urgent=True))
        with breakers.turn([ELSEWHERE]):
            pass
    with breakers.turn([HOST]):
        pass


def test_who_needs_two_hosts_takes_both_places_or_none(breakers: Breakers):
    with ExitStack() as taken:
        for _ in range(AT_ONCE - 1):
            taken.enter_context(breakers.turn([HOST]))
        for _ in range(AT_ONCE):
            with pytest.raises(Busy):
                taken.enter_context(breakers.turn([ELSEWHERE, HOST]))
        with breakers.turn([ELSEWHERE]), breakers.turn([ELSEWHERE]):
            pass


def test_the_longer_the_line_the_later_one_comes_again(breakers: Breakers):
    def sent_away() -> float:
        try:
            with breakers.turn([HOST]):
                return 0
        except Busy as busy:
            return busy.after

    with ExitStack() as taken:
        for _ in range(AT_ONCE - 1):
            taken.enter_context(breakers.turn([HOST]))
        waits = [sent_away() for _ in range(1000)]
    assert waits == sorted(waits)
    assert 0 < waits[0] < 1
    assert waits[-1] == LATEST
    assert sent_away() == 0


async def test_an_operator_sees_which_hosts_are_left_alone_and_no_others(
    breakers: Breakers, clock: Clock
):
    assert await asks(breakers, host=ELSEWHERE) == "asked"
    assert breakers.circuits() == {}
    await falls_silent(breakers)
    assert breakers.circuits() == {HOST: 2.0}
    clock.now += MOST
    assert breakers.circuits() == {HOST: 1.0}  # the next call is to see
    assert await asks(breakers) == "asked"
    assert breakers.circuits() == {}
