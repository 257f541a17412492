"""Changing preferences: what a student asks for, and what of that cannot be. Plain functions."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from erasmus_app.ids import AccountId
from erasmus_app.kit.clock import Clock
from erasmus_app.mobilities.rule_checks import zones
from erasmus_app.notifications.models import (
    DEFAULT_LEVELS,
    Digest,
    Level,
    Medium,
    Preferences,
    QuietHours,
)

LONGEST_QUIET = timedelta(hours=23)  # so that a part of each day is left
LONGEST_PAUSE = timedelta(days=92)  # a summer; whoever wants nothing for longer switches it off


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What an account has chosen, and by which clock."""

    preferences: Preferences
    zone: str


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A change of preferences; what it does not name stays."""

    levels: tuple[tuple[Medium, str, Level], ...] = ()  # by medium and category
    quiet: QuietHours | UnsetType | None = UNSET
    digest: Digest | UnsetType = UNSET
    paused_until: datetime | UnsetType | None = UNSET
    zone: str | UnsetType = UNSET

    def applied_to(self, before: Chosen, now: datetime) -> Chosen:
        """Return what is chosen then; a pause that is over is none."""
        known = before.preferences
        paused = known.paused_until if self.paused_until is UNSET else self.paused_until
        if paused is not None:
            paused = paused.astimezone(UTC) if paused > now else None
        return Chosen(
            preferences=Preferences(
                levels=_levels(known, self.levels),
                quiet=known.quiet if self.quiet is UNSET else self.quiet,
                digest=known.digest if self.digest is UNSET else self.digest,
                paused_until=paused,
            ),
            zone=before.zone if self.zone is UNSET else self.zone,
        )


def _levels(
    known: Preferences, wished: tuple[tuple[Medium, str, Level], ...]
) -> Mapping[Medium, Mapping[str, Level]]:
    levels = {medium: dict(known.levels.get(medium, {})) for medium in Medium}
    for medium, category, level in wished:
        levels[medium][category] = level
    different = {
        medium: {
            category: level
            for category, level in sorted(of.items())
            if level is not DEFAULT_LEVELS[medium]
        }
        for medium, of in levels.items()
    }
    return {medium: of for medium, of in different.items() if of}


class Problem(NamedTuple):
    """What is wrong with a wish, and where."""

    field: str
    code: str
    reason: str  # in English, for developers


def problems(wish: Wish, categories: Collection[str], now: datetime) -> Iterator[Problem]:
    """Yield everything that is wrong with a wish."""
    if len(wish.levels) > len(Medium) * len(categories):
        yield Problem("levels", "too_many", "has more than there are")
        return
    named = [(medium, category) for medium, category, _ in wish.levels]
    for n, (medium, category) in enumerate(named):
        if category not in categories:
            yield Problem("levels", "category_unknown", "is no category of messages")
        elif (medium, category) in named[:n]:
            yield Problem("levels", "level_twice", "a category and medium stand there twice")
    if isinstance(wish.quiet, QuietHours):
        yield from _quiet(wish.quiet)
    if isinstance(wish.paused_until, datetime):
        yield from _pause(wish.paused_until, now)
    if wish.zone is not UNSET and wish.zone not in zones():
        yield Problem("zone", "zone_unknown", "is no time zone of the IANA list")


def _quiet(quiet: QuietHours) -> Iterator[Problem]:
    begin, end = (datetime.combine(date.min, each) for each in (quiet.begin, quiet.end))
    if begin == end:
        yield Problem("quietHours", "quiet_hours_empty", "begin and end at the same time")
    elif (end - begin) % timedelta(days=1) > LONGEST_QUIET:
        yield Problem("quietHours", "quiet_hours_too_long", "an hour of each day is left at least")


def _pause(until: datetime, now: datetime) -> Iterator[Problem]:
    if until.tzinfo is None:
        yield Problem("pausedUntil", "zone_missing", "needs an offset, as 2026-07-01T08:00:00Z")
    elif until <= now:
        yield Problem("pausedUntil", "pause_over", "is over already")
    elif until > now + LONGEST_PAUSE:
        yield Problem("pausedUntil", "pause_too_long", f"at most {LONGEST_PAUSE.days} days")


class PreferenceStore(Protocol):
    """Where preferences are kept."""

    async def chosen(self, account: AccountId) -> Chosen:
        """Return what an account has chosen."""

    async def change(self, account: AccountId, wish: Wish, now: datetime) -> Chosen:
        """Change what is chosen, and when what waits goes out; return what is chosen then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PreferenceService:
    """Reads and changes what students have chosen of messages."""

    store: PreferenceStore
    categories: tuple[str, ...]
    clock: Clock

    async def chosen(self, account: AccountId) -> Chosen:
        """Return what an account has chosen."""
        return await self.store.chosen(account)

    async def change(self, account: AccountId, wish: Wish) -> Chosen | tuple[Problem, ...]:
        """Change what is chosen, all of it, or nothing and say what cannot be."""
        now = self.clock()
        found = tuple(problems(wish, self.categories, now))
        return found or await self.store.change(account, wish, now)
