"""Where an exchange stands as a whole, and all its days."""

from collections.abc import Iterator
from datetime import datetime

from erasmus_app.chat.answers.about import NEW_LINE, Piece, Stay
from erasmus_app.chat.answers.dates import MOST_LISTED, ahead, card, echoed, sentence, told
from erasmus_app.chat.answers.origins import of_deadline, of_record
from erasmus_app.chat.answers.people import contact, whose_move
from erasmus_app.chat.models import Card, CardKind
from erasmus_app.mobilities.deadlines import Deadline
from erasmus_app.mobilities.state import MobilityState
from erasmus_app.mobilities.stays import planned_end, planned_start
from erasmus_app.mobilities.steps import Party, StepCode, StepState

_OF_AGREEMENT = frozenset({StepCode.LA_SENT, StepCode.LA_CHANGED})


def status_overview(stay: Stay) -> Iterator[Piece]:
    """Say which steps are done and under way, who acts next, and the next day to be kept."""
    now = stay.of.brief.state
    if now is MobilityState.CANCELLED:
        yield stay.say("overview.cancelled")
        yield from contact(stay, "home")
    elif now is MobilityState.KNOWN:
        yield stay.say("overview.nothing_seen")
    elif stay.of.brief.is_past:
        yield stay.say("overview.over")
    shared = [each for each in stay.of.steps if each.state is not StepState.NOT_SHARED]
    done = [each for each in shared if each.state is StepState.DONE]
    current = [each for each in shared if each.state is StepState.CURRENT]
    if shared:
        yield stay.say("overview.count", done=len(done), all=len(shared))
    if current:
        steps = ", ".join(stay.voice.step(each.code) for each in current)
        yield stay.say("overview.current", steps=steps)
    yield from planned(stay)
    yield NEW_LINE
    if now is not MobilityState.CANCELLED:
        said = stay.voice.guidance.nomination(stay.mobility, stay.voice.language)
        if now is MobilityState.REJECTED and said:
            yield said
        returned = stay.voice.guidance.sent_back(stay.mobility, stay.voice.language)
        if returned and stay.of.brief.move.step in _OF_AGREEMENT:
            yield returned
        yield from whose_move(stay)
    yield NEW_LINE
    for each in _own(stay)[:1]:
        yield from told(stay, each)
    yield from of_record(stay)
    yield from _step_cards(stay)


def deadlines_all(stay: Stay) -> Iterator[Piece]:
    """List what has a day, the student's own first."""
    wanted = _asked_for(stay)
    own = [each for each in _own(stay) if each in wanted]
    others = [each for each in wanted if each not in own]
    yield from (echoed(stay, days) for days in stay.asked.days)
    yield from planned(stay)
    if not own and not others:
        yield stay.say("dates.none_ahead")
        yield from whose_move(stay)
        yield from of_record(stay)
        return
    for heading, those in (("dates.yours", own), ("dates.others", others)):
        if those:
            yield NEW_LINE
            yield stay.say(heading)
        for each in those[:MOST_LISTED]:
            yield NEW_LINE
            yield sentence(stay, each)
            yield card(stay, each)
            yield from of_deadline(stay, each)
    yield NEW_LINE
    yield from whose_move(stay)


def _asked_for(stay: Stay) -> list[Deadline]:
    """Return the days of what a question names («this month», «until 15 March»), else all."""
    found = ahead(stay.of.deadlines)
    for asked in stay.asked.days:
        first = asked.first if asked.first != asked.last else min(stay.today, asked.last)
        within = [each for each in found if each.on and first <= each.on <= asked.last]
        if within:
            return within
    return found


def next_own(stay: Stay) -> Iterator[Piece]:
    """Tell the next day of the student's own, for who asks until when and not of what."""
    for each in _own(stay)[:1]:
        yield stay.say("talk.ambiguous")
        yield NEW_LINE
        yield from told(stay, each)
        yield NEW_LINE
        yield from whose_move(stay)


def planned(stay: Stay) -> Iterator[Piece]:
    """Say from when until when the stay is planned."""
    start, end = planned_start(stay.mobility), planned_end(stay.mobility)
    if start is None or end is None:
        return
    days = [
        day.isoformat() if exact else day.isoformat()[: len("YYYY-MM")]
        for day, exact in (start, end)
    ]
    first, last = (stay.voice.day(each) for each in days)
    yield stay.say("dates.stay_days", start=first, end=last)


def _own(stay: Stay) -> list[Deadline]:
    """Return the student's own days, those that lie ahead before those that have passed."""
    own = [each for each in ahead(stay.of.deadlines) if each.who_must_act is Party.STUDENT]
    return sorted(own, key=lambda each: (each.on or stay.today) < stay.today)


def _step_cards(stay: Stay) -> Iterator[Piece]:
    for each in stay.of.steps:
        yield Card(
            kind=CardKind.STEP,
            title=stay.voice.step(each.code),
            text=stay.say(f"step_states.{each.state}"),
            step=each.code,
            on=each.since.date() if isinstance(each.since, datetime) else each.since,
            mobility_id=stay.of.mobility_id,
        )
