"""What the latest look at a mobility saw; kept to tell what moves."""

from datetime import date

import msgspec

from erasmus_app.mobilities.basis import Surety
from erasmus_app.mobilities.rules import DeadlineKind


class SeenDay(msgspec.Struct, frozen=True):
    """The day that counted for a kind, and what it was counted from."""

    on: date
    surety: Surety = Surety.KNOWN
    since: date | None = None


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """That a deadline moved, and on which day of its student this was seen."""

    was: date
    now: date
    at: date


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the latest look saw."""

    application: date | None = None  # the deadline; None: not known, or nothing to apply for
    requirements: tuple[str, ...] | None = None  # names; None: no factsheet was known
    days: dict[DeadlineKind, SeenDay] = {}
    moved: dict[DeadlineKind, Moved] = {}  # the latest move of each kind

    def day(self, kind: DeadlineKind) -> SeenDay | None:
        """Return the day that counted for a kind, also where an earlier version noted it."""
        if kind is DeadlineKind.APPLICATION and kind not in self.days and self.application:
            return SeenDay(self.application)
        return self.days.get(kind)
