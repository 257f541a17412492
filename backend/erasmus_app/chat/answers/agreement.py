"""The learning agreement: who signs, what came back, and how and until when it is changed."""

from collections.abc import Iterator

from erasmus_app.chat.answers.about import LONGEST_WORDS, NEW_LINE, Piece, Stay, quoted
from erasmus_app.chat.answers.dates import until_when
from erasmus_app.chat.answers.origins import of_fact, of_programme
from erasmus_app.chat.answers.people import (
    HOME,
    HOST,
    contact,
    contacts,
    named,
    whose_move,
    written,
)
from erasmus_app.chat.models import Card, CardKind
from erasmus_app.mobilities.agreements import AgreementState, is_signed, sent_back
from erasmus_app.mobilities.kinds import has_agreement
from erasmus_app.mobilities.models import AgreementVersion
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.mobilities.state import MobilityState
from erasmus_app.mobilities.stays import agreement_of
from erasmus_app.mobilities.steps import Party, StepCode

_OF_AGREEMENT = frozenset({StepCode.LA_SENT, StepCode.LA_SIGNED, StepCode.LA_CHANGED})
_NOT_GOING = frozenset({MobilityState.CANCELLED, MobilityState.REJECTED})


def la_status(stay: Stay) -> Iterator[Piece]:
    """Say who has signed and who still has to."""
    yield from _stands(stay)
    yield from _signatures(stay)
    yield NEW_LINE
    yield from _next(stay)
    if not _is_signed(stay):
        yield from until_when(stay, DeadlineKind.AGREEMENT_SIGNED)


def la_rejected(stay: Stay) -> Iterator[Piece]:
    """Say whether the agreement came back, why where that is known, and what to do."""
    if sent_back(stay.mobility) is None:
        yield stay.say("agreement.not_sent_back")
    yield from _stands(stay)
    yield NEW_LINE
    yield from _next(stay)
    yield from contact(stay, HOST)
    if not _is_signed(stay):
        yield from until_when(stay, DeadlineKind.AGREEMENT_SIGNED)


def la_before_deadline(stay: Stay) -> Iterator[Piece]:
    """Say that all sign before the stay begins, until when, and how it stands."""
    yield stay.say("agreement.before_stay")
    yield of_programme(stay)
    yield from until_when(stay, DeadlineKind.AGREEMENT_SIGNED)
    yield NEW_LINE
    yield from _stands(stay)
    yield from _next(stay)


def la_change(stay: Stay) -> Iterator[Piece]:
    """Say how courses are changed, whether a change is open, and until when to ask."""
    yield from _how_to_change(stay)
    yield NEW_LINE
    yield from _stands(stay)
    yield from until_when(stay, *_of_change(stay))
    yield NEW_LINE
    yield from _next(stay)
    yield from contacts(stay)


def la_change_deadline(stay: Stay) -> Iterator[Piece]:
    """Say until when a change may be asked for."""
    yield from until_when(stay, *_of_change(stay))
    yield NEW_LINE
    yield stay.say("agreement.change_rule")
    yield of_programme(stay)
    yield from _stands(stay)
    yield from contacts(stay)


def la_change_late(stay: Stay) -> Iterator[Piece]:
    """Say when the last day was or is, and who decides after it."""
    yield from until_when(stay, *_of_change(stay))
    yield NEW_LINE
    yield stay.say("agreement.change_late")
    yield stay.say("agreement.change_rule")
    yield of_programme(stay)
    yield from contacts(stay)


def la_contact_wrong(stay: Stay) -> Iterator[Piece]:
    """Say whom the agreement names, and how that is put right."""
    agreement = agreement_of(stay.mobility)
    for end in (agreement.receiving, agreement.sending) if agreement else ():
        if end.contact is not None:
            which = "host" if agreement and end is agreement.receiving else "home"
            person = named(end.contact, end.hei_id)
            yield stay.say(f"agreement.named_{which}", contact=written(person))
    yield stay.say("agreement.wrong_contact")
    if agreement is None:
        yield from _stands(stay)
    yield from of_fact(stay, stay.mobility.agreement)
    yield NEW_LINE
    yield from contact(stay, HOME)


def la_fill_help(stay: Stay) -> Iterator[Piece]:
    """Explain the tables, the code and the persons, and where the agreement is filled in."""
    for each in ("where", "tables", "isced", "persons", "before_stay"):
        yield stay.say(f"agreement.{each}")
    yield of_programme(stay)
    yield from until_when(stay, DeadlineKind.AGREEMENT_SIGNED)
    yield NEW_LINE
    yield from _stands(stay)
    yield from contact(stay, HOME)


def _stands(stay: Stay) -> Iterator[Piece]:
    """Say where the agreement stands, with the host's own words where it came back."""
    state = stay.of.brief.agreement
    said = stay.voice.guidance.sent_back(stay.mobility, stay.voice.language)
    if not has_agreement(stay.mobility):
        yield stay.say("stay.traineeship")
    elif said is not None:
        yield said
        returned = sent_back(stay.mobility)
        if (
            returned is not None
            and returned.comment
            and (words := quoted(returned.comment, LONGEST_WORDS))
        ):
            yield stay.say("agreement.own_words")
            yield Card(
                kind=CardKind.STEP,
                title=stay.host,
                text=words,
                step=StepCode.LA_SENT,
                mobility_id=stay.of.mobility_id,
                is_partner_text=True,
            )
    else:
        yield stay.say(f"agreement.{state}", hei=stay.host)
    yield from of_fact(stay, stay.mobility.agreement)
    if stay.mobility.agreement is None:
        yield from of_fact(stay, stay.mobility.nomination)


def _signatures(stay: Stay) -> Iterator[Piece]:
    agreement = agreement_of(stay.mobility)
    if agreement is None:
        return
    version: AgreementVersion | None = (
        agreement.changes_proposal or agreement.approved_changes or agreement.first_version
    )
    if version is None:
        return
    yield stay.say("agreement.signed_student", date=version.student_signature.signed_at.date())
    yield stay.say("agreement.signed_home", date=version.sending_signature.signed_at.date())
    if version.receiving_signature is not None:
        yield stay.say("agreement.signed_host", date=version.receiving_signature.signed_at.date())


def _next(stay: Stay) -> Iterator[Piece]:
    """Say who acts next if that is about the agreement; else whom to ask about it."""
    if stay.of.brief.move.step in _OF_AGREEMENT:
        yield from whose_move(stay)
        if stay.of.brief.move.party is Party.STUDENT:
            yield stay.say("refusals.sign_where")
    elif stay.of.brief.state not in _NOT_GOING and not _is_signed(stay):
        if stay.of.brief.agreement is AgreementState.NOT_SHARED and has_agreement(stay.mobility):
            yield stay.say("agreement.where")
        yield from contact(stay, HOME)
    elif stay.of.brief.agreement in {AgreementState.SIGNED, AgreementState.CHANGED_SIGNED}:
        yield from whose_move(stay)


def _how_to_change(stay: Stay) -> Iterator[Piece]:
    yield stay.say("agreement.change_how")
    if not _is_signed(stay):
        yield stay.say("agreement.change_before")
    yield stay.say("agreement.change_rule")
    yield of_programme(stay)


def _of_change(stay: Stay) -> tuple[DeadlineKind, ...]:
    """Return which day matters: to ask for a change, or to agree on one that was asked for."""
    if stay.of.brief.agreement is AgreementState.CHANGE_AWAITING_RECEIVING:
        return DeadlineKind.CHANGE_REQUEST, DeadlineKind.CHANGE_AGREED
    return (DeadlineKind.CHANGE_REQUEST,)


def _is_signed(stay: Stay) -> bool:
    return is_signed(agreement_of(stay.mobility))
