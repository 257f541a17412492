"""Partners that do not answer are left alone for a while, and no host is asked too much at once."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from urllib.parse import urlsplit

from erasmus_app.ids import HeiId
from erasmus_app.kit.backoff import backoff
from erasmus_app.kit.clock import Clock
from ewp.client import AT_ONCE

FIRST, MOST = timedelta(seconds=15), timedelta(minutes=30)
SOONEST, LATEST = 0.2, 30.0  # seconds until somebody who found no place comes again
TURN_SECONDS = 0.5  # what a turn is taken to last before one was seen
URGENT_ALONE = 1  # places of a host that only urgent work may have


class Resting(Exception):
    """The partner is left alone; `wait` says for how long."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(wait)
        self.wait = wait


class Busy(Exception):
    """All places of the host are taken; `after` is a guess in seconds at when one is free."""

    def __init__(self, after: float) -> None:
        super().__init__(after)
        self.after = after


class Silent(Exception):
    """Raised within `Breakers.call` by a call that brought no answer at all."""


@dataclass(slots=True)
class _State:
    failures: int = 0
    until: datetime | None = None  # nobody asks before
    probing: bool = False  # one call is on its way to see whether somebody answers again
    alone: bool = False  # others of the host have answered since it fell silent


@dataclass(slots=True)
class _Line:
    """Those who found no place at a host, and how long a turn there takes, in seconds."""

    waiting: int = 0
    turn: float = TURN_SECONDS


def host_of(url: str) -> str:
    """Return the network location of an endpoint: what is busy or silent as one."""
    return urlsplit(url).netloc.lower()


Key = tuple[str, str, HeiId | None]
"""Host, API, and the HEI; None: the host for all of its HEIs."""


@dataclass(slots=True)
class Breakers:
    """Circuit breakers by host and API, and places by host, in this process.

    A host is the network location of an endpoint: many HEIs may share one, an HEI may have two. A
    breaker opens with the first failure, for the HEI that was asked; when a second HEI of the host
    falls silent and none has answered in between, for the whole host. When its time is over, one
    call goes to see; the others go on failing at once until that one has come back.
    """

    clock: Clock
    _states: dict[Key, _State] = field(default_factory=dict)
    _taken: Counter[str] = field(default_factory=Counter)
    _lines: dict[str, _Line] = field(default_factory=dict)

    @contextmanager
    def turn(self, hosts: Iterable[str], *, urgent: bool = False) -> Iterator[None]:
        """Have a place at each of the hosts, for calls one after the other.

        Nobody waits here: who finds no place goes, and comes again. The last place is for urgent
        work, so that what a partner has just notified does not stand behind long polls.

        Raises:
            Busy: there is none.
        """
        wanted = set(hosts)
        most = AT_ONCE if urgent else AT_ONCE - URGENT_ALONE
        for host in wanted:
            line = self._lines.setdefault(host, _Line())
            if self._taken[host] >= most:
                line.waiting += 1
                raise Busy(min(LATEST, SOONEST + line.waiting * line.turn / most))
        self._taken.update(wanted)
        began = monotonic()
        try:
            yield
        finally:
            self._taken.subtract(wanted)
            for host in wanted:
                line = self._lines[host]
                line.waiting = max(0, line.waiting - 1)
                line.turn += (monotonic() - began - line.turn) / 4
                if not self._taken[host]:
                    del self._taken[host]

    @asynccontextmanager
    async def call(self, host: str, hei: HeiId, api: str) -> AsyncIterator[None]:
        """Make one call inside; `Silent` from it opens the breaker, anything else is an answer.

        Raises:
            Resting: the partner is left alone.
        """
        whole, one = (host, api, None), (host, api, hei)
        self._may_ask(whole, one)
        try:
            yield
        except Silent:
            self._fell_silent(one)
            if any(not state.alone for key, state in self._at(whole) if key[2] not in {None, hei}):
                self._fell_silent(whole)
            raise
        except BaseException as error:
            if isinstance(error, Exception):
                self._answered(whole, one)
            else:  # cancelled: nothing is known
                for key in (whole, one):
                    if (state := self._states.get(key)) is not None:
                        state.probing = False
            raise
        self._answered(whole, one)

    def open_until(self, host: str, hei: HeiId, api: str) -> datetime | None:
        """Return until when nobody asks; None where somebody may."""
        found = (self._states.get(key) for key in ((host, api, None), (host, api, hei)))
        coming = [each.until for each in found if each and each.until and each.until > self.clock()]
        return max(coming, default=None)

    def circuits(self) -> dict[str, float]:
        """Return by host 2 where nobody asks, 1 where one call is to see; others have none."""
        found: dict[str, float] = {}
        for (host, _, _), state in self._states.items():
            if state.until is not None:
                number = 2.0 if state.until > self.clock() else 1.0
                found[host] = max(found.get(host, 0.0), number)
        return found

    def _answered(self, whole: Key, one: Key) -> None:
        self._states.pop(whole, None)
        self._states.pop(one, None)
        for _, state in self._at(whole):
            state.alone = True

    def _at(self, whole: Key) -> Iterator[tuple[Key, _State]]:
        """Yield the breakers of a host and API that are open."""
        return ((key, state) for key, state in self._states.items() if key[:2] == whole[:2])

    def _may_ask(self, *keys: Key) -> None:
        """Go to see where the time is over, for all of the keys or for none."""
        closed = [state for key in keys if (state := self._states.get(key)) and state.until]
        for state in closed:
            assert state.until is not None
            left = state.until - self.clock()
            if left > timedelta(0) or state.probing:
                raise Resting(max(left, FIRST))
        for state in closed:
            state.probing = True

    def _fell_silent(self, key: Key) -> None:
        state = self._states.setdefault(key, _State())
        now = self.clock()
        state.probing = state.alone = False
        if state.until is not None and now < state.until:
            return  # of calls under way at once the first counts
        state.failures += 1
        state.until = now + backoff(
            state.failures, first=FIRST.total_seconds(), most=MOST.total_seconds()
        )
