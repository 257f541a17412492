"""Which steps with a deadline are still to be done in a mobility, and whose move each is."""

from collections.abc import Collection, Iterator
from datetime import date

from erasmus_app.mobilities.agreements import AgreementState, agreement_state
from erasmus_app.mobilities.kinds import has_agreement, has_transcript
from erasmus_app.mobilities.models import Api, Mobility
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.mobilities.state import Decision, MobilityState, decision, state
from erasmus_app.mobilities.stays import agreement_of
from erasmus_app.mobilities.steps import Party, StepCode

_K, _S = DeadlineKind, MobilityState
_TO_APPLY = frozenset({_S.NOMINATED, _S.ACCEPTED, _S.LA_AWAITING_RECEIVING})
_TO_DECIDE = _TO_APPLY | {_S.LA_SIGNED}
_ABROAD = frozenset({_S.ARRIVED, _S.PRESUMED_ABROAD})
_EXPECTED = frozenset({_S.READY, _S.LA_SIGNED, _S.PRESUMED_ABROAD})
_TO_GRADE = _EXPECTED | _ABROAD | {_S.DEPARTED}

_TO_SIGN = {
    AgreementState.AWAITING_RECEIVING: Party.RECEIVING_HEI,
    AgreementState.REMOVED: Party.SENDING_HEI,
}

STEPS = {
    _K.NOMINATION: StepCode.NOMINATED,
    _K.DECISION: StepCode.ACCEPTED,
    _K.AGREEMENT_SIGNED: StepCode.LA_SIGNED,
    _K.ARRIVAL_CONFIRMED: StepCode.ARRIVED,
    _K.CHANGE_REQUEST: StepCode.LA_CHANGED,
    _K.CHANGE_AGREED: StepCode.LA_CHANGED,
    _K.TRANSCRIPT: StepCode.TRANSCRIPT,
    _K.RECOGNITION: StepCode.RECOGNISED,
}
"""The step of the timeline that a deadline is of; applying, extending and certificates of
traineeships are none of EWP's."""


def undone(mobility: Mobility, heard: Collection[Api], today: date) -> dict[DeadlineKind, Party]:
    """Return what is still to be done, and who must act.

    `heard` are the APIs in which the host can be asked: nothing is missing of what nobody shares.
    """
    return dict(_undone(mobility, heard, state(mobility, today)))


def is_to_apply(mobility: Mobility, today: date) -> bool:
    """Whether the student's application may still be to be sent, as far as EWP tells."""
    return state(mobility, today) in _TO_APPLY


def _undone(
    mobility: Mobility, heard: Collection[Api], now: MobilityState
) -> Iterator[tuple[DeadlineKind, Party]]:
    if now in {_S.NOMINATED, _S.REJECTED}:
        yield _K.NOMINATION, Party.SENDING_HEI
    if now in _TO_APPLY:
        yield _K.APPLICATION, Party.STUDENT
    undecided = decision(mobility) in {Decision.PENDING, Decision.NOT_CONFIRMED}
    if mobility.nomination is not None and undecided and now in _TO_DECIDE:
        yield _K.DECISION, Party.RECEIVING_HEI
    if now in {_S.ACCEPTED, _S.LA_AWAITING_RECEIVING} and has_agreement(mobility):
        signs = _TO_SIGN.get(agreement_state(mobility), Party.STUDENT)
        yield _K.AGREEMENT_SIGNED, signs
    reception = mobility.reception.value if mobility.reception else None
    arrived = reception is not None and reception.actual_arrival is not None
    if now in _EXPECTED and Api.IMOBILITIES in heard and not arrived:
        yield _K.ARRIVAL_CONFIRMED, Party.RECEIVING_HEI
    if now in _ABROAD:
        agreement = agreement_of(mobility)
        if agreement is not None and agreement.changes_proposal is not None:
            yield _K.CHANGE_AGREED, Party.RECEIVING_HEI
        elif has_agreement(mobility):
            yield _K.CHANGE_REQUEST, Party.STUDENT
        yield _K.EXTENSION_REQUEST, Party.STUDENT
    if not has_transcript(mobility) and now in _TO_GRADE:
        yield _K.CERTIFICATE, Party.RECEIVING_HEI
    elif now in _TO_GRADE and Api.IMOBILITY_TORS in heard:
        yield _K.TRANSCRIPT, Party.RECEIVING_HEI
    transcript = mobility.transcript.value if mobility.transcript else None
    if now is _S.TRANSCRIPT_ISSUED and transcript is not None and transcript.recognition is None:
        yield _K.RECOGNITION, Party.SENDING_HEI
