"""Answering a question: understand it, look at what is known, and write what follows."""

import secrets
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from erasmus_app.chat import writing
from erasmus_app.chat.answers.about import About, Asked, Piece, Wording, drafted, offered
from erasmus_app.chat.answers.subjects import (
    FIRST,
    OF_ANYBODY,
    OFFERABLE,
    REFUSED,
    RELATED,
    likely,
)
from erasmus_app.chat.knowledge import Knowledge, Known, KnownMobility
from erasmus_app.chat.models import Answer, AnswerKind, Asker, Question
from erasmus_app.chat.ports import (
    Band,
    Conversations,
    Turn,
    Unanswered,
    Understanding,
    Understood,
)
from erasmus_app.chat.reading import Wish, conversation_of, of_choice, of_text
from erasmus_app.chat.slots import Slots, find_slots
from erasmus_app.chat.stays import candidates, named_by
from erasmus_app.errors import EngineFailed
from erasmus_app.ids import HeiId, MobilityId
from erasmus_app.kit.clock import Clock
from erasmus_app.kit.languages import choose


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatService:
    """Answers from the student's own record, by templates, in the student's language."""

    understanding: Understanding
    knowledge: Knowledge
    wording: Wording
    conversations: Conversations
    clock: Clock
    unanswered: Unanswered | None = None  # None: nobody learns from questions

    async def ask(self, asker: Asker, question: Question) -> Answer:
        """Answer a question of any length and kind; raises nothing for what is in it."""
        now, understood = self.clock(), None
        if question.text or question.choice is None:  # first: who reads along is told of it
            understood = await self.understanding.understand(question.text, asker.language)
        known = await self.knowledge.of(asker)
        conversation = conversation_of(question)
        turns: Sequence[Turn] = ()
        if conversation is not None:
            turns = await self.conversations.turns(asker.account_id, conversation)
        language = self._language(asker, understood, question, turns)
        slots = Slots()
        if understood is not None and question.choice is None:
            slots = find_slots(
                understood.question,
                understood.language,
                today=known.today,
                partners=self._partners(known, {understood.language, language}),
            )
        if question.choice is not None:
            wish = of_choice(question.choice)
        else:
            assert understood is not None
            wish = of_text(understood, turns, slots)
        about = About(
            known=known,
            standing=asker.standing,
            asked=Asked.of(slots),
            voice=self.wording.voice(language),
            now=now,
        )
        found = _settled(known, wish, question, turns, slots.heis)
        is_empty = not (understood and understood.question)
        pieces = _written(about, wish, found, _near(understood, slots), is_empty=is_empty)
        draft = drafted(pieces, about.voice)
        mobility = found.one.mobility_id if found.one is not None else None
        intent = wish.intents[0] if wish.band is Band.ANSWER and wish.intents else None
        conversation = conversation or secrets.token_urlsafe(12)
        await self.conversations.add(
            asker.account_id,
            conversation,
            Turn(
                intent=intent if intent not in REFUSED else None,
                mobility_id=mobility,
                hei_ids=slots.heis,
                asked_back=_asked_back(draft.kind, intent),
                language=language,
                at=now,
            ),
        )
        noted = Band.MENU if wish.band is Band.MENU or understood is None else understood.band
        if understood is not None and noted is not Band.ANSWER:
            await self._note(asker, known, msgspec.structs.replace(understood, band=noted))
        return Answer(
            kind=draft.kind,
            text=draft.text,
            language=language,
            conversation=conversation,
            version=understood.version if understood else self.understanding.version,
            intent=intent,
            question=understood.question if understood else "",
            cards=draft.cards,
            choices=draft.choices,
            sources=draft.sources,
            mobility_id=mobility,
            answered_at=now,
        )

    def _language(
        self,
        asker: Asker,
        understood: Understood | None,
        question: Question,
        turns: Sequence[Turn],
    ) -> str:
        """Return the question's language if we have it; of a choice the conversation's."""
        there = self.wording.words.sentences
        of_turns = next((each.language for each in reversed(turns) if each.language), None)
        wanted = understood.language if understood and question.choice is None else of_turns
        if wanted is not None:
            found = choose(wanted, there)
            if found is not None and (found != "en" or wanted.lower().startswith("en")):
                return found
        return self.wording.words.language(asker.language)

    def _partners(self, known: Known, languages: Collection[str]) -> dict[HeiId, set[str]]:
        """Return the student's own universities, by what they may be called."""
        found: dict[HeiId, set[str]] = {}
        for each in known.mobilities:
            for hei, page in (
                (each.mobility.receiving_hei_id, each.host),
                (each.mobility.sending_hei_id, each.home),
            ):
                names = found.setdefault(hei, set())
                names |= {self.wording.names(hei, language) for language in {*languages, "en"}}
                if page is not None and page.value is not None:
                    names |= {name.text for name in page.value.names}
                    names |= {page.value.abbreviation or ""} - {""}
        return found

    async def _note(self, asker: Asker, known: Known, understood: Understood) -> None:
        if self.unanswered is None:
            return
        heis = list(dict.fromkeys(each.mobility.tenant for each in known.mobilities))
        try:
            await self.unanswered.note(asker.account_id, heis, understood, self.clock())
        except EngineFailed:  # an answer is worth more than what is learnt from it
            return


@dataclass(frozen=True, slots=True)
class _Found:
    """Which exchanges a question is about."""

    one: KnownMobility | None = None
    several: Sequence[KnownMobility] = ()  # that it may be about
    is_told: bool = False  # by the question or the app
    is_unknown: bool = False  # one was named that is not the student's


def _settled(
    known: Known,
    wish: Wish,
    question: Question,
    turns: Sequence[Turn],
    heis: Sequence[HeiId],
) -> _Found:
    """Find out which exchange is meant: by choice, words, screen, talk, else by the calendar."""
    named: MobilityId | None = wish.mobility
    by_name = named_by(known, heis)
    if named is None and not by_name:
        named = question.mobility
    if named is not None:
        one = known.of(named)
        return _Found(one=one, is_told=True, is_unknown=one is None)
    if len(by_name) == 1:
        return _Found(one=by_name[0], is_told=True)
    intent = wish.intents[0] if wish.intents else ""
    those = by_name or candidates(known, intent)
    if len(known.mobilities) == 1:
        return _Found(one=known.mobilities[0], is_told=True)
    before = next((each.mobility_id for each in reversed(turns) if each.mobility_id), None)
    talked_of = known.of(before) if before is not None else None
    if talked_of is not None and (not by_name or talked_of in by_name):
        return _Found(one=talked_of)
    if len(those) == 1:
        return _Found(one=those[0])
    return _Found(several=those)


def _written(
    about: About, wish: Wish, found: _Found, first: Sequence[str], *, is_empty: bool
) -> Iterator[Piece]:
    """Write what a wish asks for."""
    about = writing.chosen(about, found.one)
    intent = wish.intents[0] if wish.intents else ""
    if intent == FIRST:  # before anything else, whatever is said of exchanges
        yield from writing.of_anybody(about, FIRST)
        those = dict.fromkeys((*first, *RELATED[FIRST]))
        yield from (offered(about, each) for each in those if each != FIRST)
    elif found.is_unknown:
        yield from writing.unknown_stay(about)
    elif wish.is_open:
        yield from writing.open_question(about, first)
    elif wish.band is Band.OFFER:
        yield from writing.offer(about, wish.intents)
    elif wish.band is Band.MENU:
        opening = "menu" if is_empty else "out_of_scope"
        opening = "choice_over" if wish.is_lost else opening
        yield from writing.menu(about, f"talk.{opening}", first)
    elif intent in OF_ANYBODY:
        yield from writing.of_anybody(about, intent)
        related = RELATED.get(intent, ())
        those = dict.fromkeys((*first, *related) if intent in REFUSED else related)
        yield from (offered(about, each) for each in those)
    elif not about.known.mobilities:
        yield from writing.without_a_stay(about, intent)
    elif found.one is not None:
        yield from writing.of_one(about, intent, found.one, told=found.is_told)
        yield from (offered(about, each) for each in RELATED.get(intent, ()))
    elif intent in writing.OF_SEVERAL:
        yield from writing.of_several(about, intent, found.several)
    else:
        yield from writing.which_stay(about, intent, found.several)


def _near(understood: Understood | None, slots: Slots) -> tuple[str, ...]:
    """Return what else a question may be about: what was less likely, then what its words name."""
    intents = understood.intents if understood is not None else ()
    return tuple(dict.fromkeys((*(each for each in intents if each in OFFERABLE), *likely(slots))))


def _asked_back(kind: AnswerKind, intent: str | None) -> str | None:
    if kind is not AnswerKind.CHOICES:
        return None
    return "mobility" if intent else "intent"
