"""Arithmetic of days: whatever is counted, month ends, leap days and clocks that are moved."""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.institutions.models import Term
from erasmus_app.mobilities.days import (
    Offset,
    Unit,
    ends_at,
    following,
    in_year,
    is_over,
    last_day_of,
    plus,
    resolve,
)

D = date
DAYS = st.dates(D(1992, 1, 1), D(2098, 12, 31))
MONTHS = st.integers(-24, 24).map(lambda n: Offset(n, Unit.MONTHS))
YEARS = st.integers(1991, 2099)
MONTH_DAYS = st.dates(D(2024, 1, 1), D(2024, 12, 31)).map(lambda day: f"{day:--%m-%d}")
TERMS = st.sampled_from(list(Term))
ZONES = ("UTC", "Europe/Lisbon", "Pacific/Auckland", "America/St_Johns", "Africa/Casablanca")


@pytest.mark.parametrize(
    ("day", "offset", "expected"),
    [
        (D(2027, 1, 31), Offset(1, Unit.MONTHS), D(2027, 2, 28)),
        (D(2028, 1, 31), Offset(1, Unit.MONTHS), D(2028, 2, 29)),
        (D(2028, 2, 29), Offset(12, Unit.MONTHS), D(2029, 2, 28)),
        (D(2028, 2, 29), Offset(-12, Unit.MONTHS), D(2027, 2, 28)),
        (D(2027, 3, 31), Offset(-1, Unit.MONTHS), D(2027, 2, 28)),
        (D(2026, 12, 31), Offset(2, Unit.MONTHS), D(2027, 2, 28)),
        (D(2027, 1, 1), Offset(-1, Unit.DAYS), D(2026, 12, 31)),
        (D(2026, 12, 28), Offset(1, Unit.WEEKS), D(2027, 1, 4)),
        (D(2027, 5, 5), Offset(0, Unit.MONTHS), D(2027, 5, 5)),
    ],
)
def test_what_is_counted_from_a_day(day: date, offset: Offset, expected: date):
    assert plus(day, offset) == expected


@given(DAYS, MONTHS)
def test_months_lead_to_the_month_that_is_so_far_away_and_to_its_last_day_at_most(day, offset):
    found = plus(day, offset)

    assert (found.year - day.year) * 12 + found.month - day.month == offset.amount
    longest = calendar.monthrange(found.year, found.month)[1]
    assert found.day == min(day.day, longest)


@given(DAYS, DAYS, MONTHS)
def test_who_begins_later_is_never_due_earlier(one: date, other: date, offset: Offset):
    first, second = sorted((one, other))

    assert plus(first, offset) <= plus(second, offset)


@given(DAYS, st.integers(-104, 104))
def test_weeks_keep_the_day_of_the_week(day: date, weeks: int):
    found = plus(day, Offset(weeks, Unit.WEEKS))

    assert (found - day, found.weekday()) == (timedelta(weeks=weeks), day.weekday())


@given(MONTH_DAYS, YEARS, TERMS)
def test_the_day_before_a_term_is_the_last_such_day(month_day: str, year: int, term: Term):
    found = resolve(month_day, f"{year}/{year + 1}", term)

    end = D(year, 10, 1) if term is Term.AUTUMN else D(year + 1, 3, 1)
    assert found is not None
    assert found < end
    after = in_year(found.year + 1, month_day)
    assert after is not None
    assert after >= end


@given(MONTH_DAYS, DAYS)
def test_the_day_that_follows_is_the_first_such_day(month_day: str, start: date):
    found = following(month_day, start)

    assert found is not None
    assert found >= start
    before = in_year(found.year - 1, month_day)
    assert before is not None
    assert before < start


@pytest.mark.parametrize(
    ("month_day", "start", "expected"),
    [
        ("--10-31", D(2026, 9, 1), D(2026, 10, 31)),
        ("--03-31", D(2027, 2, 1), D(2027, 3, 31)),
        ("--01-15", D(2026, 9, 1), D(2027, 1, 15)),  # over the turn of the year
        ("--09-01", D(2026, 9, 1), D(2026, 9, 1)),
        ("--02-29", D(2027, 2, 1), D(2027, 2, 28)),
        ("--02-29", D(2028, 2, 1), D(2028, 2, 29)),
        ("--02-30", D(2027, 2, 1), D(2027, 2, 28)),  # as in a factsheet: clamped, not lost
        ("--13-01", D(2027, 2, 1), None),
        ("1 March", D(2027, 2, 1), None),
        ("", D(2027, 2, 1), None),
    ],
)
def test_a_day_of_each_year_after_another(month_day: str, start: date, expected: date | None):
    assert following(month_day, start) == expected


@pytest.mark.parametrize(
    ("on", "at", "zone", "expected"),
    [
        (D(2027, 2, 15), time(15), "Europe/Lisbon", "2027-02-15T15:00:00+00:00"),
        (D(2027, 7, 15), time(15), "Europe/Lisbon", "2027-07-15T15:00:00+01:00"),
        # The clock leaves out 02:30 on this night, and strikes it twice on that one.
        (D(2027, 3, 28), time(2, 30), "Europe/Berlin", "2027-03-28T03:30:00+02:00"),
        (D(2027, 10, 31), time(2, 30), "Europe/Berlin", "2027-10-31T02:30:00+02:00"),
        (D(2028, 2, 29), time(23, 59), "Pacific/Auckland", "2028-02-29T23:59:00+13:00"),
    ],
)
def test_a_time_of_a_day_is_a_moment_of_its_zone(on: date, at: time, zone: str, expected: str):
    assert ends_at(on, at, zone).isoformat() == expected


@given(DAYS, st.times(), st.sampled_from(ZONES))
def test_a_moment_is_of_its_day_and_is_over_right_after_it(on: date, at: time, zone: str):
    moment = ends_at(on, at, zone)

    assert moment.date() in {on, on + timedelta(days=1)}  # a clock may be moved at midnight
    assert (
        timedelta(0) <= moment.replace(tzinfo=None) - datetime.combine(on, at) <= timedelta(hours=1)
    )
    assert not is_over(on, at, zone, moment.astimezone(UTC))
    assert is_over(on, at, zone, moment.astimezone(UTC) + timedelta(microseconds=1))


def test_a_day_without_a_time_lasts_until_midnight_of_its_zone():
    def over(zone: str, now: str) -> bool:
        return is_over(D(2026, 12, 31), None, zone, datetime.fromisoformat(now))

    assert not over("Europe/Lisbon", "2026-12-31T23:59:59+00:00")
    assert over("Europe/Lisbon", "2027-01-01T00:00:00+00:00")
    assert over("Pacific/Auckland", "2026-12-31T11:00:00+00:00")
    assert not over("America/Los_Angeles", "2027-01-01T07:59:00+00:00")


def test_who_reads_elsewhere_has_another_last_day_only_where_there_is_a_time():
    last = (D(2027, 2, 15), time(15), "America/Los_Angeles")

    assert last_day_of(*last, "Pacific/Auckland") == D(2027, 2, 16)
    assert last_day_of(*last, "Europe/Lisbon") == D(2027, 2, 15)
    assert last_day_of(last[0], None, last[2], "Pacific/Auckland") == D(2027, 2, 15)
    assert ends_at(*last).tzinfo == ZoneInfo("America/Los_Angeles")
