"""How often whom, and how much each time: plain functions over what is known (guide §6.2, §6.5).

Nobody tells us of what a covered HEI changes itself, so its own system is asked often, and so are
partners of whom we hear nothing; partners who notify us are asked as a safety net. Within its band
an interval halves when a poll brought changes and grows when it brought none.
"""

from datetime import datetime, time, timedelta
from enum import Enum

import msgspec

from erasmus_app.institutions.models import ApiMode
from erasmus_app.mobilities.models import Api
from erasmus_app.settings import Settings
from erasmus_app.store.polls import PollState

STRETCH = 4  # the longest interval of a band, in its shortest: 15 to 60 minutes, 6 to 24 hours
SHORTER, LONGER = 0.5, 1.5  # after changes; after none
JITTER = 0.2
DAY = timedelta(days=1)
NIGHT_FROM, NIGHT_UNTIL = time(23), time(4)  # UTC: night all over Europe, summer and winter
OUTAGE = 3  # failed polls in a row: what happened meanwhile is looked for by a comparison of ids


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """The shortest and the longest interval between two polls, in seconds."""

    shortest: float
    longest: float


class Scope(Enum):
    """How much one poll asks for."""

    CHANGES = "changes"  # what the index lists as changed since the last good poll
    COMPARISON = "comparison"  # and which ids are gone: no notification would tell
    SWEEP = "sweep"  # and everybody awaited once more, whatever the index says of changes


def band(api: Api, mode: ApiMode, settings: Settings, *, own_system: bool) -> Band:
    """Return the band of one poll.

    imobilities has no index: each poll fetches everybody awaited, hence once a day where it is a
    partner's, whether it notifies us or not.
    """
    safety = max(settings.poll_seconds, settings.safety_poll_seconds)
    if own_system:
        shortest = settings.poll_seconds
    elif mode in {ApiMode.OWN, ApiMode.FORWARDED}:
        shortest = safety
    elif api is Api.IMOBILITIES:
        return Band(shortest=safety * STRETCH, longest=safety * STRETCH)
    else:
        shortest = settings.poll_seconds
    return Band(shortest=shortest, longest=shortest * STRETCH)


def after_success(
    band: Band, state: PollState, *, changed: bool, anybody_awaited: bool, may_begin: bool
) -> float:
    """Return the next interval in seconds, before its jitter.

    `anybody_awaited`: some known mobility may still get news from here; `may_begin`: a new one may
    turn up here of which nobody would tell us, so that an empty list is no reason to be slow.
    """
    if changed:
        wanted = (state.interval_seconds or band.shortest) * SHORTER
    elif not anybody_awaited and not may_begin:
        wanted = band.longest
    elif state.interval_seconds is None:
        wanted = band.shortest
    else:
        wanted = state.interval_seconds * LONGER
    return min(max(wanted, band.shortest), band.longest)


def after_failure(band: Band, settings: Settings, failures: int) -> float:
    """Return the wait after that many failed polls in a row, in seconds, before its jitter.

    It begins with the shortest interval of all and doubles up to the band's longest.
    """
    doubled = settings.poll_seconds * 2.0 ** min(max(failures, 1) - 1, 32)
    return min(doubled, band.longest)


def jittered(seconds: float, draw: float) -> float:
    """Return an interval or up to a fifth less, so that partners are not asked all at once.

    Never more: who is read once a day is read within a day. `draw` is a number from 0 to 1 that
    chance gives.
    """
    return seconds * (1 - JITTER * draw)


def scope(state: PollState, now: datetime, settings: Settings, *, is_told: bool) -> Scope:
    """Decide how much to ask for.

    A sweep waits for the night unless it is a day late, and does not where it comes daily or more
    often. After an outage the ids are compared, as where no notification tells of what is gone.
    """
    if state.first_sync_done_at is None or state.last_full_sweep_at is None:
        return Scope.SWEEP
    late = now - state.last_full_sweep_at - timedelta(seconds=settings.sweep_seconds)
    any_hour = settings.sweep_seconds <= DAY.total_seconds() or late >= DAY
    if late >= timedelta(0) and (any_hour or is_night(now)):
        return Scope.SWEEP
    return Scope.COMPARISON if not is_told or state.failures >= OUTAGE else Scope.CHANGES


def is_night(now: datetime) -> bool:
    """Whether partners' servers have little else to do. `now` is in UTC."""
    return now.time() >= NIGHT_FROM or now.time() < NIGHT_UNTIL
