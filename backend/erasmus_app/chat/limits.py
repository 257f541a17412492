"""How often an account may ask: each question takes a core for some 20 ms.

Counts live in Valkey, for all processes together. Where it is away, each process counts for itself:
students are answered all the same, and nobody can ask without end.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from erasmus_app.errors import EngineFailed, TooManyQuestions
from erasmus_app.ids import AccountId
from erasmus_app.kit.clock import Clock

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MOST_KNOWN = 10_000  # accounts that a process counts by itself; the one counted first is forgotten


class QuestionCounts(Protocol):
    """Counts questions; may be lost."""

    async def add(self, account: AccountId, window: timedelta) -> tuple[int, timedelta]:
        """Count one more; return how many there were in the window, and how long that still lasts.

        A window begins with its first question. Raises EngineFailed.
        """


@dataclass(slots=True)
class CountsInMemory:
    """Counts of this process alone."""

    clock: Clock
    _known: dict[tuple[AccountId, timedelta], tuple[int, datetime]] = field(default_factory=dict)

    async def add(self, account: AccountId, window: timedelta) -> tuple[int, timedelta]:
        """Count one more."""
        now = self.clock()
        count, until = self._known.pop((account, window), (0, now + window))
        if until <= now:
            count, until = 0, now + window
        if len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[account, window] = (count + 1, until)
        return count + 1, until - now


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """What an account may ask, over GraphQL and REST together."""

    counts: QuestionCounts
    alone: CountsInMemory  # while `counts` are away
    a_minute: int
    a_day: int
    away: Callable[[], None] = lambda: None  # told when they are

    async def take(self, account: AccountId) -> None:
        """Count a question.

        Raises:
            TooManyQuestions: there were as many as may be; says when there may be more.
        """
        counts = self.counts
        for window, most in ((MINUTE, self.a_minute), (DAY, self.a_day)):
            try:
                count, left = await counts.add(account, window)
            except EngineFailed:
                self.away()
                counts = self.alone
                count, left = await counts.add(account, window)
            if count > most:
                raise TooManyQuestions(after=max(1, math.ceil(left.total_seconds())))
