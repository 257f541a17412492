"""Dates with the name of a month: «Monday, 15 January 2027», «tammikuun 15.», «in March»."""

from erasmus_app.chat.slots.models import FoundDate
from erasmus_app.chat.slots.phrases import in_decimal
from erasmus_app.chat.slots.resolving import agreeing, of_month, written
from erasmus_app.chat.slots.sentence import Found, Sentence
from erasmus_app.chat.slots.words import Named, Strength


def named(its: Sentence, at: int, weekday: int | None = None) -> Found | None:
    """Return the date that begins at a token, or the month."""
    if its.number(at) is not None and in_decimal(its.read, at):
        return None
    year, after = its.year(at), at
    if year is not None:
        after = its.after_fillers(at + 1)
    if its.day(after) is not None:
        return _day_first(its, at, after, year, weekday)
    return _month_first(its, at, after, year, weekday)


def _month(its: Sentence, at: int) -> tuple[Named, int] | None:
    found = its.words.months.match(its.read, at) if at < len(its.read) else None
    return (found.value, found.end) if found else None


def _ordinal(its: Sentence, at: int) -> int:
    """Return the token behind a day and what is glued to it: «15th», «15-én», «15:e»."""
    if its.glued(at) and its.text(at) in its.words.ordinals:
        return at + 1
    joined = its.glued(at) and its.text(at) in {"-", ":", "."} and its.glued(at + 1)
    return at + 2 if joined and its.text(at + 1) in its.words.ordinals else at


def _day_first(
    its: Sentence, start: int, at: int, year: int | None, weekday: int | None
) -> Found | None:
    days = [(at, its.day(at) or 0)]
    after = its.after_fillers(_ordinal(its, at + 1))
    if (its.text(after) == "-" or its.text(after) in its.words.through) and its.day(after + 1):
        days.append((after + 1, its.day(after + 1) or 0))
        after = its.after_fillers(_ordinal(its, after + 2))
    month = _month(its, after)
    if month is None:
        return None
    name, end = month
    if year is None:
        year, end = _year_behind(its, end, short=True)
    if name.strength is Strength.WEAKEST and year is None and its.text(end) != ".":
        return None
    end, weekday = _weekday_behind(its, end, weekday)
    found = list[FoundDate]()
    for place, day in days:
        whole = place == days[-1][0]
        text = its.said(start if len(days) == 1 else place, end if whole else place + 1)
        its_own = written(text, [(year, name.number, day)], its.today)
        found.append(agreeing(its_own, weekday) if len(days) == 1 else its_own)
    return Found(end, tuple(found))


def _month_first(
    its: Sentence, start: int, at: int, year: int | None, weekday: int | None
) -> Found | None:
    month = _month(its, at)
    if month is None:
        return None
    name, end = month
    behind = its.after_fillers(end)
    day = its.day(behind) if its.words.day_follows or year is not None else None
    if day is not None and not _is_a_count(its, behind):
        end = _ordinal(its, behind + 1)
        if year is None:
            year, end = _year_behind(its, end, short=False)
        if name.strength is Strength.WEAKEST and year is None:
            return None
        end, weekday = _weekday_behind(its, end, weekday)
        text = its.said(start, end)
        found = written(text, [(year, name.number, day)], its.today)
        return Found(end, (agreeing(found, weekday),))
    if weekday is not None:
        return None
    if year is None:
        year, end = _year_behind(its, end, short=False)
    elif name.strength is Strength.WEAK:
        return None  # «2026 may be»
    if year is None and not _stands_alone(its, name, at, end):
        return None
    if year is not None and name.strength is Strength.WEAKEST:
        return None
    whole = of_month(its.said(start, end), year, name.number, its.today)
    return Found(end, (whole,)) if whole else None


def _is_a_count(its: Sentence, at: int) -> bool:
    """Whether a number counts something else: «March 2 weeks», «May 10:30»."""
    after = at + 1
    if after >= len(its.read):
        return False
    if its.glued(after) and its.text(after) in {":", "/"}:
        return True
    decimal = its.text(after) in {".", ","} and its.glued(after) and its.glued(after + 1)
    if decimal and its.number(after + 1) is not None:
        return True
    if its.is_money(after) or its.text(after) in its.words.clock:
        return True
    # «15 d.» of Lithuanian is a day, not fifteen of them
    return its.text(after) not in its.words.fillers and bool(its.words.units.match(its.read, after))


def _year_behind(its: Sentence, at: int, *, short: bool) -> tuple[int | None, int]:
    """Return the year behind a day and month, and where the tokens go on."""
    after = its.after_fillers(at)
    year = its.year(after)
    if year is not None:
        return year, after + 1
    near = its.number(after) if short and len(its.text(after)) == 2 else None
    if near is None or abs(near - its.today.year % 100) > 6:
        return None, at
    ends = after + 1 >= len(its.read) or its.text(after + 1) in {"?", "!", ")", ";"}
    ends = ends or (its.text(after + 1) in {".", ","} and not its.glued(after + 2))
    if its.text(after - 1) == "'" or (after == at and ends):
        return its.today.year // 100 * 100 + near, after + 1
    return None, at


def _weekday_behind(its: Sentence, at: int, weekday: int | None) -> tuple[int, int | None]:
    """«1 Mart 2027 Pazartesi», «2027. január 15., péntek»."""
    after = its.after_fillers(at)
    after += its.text(after) == "("
    if after > at and its.text(after - 1) == ".":
        return at, weekday  # a new sentence
    found = its.words.weekdays.match(its.read, after) if after < len(its.read) else None
    if weekday is not None or found is None or found.value.strength is Strength.SHORT:
        return at, weekday
    return found.end, found.value.number


def _stands_alone(its: Sentence, name: Named, at: int, end: int) -> bool:
    """Whether a month is meant where neither day nor year stands beside it."""
    if name.strength is Strength.STRONG:
        return True
    if name.strength is not Strength.WEAK or its.text(end).startswith(its.words.not_before or "\0"):
        return False
    return its.text(at - 1) in its.words.after["months"] or its.is_capital(at)
