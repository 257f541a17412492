"""What the calendar tells: rows of guide §5.3 that no partner announces.

Plain functions. Each event's id is made from the deadline and its date, so that looking twice, or
after a week of downtime, tells nothing twice, and a date that moves is told anew.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from erasmus_app.institutions.models import KnownFactsheet
from erasmus_app.mobilities.agreements import is_signed
from erasmus_app.mobilities.basis import Event, Relative
from erasmus_app.mobilities.deadlines import Deadline, deadlines
from erasmus_app.mobilities.events import KINDS, MobilityEvent, Row, event_about, listed
from erasmus_app.mobilities.local_rules import NO_RULES, LocalRule, RuleBook
from erasmus_app.mobilities.models import Api, Mobility
from erasmus_app.mobilities.rules import DeadlineKind, Rules
from erasmus_app.mobilities.seen import Moved, Seen, SeenDay
from erasmus_app.mobilities.state import MobilityState, state
from erasmus_app.mobilities.stays import (
    agreement_of,
    is_early,
    nomination_of,
    planned_start,
    plausible,
)
from erasmus_app.mobilities.steps import Party
from erasmus_app.mobilities.undone import is_to_apply, undone

Ladders = Mapping[DeadlineKind, Sequence[int]]
"""On how many days before its deadline a kind is told; -1 is the day after."""

ROWS = {
    DeadlineKind.APPLICATION: Row.B11,
    DeadlineKind.AGREEMENT_SIGNED: Row.B12,
    DeadlineKind.ARRIVAL_CONFIRMED: Row.D4,
    DeadlineKind.CHANGE_REQUEST: Row.CHANGE_DUE,
    DeadlineKind.EXTENSION_REQUEST: Row.EXTENSION_DUE,
    DeadlineKind.TRANSCRIPT: Row.A7,
    DeadlineKind.RECOGNITION: Row.A10,
    DeadlineKind.CERTIFICATE: Row.CERTIFICATE_DUE,
}
"""What is told as a deadline of a kind comes near, or has passed."""
REMINDERS = frozenset(KINDS[row] for row in ROWS.values())
"""The kinds that are told some days before a deadline, or after it."""
_MOVED = {
    DeadlineKind.APPLICATION: Row.MOVED,
    DeadlineKind.AGREEMENT_SIGNED: Row.MOVED_AGREEMENT,
    DeadlineKind.CHANGE_REQUEST: Row.MOVED_CHANGE,
    DeadlineKind.EXTENSION_REQUEST: Row.MOVED_EXTENSION,
}
"""What is told of days that are for the student."""
_RECORDED = frozenset({Event.ARRIVAL, Event.CLASSES_BEGIN, Event.DEPARTURE})
_DATED = {Row.B11, Row.B12, Row.CHANGE_DUE, Row.EXTENSION_DUE, Row.A7, Row.CERTIFICATE_DUE}
_EXPECTED = frozenset(
    {
        DeadlineKind.ARRIVAL_CONFIRMED,
        DeadlineKind.TRANSCRIPT,
        DeadlineKind.RECOGNITION,
        DeadlineKind.CERTIFICATE,
    }
)
"""What others were to do by then: worth asking for some weeks after."""
_OFF = {MobilityState.CANCELLED, MobilityState.REJECTED}


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a mobility found."""

    events: tuple[MobilityEvent, ...]
    covered: tuple[MobilityEvent, ...]  # what another of the events says already: not to be told
    seen: Seen
    next_day: date | None  # when there may be something to tell again, if nothing changes


def look(
    mobility: Mobility,
    factsheet: KnownFactsheet | None,
    rules: Rules,
    ladders: Ladders,
    heard: Collection[Api],
    seen: Seen,
    today: date,
    book: RuleBook = NO_RULES,
    zone: str = "UTC",
) -> Look:
    """Look at a mobility on a day of its student; the same arguments give the same events.

    Only the nearest rung of each deadline is told: after a month of downtime that is one reminder,
    not four. Of several deadlines of one kind the earliest is told. `seen` is what the look before
    returned; factsheet and `heard` as in `deadlines`; `zone` is the one that `today` is a day of.
    """
    local = book.about(mobility)
    found = [
        each
        for each in deadlines(mobility, factsheet, rules, heard, today, local)
        if each.counts_first
    ]
    moved = {each.kind: each for each in found if _has_moved(each, seen)}
    remind = [
        (each, _last_day(each, zone, rules), ladders[each.kind])
        for each in found
        if each.kind in ROWS and each.kind in ladders
    ]
    reminders = list(_reminders(mobility, remind, rules, today))
    said = {ROWS[kind] for kind in moved if kind in ROWS and kind in _MOVED}
    covered = [each for each in reminders if each.step in said]
    events = [*_reached(mobility, rules, today), *(e for e in reminders if e not in covered)]
    for kind, each in moved.items():
        before = seen.day(kind)
        assert before is not None
        assert each.on is not None
        if kind in _MOVED and _is_told(each) and max(each.on, before.on) >= today:
            by = _moved_by(each, mobility, factsheet, local)
            events.append(event_about(mobility, _MOVED[kind], by, date=each.on.isoformat()))
    names = None
    if factsheet is not None and factsheet.value is not None:
        names = tuple(each.name for each in factsheet.value.requirements)
        if is_to_apply(mobility, today) and seen.requirements is not None:
            events += _required(mobility, factsheet, seen.requirements, names)
    return Look(
        events=tuple(events),
        covered=tuple(covered),
        seen=_seen(seen, found, moved, names, undone(mobility, heard, today), today),
        next_day=min(_days_to_come(mobility, remind, today), default=None),
    )


def _has_moved(deadline: Deadline, seen: Seen) -> bool:
    """Whether a day is another than before, which no other message says.

    One that is only better or worse known than before is no move, and days that the host records
    have messages of their own (D1 to D3, A1 to A3).
    """
    before, basis = seen.day(deadline.kind), deadline.basis
    if before is None or deadline.on is None or deadline.on == before.on:
        return False
    if not isinstance(basis, Relative) or before.since in {None, deadline.since}:
        return True  # another rule, or another factsheet
    return deadline.surety is before.surety and basis.event not in _RECORDED


def _seen(
    before: Seen,
    found: Sequence[Deadline],
    moved: Collection[DeadlineKind],
    names: tuple[str, ...] | None,
    to_do: Collection[DeadlineKind],
    today: date,
) -> Seen:
    """Return what the next look has to know.

    What a partner's bad day hides is not forgotten, or its return would be no news.
    """
    days = {kind: day for kind in to_do if (day := before.day(kind)) is not None}
    days |= {
        each.kind: SeenDay(each.on, each.surety, each.since)
        for each in found
        if each.on is not None
    }
    moves = dict(before.moved)
    for each in found:
        was = before.day(each.kind)
        if each.kind in moved and was is not None and each.on is not None:
            moves[each.kind] = Moved(was=was.on, now=each.on, at=today)
    application = days.get(DeadlineKind.APPLICATION)
    return Seen(
        application=application.on if application else None,
        requirements=names if names is not None else before.requirements,
        days=days,
        moved=moves,
    )


def day_of(now: datetime, zone: str, hour: int) -> date:
    """Return the student's day by their own zone; it begins at `hour`, when people are awake."""
    local = now.astimezone(ZoneInfo(zone))
    return local.date() if local.hour >= hour else local.date() - timedelta(days=1)


def moment_of(day: date, zone: str, hour: int) -> datetime:
    """Return when a student's day begins, see `day_of`."""
    return datetime.combine(day, time(hour), tzinfo=ZoneInfo(zone))


def day_of_all(now: datetime, zones: Collection[str], hour: int) -> tuple[date, str]:
    """Return the day of several readers that all have reached, and the zone that it is a day of."""
    return min((day_of(now, each, hour), each) for each in zones)


def moment_of_all(day: date, zones: Collection[str], hour: int) -> datetime:
    """Return when a day has begun for all of several readers."""
    return max(moment_of(day, each, hour) for each in zones)


def _moved_by(
    deadline: Deadline,
    mobility: Mobility,
    factsheet: KnownFactsheet | None,
    local: Sequence[LocalRule],
) -> str:
    """Tell a date that comes back from the same date before (guide §6.5).

    By the revisions of what it may be read from: both universities' looks make the same of it.
    """
    facts = (mobility.nomination, mobility.agreement)
    known = [each.source.revision if each else 0 for each in facts]
    if deadline.kind is not DeadlineKind.APPLICATION:
        known.append(mobility.reception.source.revision if mobility.reception else 0)
    # A version counts the edits of a rule, and an ended one stays: their sum never falls.
    edits = sum(each.version for each in local if each.content.kind is deadline.kind)
    revision = factsheet.revision if factsheet else 0
    by = (deadline.on, revision, *known, *((f"rules {edits}",) if edits else ()))
    return " ".join(map(str, by))


def _required(
    mobility: Mobility, factsheet: KnownFactsheet, before: Sequence[str], now: Sequence[str]
) -> Iterator[MobilityEvent]:
    """Tell of papers that the factsheet has not asked for before (row B10)."""
    nomination = nomination_of(mobility)
    asked = {*before, *(each.name for each in (nomination.requirements if nomination else ()))}
    if new := [each for each in dict.fromkeys(now) if each not in asked]:
        by = f"factsheet {factsheet.revision}"
        yield event_about(mobility, Row.B10, by, requirements=listed(new))


def _reached(mobility: Mobility, rules: Rules, today: date) -> Iterator[MobilityEvent]:
    """Tell of a first or last day that was recorded beforehand and has come (D1, A1, A3)."""
    if state(mobility, today) in _OFF:
        return
    for row, day in _recorded(mobility):
        if day <= today <= day + timedelta(days=rules.ours.late_days):
            agreement = mobility.agreement.value if mobility.agreement else None
            early = row is Row.A1 and is_early(day, agreement)
            yield event_about(mobility, Row.A3 if early else row, f"on {day}", date=day.isoformat())


def _recorded(mobility: Mobility) -> Iterator[tuple[Row, date]]:
    """Yield the days that lay ahead when they were read; others were told at once."""
    if mobility.reception is None or mobility.reception.value is None:
        return
    read, reception = mobility.reception.source.fetched_at.date(), mobility.reception.value
    for row, day in ((Row.D1, reception.actual_arrival), (Row.A1, reception.actual_departure)):
        if (known := plausible(day)) is not None and read < known:
            yield row, known


_Reminded = tuple[Deadline, date | None, Sequence[int]]
"""A deadline, its last day as the student's clock has it, and its ladder."""


def _last_day(deadline: Deadline, zone: str, rules: Rules) -> date | None:
    """Return the last of the student's days that begins before a deadline is over.

    One whose time is over before the morning, or on another day than where it was set, belongs to
    the day before or after.
    """
    if deadline.ends_at is None:
        return deadline.on
    return day_of(deadline.ends_at, zone, rules.ours.hour)


def _reminders(
    mobility: Mobility, remind: Sequence[_Reminded], rules: Rules, today: date
) -> Iterator[MobilityEvent]:
    for each, last, ladder in remind:
        row = ROWS[each.kind]
        rung = _rung(each.kind, last, ladder, rules, today)
        if rung is None or not _is_told(each):
            continue
        detail = {"date": each.on.isoformat()} if row in _DATED and each.on else {}
        yield event_about(mobility, row, f"{each.kind} {each.on} {rung}", **detail)


def _is_told(deadline: Deadline) -> bool:
    """Whether a reminder helps: an agreement that waits for the host is not the student's move."""
    agreement = deadline.kind is DeadlineKind.AGREEMENT_SIGNED
    return not agreement or deadline.who_must_act is Party.STUDENT


def _rung(
    kind: DeadlineKind, last: date | None, ladder: Sequence[int], rules: Rules, today: date
) -> int | None:
    """Return how many days before its deadline the nearest reminder belongs that is due."""
    if last is None:
        return None
    left = (last - today).days
    passed = [each for each in ladder if left <= each]
    if not passed:
        return None
    nearest = min(passed)
    still = nearest < 0 or kind in _EXPECTED  # it helps also when the day is over
    return nearest if left >= (-rules.ours.late_days if still else 0) else None


def _days_to_come(mobility: Mobility, remind: Sequence[_Reminded], today: date) -> Iterator[date]:
    days = [day for _, day in _recorded(mobility)]
    if state(mobility, today) not in _OFF:
        days += _first_days(mobility)
    for _, last, ladder in remind:
        if last is not None:
            days += [last - timedelta(days=before) for before in ladder]
    yield from (day for day in days if day > today)


def _first_days(mobility: Mobility) -> Iterator[date]:
    """Yield when the stay may begin without news: from then on other deadlines are to be kept."""
    reception, agreement = mobility.reception, agreement_of(mobility)
    arrival = reception.value.actual_arrival if reception and reception.value else None
    if (known := plausible(arrival)) is not None:
        yield known
    elif is_signed(agreement) and (planned := planned_start(mobility)) is not None:
        yield planned[0]
