"""The consolidated state, computed from facts (guide §5.2): the highest row that holds wins."""

from datetime import date
from enum import StrEnum

from erasmus_app.mobilities.agreements import AgreementState, agreement_state, is_signed
from erasmus_app.mobilities.models import Mobility, Nomination, NominationStatus, ReceptionStatus


class MobilityState(StrEnum):
    """Where a mobility stands, over both nomination families."""

    CANCELLED = "cancelled"
    RECOGNISED = "recognised"
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


def is_new_family(nomination: Nomination) -> bool:
    """Whether the nomination is of omobilities 3, which names each content by a proposal id."""
    return nomination.proposal_id is not None


def decision(mobility: Mobility) -> Decision:
    """Read the decision: in the nomination since omobilities 3, in imobilities 1 before."""
    nomination = mobility.nomination.value if mobility.nomination else None
    if nomination is not None and is_new_family(nomination):
        return {
            NominationStatus.APPROVED: Decision.ACCEPTED,
            NominationStatus.REJECTED: Decision.REJECTED,
        }.get(nomination.status, Decision.PENDING)
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
    decided = decision(mobility)
    if status is NominationStatus.CANCELLED:
        return MobilityState.CANCELLED
    if status is NominationStatus.RECOGNIZED:
        return MobilityState.RECOGNISED
    if reception and reception.actual_departure and reception.actual_departure <= today:
        return MobilityState.DEPARTED
    if reception and reception.actual_arrival and reception.actual_arrival <= today:
        return MobilityState.ARRIVED
    if (
        agreement is not None
        and is_signed(agreement)
        and agreement.planned_start
        and agreement.planned_start <= today.isoformat()[: len(agreement.planned_start)]
        and today.isoformat()[: len(agreement.planned_end)] <= agreement.planned_end
    ):
        return MobilityState.PRESUMED_ABROAD
    live = status is NominationStatus.LIVE
    if decided is Decision.REJECTED and not live:
        return MobilityState.REJECTED
    if live or (decided is Decision.ACCEPTED and is_signed(agreement)):
        return MobilityState.READY
    if is_signed(agreement):
        return MobilityState.LA_SIGNED
    if agreement_state(mobility) is AgreementState.AWAITING_RECEIVING:
        return MobilityState.LA_AWAITING_RECEIVING
    if decided is Decision.ACCEPTED:
        return MobilityState.ACCEPTED
    return MobilityState.NOMINATED if nomination else MobilityState.KNOWN
