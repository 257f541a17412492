"""Who keeps the rules: by debts that time pays off, alone and with others."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from erasmus_app.errors import EngineFailed, LimitsAway, TooMany
from erasmus_app.limits import keeping
from erasmus_app.limits.keeping import Left, Limits
from erasmus_app.limits.ports import Charge
from erasmus_app.limits.rules import Limit, load_rules

RULES = load_rules(["reading=60/60", "changing=3/60", "login=2/60", "feed=off"])


class Time:
    """What has elapsed, as a test has it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Shared:
    """Debts in memory, for all processes of a test; away where so told. Nothing is paid off."""

    def __init__(self) -> None:
        self.debts: dict[tuple[str, str], float] = {}
        self.away = False
        self.asked = 0

    def _waits(self, charges: Sequence[Charge]) -> list[float]:
        self.asked += 1
        if self.away:
            raise EngineFailed("away")
        owed = [self.debts.get((each.rule.name, each.who), 0.0) for each in charges]
        return [
            max(0.0, owes + each.cost - each.rule.seconds)
            for owes, each in zip(owed, charges, strict=True)
        ]

    async def take(self, charges: Sequence[Charge]) -> list[float]:
        waits = self._waits(charges)
        if not any(waits):
            await self.add(charges)
        return waits

    async def look(self, charges: Sequence[Charge]) -> list[float]:
        return self._waits(charges)

    async def add(self, charges: Sequence[Charge]) -> list[float]:
        self._waits(charges)
        for each in charges:
            key = (each.rule.name, each.who)
            self.debts[key] = self.debts.get(key, 0.0) + each.cost
        return [self.debts[each.rule.name, each.who] for each in charges]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def shared() -> Shared:
    return Shared()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def limits(time: Time, shared: Shared, told: list[str]) -> Limits:
    return a_process(time, shared, told)


def a_process(time: Time, shared: Shared, told: list[str]) -> Limits:
    return Limits(
        rules=RULES, counts=shared, elapsed=time, away=lambda: told.append(f"away at {time.now}")
    )


def wait(call: Callable[[], object]) -> int:
    """For how long somebody is refused."""
    with pytest.raises(TooMany) as refused:
        call()
    return refused.value.after


async def refusal(call: Awaitable[object]) -> TooMany:
    with pytest.raises(TooMany) as refused:
        await call
    return refused.value


def test_what_is_spent_comes_back_bit_by_bit(limits: Limits, time: Time):
    left = [limits.spend(Limit.CHANGING, "ines") for _ in range(3)]
    refused = wait(lambda: limits.spend(Limit.CHANGING, "ines"))
    time.now += 20

    assert left == [Left(RULES[Limit.CHANGING], 3 - n, 20 * n) for n in (1, 2, 3)]
    assert [each.header for each in left if each] == [
        f'"changing";r={3 - n};t={20 * n}' for n in (1, 2, 3)
    ]
    assert refused == 20
    assert limits.spend(Limit.CHANGING, "ines") is not None
    assert wait(lambda: limits.spend(Limit.CHANGING, "ines")) == 20
    assert limits.refused == {"changing": 2}


def test_what_is_dear_counts_as_such_and_nothing_is_dearer_than_all(limits: Limits, time: Time):
    limits.spend(Limit.READING, "ines", 50)

    assert wait(lambda: limits.spend(Limit.READING, "ines", 30)) == 20
    assert limits.spend(Limit.READING, "ines", 10) == Left(RULES[Limit.READING], 0, 60)
    time.now += 60
    assert limits.spend(Limit.READING, "ines", 10_000) == Left(RULES[Limit.READING], 0, 60)


def test_nobody_pays_for_another_and_who_cannot_be_told_pays_nothing(limits: Limits):
    for _ in range(3):
        limits.spend(Limit.CHANGING, "ines")

    assert limits.spend(Limit.CHANGING, "tiago") is not None
    assert [limits.spend(Limit.CHANGING, None) for _ in range(9)] == [None] * 9
    assert [limits.spend(Limit.FEED, "tiago") for _ in range(9)] == [None] * 9


async def test_reading_asks_nobody_and_is_settled_afterwards(
    limits: Limits, shared: Shared, time: Time, told: list[str]
):
    other = a_process(time, shared, told)
    for _ in range(2):
        limits.spend(Limit.CHANGING, "ines")
        other.spend(Limit.CHANGING, "ines")
    assert shared.asked == 0

    await limits.settle()
    await other.settle()
    assert shared.debts == {("changing", "ines"): 80.0}
    assert wait(lambda: other.spend(Limit.CHANGING, "ines")) == 40  # it was too much by one
    await limits.settle()
    assert limits.spend(Limit.CHANGING, "ines") is not None  # has heard of two only
    await limits.settle()
    assert wait(lambda: limits.spend(Limit.CHANGING, "ines")) == 60


async def test_who_comes_now_and_then_is_nothing_to_tell_the_others_of(
    limits: Limits, shared: Shared, time: Time
):
    for _ in range(10):
        limits.spend(Limit.READING, "ines", 2)
        time.now += 10  # it is paid by then
    await limits.settle()
    assert shared.asked == 0

    for _ in range(2):
        limits.spend(Limit.READING, "ines", 2)
    await limits.settle()
    assert shared.debts == {("reading", "ines"): 4.0}


async def test_what_is_taken_is_taken_from_all_at_once_or_from_none(limits: Limits):
    both = ((Limit.LOGIN, "here"), (Limit.CHANGING, "ines"))
    for _ in range(2):
        await limits.take(*both)
    refused = await refusal(limits.take(*both))

    assert (refused.code, refused.after, refused.limit) == ("too_many_requests", 30, "login")
    assert refused.headers == {
        "Retry-After": "30",
        "RateLimit-Policy": '"login";q=2;w=60',
        "RateLimit": '"login";r=0;t=30',
    }
    await limits.take((Limit.CHANGING, "ines"))  # the third, as the refused one did not count
    assert (await refusal(limits.take((Limit.CHANGING, "ines")))).limit == "changing"


async def test_failures_are_counted_when_they_have_happened_and_looked_at_before(
    limits: Limits, time: Time, shared: Shared
):
    for _ in range(9):  # as many as came before anybody looked
        limits.count(Limit.LOGIN, "here")

    assert (await refusal(limits.look((Limit.LOGIN, "here")))).after == 30
    await limits.settle()
    other = a_process(time, shared, [])
    assert (await refusal(other.look((Limit.LOGIN, "here")))).after == 30
    await limits.look((Limit.LOGIN, "elsewhere"))
    assert await other.waits((Limit.LOGIN, "here"), (Limit.FEED, "x")) == {Limit.LOGIN: 30.0}


async def test_while_valkey_is_away_reading_is_open_and_login_is_closed(
    limits: Limits, shared: Shared, time: Time
):
    shared.away = True
    for call in (limits.take, limits.look, limits.waits):
        with pytest.raises(LimitsAway) as closed:
            await call((Limit.LOGIN, "here"))
        assert closed.value.headers == {"Retry-After": "5"}
    for _ in range(3):
        await limits.take((Limit.CHANGING, "ines"))
    await limits.look((Limit.READING, "ines"))

    assert (await refusal(limits.take((Limit.CHANGING, "ines")))).after == 20
    assert limits.refused == {"login away": 3, "changing": 1}
    time.now += 1.5
    shared.away = False
    await limits.take((Limit.LOGIN, "here"))
    await limits.settle()
    assert shared.debts == {("login", "here"): 30.0, ("changing", "ines"): 60.0}


async def test_that_it_is_away_is_told_once_a_minute_and_asked_once_a_second(
    limits: Limits, shared: Shared, time: Time, told: list[str]
):
    shared.away = True
    for _ in range(125):
        for _ in range(10):
            limits.spend(Limit.READING, "ines", 0.1)
            await limits.take((Limit.CHANGING, None), (Limit.ANONYMOUS, "tiago"))
            await limits.settle()
        time.now += 1

    assert shared.asked == 125
    assert told == ["away at 1000.0", "away at 1060.0", "away at 1120.0"]


async def test_an_answer_that_was_late_for_a_reading_refuses_nobody_a_login(
    limits: Limits, shared: Shared
):
    shared.away = True
    await limits.take((Limit.ANONYMOUS, "tiago"))
    shared.away = False

    await limits.take((Limit.LOGIN, "tiago"))

    assert shared.asked == 3  # the last is a look and an addition


async def test_a_closed_rule_that_is_counted_here_is_closed_as_well(shared: Shared, time: Time):
    rules = load_rules(["changing=3/60 closed"])
    limits = Limits(rules=rules, counts=shared, elapsed=time)
    shared.away = True
    limits.spend(Limit.CHANGING, "ines")  # nobody knows yet
    await limits.settle()

    with pytest.raises(LimitsAway):
        limits.spend(Limit.CHANGING, "ines")


async def test_what_comes_while_it_is_settled_is_not_lost(
    limits: Limits, shared: Shared, monkeypatch: pytest.MonkeyPatch
):
    add = shared.add

    async def slow(charges: Sequence[Charge]) -> list[float]:
        limits.spend(Limit.CHANGING, "ines")
        return await add(charges)

    limits.spend(Limit.CHANGING, "ines")
    monkeypatch.setattr(shared, "add", slow)
    await limits.settle()
    monkeypatch.undo()

    assert limits.spend(Limit.CHANGING, "ines") == Left(RULES[Limit.CHANGING], 0, 60)
    await limits.settle()
    assert shared.debts == {("changing", "ines"): 60.0}


async def test_what_a_process_knows_is_bounded_and_forgotten_when_paid(
    limits: Limits, time: Time, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(keeping, "MOST_KNOWN", 10)
    for number in range(50):
        limits.spend(Limit.CHANGING, str(number))
    assert len(limits._debts) == len(limits._unsettled) == 10
    await limits.settle()
    time.now += 61
    limits.spend(Limit.CHANGING, "ines")
    limits.tidy()

    assert list(limits._debts) == [(Limit.CHANGING, "ines")]
