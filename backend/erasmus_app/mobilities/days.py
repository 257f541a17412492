"""Arithmetic of days: month ends, days without a year, and moments in a zone. Plain functions."""

import calendar
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from erasmus_app.institutions.models import Term
from erasmus_app.mobilities.stays import two_years


class Unit(StrEnum):
    """What an offset counts."""

    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"


class Offset(msgspec.Struct, frozen=True):
    """How long after a day, or before it where the amount is negative."""

    amount: int
    unit: Unit


def plus(day: date, offset: Offset) -> date:
    """Count from a day; one that the month reached does not have becomes its last."""
    if offset.unit is Unit.MONTHS:
        year, month = divmod(day.year * 12 + day.month - 1 + offset.amount, 12)
        return clamped(year, month + 1, day.day)
    return day + timedelta(**{offset.unit.value: offset.amount})


def clamped(year: int, month: int, day: int) -> date:
    """Return a day, or the month's last where it has no such. Raises ValueError for no month."""
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def resolve(month_day: str, year: str, of: Term) -> date | None:
    """Turn `--MM-DD` into the day before a term (guide §4.7, our own rule).

    Autumn's is the last such day before 1 October of the year's first half, spring's the last
    before 1 March of its second; 29 February falls on the 28th where there is none. None for a
    year within one calendar year (`YYYY/YYYY` alike, in the southern hemisphere).
    """
    years = two_years(year)
    if years is None:
        return None
    end = date(years[0], 10, 1) if of is Term.AUTUMN else date(years[1], 3, 1)
    for candidate in (end.year, end.year - 1):
        if (found := in_year(candidate, month_day)) is not None and found < end:
            return found
    return None


def following(month_day: str, start: date) -> date | None:
    """Turn `--MM-DD` into the first such day on or after another; None for what is none."""
    for candidate in (start.year, start.year + 1):
        if (found := in_year(candidate, month_day)) is not None and found >= start:
            return found
    return None


def in_year(year: int, month_day: str) -> date | None:
    """Turn `--MM-DD` into a day of a year; None for what is none."""
    try:
        _, _, month, day = month_day.split("-")
        return clamped(year, int(month), int(day))
    except ValueError:  # also an IllegalMonthError
        return None


def ends_at(on: date, at: time, zone: str) -> datetime:
    """Return the moment at which a day's time is over.

    A time that the clock leaves out in spring is the one an hour later; of one that it strikes
    twice in autumn the first counts, so that nobody is late who believes it.
    """
    moment = datetime.combine(on, at, tzinfo=ZoneInfo(zone))
    # There and back over the offset before the clock was moved; a real time stays as it is.
    return datetime.fromtimestamp(moment.timestamp(), tz=ZoneInfo(zone))


def is_over(on: date, at: time | None, zone: str, now: datetime) -> bool:
    """Whether a day of a zone, or its time, is over."""
    if at is not None:
        return now > ends_at(on, at, zone)
    return now.astimezone(ZoneInfo(zone)).date() > on


def last_day_of(on: date, at: time | None, zone: str, reader: str) -> date:
    """Return the day that it is in the reader's zone when a day of another, or its time, is over.

    Of a day without a time, the reader's own of the same date: few mean the hours in between.
    """
    if at is None:
        return on
    return ends_at(on, at, zone).astimezone(ZoneInfo(reader)).date()
