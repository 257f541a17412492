"""What is asked and what is answered: the same for the app, for messengers and for assistants."""

from datetime import date, datetime, time
from enum import StrEnum

import msgspec

from erasmus_app.identity.roles import Standing
from erasmus_app.ids import AccountId, HeiId, MobilityId
from erasmus_app.mobilities.models import Api
from erasmus_app.mobilities.steps import Party, StepCode

LONGEST_QUESTION = 300  # characters that are read; more is cut, after cleaning


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: an account with what it may see, and how it wants to be answered."""

    account_id: AccountId
    standing: Standing
    language: str  # BCP 47; of the app or the account
    zone: str  # IANA


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question, or a choice of an earlier answer."""

    text: str = ""  # as typed; may be anything
    choice: str | None = None  # `Choice.id`; counts before the text
    conversation: str | None = None  # `Answer.conversation` of the answer before
    mobility: MobilityId | None = None  # the one that the app shows at the moment


class AnswerKind(StrEnum):
    """What an answer is."""

    ANSWER = "answer"
    CHOICES = "choices"  # it asks back: what is meant, or which mobility
    MENU = "menu"  # it was not understood, or is nothing that we know about
    REFUSAL = "refusal"  # of what nobody may have from us
    HAND_OVER = "hand-over"  # a person first: an emergency, anger, the wish for somebody


class CardKind(StrEnum):
    """What a card shows."""

    STEP = "step"
    DEADLINE = "deadline"
    CONTACT = "contact"
    LINK = "link"
    MOBILITY = "mobility"


class SourceKind(StrEnum):
    """Where something is from (GUIDE §5)."""

    RECORD = "record"  # what a university said over EWP
    FACTSHEET = "factsheet"  # the host's
    INSTITUTION = "institution"  # what a university says of itself
    LOCAL_RULE = "local-rule"  # of home or host
    PROGRAMME = "programme"
    ESTIMATE = "estimate"  # our own
    ACCOUNT = "account"  # what this backend itself keeps: settings, logins


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a part of an answer comes from, and how fresh that is."""

    kind: SourceKind
    text: str  # in the answer's language: what, whose, last confirmed when
    hei_id: HeiId | None = None
    api: Api | None = None
    last_confirmed_at: datetime | None = None  # UTC
    url: str | None = None
    is_stale: bool = False  # older than a day, or its university does not answer


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to write to: the person in the learning agreement, else an office."""

    name: str
    email: str | None = None
    phone: str | None = None
    url: str | None = None
    hei_id: HeiId | None = None


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an answer shows. Text of partners in it is data, as they wrote it."""

    kind: CardKind
    title: str
    text: str | None = None
    step: StepCode | None = None
    on: date | None = None  # of a deadline the last day
    at: time | None = None  # of that day, in `zone`
    zone: str | None = None  # IANA; None: the student's
    who_must_act: Party | None = None
    contact: Contact | None = None
    url: str | None = None
    mobility_id: MobilityId | None = None
    is_partner_text: bool = False  # title or text are a partner's own words


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Something to tap. Its id says all that is needed, and opens nothing of anybody's."""

    id: str  # given back as `Question.choice`
    label: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. The text alone answers; cards, choices and sources are beside it."""

    kind: AnswerKind
    text: str
    language: str  # BCP 47, of all texts in it
    conversation: str  # opaque; for the next question
    version: str  # of what understood the question
    intent: str | None = None  # what it was taken for; None where that is open
    question: str = ""  # as it was read, cleaned and cut
    cards: tuple[Card, ...] = ()
    choices: tuple[Choice, ...] = ()
    sources: tuple[Source, ...] = ()
    mobility_id: MobilityId | None = None  # which it is about
    answered_at: datetime  # UTC
