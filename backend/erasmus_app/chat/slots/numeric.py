"""Dates in numbers: «15.01.2027», «15/1», «2027-01-15»."""

from collections.abc import Iterator

from erasmus_app.chat.slots.models import FoundDate
from erasmus_app.chat.slots.resolving import is_possible, of_month, written
from erasmus_app.chat.slots.sentence import Found, Sentence

MARKS = frozenset(".-/")
NO_DAYS = {(24, 7), (1, 2)}  # «24/7», «1/2 of the grant»
NEAR = 6  # years; of two digits, what is further away is no year

Reading = tuple[int | None, int, int]


def numeric(its: Sentence, at: int) -> Found | None:
    """Return the date in numbers that begins at a token."""
    if its.number(at) is None or _is_inside(its, at):
        return None
    mark = its.text(at + 1)
    if mark not in MARKS or not its.glued(at + 1) or its.number(at + 2) is None:
        return None
    if not its.glued(at + 2) and mark != ".":
        return None
    return _three(its, at, mark) or _year_and_month(its, at, mark) or _two(its, at, mark)


def _is_inside(its: Sentence, at: int) -> bool:
    """Whether the digits go on from others, or from a word: «1.2.3.4», «7.5», «10:30», «v2.5.»."""
    before = its.text(at - 1)
    if its.glued(at) and before[:1].isalpha():
        return True
    if before == "-" and its.text(at + 1) != "-":
        return False  # from «15/01/2027» to this
    joined = its.glued(at) and its.glued(at - 1) and before in {*MARKS, ",", ":"}
    return joined and its.text(at - 2)[:1].isdecimal()


def _three(its: Sentence, at: int, mark: str) -> Found | None:
    """A day, a month and a year, in either order."""
    second, third = at + 2, at + 4
    between = its.text(at + 3)
    if between not in MARKS:
        # «15/1 2027» of the Nordic countries
        third -= 1
        if len(its.text(at)) > 2 or len(its.text(third)) != 4:
            return None
    else:
        # «15/1-2027» of Denmark
        alike = between == mark or (between == "-" and len(its.text(at)) <= 2)
        if not (alike and its.glued(at + 3) and (its.glued(third) or mark == ".")):
            return None
    numbers = [its.number(each) for each in (at, second, third)]
    if None in numbers or its.is_money(third + 1):
        return None
    end = third + 1
    goes_on = its.text(end) in {mark, "."} and its.glued(end) and its.glued(end + 1)
    if goes_on and its.number(end + 1) is not None:
        return Found(end + 2)  # of a version or an address: none of it is a day
    lengths = [len(its.text(each)) for each in (at, second, third)]
    readings = list(_readings(its, [each or 0 for each in numbers], lengths, mark))
    possible = [each for each in readings if is_possible(each[1], each[2])]
    if possible:
        return Found(end, (written(its.said(at, end), possible, its.today),))
    swapped = [(year, day, month) for year, month, day in readings if is_possible(day, month)]
    if swapped and lengths[2] == 4:
        # The American order in a language that has another one: ask.
        found = written(its.said(at, end), swapped, its.today)
        days = (found.on,) if found.on else found.alternatives
        text = found.text
        return Found(end, (FoundDate(text=text, alternatives=days, impossible=not days),))
    return None


def _readings(
    its: Sentence, numbers: list[int], lengths: list[int], mark: str
) -> Iterator[Reading]:
    one, two, three = numbers
    if lengths[0] == 4:
        if max(lengths[1:]) <= 2:
            yield one, two, three
        return
    if max(lengths[:2]) > 2 or lengths[2] not in {2, 4}:
        return
    if lengths[2] == 4:
        yield three, two, one
        if _is_either(its, mark):
            yield three, one, two
        return
    # Of two digits each: what makes a year near to this one counts.
    century = its.today.year // 100 * 100
    orders = [(three, two, one)]
    if its.words.orders[0] == "ymd":
        orders.insert(0, (one, two, three))
    elif _is_either(its, mark):
        orders.append((three, one, two))
    for year, month, day in orders:
        if abs(century + year - its.today.year) <= NEAR:
            yield century + year, month, day


def _is_either(its: Sentence, mark: str) -> bool:
    """Whether day and month may be meant in both orders: English is written in two ways."""
    return its.words.language == "en" and mark != "."


def _year_and_month(its: Sentence, at: int, mark: str) -> Found | None:
    """«2027-01», «01/2027»."""
    one, two = its.number(at), its.number(at + 2)
    lengths = len(its.text(at)), len(its.text(at + 2))
    if one is None or two is None or not its.glued(at + 2) or its.is_money(at + 3):
        return None
    if lengths == (4, 2) and mark == "-":
        year, month = one, two
    elif lengths[0] <= 2 and lengths[1] == 4:
        year, month = two, one
    else:
        return None
    if year < 1900 or not 1 <= month <= 12:
        return None
    found = of_month(its.said(at, at + 3), year, month, its.today)
    return Found(at + 3, (found,)) if found else None


def _two(its: Sentence, at: int, mark: str) -> Found | None:
    """A day and a month; precise, as «7.5» and «2-3 weeks» look alike."""
    one, two, end = its.number(at) or 0, its.number(at + 2) or 0, at + 3
    lengths = len(its.text(at)), len(its.text(at + 2))
    goes_on = its.text(end) in MARKS and its.glued(end)
    if max(lengths) > 2 or (goes_on and its.glued(end + 1) and its.number(end + 1) is not None):
        return None
    closed = mark == "." and its.text(end) == "." and its.glued(end)
    if not _looks_like_a_day(its, at, mark, closed=closed):
        return None
    readings: list[Reading] = [(None, one, two)] if its.words.orders[1] == "md" else []
    readings = readings or [(None, two, one)]
    if _is_either(its, mark):
        readings.append((None, one, two))
    possible = [each for each in readings if is_possible(each[1], each[2])]
    if not possible:
        return None
    return Found(end, (written(its.said(at, end), possible, its.today),))


def _looks_like_a_day(its: Sentence, at: int, mark: str, *, closed: bool) -> bool:
    one, two = its.text(at), its.text(at + 2)
    end = at + 3 + closed
    behind = end + (its.text(end) == "-")  # 10.30-kor
    is_clock = its.text(behind) in its.words.clock and its.number(behind + 1) is None
    if is_clock or its.text(at - 1) in its.words.clock:
        return False
    if its.is_money(end) or its.is_money(at - 1):
        return False
    if end < len(its.read) and its.words.units.match(its.read, end):
        return False
    if its.month(its.after_fillers(end)) is not None:
        return False  # «5/6 January»
    match mark:
        case "/":
            return (int(one), int(two)) not in NO_DAYS
        case "-":
            return len(one) == len(two) == 2 and "0" in {one[0], two[0]}
        case _:
            if not its.glued(at + 2):
                return closed
            return closed or (len(two) == 2 and (two[0] == "0" or len(one) == 2))
