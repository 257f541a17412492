"""Partners that do not answer are left alone for a while, and keep nobody else waiting."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from erasmus_app.ids import HeiId
from erasmus_app.kit.backoff import backoff
from erasmus_app.kit.clock import Clock
from ewp.client import AT_ONCE

FIRST, MOST = timedelta(seconds=15), timedelta(minutes=30)


class Resting(Exception):
    """The partner is left alone; `wait` says for how long."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(wait)
        self.wait = wait


class Silent(Exception):
    """Raised within `Breakers.call` by a call that brought no answer at all."""


@dataclass(slots=True)
class _State:
    failures: int = 0
    until: datetime | None = None  # nobody asks before
    probing: bool = False  # one call is on its way to see whether somebody answers again


@dataclass(slots=True)
class Breakers:
    """One circuit breaker per partner and API, in this process.

    It opens with the first failure. When its time is over, one call goes to see; the others go on
    failing at once until that one has come back.
    """

    clock: Clock
    _states: dict[tuple[HeiId, str], _State] = field(default_factory=dict)
    _slots: defaultdict[HeiId, asyncio.Semaphore] = field(
        default_factory=lambda: defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
    )

    @asynccontextmanager
    async def call(self, hei: HeiId, api: str) -> AsyncIterator[None]:
        """Make one call inside; `Silent` from it opens the breaker, anything else is an answer.

        Raises:
            Resting: the partner is left alone, also where it fell silent while we waited our turn.
        """
        async with self._slots[hei]:
            self._may_ask(hei, api)
            try:
                yield
            except Silent:
                self._fell_silent(hei, api)
                raise
            except asyncio.CancelledError:
                if (state := self._states.get((hei, api))) is not None:
                    state.probing = False
                raise
            except Exception:
                self._states.pop((hei, api), None)
                raise
            self._states.pop((hei, api), None)

    def _may_ask(self, hei: HeiId, api: str) -> None:
        state = self._states.get((hei, api))
        if state is None or state.until is None:
            return
        left = state.until - self.clock()
        if left > timedelta(0) or state.probing:
            raise Resting(max(left, FIRST))
        state.probing = True

    def _fell_silent(self, hei: HeiId, api: str) -> None:
        state = self._states.setdefault((hei, api), _State())
        now = self.clock()
        if state.until is not None and now < state.until:
            return  # of calls under way at once the first counts
        state.failures += 1
        state.probing = False
        state.until = now + backoff(
            state.failures, first=FIRST.total_seconds(), most=MOST.total_seconds()
        )
