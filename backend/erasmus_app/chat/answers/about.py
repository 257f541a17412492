"""What an answer is written from: what is known, what was asked, and the words of one language."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

import msgspec

from erasmus_app.chat.knowledge import Known, KnownMobility
from erasmus_app.chat.models import AnswerKind, Card, Choice, Source
from erasmus_app.chat.slots.models import Slots
from erasmus_app.chat.words import ChatWords, Value
from erasmus_app.identity.roles import Standing
from erasmus_app.ids import HeiId
from erasmus_app.kit.cldr import written_day, written_number
from erasmus_app.kit.plain import plain
from erasmus_app.mobilities.deadlines import Deadline
from erasmus_app.mobilities.models import Mobility
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.mobilities.steps import StepCode
from erasmus_app.notifications.agenda_words import AgendaWords
from erasmus_app.notifications.catalogue import NameOf
from erasmus_app.notifications.explanations import Explanations
from erasmus_app.notifications.guidance import Guidance

LONGEST_NAME = 120  # characters of a name that somebody else wrote, among words of ours
LONGEST_WORDS = 600  # of a text that is shown as a partner's own

_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.)\S*", re.IGNORECASE)
_MARKS = str.maketrans(dict.fromkeys("*_`[]<>|~#{}\\", " "))


class NewLine(msgspec.Struct, frozen=True):
    """What comes next begins a line."""

    of_another: bool = False  # and is about another exchange, of which the same may be said again


NEW_LINE = NewLine()
NEW_STAY = NewLine(of_another=True)

Piece = str | NewLine | Card | Choice | Source | AnswerKind
"""A sentence, what stands beside it, or what kind of answer it makes of the whole."""


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """The words of all languages: the chat's own, and those that it shares with the app."""

    words: ChatWords
    guidance: Guidance
    explanations: Explanations
    agenda: AgendaWords
    names: NameOf

    def voice(self, language: str) -> "Voice":
        """Return those of one language; names of universities are harmless wherever they go."""

        def named(hei: str, language: str) -> str:
            return quoted(self.names(hei, language))

        return Voice(
            language=language,
            words=self.words,
            guidance=msgspec.structs.replace(self.guidance, name_of=named),
            explanations=self.explanations,
            agenda=self.agenda,
            names=named,
        )


class Days(msgspec.Struct, frozen=True, kw_only=True):
    """A day that a question names, or a week, month or year; both days are part of it."""

    first: date
    last: date


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a question names, beside what it is about."""

    days: tuple[Days, ...] = ()
    ends: tuple[str, ...] = ()  # `home`, `host`

    @classmethod
    def of(cls, slots: Slots) -> "Asked":
        """Take what can be answered to; of a day that may be read in two ways, both."""
        days = list[Days]()
        for each in slots.dates:
            those = (each.on,) if each.on else each.alternatives
            days += [Days(first=day, last=day) for day in those]
            if each.first is not None and each.last is not None:
                days.append(Days(first=each.first, last=each.last))
        return cls(days=tuple(dict.fromkeys(days)), ends=tuple(each.value for each in slots.ends))


class Voice(msgspec.Struct, frozen=True, kw_only=True):
    """The words of one language, see `Wording`."""

    language: str
    words: ChatWords
    guidance: Guidance
    explanations: Explanations
    agenda: AgendaWords
    names: NameOf

    def say(self, sentence: str, /, **values: Value) -> str:
        """Return a sentence, with values put in."""
        return self.words.say(sentence, self.language, **values)

    def name(self, hei: HeiId) -> str:
        """Return a university's name."""
        return self.names(hei, self.language)

    def day(self, value: str) -> str:
        """Write a day or a month."""
        return written_day(value, self.language)

    def number(self, value: Decimal) -> str:
        """Write a number."""
        return written_number(f"{value:f}", self.language)

    def step(self, step: StepCode) -> str:
        """Name a step."""
        return self.guidance.title(step, self.language)

    def what(self, kind: DeadlineKind, mobility: Mobility) -> str:
        """Return a deadline's heading, as the calendar has it."""
        ends = {
            "sending": self.name(mobility.sending_hei_id),
            "receiving": self.name(mobility.receiving_hei_id),
        }
        chosen = self.language if self.language in self.agenda.titles else "en"
        return self.agenda.titles[chosen][kind].format_map(ends)

    def why(self, deadline: Deadline) -> str:
        """Say why a deadline is as it is."""
        if deadline.source.name is not None:
            source = msgspec.structs.replace(
                deadline.source, name=quoted(deadline.source.name, 2 * LONGEST_NAME)
            )
            deadline = msgspec.structs.replace(deadline, source=source)
        return self.explanations.of(deadline, self.language, self.names)


class About(msgspec.Struct, frozen=True, kw_only=True):
    """All that an answer is made of, where no exchange is needed for it."""

    known: Known
    standing: Standing
    asked: Asked
    voice: Voice
    now: datetime  # UTC
    chosen: KnownMobility | None = None

    @property
    def today(self) -> date:
        """The student's day."""
        return self.known.today

    def say(self, sentence: str, /, **values: Value) -> str:
        """Return a sentence, with values put in."""
        return self.voice.say(sentence, **values)

    def name(self, hei: HeiId) -> str:
        """Return a university's name."""
        return self.voice.name(hei)


class Stay(About, frozen=True, kw_only=True):
    """The same, and the exchange that it is about."""

    of: KnownMobility

    @property
    def mobility(self) -> Mobility:
        """The record."""
        return self.of.mobility

    @property
    def home(self) -> str:
        """The home university's name."""
        return self.name(self.of.mobility.sending_hei_id)

    @property
    def host(self) -> str:
        """The host university's name."""
        return self.name(self.of.mobility.receiving_hei_id)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Pieces, put in their places."""

    kind: AnswerKind
    text: str
    cards: tuple[Card, ...]
    choices: tuple[Choice, ...]
    sources: tuple[Source, ...]


def drafted(pieces: Iterable[Piece], voice: Voice) -> Draft:
    """Put pieces in their places; what comes twice is there once."""
    kind, lines = AnswerKind.ANSWER, [list[str]()]
    cards: dict[Card, None] = {}
    choices: dict[str, Choice] = {}
    sources: dict[Source, None] = {}
    said = set[str]()
    for each in pieces:
        match each:
            case AnswerKind():
                kind = each
            case str() if each and each not in said:
                said.add(each)
                lines[-1].append(each)
            case NewLine():
                lines.append([])
                if each.of_another:
                    said.clear()
            case Card():
                cards[each] = None
            case Choice():
                choices.setdefault(each.id, each)
            case Source():
                sources[each] = None
    if sources:
        # No semicolon: it asks a question in Greek. No comma: there are some in each source.
        told = " · ".join(dict.fromkeys(each.text for each in sources))
        lines.append([voice.say("sources.line", source=told)])
    return Draft(
        kind=kind,
        text="\n".join(" ".join(line) for line in lines if line),
        cards=tuple(cards),
        choices=tuple(choices.values()),
        sources=tuple(sources),
    )


def offered(about: About, intent: str) -> Choice:
    """Return another question to tap."""
    return Choice(id=f"intent:{intent}", label=about.say(f"intents.{intent}"))


def quoted(text: str, longest: int = LONGEST_NAME) -> str:
    """Return what somebody else wrote as words and nothing more.

    No address that a messenger would make a link of, no mark that it would read as a style.
    """
    return plain(_ADDRESS.sub(" ", plain(text).translate(_MARKS)), longest)
