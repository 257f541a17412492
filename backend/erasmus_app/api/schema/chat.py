"""Asking: a question in, an answer from the student's own record out."""

from datetime import date, datetime

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access, deadlines, timeline  # noqa: F401 - they declare enums
from erasmus_app.api.schema.access import OWNER, PART, Whose
from erasmus_app.api.schema.enums import described_enum
from erasmus_app.api.schema.ids import global_id, uuid_of
from erasmus_app.api.schema.institutions import Institution, institution
from erasmus_app.chat import models
from erasmus_app.chat.asking import asker_of, handed_in, questions_of
from erasmus_app.chat.models import LONGEST_QUESTION, AnswerKind, CardKind, SourceKind
from erasmus_app.errors import NotSignedIn
from erasmus_app.ids import MobilityId
from erasmus_app.mobilities.models import Api
from erasmus_app.mobilities.steps import Party, StepCode

described_enum(
    AnswerKind,
    name="ChatAnswerKind",
    description="What an answer is.",
    values={
        "ANSWER": "It answers what was asked.",
        "CHOICES": "It asks back: what is meant, or which mobility; see `choices`.",
        "MENU": "It was not understood, or is nothing that is known here; says what is, and whom "
        "to ask instead.",
        "REFUSAL": "Nobody may have that from here: other people's data, what offices write to "
        "each other, a verdict, acting for the student.",
        "HAND_OVER": "A person first: an emergency, anger, or the wish for somebody.",
    },
)
described_enum(
    CardKind,
    name="ChatCardKind",
    description="What a card shows.",
    values={
        "STEP": "A step of a mobility, see `step`.",
        "DEADLINE": "A day by which something is to be done, see `on`.",
        "CONTACT": "Whom to write to, see `contact`.",
        "LINK": "A page, see `url`.",
        "MOBILITY": "One of the student's mobilities.",
    },
)
described_enum(
    SourceKind,
    name="ChatSourceKind",
    description="Where a part of an answer is from.",
    values={
        "RECORD": "What a university has said over EWP.",
        "FACTSHEET": "What the host publishes for those who come.",
        "INSTITUTION": "What a university says of itself.",
        "LOCAL_RULE": "A rule that home or host has set here.",
        "PROGRAMME": "The programme's own rules.",
        "ESTIMATE": "This service's own estimate.",
        "ACCOUNT": "What this service keeps itself: settings, logins.",
    },
)


@access.rule(PART)
@strawberry.type(description="Whom to write to.")
class ChatContact:
    """A contact."""

    name: str = strawberry.field(description="Of a person or an office, as they wrote it.")
    email: str | None = strawberry.field(description="The address.")
    phone: str | None = strawberry.field(description="In E.164, `+351…`.")
    url: str | None = strawberry.field(description="A page.")
    institution: Institution | None = strawberry.field(description="Whose it is.")


@access.rule(PART)
@strawberry.type(description="One thing that an answer shows beside its text.")
class ChatCard:
    """A card."""

    kind: CardKind = strawberry.field(description="What it shows.")
    title: str = strawberry.field(description="What stands above it.")
    text: str | None = strawberry.field(description="What stands below that.")
    step: StepCode | None = strawberry.field(description="Which step it is about.")
    on: date | None = strawberry.field(description="The last day of a deadline.")
    at: str | None = strawberry.field(description="The time of that day, `HH:MM`; null: its end.")
    zone: str | None = strawberry.field(
        description="Whose day and time that is, IANA; null: the student's."
    )
    who_must_act: Party | None = strawberry.field(description="Whose move it is.")
    contact: ChatContact | None = strawberry.field(description="Whom to write to.")
    url: str | None = strawberry.field(description="Where it leads.")
    mobility_id: strawberry.ID | None = strawberry.field(description="Which mobility it is about.")
    is_partner_text: bool = strawberry.field(
        description="Title or text are a university's own words: show them as text alone."
    )

    @classmethod
    def of(cls, card: models.Card) -> "ChatCard":
        """Make it from ours."""
        known = card.contact
        return cls(
            kind=card.kind,
            title=card.title,
            text=card.text,
            step=card.step,
            on=card.on,
            at=f"{card.at:%H:%M}" if card.at else None,
            zone=card.zone,
            who_must_act=card.who_must_act,
            contact=None
            if known is None
            else ChatContact(
                name=known.name,
                email=known.email,
                phone=known.phone,
                url=known.url,
                institution=institution(known.hei_id) if known.hei_id else None,
            ),
            url=card.url,
            mobility_id=_mobility(card.mobility_id),
            is_partner_text=card.is_partner_text,
        )


@access.rule(PART)
@strawberry.type(description="Something to tap, in place of typing.")
class ChatChoice:
    """A choice."""

    id: str = strawberry.field(description="For `ask(choice:)`; opaque.")
    label: str = strawberry.field(description="What stands on it.")


@access.rule(PART)
@strawberry.type(description="Where a part of an answer is from, and how fresh that is.")
class ChatSource:
    """A source."""

    kind: SourceKind = strawberry.field(description="Of what kind.")
    text: str = strawberry.field(description="What, whose, and when it was last confirmed.")
    institution: Institution | None = strawberry.field(description="Whose it is.")
    api: Api | None = strawberry.field(description="The API of the record.")
    last_confirmed_at: datetime | None = strawberry.field(
        description="When it was last confirmed, UTC."
    )
    url: str | None = strawberry.field(description="The page that it is from.")
    is_stale: bool = strawberry.field(
        description="Older than a day, or its university does not answer at the moment."
    )


@access.rule(OWNER)
@strawberry.type(
    description="An answer. Its text alone answers; cards, choices and sources stand beside it."
)
class ChatAnswer:
    """An answer."""

    whose: strawberry.Private[Whose]
    kind: AnswerKind = strawberry.field(description="What it is.")
    text: str = strawberry.field(description="The answer, plain text.")
    language: str = strawberry.field(description="Of all texts in it, BCP 47.")
    conversation: str = strawberry.field(
        description="For the next question, so that it may lean on this one; opaque, for half an "
        "hour."
    )
    version: str = strawberry.field(description="Of what has understood the question.")
    intent: str | None = strawberry.field(
        description="What the question was taken for; null where that is open."
    )
    question: str = strawberry.field(
        description="The question as it was read: cleaned, and cut after "
        f"{LONGEST_QUESTION} characters."
    )
    cards: list[ChatCard] = strawberry.field(description="What it shows, a few at most.")
    choices: list[ChatChoice] = strawberry.field(description="What may come next, a few at most.")
    sources: list[ChatSource] = strawberry.field(description="Where it is all from.")
    mobility_id: strawberry.ID | None = strawberry.field(description="Which mobility it is about.")
    answered_at: datetime = strawberry.field(description="When, UTC.")

    @classmethod
    def of(cls, answer: models.Answer, whose: Whose) -> "ChatAnswer":
        """Make it from ours."""
        return cls(
            whose=whose,
            kind=answer.kind,
            text=answer.text,
            language=answer.language,
            conversation=answer.conversation,
            version=answer.version,
            intent=answer.intent,
            question=answer.question,
            cards=[ChatCard.of(each) for each in answer.cards],
            choices=[ChatChoice(id=each.id, label=each.label) for each in answer.choices],
            sources=[
                ChatSource(
                    kind=each.kind,
                    text=each.text,
                    institution=institution(each.hei_id) if each.hei_id else None,
                    api=each.api,
                    last_confirmed_at=each.last_confirmed_at,
                    url=each.url,
                    is_stale=each.is_stale,
                )
                for each in answer.sources
            ],
            mobility_id=_mobility(answer.mobility_id),
            answered_at=answer.answered_at,
        )


def _mobility(known: MobilityId | None) -> strawberry.ID | None:
    return global_id("Mobility", known) if known else None


@strawberry.type
class ChatQuery:
    """A base of `Query`."""

    @access.field(
        OWNER,
        once=True,
        description="Ask in plain words, in any of the languages that are spoken here; the answer "
        "is in the request's language and from the student's own record. One a document, and so "
        "many a minute (`too_many_questions`).",
    )
    async def ask(
        self,
        info: Info,
        question: str | None = None,
        choice: str | None = None,
        conversation: str | None = None,
        mobility: strawberry.ID | None = None,
    ) -> ChatAnswer:
        """Answer it."""
        context = info.context
        account = await context.account()
        if account is None:
            raise NotSignedIn("The account is gone.")
        await context.services.limits.take(*questions_of(account.account_id))
        answer = await context.services.chat.ask(
            asker_of(account, await context.standing(), context.language),
            handed_in(question, choice, conversation, uuid_of(mobility or "", "Mobility")),
        )
        return ChatAnswer.of(answer, Whose(account.account_id))
