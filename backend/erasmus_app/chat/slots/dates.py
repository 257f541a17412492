"""The dates of a question, in its order."""

from msgspec.structs import replace

from erasmus_app.chat.slots.models import FoundDate
from erasmus_app.chat.slots.named import named
from erasmus_app.chat.slots.numeric import numeric
from erasmus_app.chat.slots.resolving import agreeing, counted, in_week
from erasmus_app.chat.slots.sentence import Found, Sentence
from erasmus_app.chat.slots.terms import written_year
from erasmus_app.chat.slots.words import UNITS, Strength, When

COMING = When("weekday", 0)


def find_dates(its: Sentence) -> tuple[FoundDate, ...]:
    """Return every day, week, month and year that a question names."""
    found, at = list[FoundDate](), 0
    while at < len(its.read):
        here = _absolute(its, at) or _relative(its, at) or _weekday(its, at)
        if here is not None:
            found += here.dates
        at = here.end if here is not None else at + 1
    return tuple(found)


def _absolute(its: Sentence, at: int, weekday: int | None = None) -> Found | None:
    year = written_year(its, at)
    if year is not None:
        return Found(year[1])  # «2026/27» is no day
    found = numeric(its, at)
    if found is not None:
        return Found(found.end, tuple(agreeing(each, weekday) for each in found.dates))
    return named(its, at, weekday)


def _beside(its: Sentence, start: int, at: int, weekday: int) -> Found | None:
    """Return the day behind a weekday: «Monday, 15 January»."""
    after = its.after_fillers(at)
    found = _absolute(its, after, weekday) if after < len(its.read) else None
    if found is None or not found.dates:
        return None
    if len(found.dates) > 1:
        return found
    return Found(found.end, (replace(found.dates[0], text=its.said(start, found.end)),))


def _weekday(its: Sentence, at: int) -> Found | None:
    found = its.words.weekdays.match(its.read, at)
    if found is None:
        return None
    name, end = found.value, found.end
    beside = _beside(its, at, end, name.number)
    if beside is not None:
        return beside
    if name.strength is Strength.WEAK:
        if its.text(at - 1) not in its.words.after["weekdays"] and not its.is_capital(at):
            return None
    elif name.strength is not Strength.STRONG:
        return None
    week = its.words.when.match(its.read, end) if end < len(its.read) else None
    if week is not None and week.value.kind == "week":
        day = in_week(its.said(at, week.end), week.value.count, name.number, its.today)
        end = week.end
    else:
        day = counted(its.said(at, end), COMING, 0, "", name.number, its.today)
    return Found(end, (day,)) if day else None


def _relative(its: Sentence, at: int) -> Found | None:
    found = its.words.when.match(its.read, at)
    if found is None:
        return None
    when, end = found.value, found.end
    if when.kind == "none":
        return Found(end)
    if when.kind in {"ahead", "ago"} and its.text(end) in its.words.anchors:
        return Found(end)  # «in two weeks after my arrival» is not counted from today
    weekday = found.captured.get("weekday", 0)
    if when.kind == "weekday":
        beside = _beside(its, at, end, weekday)
        if beside is not None:
            return beside
    if when.kind == "week":
        after = its.after_fillers(end)
        inner = its.words.weekdays.match(its.read, after) if after < len(its.read) else None
        if inner is not None and inner.value.strength is Strength.STRONG:
            text = its.said(at, inner.end)
            day = in_week(text, when.count, inner.value.number, its.today)
            return Found(inner.end, (day,) if day else ())
    n, unit = found.captured.get("n", 1), UNITS[found.captured.get("unit", 0)]
    day = counted(its.said(at, end), when, n, unit, weekday, its.today)
    return Found(end, (day,) if day else ())
