"""What is due in a mobility, until when, who must act, and where that is written (guide §5.4).

Plain functions over facts; nothing here is stored. Every date is a day at the receiving HEI: EWP
publishes no times.
"""

import calendar
from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum

import msgspec

from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import Factsheet, KnownFactsheet, Term
from erasmus_app.mobilities.agreements import AgreementState, agreement_state
from erasmus_app.mobilities.models import Api, Mobility
from erasmus_app.mobilities.rules import DeadlineKind, Programme, Rules
from erasmus_app.mobilities.state import Decision, MobilityState, decision, state
from erasmus_app.mobilities.stays import (
    academic_year,
    agreement_of,
    planned_end,
    planned_start,
    plausible,
    term,
    two_years,
)
from erasmus_app.mobilities.steps import Party


class Confidence(StrEnum):
    """How far a date can be relied on."""

    EXACT = "exact"
    ESTIMATE = "estimate"  # counted from something that is not exactly known


class Origin(StrEnum):
    """Who set a deadline."""

    FACTSHEET = "factsheet"  # the receiving HEI
    PROGRAMME = "programme"  # a rule of Erasmus+
    APP = "app"  # a margin of our own


class DeadlineSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where a deadline is written, and how fresh that is."""

    origin: Origin
    hei_id: HeiId | None = None  # whose factsheet
    last_confirmed_at: datetime | None = None  # UTC; of a factsheet
    name: str | None = None  # of the programme's rule


class Deadline(msgspec.Struct, frozen=True, kw_only=True):
    """One deadline. It has a day, or only the day without a year that was published."""

    kind: DeadlineKind
    owner: Party  # who must act
    confidence: Confidence
    source: DeadlineSource
    on: date | None = None  # the last day; of AGREEMENT_SIGNED the day before which it must be done
    month_day: str | None = None  # `--MM-DD` where the year cannot be told
    term: Term | None = None  # which of the factsheet's days it is, where the year cannot be told


_S = MobilityState
_TO_APPLY = frozenset({_S.NOMINATED, _S.ACCEPTED, _S.LA_AWAITING_RECEIVING})
_TO_DECIDE = _TO_APPLY | {_S.LA_SIGNED}
_ABROAD = frozenset({_S.ARRIVED, _S.PRESUMED_ABROAD})
_EXPECTED = frozenset({_S.READY, _S.LA_SIGNED, _S.PRESUMED_ABROAD})
_TO_GRADE = _EXPECTED | _ABROAD | {_S.DEPARTED}


def resolve(month_day: str, year: str, of: Term) -> date | None:
    """Turn `--MM-DD` into a date (guide §4.7, our own rule).

    Autumn's is the last such day before 1 October of the year's first half, spring's the last
    before 1 March of its second; 29 February falls on the 28th where there is none. None for a
    year within one calendar year (`YYYY/YYYY` alike, in the southern hemisphere).
    """
    years = two_years(year)
    if years is None:
        return None
    end = date(years[0], 10, 1) if of is Term.AUTUMN else date(years[1], 3, 1)
    for candidate in (end.year, end.year - 1):
        if (found := _day(candidate, month_day)) is not None and found < end:
            return found
    return None


def _day(year: int, month_day: str) -> date | None:
    try:
        _, _, month, day = month_day.split("-")
        longest = calendar.monthrange(year, int(month))[1]
        return date(year, int(month), min(int(day), longest))
    except ValueError:  # also an IllegalMonthError
        return None


def deadlines(
    mobility: Mobility,
    factsheet: KnownFactsheet | None,
    rules: Rules,
    heard: Collection[Api],
    today: date,
) -> tuple[Deadline, ...]:
    """Return what is still to be done, the earliest first; what has only a month and day last.

    `factsheet` is the receiving HEI's; `heard` are the APIs in which it can be asked, as nothing is
    missing of what nobody shares. A deadline that has passed stays while its step is not done.
    """
    now = state(mobility, today)
    programme = rules.of(academic_year(mobility))
    found = [
        *_of_factsheet(mobility, factsheet, now),
        *_of_decision(mobility, factsheet, now),
        *_before(mobility, programme, rules, now),
        *_arrival(mobility, rules, heard, now),
        *_during(mobility, programme, now),
        *_after(mobility, factsheet, programme, heard, now),
    ]
    return tuple(sorted(found, key=lambda each: (each.on or date.max, each.kind)))


def is_to_apply(mobility: Mobility, today: date) -> bool:
    """Whether the student's application may still be to be sent, as far as EWP tells."""
    return state(mobility, today) in _TO_APPLY


def _published(factsheet: KnownFactsheet) -> DeadlineSource:
    assert factsheet.value is not None
    return DeadlineSource(
        origin=Origin.FACTSHEET,
        hei_id=factsheet.value.hei_id,
        last_confirmed_at=factsheet.last_confirmed_at,
    )


def _ruled(programme: Programme) -> DeadlineSource:
    return DeadlineSource(origin=Origin.PROGRAMME, name=programme.source)


def _of_factsheet(
    mobility: Mobility, factsheet: KnownFactsheet | None, now: MobilityState
) -> Iterator[Deadline]:
    """Yield until when to nominate and to apply."""
    if factsheet is None or factsheet.value is None:
        return
    published: Factsheet = factsheet.value
    source, known, year = _published(factsheet), term(mobility), academic_year(mobility)
    for kind, days, owner, states in (
        (
            DeadlineKind.NOMINATION,
            published.nominations,
            Party.SENDING_HEI,
            {_S.NOMINATED, _S.REJECTED},
        ),
        (DeadlineKind.APPLICATION, published.applications, Party.STUDENT, _TO_APPLY),
    ):
        if now not in states:
            continue
        on = resolve(days.of(known[0]), year, known[0]) if known and year else None
        if on is not None and known is not None:
            exact = Confidence.EXACT if known[1] else Confidence.ESTIMATE
            yield Deadline(kind=kind, owner=owner, confidence=exact, source=source, on=on)
            continue
        for each in Term:
            yield Deadline(
                kind=kind,
                owner=owner,
                confidence=Confidence.ESTIMATE,
                source=source,
                month_day=days.of(each),
                term=each,
            )


def _of_decision(
    mobility: Mobility, factsheet: KnownFactsheet | None, now: MobilityState
) -> Iterator[Deadline]:
    weeks = factsheet.value.decision_weeks if factsheet and factsheet.value else None
    undecided = decision(mobility) in {Decision.PENDING, Decision.NOT_CONFIRMED}
    if factsheet is None or weeks is None or mobility.nomination is None:
        return
    if undecided and now in _TO_DECIDE:
        yield Deadline(
            kind=DeadlineKind.DECISION,
            owner=Party.RECEIVING_HEI,
            confidence=Confidence.ESTIMATE,  # from which day they count is not carried
            source=_published(factsheet),
            on=mobility.nomination.source.fetched_at.date() + timedelta(weeks=weeks),
        )


def _before(
    mobility: Mobility, programme: Programme | None, rules: Rules, now: MobilityState
) -> Iterator[Deadline]:
    """Yield until when the agreement must be signed: before the stay begins."""
    if programme is None or now not in {_S.ACCEPTED, _S.LA_AWAITING_RECEIVING}:
        return
    start, exact = planned_start(mobility) or (_term_start(mobility, rules), False)
    if start is not None:
        awaits = agreement_state(mobility) is AgreementState.AWAITING_RECEIVING
        yield Deadline(
            kind=DeadlineKind.AGREEMENT_SIGNED,
            owner=Party.RECEIVING_HEI if awaits else Party.STUDENT,
            confidence=Confidence.EXACT if exact else Confidence.ESTIMATE,
            source=_ruled(programme),
            on=start,
        )


def _term_start(mobility: Mobility, rules: Rules) -> date | None:
    known, years = term(mobility), two_years(academic_year(mobility))
    start = rules.ours.term_starts.get(known[0]) if known else None
    if known is None or years is None or start is None:
        return None
    return _day(years[0] if known[0] is Term.AUTUMN else years[1], start)


def _arrival(
    mobility: Mobility, rules: Rules, heard: Collection[Api], now: MobilityState
) -> Iterator[Deadline]:
    """Yield when an arrival that nobody confirmed is worth a visit to the office."""
    start = planned_start(mobility)
    reception = mobility.reception.value if mobility.reception else None
    if start is None or now not in _EXPECTED or Api.IMOBILITIES not in heard:
        return
    if reception is None or reception.actual_arrival is None:
        yield Deadline(
            kind=DeadlineKind.ARRIVAL_CONFIRMED,
            owner=Party.RECEIVING_HEI,
            confidence=Confidence.ESTIMATE,
            source=DeadlineSource(origin=Origin.APP),
            on=start[0] + timedelta(days=rules.ours.arrival_days),
        )


def _during(
    mobility: Mobility, programme: Programme | None, now: MobilityState
) -> Iterator[Deadline]:
    """Yield the days for changes of the agreement and for a longer stay."""
    if programme is None or now not in _ABROAD:
        return
    agreement = agreement_of(mobility)
    proposal = agreement.changes_proposal if agreement else None
    reception = mobility.reception.value if mobility.reception else None
    start, end = planned_start(mobility), planned_end(mobility)
    arrived = plausible(reception.actual_arrival) if reception else None
    began = arrived or (start[0] if start else None)
    source = _ruled(programme)
    if proposal is not None:
        signatures = (proposal.student_signature, proposal.sending_signature)
        if (asked := plausible(max(each.signed_at for each in signatures).date())) is not None:
            yield Deadline(
                kind=DeadlineKind.CHANGE_AGREED,
                owner=Party.RECEIVING_HEI,
                confidence=Confidence.EXACT,
                source=source,
                on=asked + timedelta(weeks=programme.change_agreed_weeks),
            )
    elif began is not None:
        yield Deadline(
            kind=DeadlineKind.CHANGE_REQUEST,
            owner=Party.STUDENT,
            confidence=Confidence.ESTIMATE,  # the universities set the exact day
            source=source,
            on=began + timedelta(weeks=programme.change_request_weeks),
        )
    if end is not None:
        yield Deadline(
            kind=DeadlineKind.EXTENSION_REQUEST,
            owner=Party.STUDENT,
            confidence=Confidence.EXACT if end[1] else Confidence.ESTIMATE,
            source=source,
            on=_months_before(end[0], programme.extension_months),
        )


def _months_before(day: date, months: int) -> date:
    """Go back whole months; a day that the month does not have becomes its last."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _after(
    mobility: Mobility,
    factsheet: KnownFactsheet | None,
    programme: Programme | None,
    heard: Collection[Api],
    now: MobilityState,
) -> Iterator[Deadline]:
    """Yield when the transcript and then the recognition are expected."""
    if now is _S.TRANSCRIPT_ISSUED and mobility.transcript is not None and programme is not None:
        transcript = mobility.transcript.value
        if transcript is not None and transcript.recognition is None:
            yield Deadline(
                kind=DeadlineKind.RECOGNITION,
                owner=Party.SENDING_HEI,
                confidence=Confidence.ESTIMATE,
                source=_ruled(programme),
                on=mobility.transcript.source.fetched_at.date()
                + timedelta(weeks=programme.recognition_weeks),
            )
    if now not in _TO_GRADE or Api.IMOBILITY_TORS not in heard:
        return
    reception, end = (
        (mobility.reception.value if mobility.reception else None),
        planned_end(mobility),
    )
    departed = plausible(reception.actual_departure) if reception else None
    known = [day for day in (departed, end[0] if end else None) if day is not None]
    weeks = factsheet.value.transcript_weeks if factsheet and factsheet.value else None
    source = _published(factsheet) if factsheet and weeks is not None else None
    if source is None and programme is not None:
        weeks, source = programme.transcript_weeks, _ruled(programme)
    if known and weeks is not None and source is not None:
        yield Deadline(
            kind=DeadlineKind.TRANSCRIPT,
            owner=Party.RECEIVING_HEI,
            confidence=Confidence.ESTIMATE,  # the start of the count is not fixed (guide §5.4)
            source=source,
            on=max(known) + timedelta(weeks=weeks),  # the later known date
        )
