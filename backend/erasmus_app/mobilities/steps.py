"""The timeline of a mobility, and whose move it is. Nothing here is stored."""

from datetime import date, datetime
from enum import StrEnum

import msgspec

from erasmus_app.ids import HeiId
from erasmus_app.mobilities.agreements import AgreementState, agreement_state, is_signed, sent_back
from erasmus_app.mobilities.kinds import has_agreement, has_transcript
from erasmus_app.mobilities.models import Api, Contact, Mobility, NominationStatus, Returned
from erasmus_app.mobilities.state import (
    SETTLED,
    Decision,
    MobilityState,
    decision,
    is_new_family,
    state,
)


class Phase(StrEnum):
    """Before, during or after the stay."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


class StepCode(StrEnum):
    """The steps that a student sees."""

    NOMINATED = "nominated"
    ACCEPTED = "accepted"
    LA_SENT = "la-sent"
    LA_SIGNED = "la-signed"
    ARRIVED = "arrived"
    LA_CHANGED = "la-changed"
    DEPARTED = "departed"
    TRANSCRIPT = "transcript"
    RECOGNISED = "recognised"


class StepState(StrEnum):
    """How far a step is."""

    DONE = "done"
    CURRENT = "current"
    UPCOMING = "upcoming"
    REFUSED = "refused"
    NOT_SHARED = "not-shared"  # the partners do not share this step through EWP


class Party(StrEnum):
    """Who has to act."""

    STUDENT = "student"
    SENDING_HEI = "sending-hei"
    RECEIVING_HEI = "receiving-hei"
    NOBODY = "nobody"


class TimelineStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step with how far it is; `since` is when it was done, or when it began to wait."""

    code: StepCode
    phase: Phase
    state: StepState
    since: datetime | date | None = None
    api: Api | None = None  # where it was read


class WhoseMove(msgspec.Struct, frozen=True, kw_only=True):
    """Who has to act next, since when, and whom to write to."""

    party: Party
    step: StepCode | None = None
    hei_id: HeiId | None = None  # None: the student's own move, or nobody's
    since: datetime | None = None
    contact: Contact | None = None


_OVER = frozenset(
    {MobilityState.RECOGNISED, MobilityState.TRANSCRIPT_ISSUED, MobilityState.DEPARTED}
)


def timeline(mobility: Mobility, today: date) -> tuple[TimelineStep, ...]:
    """Return every step in the order of a mobility's life."""
    now = state(mobility, today)
    steps = (
        _nominated(mobility),
        _accepted(mobility),
        *_agreement_steps(mobility, now),
        *_stay_steps(mobility, today, now),
        _transcript(mobility, now),
        _recognised(mobility),
    )
    if now in {MobilityState.CANCELLED, MobilityState.REJECTED}:
        return tuple(_halted(each) for each in steps)
    return steps


def _halted(step: TimelineStep) -> TimelineStep:
    """Nobody waits for a step of a mobility that is called off or refused as it stands."""
    if step.state is not StepState.CURRENT:
        return step
    return msgspec.structs.replace(step, state=StepState.UPCOMING, since=None)


def _nominated(mobility: Mobility) -> TimelineStep:
    known = mobility.nomination
    return TimelineStep(
        code=StepCode.NOMINATED,
        phase=Phase.BEFORE,
        state=StepState.DONE if known and known.value else StepState.NOT_SHARED,
        since=known.source.fetched_at if known and known.source.revision == 1 else None,
        api=Api.OMOBILITIES if known else None,
    )


def _accepted(mobility: Mobility) -> TimelineStep:
    nomination = mobility.nomination.value if mobility.nomination else None
    new = nomination is not None and is_new_family(nomination)
    where = mobility.nomination if new else mobility.reception
    how_far = {
        Decision.ACCEPTED: StepState.DONE,
        Decision.REJECTED: StepState.REFUSED,
        Decision.NOT_SHARED: StepState.NOT_SHARED,
    }.get(decision(mobility), StepState.CURRENT)
    return TimelineStep(
        code=StepCode.ACCEPTED,
        phase=Phase.BEFORE,
        state=how_far,
        since=where.source.fetched_at if where else None,
        api=where.source.api if where else None,
    )


def _agreement_steps(mobility: Mobility, now: MobilityState) -> tuple[TimelineStep, ...]:
    agreement = mobility.agreement.value if mobility.agreement else None
    signed = agreement is not None and is_signed(agreement)
    first = agreement.first_version if agreement else None
    returned = sent_back(mobility)
    is_gone = returned is not None and returned.what is not Returned.CHANGES
    proposal = agreement.changes_proposal if agreement else None
    approved = agreement.approved_changes if agreement else None
    api = Api.OMOBILITY_LAS if mobility.agreement else None
    sent = first or proposal
    nomination = mobility.nomination.value if mobility.nomination else None
    settled = nomination is not None and nomination.status in SETTLED
    if not (sent or is_gone) and (settled or not has_agreement(mobility)):
        # The formalities are done, so what is not visible is not shared (guide §5.2, row 7).
        return tuple(
            TimelineStep(code=code, phase=Phase.BEFORE, state=StepState.NOT_SHARED)
            for code in (StepCode.LA_SENT, StepCode.LA_SIGNED)
        )
    steps = [
        TimelineStep(
            code=StepCode.LA_SENT,
            phase=Phase.BEFORE,
            state=StepState.DONE if sent else StepState.CURRENT,
            since=sent.sending_signature.signed_at if sent else (returned.at if returned else None),
            api=api,
        ),
        TimelineStep(
            code=StepCode.LA_SIGNED,
            phase=Phase.BEFORE,
            state=StepState.DONE if signed else (StepState.CURRENT if sent else StepState.UPCOMING),
            since=first.receiving_signature.signed_at
            if first and first.receiving_signature
            else (proposal.sending_signature.signed_at if proposal and not first else None),
            api=api,
        ),
    ]
    if now in _OVER:
        returned = None  # once the stay is over, nobody sends a change again
    if signed and (proposal or approved or returned):
        last = proposal or approved
        waits = proposal is not None or returned is not None
        since = (last.receiving_signature or last.sending_signature).signed_at if last else None
        steps.append(
            TimelineStep(
                code=StepCode.LA_CHANGED,
                phase=Phase.DURING,
                state=StepState.CURRENT if waits else StepState.DONE,
                since=returned.at if returned else since,
                api=api,
            )
        )
    return tuple(steps)


def _stay_steps(mobility: Mobility, today: date, now: MobilityState) -> tuple[TimelineStep, ...]:
    known = mobility.reception
    reception = known.value if known else None
    arrived = reception.actual_arrival if reception else None
    departed = reception.actual_departure if reception else None
    has_departed = departed is not None and departed <= today
    has_arrived = has_departed or (arrived is not None and arrived <= today)
    abroad = {MobilityState.PRESUMED_ABROAD, MobilityState.READY}
    # Once results are recognised, a day that nobody recorded is not going to be.
    later = StepState.NOT_SHARED if now is MobilityState.RECOGNISED else StepState.UPCOMING
    return (
        TimelineStep(
            code=StepCode.ARRIVED,
            phase=Phase.DURING,
            state=StepState.DONE
            if has_arrived
            else (StepState.CURRENT if now in abroad else later),
            since=arrived,
            api=Api.IMOBILITIES if arrived else None,
        ),
        TimelineStep(
            code=StepCode.DEPARTED,
            phase=Phase.AFTER,
            state=StepState.DONE
            if has_departed
            else (StepState.CURRENT if now is MobilityState.ARRIVED else later),
            since=departed,
            api=Api.IMOBILITIES if departed else None,
        ),
    )


def _transcript(mobility: Mobility, now: MobilityState) -> TimelineStep:
    known = mobility.transcript
    transcript = known.value if known else None
    how_far = StepState.UPCOMING
    if transcript is not None:
        how_far = StepState.DONE
    elif now is MobilityState.RECOGNISED or not has_transcript(mobility):
        how_far = StepState.NOT_SHARED
    elif now is MobilityState.DEPARTED:
        how_far = StepState.CURRENT
    return TimelineStep(
        code=StepCode.TRANSCRIPT,
        phase=Phase.AFTER,
        state=how_far,
        since=transcript.issued_at if transcript else None,
        api=Api.IMOBILITY_TORS if transcript else None,
    )


def _recognised(mobility: Mobility) -> TimelineStep:
    nomination = mobility.nomination.value if mobility.nomination else None
    if nomination is None or is_new_family(nomination):  # EWP does not carry it (guide §5.1)
        how_far = StepState.NOT_SHARED
    elif nomination.status is NominationStatus.RECOGNIZED:
        how_far = StepState.DONE
    else:
        how_far = StepState.UPCOMING
    return TimelineStep(code=StepCode.RECOGNISED, phase=Phase.AFTER, state=how_far)


def whose_move(mobility: Mobility, today: date) -> WhoseMove:
    """Say who has to act next; the contact is the one whom the learning agreement names."""
    now, stands, decided = state(mobility, today), agreement_state(mobility), decision(mobility)
    agreement = mobility.agreement.value if mobility.agreement else None
    if now in {MobilityState.CANCELLED, MobilityState.RECOGNISED}:
        return WhoseMove(party=Party.NOBODY)
    if now is MobilityState.TRANSCRIPT_ISSUED:
        source = mobility.transcript.source if mobility.transcript else None
        return WhoseMove(
            party=Party.SENDING_HEI,
            step=StepCode.RECOGNISED,
            hei_id=mobility.sending_hei_id,
            since=source.fetched_at if source else None,
            contact=agreement.sending.contact if agreement else None,
        )
    if now is MobilityState.DEPARTED and not has_transcript(mobility):
        return WhoseMove(party=Party.NOBODY)
    if now is MobilityState.DEPARTED:
        source = mobility.reception.source if mobility.reception else None
        return WhoseMove(
            party=Party.RECEIVING_HEI,
            step=StepCode.TRANSCRIPT,
            hei_id=mobility.receiving_hei_id,
            since=source.fetched_at if source else None,
            contact=agreement.receiving.contact if agreement else None,
        )
    if now is MobilityState.REJECTED:
        return WhoseMove(
            party=Party.SENDING_HEI,
            step=StepCode.NOMINATED,
            hei_id=mobility.sending_hei_id,
            since=_decided_at(mobility),
        )
    if stands in {AgreementState.AWAITING_RECEIVING, AgreementState.CHANGE_AWAITING_RECEIVING}:
        proposal = agreement.changes_proposal if agreement else None
        change = stands is AgreementState.CHANGE_AWAITING_RECEIVING
        return WhoseMove(
            party=Party.RECEIVING_HEI,
            step=StepCode.LA_CHANGED if change else StepCode.LA_SIGNED,
            hei_id=mobility.receiving_hei_id,
            since=proposal.sending_signature.signed_at if proposal else None,
            contact=agreement.receiving.contact if agreement else None,
        )
    returned = sent_back(mobility)
    if returned is not None and returned.what is Returned.IN_FORCE:
        return WhoseMove(
            party=Party.SENDING_HEI,
            step=StepCode.LA_SENT,
            hei_id=mobility.sending_hei_id,
            since=returned.at,
            contact=returned.sending_contact,
        )
    if returned is not None:
        change = returned.what is Returned.CHANGES
        return WhoseMove(
            party=Party.STUDENT,
            step=StepCode.LA_CHANGED if change else StepCode.LA_SENT,
            since=returned.at,
        )
    if decided in {Decision.PENDING, Decision.NOT_CONFIRMED} and now in {
        MobilityState.NOMINATED,
        MobilityState.LA_SIGNED,  # the agreement does not stand for the decision
    }:
        source = mobility.nomination.source if mobility.nomination else None
        return WhoseMove(
            party=Party.RECEIVING_HEI,
            step=StepCode.ACCEPTED,
            hei_id=mobility.receiving_hei_id,
            since=source.fetched_at if source else None,
        )
    if now is MobilityState.ACCEPTED and has_agreement(mobility):
        return WhoseMove(party=Party.STUDENT, step=StepCode.LA_SENT, since=_decided_at(mobility))
    return WhoseMove(party=Party.NOBODY)


def _decided_at(mobility: Mobility) -> datetime | None:
    """Return when the receiving HEI's decision was read, wherever its family keeps it."""
    nomination = mobility.nomination.value if mobility.nomination else None
    new = nomination is not None and is_new_family(nomination)
    where = mobility.nomination if new else mobility.reception
    return where.source.fetched_at if where else None
