"""What a rule of an HEI may say: strict, as students believe it. Plain functions."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date, time
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import msgspec

from erasmus_app.errors import RuleInvalid
from erasmus_app.institutions.models import Term
from erasmus_app.mobilities.basis import Absolute, Annual, Basis, Event, Relative
from erasmus_app.mobilities.days import Offset, Unit
from erasmus_app.mobilities.local_rules import Role, RuleContent, Scope
from erasmus_app.mobilities.rules import DeadlineKind

LONGEST_NAME = 200
LONGEST_URL = 500
FARTHEST = {Unit.DAYS: 731, Unit.WEEKS: 104, Unit.MONTHS: 24}
"""Two years, counted in each unit."""
ACTIVITIES = frozenset({"student-studies", "student-traineeships"})
DAYS = (date(2000, 1, 1), date(2100, 12, 31))

_K, _E = DeadlineKind, Event
_STAY = frozenset({_E.STAY_BEGINS, _E.ARRIVAL, _E.CLASSES_BEGIN, _E.STAY_ENDS, _E.DEPARTURE})
EVENTS = {
    **dict.fromkeys(
        (_K.NOMINATION, _K.APPLICATION, _K.DECISION, _K.AGREEMENT_SIGNED),
        frozenset({_E.NOMINATED, _E.STAY_BEGINS}),
    ),
    _K.CHANGE_AGREED: _STAY | {_E.CHANGE_REQUESTED},
    _K.RECOGNITION: _STAY | {_E.TRANSCRIPT_ISSUED},
}
"""What a kind may be counted from, where that is not just any day of the stay."""

_MONTH_DAY = re.compile(r"--(\d\d)-(\d\d)", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_YEAR = re.compile(r"(\d{4})/(\d{4})", re.ASCII)
_LEAP = 2024  # a year that has every day


class Problem(NamedTuple):
    """What is wrong with a rule, and where."""

    field: str
    code: str
    reason: str  # in English, for whoever types it


def problems(content: RuleContent) -> Iterator[Problem]:
    """Yield everything that is wrong with a rule."""
    yield from _texts(content)
    yield from _counted(content.kind, content.basis)
    if content.zone is not None and content.zone not in zones():
        yield Problem("zone", "zone_unknown", "is no time zone of the IANA list")
    if content.at is not None and content.zone is None:
        yield Problem("zone", "zone_missing", "a time of day needs one")
    yield from _for_whom(content.scope)


@cache
def zones() -> frozenset[str]:
    """Return the names of all time zones; they are read from the disk once."""
    return frozenset(available_timezones())


def _texts(content: RuleContent) -> Iterator[Problem]:
    name, url = content.name, content.url
    if not name or len(name) > LONGEST_NAME or name != name.strip():
        reason = f"has 1 to {LONGEST_NAME} characters, with no blank at either end"
        yield Problem("name", "text_invalid", reason)
    elif hidden(name):
        yield Problem("name", "text_invalid", "has characters that are not seen")
    if url is not None and not _is_link(url):
        reason = f"is https with a host, at most {LONGEST_URL} characters of ASCII"
        yield Problem("url", "url_invalid", reason)


def hidden(text: str) -> bool:
    """Whether a text has control characters, such that turn its direction, or unassigned ones."""
    return any(unicodedata.category(each)[0] == "C" or each in "\u2028\u2029" for each in text)


def _is_link(url: str) -> bool:
    if len(url) > LONGEST_URL or not all("!" <= each <= "~" for each in url) or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc


def _counted(kind: DeadlineKind, basis: Basis) -> Iterator[Problem]:
    if isinstance(basis, Absolute):
        if not DAYS[0] <= basis.on <= DAYS[1]:
            yield Problem("on", "day_invalid", f"is from {DAYS[0]} to {DAYS[1]}")
    elif isinstance(basis, Annual):
        if not _is_month_day(basis.month_day):
            yield Problem("monthDay", "day_invalid", "is --MM-DD, a day that some year has")
    else:
        if abs(basis.offset.amount) > FARTHEST[basis.offset.unit]:
            yield Problem("offset", "offset_invalid", "is within two years")
        if basis.event not in EVENTS.get(kind, _STAY):
            fitting = ", ".join(sorted(EVENTS.get(kind, _STAY)))
            yield Problem("event", "event_invalid", f"is for {kind} one of {fitting}")


def _is_month_day(text: str) -> bool:
    found = _MONTH_DAY.fullmatch(text)
    try:
        return found is not None and bool(date(_LEAP, int(found[1]), int(found[2])))
    except ValueError:
        return False


def _for_whom(scope: Scope) -> Iterator[Problem]:
    if scope.role is None:
        yield Problem("role", "role_missing", "is outgoing or incoming")
    if scope.activity_type is not None and scope.activity_type not in ACTIVITIES:
        yield Problem("activityType", "activity_invalid", "is one of EWP's words")
    years = (scope.first_year, scope.last_year)
    days = (scope.first_day, scope.last_day)
    for field, year in zip(("firstYear", "lastYear"), years, strict=True):
        if year is not None and not _is_year(year):
            yield Problem(field, "validity_invalid", "is YYYY/YYYY, one year or two in a row")
    for field, day in zip(("firstDay", "lastDay"), days, strict=True):
        if day is not None and not DAYS[0] <= day <= DAYS[1]:
            yield Problem(field, "validity_invalid", f"is from {DAYS[0]} to {DAYS[1]}")
    if any(years) and any(days):
        yield Problem("firstDay", "validity_invalid", "years or days, not both")
    if years[0] and years[1] and years[0] > years[1]:
        yield Problem("lastYear", "validity_invalid", "is before the first")
    if days[0] and days[1] and days[0] > days[1]:
        yield Problem("lastDay", "validity_invalid", "is before the first")


def _is_year(text: str) -> bool:
    found = _YEAR.fullmatch(text)
    return (
        found is not None
        and DAYS[0].year <= int(found[1]) <= DAYS[1].year
        and int(found[2]) - int(found[1]) in {0, 1}
    )


class Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule as somebody writes it, flat: `RuleContent` before anything of it is believed."""

    kind: DeadlineKind
    direction: Role
    name: str
    url: str | None = None
    activity_type: str | None = None
    term: Term | None = None
    first_year: str | None = None
    last_year: str | None = None
    first_day: date | None = None
    last_day: date | None = None
    on: date | None = None
    month_day: str | None = None
    event: Event | None = None
    offset: int | None = None
    unit: Unit | None = None
    time: str | None = None
    zone: str | None = None


def content_of(written: Written) -> RuleContent:
    """Return what a rule says.

    Raises:
        RuleInvalid: it has no day or several, or a time that is none; `problems` tells the rest.
    """
    return RuleContent(
        kind=written.kind,
        scope=Scope(
            role=written.direction,
            activity_type=written.activity_type,
            term=written.term,
            first_year=written.first_year,
            last_year=written.last_year,
            first_day=written.first_day,
            last_day=written.last_day,
        ),
        basis=_basis(written),
        name=written.name,
        url=written.url,
        at=_time(written.time),
        zone=written.zone,
    )


def _basis(written: Written) -> Basis:
    relative = (written.event, written.offset, written.unit)
    given = [written.on is not None, written.month_day is not None, _any_of(relative)]
    if sum(given) != 1:
        raise RuleInvalid("basis_invalid", "on", "one of on, month_day, and event with its offset")
    if written.on is not None:
        return Absolute(written.on)
    if written.month_day is not None:
        return Annual(written.month_day)
    if written.event is None or written.offset is None or written.unit is None:
        raise RuleInvalid("basis_invalid", "event", "event, offset and unit come together")
    return Relative(written.event, Offset(written.offset, written.unit))


def _any_of(values: tuple[object, ...]) -> bool:
    """Whether any of them was given; 0 is a value."""
    return any(each is not None for each in values)


def _time(text: str | None) -> time | None:
    if text is None:
        return None
    if _TIME.fullmatch(text) is None:
        raise RuleInvalid("time_invalid", "time", "is HH:MM, from 00:00 to 23:59")
    return time.fromisoformat(text)
