"""When a stay is planned to begin and to end, and in which term: read from what is known."""

import calendar
from datetime import date, timedelta

from erasmus_app.institutions.models import Term
from erasmus_app.mobilities.models import LearningAgreement, Mobility, Nomination

EARLY = timedelta(days=14)  # our own margin: packing a week before the last day is no early end

YEARS = range(1990, 2101)  # a date outside is a slip of somebody's pen, and no date to count from


def plausible(day: date | None) -> date | None:
    """Return a day that a stay can have; None for the year 1 or 9999, which partners do send."""
    return day if day is not None and day.year in YEARS else None


def first_day(text: str) -> date | None:
    """Read `YYYY-MM-DD`, or `YYYY-MM` as its first day; None for what is no plausible day."""
    try:
        return plausible(date.fromisoformat(text if len(text) > len("YYYY-MM") else f"{text}-01"))
    except ValueError:
        return None


def last_day(text: str) -> date | None:
    """Read `YYYY-MM-DD`, or `YYYY-MM` as its last day; None for what is no plausible day."""
    day = first_day(text)
    if day is None or len(text) > len("YYYY-MM"):
        return day
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def is_day(text: str) -> bool:
    """Whether a planned date is a day, rather than a whole month."""
    return len(text) > len("YYYY-MM")


def planned_start(mobility: Mobility) -> tuple[date, bool] | None:
    """Return the planned first day, and whether it is exact; the agreement counts first."""
    agreement, nomination = agreement_of(mobility), nomination_of(mobility)
    if agreement is not None and (day := first_day(agreement.planned_start)) is not None:
        return day, is_day(agreement.planned_start)
    arrival = plausible(nomination.planned_arrival) if nomination else None
    return (arrival, True) if arrival else None


def planned_end(mobility: Mobility) -> tuple[date, bool] | None:
    """Return the planned last day, and whether it is exact; the agreement counts first."""
    agreement, nomination = agreement_of(mobility), nomination_of(mobility)
    if agreement is not None and (day := last_day(agreement.planned_end)) is not None:
        return day, is_day(agreement.planned_end)
    departure = plausible(nomination.planned_departure) if nomination else None
    return (departure, True) if departure else None


def academic_year(mobility: Mobility) -> str | None:
    """Return the receiving HEI's academic year `YYYY/YYYY`; the nomination counts first."""
    for fact in (nomination_of(mobility), agreement_of(mobility)):
        if fact is not None:
            return fact.receiving_academic_year_id
    return None


def two_years(academic_year: str | None) -> tuple[int, int] | None:
    """Read `YYYY/YYYY` over two calendar years; None for a year within one, and for slips."""
    first, _, second = (academic_year or "").partition("/")
    if not (first.isdecimal() and second.isdecimal()) or int(first) not in YEARS:
        return None
    return (int(first), int(second)) if int(second) == int(first) + 1 else None


def term(mobility: Mobility) -> tuple[Term, bool] | None:
    """Return the term, and whether it was said; else it is guessed from the planned start.

    None where neither tells, and in systems of other than two terms: a factsheet has two.
    """
    nomination = nomination_of(mobility)
    if nomination is not None and nomination.sending_term is not None:
        _, _, said = nomination.sending_term.rpartition("-")
        found = {"1/2": Term.AUTUMN, "2/2": Term.SPRING}.get(said)
        return (found, True) if found else None
    start = planned_start(mobility)
    if start is None:
        return None
    return (Term.AUTUMN if start[0].month >= 8 else Term.SPRING), False


def is_early(departure: date, agreement: LearningAgreement | None) -> bool:
    """Whether a last day is well before the end that all have signed (guide §5.3, row A3)."""
    if agreement is None or agreement.first_version is None:
        return False
    end = first_day(agreement.planned_end)  # of a month its first day: no false alarm
    return end is not None and departure <= end - EARLY


def nomination_of(mobility: Mobility) -> Nomination | None:
    """Return the nomination that is visible."""
    return mobility.nomination.value if mobility.nomination else None


def agreement_of(mobility: Mobility) -> LearningAgreement | None:
    """Return the learning agreement that is visible."""
    return mobility.agreement.value if mobility.agreement else None
