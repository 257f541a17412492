"""From when until when an API may still bring news of a mobility: plain functions.

Who is not awaited is not asked for by id, and a partner of whom nobody is awaited is polled slowly.
Nothing is lost by a mistake here: what an index lists as changed, or a partner notifies, is fetched
whatever this says.
"""

import calendar
from collections.abc import Mapping
from datetime import date, timedelta

from erasmus_app.mobilities.models import Api, Mobility, NominationStatus

Span = tuple[date | None, date | None]
"""First and last day, both included; None: no bound."""

OVER = frozenset(
    {NominationStatus.CANCELLED, NominationStatus.REJECTED, NominationStatus.RECOGNIZED}
)
TAKEN_BACK = timedelta(days=30)  # a cancellation or a refusal may be
AFTER: Mapping[Api, timedelta] = {  # the end of the stay
    Api.OMOBILITIES: timedelta(days=180),
    Api.OMOBILITY_LAS: timedelta(days=120),
    Api.IMOBILITIES: timedelta(days=60),
    Api.IMOBILITY_TORS: timedelta(days=365),
}
YEAR_ENDS = (9, 30)  # month and day, of a year that goes over two


def awaited(mobility: Mobility) -> dict[Api, Span]:
    """Return the APIs that may still bring news, each with its span.

    The receiving HEI's decision is in imobilities 1 for the old family, so a nomination is enough
    there; a transcript needs a stay that has begun.
    """
    nomination = mobility.nomination
    last = None
    if nomination is not None and nomination.value is not None and nomination.value.status in OVER:
        last = nomination.source.fetched_at.date() + TAKEN_BACK
    end = _end(mobility)
    found: dict[Api, Span] = {}
    for api, more in AFTER.items():
        until = _plus(end, more)
        if last is not None and (until is None or last < until):
            until = last
        found[api] = (_start(mobility) if api is Api.IMOBILITY_TORS else None, until)
    return found


def _start(mobility: Mobility) -> date | None:
    reception = mobility.reception.value if mobility.reception else None
    nomination = mobility.nomination.value if mobility.nomination else None
    agreement = mobility.agreement.value if mobility.agreement else None
    if reception and reception.actual_arrival:
        return reception.actual_arrival
    if agreement and (day := _day(agreement.planned_start, last=False)):
        return day
    return nomination.planned_arrival if nomination else None


def _end(mobility: Mobility) -> date | None:
    """Return the last day of the stay as far as anybody says; the academic year's end bounds it."""
    reception = mobility.reception.value if mobility.reception else None
    nomination = mobility.nomination.value if mobility.nomination else None
    agreement = mobility.agreement.value if mobility.agreement else None
    if reception and reception.actual_departure:
        return reception.actual_departure
    if agreement and (day := _day(agreement.planned_end, last=True)):
        return day
    if nomination and nomination.planned_departure:
        return nomination.planned_departure
    said = nomination or agreement
    return _end_of_year(said.receiving_academic_year_id) if said else None


def _end_of_year(academic_year_id: str) -> date | None:
    first, _, last = academic_year_id.partition("/")
    if not (first.isdecimal() and last.isdecimal() and len(last) == 4):
        return None
    month, day = YEAR_ENDS if first != last else (12, 31)  # in the south it is one year
    try:
        return date(int(last), month, day)
    except ValueError:
        return None


def _day(text: str, *, last: bool) -> date | None:
    """Read `YYYY-MM-DD`, or a month by its first or last day."""
    try:
        if len(text) > len("YYYY-MM"):
            return date.fromisoformat(text)
        month = date.fromisoformat(f"{text}-01")
    except ValueError:
        return None
    return month.replace(day=calendar.monthrange(month.year, month.month)[1]) if last else month


def _plus(day: date | None, more: timedelta) -> date | None:
    try:
        return day + more if day is not None else None
    except OverflowError:  # a partner's year 9999
        return None
