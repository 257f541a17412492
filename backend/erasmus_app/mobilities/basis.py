"""What deadlines are counted from: a day, a day of each year, or something that happens."""

from datetime import date
from enum import IntEnum, StrEnum

import msgspec

from erasmus_app.institutions.models import Term
from erasmus_app.mobilities.days import Offset, in_year
from erasmus_app.mobilities.models import Mobility
from erasmus_app.mobilities.rules import Rules
from erasmus_app.mobilities.stays import (
    academic_year,
    agreement_of,
    planned_end,
    planned_start,
    plausible,
    term,
    two_years,
)


class Event(StrEnum):
    """What a deadline may be counted from."""

    NOMINATED = "nominated"  # EWP carries no day of it: when it was read
    STAY_BEGINS = "stay-begins"  # as planned
    ARRIVAL = "arrival"  # as the host confirms it
    CLASSES_BEGIN = "classes-begin"  # EWP carries no calendars: the arrival stands for it
    CHANGE_REQUESTED = "change-requested"  # student and home have signed
    STAY_ENDS = "stay-ends"  # as planned
    DEPARTURE = "departure"  # the later of the confirmed and the planned last day
    TRANSCRIPT_ISSUED = "transcript-issued"


class Surety(IntEnum):
    """How much is known of the day of an event."""

    GUESSED = 0  # from the term alone
    PLANNED = 1  # something else stands for it
    KNOWN = 2


class Absolute(msgspec.Struct, frozen=True, tag="absolute"):
    """A day, once."""

    on: date


class Annual(msgspec.Struct, frozen=True, tag="annual"):
    """A day of each year; the academic year and the term tell which."""

    month_day: str  # `--MM-DD`


class Relative(msgspec.Struct, frozen=True, tag="relative"):
    """So long after something, or before it."""

    event: Event
    offset: Offset


Basis = Absolute | Annual | Relative


class Anchor(msgspec.Struct, frozen=True):
    """The day of an event, and how much is known of it."""

    day: date
    surety: Surety


def anchor(event: Event, mobility: Mobility, rules: Rules) -> Anchor | None:
    """Return the day that counts for an event; None where nothing tells it."""
    match event:
        case Event.NOMINATED:
            read = mobility.nomination.source.fetched_at.date() if mobility.nomination else None
            return Anchor(read, Surety.PLANNED) if read else None
        case Event.STAY_BEGINS:
            return _planned(planned_start(mobility)) or _guessed(term_start(mobility, rules))
        case Event.STAY_ENDS:
            return _planned(planned_end(mobility))
        case Event.ARRIVAL | Event.CLASSES_BEGIN:
            return _arrival(event, mobility)
        case Event.DEPARTURE:
            return _departure(mobility)
        case Event.CHANGE_REQUESTED:
            return _requested(mobility)
        case Event.TRANSCRIPT_ISSUED:
            known = mobility.transcript
            day = known.source.fetched_at.date() if known and known.value else None
            return Anchor(day, Surety.KNOWN) if day else None


def term_start(mobility: Mobility, rules: Rules) -> date | None:
    """Return about when the mobility's term begins; None where it cannot be told."""
    known, years = term(mobility), two_years(academic_year(mobility))
    start = rules.ours.term_starts.get(known[0]) if known else None
    if known is None or years is None or start is None:
        return None
    return in_year(years[0] if known[0] is Term.AUTUMN else years[1], start)


def _planned(found: tuple[date, bool] | None) -> Anchor | None:
    if found is None:
        return None
    return Anchor(found[0], Surety.KNOWN if found[1] else Surety.PLANNED)


def _guessed(day: date | None) -> Anchor | None:
    return Anchor(day, Surety.GUESSED) if day else None


def _arrival(event: Event, mobility: Mobility) -> Anchor | None:
    reception = mobility.reception.value if mobility.reception else None
    arrived = plausible(reception.actual_arrival) if reception else None
    if arrived is not None:
        return Anchor(arrived, Surety.KNOWN if event is Event.ARRIVAL else Surety.PLANNED)
    start = planned_start(mobility)
    # It stands for the arrival, which in its turn stands for the start of classes.
    return (
        Anchor(start[0], Surety.PLANNED if event is Event.ARRIVAL else Surety.GUESSED)
        if (start)
        else None
    )


def _departure(mobility: Mobility) -> Anchor | None:
    """Return the later known day, as from which of them one counts is not fixed (guide §5.4)."""
    reception, end = (
        (mobility.reception.value if mobility.reception else None),
        planned_end(mobility),
    )
    departed = plausible(reception.actual_departure) if reception else None
    known = [day for day in (departed, end[0] if end else None) if day is not None]
    return Anchor(max(known), Surety.KNOWN if departed else Surety.PLANNED) if known else None


def _requested(mobility: Mobility) -> Anchor | None:
    agreement = agreement_of(mobility)
    proposal = agreement.changes_proposal if agreement else None
    if proposal is None:
        return None
    signatures = (proposal.student_signature, proposal.sending_signature)
    day = plausible(max(each.signed_at for each in signatures).date())
    return Anchor(day, Surety.KNOWN) if day else None
