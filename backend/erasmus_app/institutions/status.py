"""Is it us, or is it them: how the systems of universities answer, for everybody to see.

Nothing here is personal, nor says how much there is of anything. That a university's node is down
is known to the network's statistics portal as well, and who works with whom is published by their
agreements.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from erasmus_app.ids import HeiId

KEPT = timedelta(seconds=30)  # whoever looks; so one reader costs as much as many
OLD = timedelta(days=2)  # a success that long ago says nothing of today
OLD_OF = dict.fromkeys(("factsheet", "institutions", "organizational-units"), timedelta(days=9))
"""Of what is asked for once a week only."""
GIVEN_UP = 3  # failures in a row: more than a hiccup
SILENT = "partner_unreachable"
LATE = timedelta(minutes=10)  # for which a message may wait behind its time
OLDEST_CATALOGUE = timedelta(hours=25)


class State(StrEnum):
    """How something goes."""

    UP = "up"
    SLOW = "slow"  # it answers, with errors, or not each time
    DOWN = "down"
    UNKNOWN = "unknown"  # nobody has asked lately


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """How calls of one API of an HEI's went, whoever made them. Times are UTC."""

    hei_id: HeiId
    api: str
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_failure: str | None = None  # a stable code
    failures: int = 0  # in a row
    left_alone_until: datetime | None = None

    def state(self, now: datetime) -> State:
        """Say how it goes."""
        good, bad = self.last_success_at, self.last_failure_at
        rests = self.left_alone_until is not None and self.left_alone_until > now
        if rests or (bad is not None and (good is None or bad > good)):
            silent = self.last_failure in {SILENT, None}
            return State.DOWN if silent and (rests or self.failures >= GIVEN_UP) else State.SLOW
        if good is None or now - good > OLD_OF.get(self.api, OLD):
            return State.UNKNOWN
        return State.UP


class ApiStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One API of an HEI's."""

    api: str
    state: State
    last_success_at: datetime | None


class HeiStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One HEI: a partner, or a covered one by its own system."""

    hei_id: HeiId
    state: State
    since: datetime | None  # of what is slow or down: when it last was not, where that is known
    last_success_at: datetime | None
    apis: tuple[ApiStatus, ...]


class Own(NamedTuple):
    """What is ours."""

    catalogue_age: timedelta | None  # None: there is none yet
    waits: Mapping[str, timedelta]  # by lane of pushes, how long the oldest one is behind its time


class OwnStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A part of ours; `seconds` is its age, or how long what waits there has waited."""

    name: str
    state: State
    seconds: int | None


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """All of it at one moment."""

    at: datetime  # UTC
    ours: tuple[OwnStatus, ...]
    heis: tuple[HeiStatus, ...]  # by id

    def of(self, hei: HeiId) -> HeiStatus | None:
        """Return how it goes with one."""
        return next((each for each in self.heis if each.hei_id == hei), None)


class StatusStore(Protocol):
    """Where it is written down."""

    async def calls(self) -> Sequence[Calls]:
        """Return how the calls of each API of each HEI went, by HEI and API."""

    async def own(self) -> Own:
        """Return what is ours."""


@dataclass(slots=True, kw_only=True)
class StatusService:
    """Looks at it no more than twice a minute."""

    store: StatusStore
    clock: Callable[[], datetime]
    _board: Board | None = field(default=None, repr=False)

    async def board(self) -> Board:
        """Return how it goes, as of half a minute ago at most. Raises what the store raises."""
        now = self.clock()
        if self._board is None or not timedelta(0) <= now - self._board.at < KEPT:
            own, calls = await self.store.own(), await self.store.calls()
            self._board = Board(at=now, ours=_ours(own), heis=tuple(heis_of(calls, now)))
        return self._board


def heis_of(calls: Sequence[Calls], now: datetime) -> list[HeiStatus]:
    """Put together what is known of each HEI."""
    by_hei: dict[HeiId, list[Calls]] = defaultdict(list)
    for each in calls:
        by_hei[each.hei_id].append(each)
    return [_hei(hei, found, now) for hei, found in sorted(by_hei.items())]


def _hei(hei: HeiId, calls: Sequence[Calls], now: datetime) -> HeiStatus:
    states = {each.api: each.state(now) for each in calls}
    state = _together(set(states.values()))
    bad = [each for each in calls if states[each.api] in {State.DOWN, State.SLOW}]
    good = [each.last_success_at for each in calls if each.last_success_at is not None]
    known = [each.last_success_at for each in bad if each.last_success_at is not None]
    return HeiStatus(
        hei_id=hei,
        state=state,
        since=max(known, default=None) if bad else None,
        last_success_at=max(good, default=None),
        apis=tuple(
            ApiStatus(api=each.api, state=states[each.api], last_success_at=each.last_success_at)
            for each in sorted(calls, key=lambda each: each.api)
        ),
    )


def _together(states: set[State]) -> State:
    known = states - {State.UNKNOWN}
    if len(known) > 1:  # one part answers and another does not
        return State.SLOW
    return next(iter(known), State.UNKNOWN)


def _ours(own: Own) -> tuple[OwnStatus, ...]:
    age = own.catalogue_age
    stale = age is None or age > OLDEST_CATALOGUE
    lanes = [
        OwnStatus(
            name=f"messages {lane}",
            state=State.SLOW if wait > LATE else State.UP,
            seconds=int(wait.total_seconds()),
        )
        for lane, wait in sorted(own.waits.items())
    ]
    catalogue = OwnStatus(
        name="catalogue",
        state=State.SLOW if stale else State.UP,
        seconds=None if age is None else int(age.total_seconds()),
    )
    return (catalogue, *lanes)
