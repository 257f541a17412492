"""From what was written to days: which year, which week; what does not exist stays so."""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, timedelta

from msgspec.structs import replace

from erasmus_app.chat.slots.models import FoundDate
from erasmus_app.chat.slots.words import When

LONGEST_PAST = timedelta(days=183)  # a day without a year is at most this long ago
_YEARS_TO_LOOK = 9  # 29 February comes again after eight years at the latest, as in 1896 and 1904


def day_of(year: int, month: int, day: int) -> date | None:
    """Return the day; None where there is none."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def nearest(month: int, day: int, today: date) -> date | None:
    """Return a day without a year: the first that is not longer than half a year ago."""
    for year in range(today.year - 1, today.year + _YEARS_TO_LOOK):
        found = day_of(year, month, day)
        if found is not None and (found >= today or today - found <= LONGEST_PAST):
            return found
    return None


def is_possible(month: int, day: int) -> bool:
    """Whether a day may exist in some month of some year, or looks as if."""
    return 1 <= month <= 12 and 1 <= day <= 31


def written(text: str, readings: Iterable[tuple[int | None, int, int]], today: date) -> FoundDate:
    """Return a day from its readings, each a year (None: none was written), a month and a day."""
    found, assumed = dict[date, None](), False
    for year, month, day in readings:
        its = nearest(month, day, today) if year is None else day_of(year, month, day)
        assumed = assumed or year is None
        if its is not None:
            found[its] = None
    days = tuple(found)
    if not days:
        return FoundDate(text=text, impossible=True)
    if len(days) > 1:
        return FoundDate(text=text, alternatives=days, is_year_assumed=assumed)
    return FoundDate(text=text, on=days[0], is_year_assumed=assumed)


def agreeing(found: FoundDate, weekday: int | None) -> FoundDate:
    """Let the weekday beside a day choose among its readings; where it agrees with none, ask."""
    days = (found.on,) if found.on else found.alternatives
    if weekday is None or not days:
        return found
    kept = tuple(each for each in days if each.weekday() == weekday)
    on = kept[0] if len(kept) == 1 else None
    return replace(found, on=on, alternatives=() if on else kept or days)


def in_week(text: str, offset: int, weekday: int, today: date) -> FoundDate | None:
    """Return a weekday of this week, or of one some weeks on."""
    try:
        return _on(text, today + timedelta(days=weekday - today.weekday() + 7 * offset))
    except OverflowError:
        return None


def of_month(text: str, year: int | None, month: int, today: date) -> FoundDate | None:
    """Return a month; without a year the nearest, this one where it is now."""
    years = range(today.year - 1, today.year + 2) if year is None else (year,)
    firsts = [first for each in years if (first := day_of(each, month, 1)) is not None]
    spans = [(each, each.replace(day=monthrange(each.year, month)[1])) for each in firsts]
    if not spans:
        return None
    first, last = min(spans, key=lambda span: max(span[0] - today, today - span[1]))
    return FoundDate(text=text, first=first, last=last, is_year_assumed=year is None)


def counted(
    text: str, when: When, n: int, unit: str, weekday: int, today: date
) -> FoundDate | None:
    """Return what a phrase counts from today; None beyond the calendar's end."""
    try:
        return _counted(text, when, n, unit, weekday, today)
    except (OverflowError, ValueError):
        return None


def _counted(
    text: str, when: When, n: int, unit: str, weekday: int, today: date
) -> FoundDate | None:
    match when.kind:
        case "days":
            return _on(text, today + timedelta(days=when.count))
        case "ahead" | "ago":
            return _on(text, _moved(today, n if when.kind == "ahead" else -n, unit))
        case "week" | "weekend":
            monday = today - timedelta(days=today.weekday()) + timedelta(weeks=when.count)
            first = monday + timedelta(days=5 if when.kind == "weekend" else 0)
            return _span(text, first, monday + timedelta(days=6))
        case "month":
            first = _moved(today.replace(day=1), when.count, "month")
            return _span(text, first, first.replace(day=monthrange(first.year, first.month)[1]))
        case "year":
            first = date(today.year + when.count, 1, 1)
            return _span(text, first, first.replace(month=12, day=31))
        case "month-end":
            return _on(text, today.replace(day=monthrange(today.year, today.month)[1]))
        case "year-end":
            return _on(text, today.replace(month=12, day=31))
        case "weekday":
            return _weekday(text, weekday, when.count, today)
    return None


def _weekday(text: str, weekday: int, offset: int, today: date) -> FoundDate:
    """Return the coming one, or the last; «next Friday» on a Monday is one of two."""
    ahead = (weekday - today.weekday() - 1) % 7 + 1
    if offset < 0:
        return _on(text, today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1))
    coming = today + timedelta(days=ahead)
    if offset > 0 and weekday > today.weekday():
        later = coming + timedelta(weeks=1)
        return FoundDate(text=text, alternatives=(coming, later), is_relative=True)
    return _on(text, coming)


def _moved(day: date, count: int, unit: str) -> date:
    """Go some units on. The same day of another month, or its last where it has none."""
    if unit in {"day", "week"}:
        return day + timedelta(days=count * (7 if unit == "week" else 1))
    months = day.year * 12 + day.month - 1 + count * (12 if unit == "year" else 1)
    year, month = months // 12, months % 12 + 1
    if not 1 <= year <= 9999:
        raise OverflowError
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def _on(text: str, day: date) -> FoundDate:
    return FoundDate(text=text, on=day, is_relative=True)


def _span(text: str, first: date, last: date) -> FoundDate:
    return FoundDate(text=text, first=first, last=last, is_relative=True)
