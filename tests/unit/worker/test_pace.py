"""Workers take all of the time, and leave most of it where apps wait for an api."""

import asyncio
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.telemetry import lag
from erasmus_app.worker.pace import AHEAD, EVERY, LOOK, Pace


def work(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


async def shares(pace: Pace, *times: float) -> list[float]:
    found = []
    for each in times:
        pace.judge(each)
        found.append(round(pace.share, 3))
    return found


async def test_where_apis_are_late_it_takes_less_down_to_its_least():
    assert await shares(Pace(0.3), *[2.0] * 5) == [0.7, 0.49, 0.343, 0.3, 0.3]


async def test_the_later_they_are_the_less_it_takes_within_bounds():
    assert [(await shares(Pace(0.01), each))[0] for each in (1.05, 1.25, 4, 1000)] == [
        *(0.9, 0.8, 0.7, 0.7)
    ]


async def test_where_they_are_no_more_it_takes_more_step_by_step():
    pace = Pace(0.05, share=0.5)
    assert await shares(pace, 1, 1, 1) == [0.55, 0.605, 0.666]
    assert (await shares(pace, *[1] * 10))[-1] == 1


async def test_who_is_told_never_to_give_way_does_not():
    assert await shares(Pace(1.0), 2, 9) == [1, 1]


@given(st.lists(st.floats(1, 1e6), max_size=100), st.floats(0.001, 1))
def test_it_stays_between_its_least_and_all(told: list[float], least: float):
    async def live() -> None:
        assert all(least - 0.001 <= each <= 1 for each in await shares(Pace(least), *told))

    asyncio.run(live())


async def test_as_long_as_one_is_late_it_takes_its_least_and_judges_by_the_latest_of_a_while(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock)
    clock, pace, found = 1000.0, Pace(0.1), []
    for times in (1, 1.25, 1, 1.2, 1, 1):
        pace.hear(times)
        found.append((pace.allowed, pace.share))
        clock += EVERY / 4
    assert found == [(1, 1), (0.1, 1), (1, 1), (0.1, 1), (0.8, 0.8), (0.8, 0.8)]


async def test_it_works_no_more_than_it_has_earned():
    pace = Pace()
    pace.hear(1)  # which begins to reckon
    pace.share = 0.3
    begin, worked = asyncio.get_running_loop().time(), time.process_time()
    for _ in range(4):
        work(0.05)
        await pace.give_way()
    passed = asyncio.get_running_loop().time() - begin

    assert time.process_time() - worked <= 0.3 * passed + AHEAD + 0.01


async def test_it_goes_on_as_soon_as_nobody_is_late_any_more():
    pace = Pace(0.001)
    pace.hear(2)
    work(0.05)
    resting = asyncio.create_task(pace.give_way())  # for 40 s, as it looks now
    await asyncio.sleep(LOOK)
    assert not resting.done()
    pace.crowded, pace.share = False, 1.0
    async with asyncio.timeout(5):
        await resting


async def test_what_was_worked_before_the_crowd_came_is_owed_to_nobody(
    monkeypatch: pytest.MonkeyPatch,
):
    pace = Pace(0.01)
    work(0.1)
    pace.hear(5)
    monkeypatch.setattr(asyncio, "sleep", None)  # who would call it fails
    await pace.give_way()


async def test_who_ends_rests_no_more(monkeypatch: pytest.MonkeyPatch):
    pace = Pace(0.01)
    pace.hear(5)
    work(0.1)
    pace.hurry()
    monkeypatch.setattr(asyncio, "sleep", None)
    await pace.give_way()
    assert await shares(pace, 5) == [1]


async def test_less_is_under_way_where_there_is_a_crowd():
    found = [Pace(share=share).places(16) for share in (1, 0.5, 0.2, 0.01)]
    assert found == [16, 8, 3, 2]
    assert Pace(share=0.01).places(1) == 1


@pytest.mark.parametrize(
    ("late", "told"),
    [
        ([0.001] * 9, []),
        ([0.5] * 4, []),  # too few to tell
        ([0.001] * 3 + [2.0] * 2 + [0.001] * 3, []),  # long calculations, and turns between them
        ([0.001] * 2 + [0.01] * 3, [(2.0, 0.13)]),
        ([0.5] * 7, [(100.0, 1.6)] * 3),
        ([0.5] * 5 + [0.0] * 5, [(100.0, 1.6)] * 3),
    ],
)
async def test_an_api_tells_how_late_it_is_in_the_middle_of_its_last_turns(
    late: list[float], told: list[tuple[float, float]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lag, "process_time", lambda: 0.0)
    assert await told_of(late, monkeypatch) == told


async def test_who_is_late_with_a_core_of_its_own_tells_nobody(monkeypatch: pytest.MonkeyPatch):
    worked = itertools.count()  # seconds: more than have passed
    monkeypatch.setattr(lag, "process_time", lambda: next(worked))
    assert await told_of([0.5] * 18, monkeypatch) == []


async def told_of(late: list[float], monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    lateness, told = iter(late), list[tuple[float, float]]()

    async def latest(_seconds: float) -> float:
        if (found := next(lateness, None)) is None:
            raise asyncio.CancelledError
        return found

    async def tell(times: float, seconds: float) -> None:
        told.append((times, round(seconds, 3)))

    monkeypatch.setattr(lag, "_lateness", latest)
    with pytest.raises(asyncio.CancelledError):
        await lag.watch_crowds(tell)
    return told
