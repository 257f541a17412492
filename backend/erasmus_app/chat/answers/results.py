"""What comes after the stay: the transcript, and what home makes of it. No grade is told here."""

from collections.abc import Iterator

from erasmus_app.chat.answers.about import NEW_LINE, Piece, Stay
from erasmus_app.chat.answers.dates import until_when
from erasmus_app.chat.answers.origins import of_fact, of_programme
from erasmus_app.chat.answers.people import HOME, HOST, contact
from erasmus_app.mobilities.kinds import has_transcript
from erasmus_app.mobilities.models import Api, Transcript
from erasmus_app.mobilities.recognition import recognition as compared
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.mobilities.state import MobilityState
from erasmus_app.mobilities.steps import StepCode, StepState


def tor_wait(stay: Stay) -> Iterator[Piece]:
    """Say whether the transcript is here, and by when it is expected."""
    transcript = _transcript(stay)
    if not has_transcript(stay.mobility):
        yield stay.say("stay.traineeship_end")
        yield of_programme(stay)
        yield from until_when(stay, DeadlineKind.CERTIFICATE)
    elif transcript is not None:
        yield from _here(stay, transcript)
    else:
        yield stay.say("results.open")
        if Api.IMOBILITY_TORS not in stay.of.heard:
            yield stay.voice.guidance.digital(
                Api.IMOBILITY_TORS,
                stay.mobility.receiving_hei_id,
                stay.voice.language,
                served=False,
            )
        yield from until_when(stay, DeadlineKind.TRANSCRIPT)
        yield NEW_LINE
        yield stay.say("results.transcript_rule")
        yield of_programme(stay)
    yield from of_fact(stay, stay.mobility.transcript)
    yield NEW_LINE
    if transcript is None:
        yield from contact(stay, HOST)
    else:
        yield from contact(stay, HOME)


def recognition(stay: Stay) -> Iterator[Piece]:
    """Say who recognises what, by when, and whether it is known to be decided."""
    transcript = _transcript(stay)
    found = compared(stay.mobility)
    yield stay.say("results.recognition_rule")
    yield of_programme(stay)
    promised = [each for each in found.lines if each.is_promise] if found else []
    if promised:
        yield stay.say("results.promised", courses=len(promised))
        yield from of_fact(stay, stay.mobility.agreement)
    yield NEW_LINE
    is_over = stay.of.brief.state is MobilityState.RECOGNISED
    if transcript is None and has_transcript(stay.mobility) and not is_over:
        yield stay.say("results.open")
    elif transcript is not None:
        yield from _here(stay, transcript)
        yield from of_fact(stay, stay.mobility.transcript)
    step = next((each for each in stay.of.steps if each.code is StepCode.RECOGNISED), None)
    if is_over:
        yield stay.say("results.recognised")
    elif transcript is not None and transcript.recognition_decided is not None:
        yield stay.say("results.decided", date=transcript.recognition_decided)
    elif step is None or step.state is StepState.NOT_SHARED:
        yield stay.say("results.unseen")
    yield from of_fact(stay, stay.mobility.nomination)
    if not is_over:
        yield from until_when(stay, DeadlineKind.RECOGNITION)
    yield NEW_LINE
    yield from contact(stay, HOME)


def _here(stay: Stay, transcript: Transcript) -> Iterator[Piece]:
    if transcript.issued_at is not None:
        yield stay.say("results.here", date=transcript.issued_at.date())
    else:
        yield stay.say("results.here_undated")
    yield stay.say("results.courses", courses=len(transcript.courses))
    if not transcript.is_final:
        yield stay.say("results.more")


def _transcript(stay: Stay) -> Transcript | None:
    return stay.mobility.transcript.value if stay.mobility.transcript else None
