"""How often an account may ask, while Valkey counts and while it is away."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from erasmus_app.chat import limits
from erasmus_app.chat.limits import Allowance, CountsInMemory
from erasmus_app.errors import EngineFailed, TooManyQuestions
from erasmus_app.ids import AccountId

INES, TIAGO = AccountId(UUID(int=1)), AccountId(UUID(int=2))


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 2, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Away:
    async def add(self, account: AccountId, window: timedelta) -> tuple[int, timedelta]:
        raise EngineFailed("away")


async def refused(allowance: Allowance, account: AccountId, times: int) -> list[int]:
    """Ask so often; return after how many seconds there may be more, for each that was refused."""
    found = []
    for _ in range(times):
        try:
            await allowance.take(account)
        except TooManyQuestions as error:
            found.append(error.after)
    return found


def an_allowance(clock: Clock, **given: int) -> tuple[Allowance, list[str]]:
    told: list[str] = []
    known = {"a_minute": 2, "a_day": 3} | given
    alone = CountsInMemory(clock)
    return Allowance(counts=Away(), alone=alone, away=lambda: told.append("away"), **known), told


async def test_a_minute_and_a_day_each_have_their_own_end():
    clock = Clock()
    allowance, _ = an_allowance(clock)

    assert await refused(allowance, INES, 3) == [60]
    clock.now += timedelta(seconds=61)
    assert await refused(allowance, INES, 1) == []
    [left] = await refused(allowance, INES, 1)
    assert left == 24 * 3600 - 61
    clock.now += timedelta(days=1)
    assert await refused(allowance, INES, 2) == []


async def test_each_account_has_its_own():
    allowance, _ = an_allowance(Clock())
    await refused(allowance, INES, 10)

    assert await refused(allowance, TIAGO, 2) == []


async def test_that_the_counts_are_away_is_told_and_students_are_answered():
    allowance, told = an_allowance(Clock())

    assert await refused(allowance, INES, 2) == []
    assert told == ["away", "away"]


async def test_what_a_process_counts_by_itself_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "MOST_KNOWN", 10)
    alone = CountsInMemory(Clock())
    for number in range(50):
        await alone.add(AccountId(UUID(int=number)), limits.MINUTE)

    assert len(alone._known) == 10
