"""The consolidated state, computed from facts (guide §5.2): the highest row that holds wins."""

from datetime import date, timedelta
from enum import StrEnum

from erasmus_app.mobilities.agreements import AgreementState, agreement_state, is_signed
from erasmus_app.mobilities.models import (
    LearningAgreement,
    Mobility,
    Nomination,
    NominationStatus,
    ReceptionStatus,
)
from erasmus_app.mobilities.stays import agreement_of, first_day, last_day, planned_end


class MobilityState(StrEnum):
    """Where a mobility stands, over both nomination families."""

    CANCELLED = "cancelled"
    RECOGNISED = "recognised"
    TRANSCRIPT_ISSUED = "transcript-issued"
    DEPARTED = "departed"
    ARRIVED = "arrived"
    PRESUMED_ABROAD = "presumed-abroad"  # by the agreement's dates; nobody confirmed an arrival
    REJECTED = "rejected"
    READY = "ready"
    LA_SIGNED = "la-signed"
    LA_AWAITING_RECEIVING = "la-awaiting-receiving"
    ACCEPTED = "accepted"
    NOMINATED = "nominated"
    KNOWN = "known"  # a mobility of which nothing is visible at present


class Decision(StrEnum):
    """The receiving HEI's decision on the nomination, read where its family keeps it."""

    NOT_CONFIRMED = "not-confirmed"  # old family: the host has not even confirmed receipt
    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_SHARED = "not-shared"  # no nomination travels through EWP


_DAY = timedelta(days=1)
_OVER = frozenset(
    {MobilityState.RECOGNISED, MobilityState.TRANSCRIPT_ISSUED, MobilityState.DEPARTED}
)
SETTLED = frozenset({NominationStatus.LIVE, NominationStatus.RECOGNIZED})
"""Statuses of the old family that the receiving HEI has no say in any more."""


def is_new_family(nomination: Nomination) -> bool:
    """Whether the nomination is of omobilities 3, which names each content by a proposal id."""
    return nomination.proposal_id is not None


def decision(mobility: Mobility) -> Decision:
    """Read the decision: in the nomination since omobilities 3, in imobilities 1 before.

    Once a nomination of the old family is live, the receiving HEI's status in imobilities 1 no
    longer counts (guide §4.2.3).
    """
    nomination = mobility.nomination.value if mobility.nomination else None
    if nomination is not None and is_new_family(nomination):
        return {
            NominationStatus.APPROVED: Decision.ACCEPTED,
            NominationStatus.REJECTED: Decision.REJECTED,
        }.get(nomination.status, Decision.PENDING)
    if nomination is not None and nomination.status in SETTLED:
        return Decision.ACCEPTED
    reception = mobility.reception.value if mobility.reception else None
    if reception is None or reception.status is None:
        return Decision.NOT_SHARED if nomination is None else Decision.NOT_CONFIRMED
    return {
        ReceptionStatus.VERIFIED: Decision.ACCEPTED,
        ReceptionStatus.REJECTED: Decision.REJECTED,
        ReceptionStatus.PENDING: Decision.PENDING,
    }[reception.status]


def state(mobility: Mobility, today: date) -> MobilityState:
    """Compute the state on one day."""
    nomination = mobility.nomination.value if mobility.nomination else None
    reception = mobility.reception.value if mobility.reception else None
    agreement = mobility.agreement.value if mobility.agreement else None
    status = nomination.status if nomination else None
    arrival = reception.actual_arrival if reception else None
    departure = reception.actual_departure if reception else None
    decided = decision(mobility)
    if status is NominationStatus.CANCELLED:
        return MobilityState.CANCELLED
    if status is NominationStatus.RECOGNIZED:
        return MobilityState.RECOGNISED
    if mobility.transcript is not None and mobility.transcript.value is not None:
        return MobilityState.TRANSCRIPT_ISSUED
    if departure and departure <= today:
        return MobilityState.DEPARTED
    if arrival and arrival <= today:
        return MobilityState.ARRIVED
    if agreement is not None and arrival is None and _is_time_of(agreement, today):
        return MobilityState.PRESUMED_ABROAD
    if decided is Decision.REJECTED:
        return MobilityState.REJECTED
    if status is NominationStatus.LIVE or (decided is Decision.ACCEPTED and is_signed(agreement)):
        return MobilityState.READY
    if is_signed(agreement):
        return MobilityState.LA_SIGNED
    if agreement_state(mobility) is AgreementState.AWAITING_RECEIVING:
        return MobilityState.LA_AWAITING_RECEIVING
    if decided is Decision.ACCEPTED:
        return MobilityState.ACCEPTED
    return MobilityState.NOMINATED if nomination else MobilityState.KNOWN


def is_past(mobility: Mobility, today: date) -> bool:
    """Whether a stay is over: by what the universities say, else by its planned last day."""
    if state(mobility, today) in _OVER:
        return True
    end = planned_end(mobility)
    return end is not None and end[0] < today


def next_turn(mobility: Mobility, today: date) -> date | None:
    """Return the first day after `today` on which any of this may differ; None where none will.

    State, whose move it is and whether a stay is over change with the record, and beside that only
    when the stay begins or ends.
    """
    reception = mobility.reception.value if mobility.reception else None
    agreement, end = agreement_of(mobility), planned_end(mobility)
    turns = [end[0] + _DAY] if end else []
    if reception is not None:
        turns += [day for day in (reception.actual_arrival, reception.actual_departure) if day]
    if agreement is not None:
        begin, last = first_day(agreement.planned_start), last_day(agreement.planned_end)
        # Of what is no day that a stay can have, nobody knows when it comes.
        turns.append(begin or today + _DAY)
        turns.append(last + _DAY if last else today + _DAY)
    return min((day for day in turns if day > today), default=None)


def _is_time_of(agreement: LearningAgreement, today: date) -> bool:
    """Whether a signed agreement's stay is now; its ends are days or whole months."""
    start, end, day = agreement.planned_start, agreement.planned_end, today.isoformat()
    return (
        is_signed(agreement)
        and bool(start and end)
        and start <= day[: len(start)]
        and day[: len(end)] <= end
    )
