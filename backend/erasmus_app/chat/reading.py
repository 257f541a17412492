"""What a question wants: by a choice, by what was understood, and by the turns before."""

import re
from collections.abc import Sequence
from uuid import UUID

import msgspec

from erasmus_app.chat.answers.subjects import (
    FIRST,
    OF_DOCUMENT,
    OFFERABLE,
    OPEN,
    REFUSED,
    RELATED,
    UNTIL_WHEN,
)
from erasmus_app.chat.models import Question
from erasmus_app.chat.ports import Band, Turn, Understood
from erasmus_app.chat.slots import Slots
from erasmus_app.ids import MobilityId

MOST_OFFERED = 3
BARE = 2  # words of one that says nothing at all: «who?», «and when?»
SHORT = 5  # words of a question that only makes sense after another

_CONVERSATION = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
_INTENT = re.compile(r"intent:([a-z_]{1,40})", re.ASCII)
_MOBILITY = re.compile(r"mobility:([0-9a-f-]{36}):([a-z_]{1,40})", re.ASCII)
NONE_OF_THESE = "none"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with a question."""

    band: Band
    intents: tuple[str, ...] = ()  # of an answer one, of an offer two or three
    mobility: MobilityId | None = None  # that a choice names
    is_open: bool = False  # it names nothing: `ambiguous`
    is_lost: bool = False  # a choice that there is not


def conversation_of(question: Question) -> str | None:
    """Return the conversation that a question goes on with; None for what can be none of ours."""
    given = question.conversation or ""
    return given if _CONVERSATION.fullmatch(given) else None


def of_choice(choice: str) -> Wish:
    """Read a choice; anything may be given as one."""
    if choice == NONE_OF_THESE:
        return Wish(band=Band.MENU)
    if (found := _INTENT.fullmatch(choice)) and found[1] in OFFERABLE:
        return Wish(band=Band.ANSWER, intents=(found[1],))
    if (found := _MOBILITY.fullmatch(choice)) and found[2] in OFFERABLE:
        try:
            mobility = MobilityId(UUID(found[1]))
        except ValueError:
            return Wish(band=Band.MENU, is_lost=True)
        return Wish(band=Band.ANSWER, intents=(found[2],), mobility=mobility)
    return Wish(band=Band.MENU, is_lost=True)


def of_text(understood: Understood, turns: Sequence[Turn], slots: Slots) -> Wish:
    """Read what was understood, and after another question what only makes sense there."""
    intents = understood.intents
    if understood.band is not Band.MENU:
        if FIRST in intents:
            return Wish(band=Band.ANSWER, intents=(FIRST,))
        if intents[:1] and intents[0] in REFUSED:
            return Wish(band=Band.ANSWER, intents=intents[:1])
    last = next((each.intent for each in reversed(turns) if each.intent in OFFERABLE), None)
    if last is not None and last != FIRST:
        goes_on = _going_on(understood, last, slots)
        if goes_on is not None:
            return Wish(band=Band.ANSWER, intents=(goes_on,))
    if intents[:1] == (OPEN,) and understood.band is not Band.MENU:
        for document in slots.documents:
            if document in OF_DOCUMENT:
                return Wish(band=Band.ANSWER, intents=(OF_DOCUMENT[document],))
        return Wish(band=Band.ANSWER, is_open=True)
    known = tuple(each for each in intents if each in OFFERABLE)
    if understood.band is Band.MENU or not known:
        return Wish(band=Band.MENU)
    if understood.band is Band.ANSWER:
        return Wish(band=Band.ANSWER, intents=known[:1])
    return Wish(band=Band.OFFER, intents=known[:MOST_OFFERED])


def _going_on(understood: Understood, last: str, slots: Slots) -> str | None:
    """Return what a question means that says nothing by itself, or little.

    «And until when?», «and there?», «who?»; of several meanings the one that is near.
    """
    intents, band = understood.intents, understood.band
    if OPEN in intents[:1] and band is not Band.MENU:
        return last if slots.heis or slots.documents else UNTIL_WHEN.get(last, last)
    if len(understood.question.split()) > SHORT or band is Band.ANSWER:
        return None
    if band is Band.OFFER:
        near = {last, UNTIL_WHEN.get(last), *RELATED.get(last, ())}
        return intents[0] if intents[0] in near else None
    # The question mark of Greek looks like a semicolon, and is one after NFKC.
    is_bare = len(understood.question.split()) <= BARE
    if slots.heis or (is_bare and understood.question.rstrip().endswith(("?", ";"))):
        return last
    return None
