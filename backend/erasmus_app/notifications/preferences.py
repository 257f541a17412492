"""What a student wants to hear, and when: which messages may go at once, later, or not at all.

The inbox has every message, whatever is preferred: this is about what goes out to a phone or by
mail. Plain and repeatable; docs/decisions/0024 has the reasons.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from erasmus_app.ids import AccountId
from erasmus_app.notifications.models import (
    DEFAULTS,
    Digest,
    Kind,
    Level,
    Medium,
    Preferences,
    QuietHours,
    Urgency,
)

__all__ = [  # with the values that it is about
    "DEFAULTS",
    "Digest",
    "How",
    "Level",
    "Medium",
    "Passage",
    "Preferences",
    "QuietHours",
    "last_day_of",
    "passage",
    "spread_of",
]

DIGEST_AT = time(8)  # on the student's clock; a weekly one on Mondays
SPREAD = timedelta(minutes=15)  # what waited for the same morning goes out over so long
KEEP_TRYING = timedelta(hours=24)  # so long at least what was held is tried
_MOST_NIGHTS = 5  # one, or two where a clock that is moved takes the hours in between


class How(StrEnum):
    """How a message may go out."""

    AT_ONCE = "at_once"
    SILENTLY = "silently"  # at once, and nothing rings
    HELD = "held"  # at a moment, together with what is held until then as well
    NEVER = "never"


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """Whether and when a message may go out."""

    how: How
    at: datetime | None = None  # UTC; of what is held

    def expires(self, now: datetime, ttl: timedelta) -> datetime:
        """Return until when it is tried: as its kind says, and a day from when it may go."""
        return now + ttl if self.at is None else max(now + ttl, self.at + KEEP_TRYING)


AT_ONCE, SILENTLY, NEVER = (Passage(how=each) for each in (How.AT_ONCE, How.SILENTLY, How.NEVER))


def passage(
    preferences: Preferences,
    kind: Kind,
    medium: Medium,
    now: datetime,
    zone: str,
    *,
    last_day: date | None = None,
    spread: timedelta = timedelta(0),
    for_digest: bool = True,
) -> Passage:
    """Return when a message that there is at `now` may go out.

    `zone` is the student's; `last_day` is the last one on which the message is of use, see
    `last_day_of`; `spread` is added to mornings, see `spread_of`. With `for_digest` false a message
    waits for no digest: its time has come, and it may only be that it must not ring.

    A pause holds everything. What is urgent waits for nothing else: in quiet hours it is shown and
    does not ring, but for what will be too late when they are over. Nothing waits beyond its last
    day, and what is held goes out outside of quiet hours.
    """
    level = preferences.level(medium, kind.category)
    is_urgent = kind.urgency is Urgency.HIGH
    if level is Level.NONE or (level is Level.IMPORTANT and not (is_urgent or kind.your_move)):
        return NEVER
    clock = _Clock(preferences.quiet, zone, spread)
    if preferences.paused_until is not None and preferences.paused_until > now:
        return Passage(how=How.HELD, at=clock.awake(preferences.paused_until))
    morning = clock.awake(now)
    is_quiet = morning > now
    if is_urgent:
        if not is_quiet or clock.is_over(last_day, now, morning):
            return AT_ONCE
        return SILENTLY
    if for_digest and preferences.digest is not Digest.OFF:
        gathered = clock.next_digest(preferences.digest, now)
        if not clock.is_over(last_day, now, gathered):
            return Passage(how=How.HELD, at=gathered)
    if not is_quiet:
        return AT_ONCE
    if clock.is_over(last_day, now, morning):
        return SILENTLY
    return Passage(how=How.HELD, at=morning)


def last_day_of(kind: Kind, arguments: Mapping[str, str]) -> date | None:
    """Return the last day on which a message is of use: the day of the deadline that it tells."""
    written = arguments.get("date")
    if kind.category != "deadline" or written is None:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError:  # a month alone
        return None


def spread_of(account: AccountId) -> timedelta:
    """Return how much later than others an account is told in the morning; always the same."""
    digest = hashlib.sha256(b"morning " + account.bytes).digest()
    return timedelta(seconds=int.from_bytes(digest[:4]) % int(SPREAD.total_seconds()))


@lru_cache(maxsize=1000)
def zone_of(name: str) -> ZoneInfo:
    """Return a time zone; UTC for one that this machine does not know (any more)."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # `ZoneInfoNotFoundError` is a KeyError
        return ZoneInfo("UTC")


class _Clock:
    """A student's clock, with the hours in which it is quiet. All moments are in UTC."""

    def __init__(self, quiet: QuietHours | None, zone: str, spread: timedelta) -> None:
        self._quiet = quiet
        self._zone = zone_of(zone)
        self._spread = spread

    def awake(self, moment: datetime) -> datetime:
        """Return the first moment from then on that is not quiet; later ones are spread."""
        moment = moment.astimezone(UTC)
        for _ in range(_MOST_NIGHTS):
            end = self._quiet_until(moment)
            if end is None:
                break
            moment = end + self._spread
        return moment

    def next_digest(self, digest: Digest, now: datetime) -> datetime:
        """Return when the next one goes out, after `now`."""
        today = now.astimezone(self._zone).date()
        day = today - timedelta(days=1)  # yesterday's may be held until now
        while True:
            if digest is Digest.DAILY or day.weekday() == 0:
                moment = self.awake(self._at(day, DIGEST_AT) + self._spread)
                if moment > now:
                    return moment
            day += timedelta(days=1)

    def is_over(self, last_day: date | None, now: datetime, then: datetime) -> bool:
        """Whether a day that is not over now will be by then."""
        if last_day is None:
            return False
        today, later = (each.astimezone(self._zone).date() for each in (now, then))
        return today <= last_day < later

    def _quiet_until(self, moment: datetime) -> datetime | None:
        """Return when the quiet hours end that a moment lies in, None where it lies in none."""
        if self._quiet is None:
            return None
        begin, end = self._quiet.begin, self._quiet.end
        day = moment.astimezone(self._zone).date()
        found = None
        for before in (2, 1, 0):  # a day may be left out where a zone changes sides
            first = day - timedelta(days=before)
            last = first if begin < end else first + timedelta(days=1)
            ends = self._at(last, end)
            if self._at(first, begin) <= moment < ends:
                found = ends
        return found

    def _at(self, day: date, at: time) -> datetime:
        """Return a moment of a day.

        A time that the clock leaves out in spring is the one an hour later; of one that it strikes
        twice in autumn the first counts, so that what has begun or ended does not do so again.
        """
        return datetime.combine(day, at, tzinfo=self._zone).astimezone(UTC)
