"""Keeps the rules.

Two ways to count. What is rare and dear (a login, a claim) is asked of Valkey each time: `take`.
What is frequent and cheap (reading) costs no round trip: each process counts by itself, `spend`,
and once a second hands on what is worth it and hears what the others have. So `n` processes may let
through up to `n` times `most` in the first second of a storm, and from then on no more than the
rule says, as what was too much has to be waited for; but for a twentieth of it in each process.

While Valkey is away, rules that are open are counted by each process alone, and those that are
closed let nobody in. Time is what has elapsed, not what a clock says: clocks may be set.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from erasmus_app.errors import EngineFailed, LimitsAway, TooMany
from erasmus_app.limits.ports import Charge, Counts, Who, is_closed
from erasmus_app.limits.rules import Away, Limit, Rule

SETTLED_EACH = 1.0  # seconds
SHARED_FROM = 0.05  # of what a rule allows: who has come once is nothing to tell the others of
BATCH = 500  # debts handed on at once
MOST_KNOWN = 50_000  # debts that a process knows; the one known longest is forgotten
TIDIED_EACH = 30  # settlements
LEFT_ALONE = 1.0  # seconds for which Valkey is not asked after it has failed
TOLD_EACH = 60.0  # seconds between two lines that it is away
AFTER = 5  # seconds, in which a caller that was not let in may try again

Asked = tuple[Limit, Who | None]
"""A rule and who is counted; None: nobody can tell, and nobody is."""


@dataclass(slots=True)
class _Debt:
    """What somebody owes, as this process knows it."""

    rule: Rule
    until: float  # when all is paid, in elapsed seconds
    owed: float = 0.0  # of it what is not handed on yet


class Left(NamedTuple):
    """What is left under a rule."""

    rule: Rule
    units: int
    seconds: int  # until all of it is there again

    @property
    def header(self) -> str:
        """What `RateLimit` says of it."""
        return f'"{self.rule.name}";r={self.units};t={self.seconds}'


@dataclass(slots=True, kw_only=True)
class Limits:
    """Counts, and refuses."""

    rules: Mapping[Limit, Rule]
    counts: Counts
    elapsed: Callable[[], float]  # seconds
    away: Callable[[], None] = lambda: None  # told once a minute while Valkey is
    refused: Counter[str] = field(default_factory=Counter)  # by rule, since the start
    _debts: dict[tuple[Limit, Who], _Debt] = field(default_factory=dict)
    _unsettled: set[tuple[Limit, Who]] = field(default_factory=set)
    # When Valkey is asked again: of what is open without it, and of what is closed.
    _again: dict[bool, float] = field(default_factory=lambda: {False: -math.inf, True: -math.inf})
    _tell: float = -math.inf

    def spend(self, limit: Limit, who: Who | None, cost: float = 1) -> Left | None:
        """Count here, without a round trip; return what is left, None where there is no rule.

        Raises:
            TooMany: it is more than may be. It is not counted.
            LimitsAway: Valkey is, and the rule is a closed one.
        """
        rule = self.rules.get(limit)
        if rule is None or who is None:
            return None
        if rule.away is Away.CLOSED and self.elapsed() < self._again[False]:
            raise self._closed(rule)
        price = min(cost * rule.step, rule.seconds)
        debt, now = self._debt(rule, who), self.elapsed()
        owes = max(debt.until - now, 0.0) + price
        if owes > rule.seconds:
            raise self._too_many(rule, owes - rule.seconds)
        self._owe((limit, who), debt, now, price)
        return Left(rule, int((rule.seconds - owes) / rule.step), math.ceil(owes))

    def count(self, limit: Limit, who: Who | None) -> None:
        """Count what has happened already, a failure say; `look` refuses the next."""
        rule = self.rules.get(limit)
        if rule is not None and who is not None:
            debt, now = self._debt(rule, who), self.elapsed()
            if debt.until - now < rule.seconds:
                self._owe((limit, who), debt, now, rule.step)

    async def take(self, *asked: Asked) -> None:
        """Count under several rules, or under none, for all processes, at once.

        Raises:
            TooMany: under one of them it is more than may be.
            LimitsAway: Valkey is, and one of them is closed.
        """
        charges = self._charges(asked)
        try:
            waits = await self._asked(charges, lambda: self.counts.take(charges))
        except EngineFailed:
            self._none_closed(charges)
            for rule, who, _ in charges:
                self.spend(rule.name, who)
            return
        self._refuse(charges, waits)

    async def look(self, *asked: Asked) -> None:
        """Refuse as `take` does, and count nothing."""
        charges = self._charges(asked)
        self._refuse(charges, await self._waits(charges))

    async def waits(self, *asked: Asked) -> dict[Limit, float]:
        """Return for how many seconds `take` would refuse, under each rule that there is.

        Raises LimitsAway as `take` does.
        """
        charges = self._charges(asked)
        waits = await self._waits(charges)
        return {each.rule.name: wait for each, wait in zip(charges, waits, strict=True)}

    async def keep(self) -> None:
        """Hand on what was counted here, and hear of the others', until cancelled."""
        for number in range(1, 1 << 62):
            await asyncio.sleep(SETTLED_EACH)
            await self.settle()
            if number % TIDIED_EACH == 0:
                self.tidy()

    async def settle(self) -> None:
        """Do so once. Where Valkey is away, it is for the next time."""
        waiting = [*self._unsettled]
        for start in range(0, len(waiting), BATCH):
            keys = waiting[start : start + BATCH]
            part = [(each, self._debts[each]) for each in keys if each in self._debts]
            given = [debt.owed for _, debt in part]
            charges = [Charge(debt.rule, who, debt.owed) for (_, who), debt in part]
            try:
                owed = await self._reached(lambda charges=charges: self.counts.add(charges))  # type: ignore[misc]
            except EngineFailed:
                return
            now = self.elapsed()
            for (key, debt), was, is_now in zip(part, given, owed, strict=True):
                debt.owed -= was  # something may have come meanwhile
                debt.until = now + is_now + debt.owed
                if debt.owed <= 0:
                    self._unsettled.discard(key)

    def tidy(self) -> None:
        """Forget who owes nothing."""
        now = self.elapsed()
        paid = [
            key
            for key, debt in self._debts.items()
            if debt.until <= now and key not in self._unsettled
        ]
        for key in paid:
            del self._debts[key]

    async def _waits(self, charges: list[Charge]) -> list[float]:
        here = [self._owed(rule.name, who) + cost - rule.seconds for rule, who, cost in charges]
        try:
            known = await self._asked(charges, lambda: self.counts.look(charges))
        except EngineFailed:
            self._none_closed(charges)
            known = [0.0 for _ in charges]
        # What is not handed on yet is known here alone.
        return [max(both) for both in zip(here, known, strict=True)]

    def _debt(self, rule: Rule, who: Who) -> _Debt:
        found = self._debts.get((rule.name, who))
        if found is None:
            if len(self._debts) >= MOST_KNOWN:
                first = next(iter(self._debts))
                del self._debts[first]
                self._unsettled.discard(first)
            found = self._debts[rule.name, who] = _Debt(rule, self.elapsed())
        return found

    def _owe(self, key: tuple[Limit, Who], debt: _Debt, now: float, price: float) -> None:
        left = max(debt.until - now, 0.0)
        debt.until = now + left + price
        debt.owed = min(debt.owed, left) + price  # the rest is paid meanwhile
        if debt.owed >= SHARED_FROM * debt.rule.seconds:
            self._unsettled.add(key)

    def _owed(self, limit: Limit, who: Who) -> float:
        found = self._debts.get((limit, who))
        return 0.0 if found is None else found.until - self.elapsed()

    def _charges(self, asked: tuple[Asked, ...]) -> list[Charge]:
        return [
            Charge(rule, who, rule.step)
            for limit, who in asked
            if who is not None and (rule := self.rules.get(limit)) is not None
        ]

    def _refuse(self, charges: list[Charge], waits: list[float]) -> None:
        """Raise TooMany where somebody has to wait: for the longest, where there are several."""
        wait, rule = max(
            ((wait, each.rule) for each, wait in zip(charges, waits, strict=True)),
            key=itemgetter(0),
            default=(0.0, None),
        )
        if rule is not None and wait > 0:
            raise self._too_many(rule, wait)

    async def _asked(
        self, charges: list[Charge], call: Callable[[], Awaitable[list[float]]]
    ) -> list[float]:
        """Ask Valkey of these, if there are any. Raises EngineFailed.

        What is closed without an answer waits for longer, and is asked unless such a wait was in
        vain: an answer that was late for a reading must refuse nobody a login.
        """
        return await self._reached(call, closed=is_closed(charges)) if charges else []

    async def _reached(
        self, call: Callable[[], Awaitable[list[float]]], *, closed: bool = False
    ) -> list[float]:
        """Ask Valkey, unless it has failed just now. Raises EngineFailed."""
        if self.elapsed() < self._again[closed]:
            raise EngineFailed("Valkey has failed just now")
        try:
            return await call()
        except EngineFailed:
            now = self.elapsed()
            self._again[False] = now + LEFT_ALONE
            if closed:
                self._again[True] = now + LEFT_ALONE
            if now >= self._tell:
                self._tell = now + TOLD_EACH
                self.away()
            raise

    def _none_closed(self, charges: list[Charge]) -> None:
        for rule, _, _ in charges:
            if rule.away is Away.CLOSED:
                raise self._closed(rule)

    def _closed(self, rule: Rule) -> LimitsAway:
        self.refused[f"{rule.name} away"] += 1
        return LimitsAway(AFTER)

    def _too_many(self, rule: Rule, wait: float) -> TooMany:
        self.refused[rule.name] += 1
        return TooMany(rule.code, max(1, math.ceil(wait)), rule.name, rule.policy)
