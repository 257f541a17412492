"""A year of mobile students, hour by hour: how many changes, notifications, pushes and app starts.

What is assumed stands in the tables below; nothing else is. Times are local ones: that all of
Europe works in the same hour makes the peaks higher, not lower.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

YEAR = 2027  # 365 days that begin on a Friday
HOURS = 24


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something that happens to an exchange, how often in its life, and in which months."""

    name: str
    times: float
    autumn: Mapping[int, float]  # month: share, for stays that begin in September
    spring: Mapping[int, float]  # the same for those that begin in February


# How often: as the sandbox's stories walk them. When: as terms and factsheets' deadlines lie.
STEPS = (
    Step(
        name="nominated, and accepted by the host",
        times=2,
        autumn={3: 0.3, 4: 0.4, 5: 0.3},
        spring={9: 0.3, 10: 0.5, 11: 0.2},
    ),
    Step(
        name="learning agreement: three signatures, one of two sent back once",
        times=4,
        autumn={4: 0.1, 5: 0.3, 6: 0.35, 7: 0.2, 8: 0.05},
        spring={10: 0.1, 11: 0.4, 12: 0.35, 1: 0.15},
    ),
    Step(
        name="arrival and departure",
        times=2,
        autumn={9: 0.5, 12: 0.1, 1: 0.15, 2: 0.1, 6: 0.15},
        spring={2: 0.5, 6: 0.25, 7: 0.25},
    ),
    Step(
        name="changes to the agreement, with three signatures, of three in four",
        times=2.25,
        autumn={9: 0.45, 10: 0.4, 11: 0.15},
        spring={2: 0.45, 3: 0.4, 4: 0.15},
    ),
    Step(
        name="transcript",
        times=1,
        autumn={1: 0.1, 2: 0.35, 3: 0.25, 7: 0.3},
        spring={7: 0.5, 8: 0.3, 9: 0.2},
    ),
)
REMINDERS = 4.0  # before deadlines, each a push: nomination, agreement, changes, transcript
AUTUMN = 0.6  # of all stays begin then


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What the figures are made from; by themselves Europe's."""

    students: int = 10_000_000  # in the records, most of them long back
    active: int = 1_500_000  # with a stay ahead, under way or just over
    heis: int = 4_000
    with_app: float = 0.8  # of the active
    devices: float = 1.2  # of those with the app
    starts_a_week: float = 3.0  # of each who has the app, without any push
    starts_a_push: float = 0.6  # within the hour
    subscribed: float = 0.02  # of those with the app, at the busiest moment, the app open
    notified: float = 0.8  # of changes, by a CNR; the others are found by polls
    repeats: float = 3.0  # CNRs that come for one change
    tenants: float = 1.3  # HEIs of ours that see an exchange: home, host or both
    questions_a_week: float = 0.2  # to the chat, of each who has the app
    logins_a_year: float = 3.0
    token_refreshes_a_start: float = 0.8  # access tokens live ten minutes
    objects: float = (
        3.0  # of an exchange at each tenant: nomination, agreement, arrival or transcript
    )
    read_again_a_day: float = 1.0  # each of them by polls, at least (SLO: none is older than a day)


OFFICE = {0: 1.0, 1: 1.1, 2: 1.05, 3: 1.0, 4: 0.8, 5: 0.04, 6: 0.03}  # weekdays, from Monday
WORK = {7: 0.02, 8: 0.07, 9: 0.12, 10: 0.14, 11: 0.13, 12: 0.07, 13: 0.08, 14: 0.12, 15: 0.11,
        16: 0.08, 17: 0.04, 18: 0.02}  # fmt: skip
LEISURE = {0: 0.02, 7: 0.03, 8: 0.05, 9: 0.05, 10: 0.05, 11: 0.05, 12: 0.07, 13: 0.07, 14: 0.05,
           15: 0.05, 16: 0.06, 17: 0.07, 18: 0.08, 19: 0.08, 20: 0.08, 21: 0.06, 22: 0.05,
           23: 0.03}  # fmt: skip
CLOSED = {(12, day) for day in range(24, 32)} | {(1, day) for day in range(1, 4)}  # offices are


@dataclass(frozen=True, kw_only=True)
class Hour:
    """What one hour brings, as counts."""

    at: datetime
    changes: float
    notifications: float
    pushes: float
    starts: float
    questions: float
    logins: float
    refreshes: float


@dataclass(frozen=True)
class Year:
    """All hours of a year."""

    of: Assumptions
    hours: tuple[Hour, ...] = field(repr=False)

    def total(self, what: str) -> float:
        """Return how many there are in the year."""
        return math.fsum(getattr(each, what) for each in self.hours)

    def busiest(self, what: str) -> Hour:
        """Return the hour with the most."""
        return max(self.hours, key=lambda each: float(getattr(each, what)))

    @property
    def polled(self) -> float:
        """How many objects polls read again each second, changed or not, spread over the day."""
        of = self.of
        return of.active * of.tenants * of.objects * of.read_again_a_day / 86_400

    def is_daily(self, what: str) -> bool:
        """Whether each day of the year is like the others."""
        most = getattr(self.busiest(what), what)
        return sum(getattr(each, what) == most for each in self.hours) >= 365

    def second(self, what: str) -> float:
        """Return how many come in the busiest second of the busiest hour.

        They come by themselves (Poisson): four deviations above the mean, which one second in
        some nine hours of that hour's kind exceeds.
        """
        mean = getattr(self.busiest(what), what) / 3600
        return float(mean + 4 * math.sqrt(mean))


def year(of: Assumptions) -> Year:
    """Lay the changes of a year's exchanges over its hours, and what follows from them."""
    by_month = dict.fromkeys(range(1, 13), 0.0)
    for step in STEPS:
        for month in by_month:
            share = AUTUMN * step.autumn.get(month, 0) + (1 - AUTUMN) * step.spring.get(month, 0)
            by_month[month] += of.active * step.times * share
    office = {each: _weight(each) for each in _days()}
    of_month = {
        month: math.fsum(w for each, w in office.items() if each.month == month)
        for month in by_month
    }
    app = of.active * of.with_app
    hours: list[Hour] = []
    for each, weight in office.items():
        changes_today = by_month[each.month] * weight / of_month[each.month]
        reminders_today = of.active * REMINDERS / 365
        for hour in range(HOURS):
            changes = changes_today * WORK.get(hour, 0)
            reminders = reminders_today if hour == 8 else 0.0  # the end of quiet hours
            pushes = (changes + reminders) * of.with_app * of.devices
            told = pushes / of.devices * of.starts_a_push
            own = app * of.starts_a_week / 7 * LEISURE.get(hour, 0)
            starts = own + told
            hours.append(
                Hour(
                    at=datetime.combine(each, datetime.min.time(), UTC) + timedelta(hours=hour),
                    changes=changes * of.tenants,
                    notifications=changes * of.tenants * of.notified * of.repeats,
                    pushes=pushes,
                    starts=starts,
                    questions=app * of.questions_a_week / 7 * LEISURE.get(hour, 0),
                    logins=app * of.logins_a_year / 365 * LEISURE.get(hour, 0),
                    refreshes=starts * of.token_refreshes_a_start,
                )
            )
    return Year(of, tuple(hours))


def _days() -> Iterator[date]:
    first = date(YEAR, 1, 1)
    return (first + timedelta(days=n) for n in range(365))


def _weight(day: date) -> float:
    closed = (day.month, day.day) in CLOSED
    return OFFICE[day.weekday()] * (0.02 if closed else 1.0)


def shares(heis: int) -> list[float]:
    """Return the HEIs' shares of the students, the largest first; together they are 1.

    Assumed: Zipf's law with a flat head, by which a fifth of 4,000 HEIs have 69 % of the students.
    """
    weights = [1 / (rank + 12) ** 0.95 for rank in range(1, heis + 1)]
    whole = math.fsum(weights)
    return [each / whole for each in weights]
