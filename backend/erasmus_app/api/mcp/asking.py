"""The tool `ask`: a question in the student's words, answered as the app's chat answers it."""

from datetime import date, datetime
from typing import Annotated

import msgspec

from erasmus_app.api.mcp.reader import (
    Institution,
    Language,
    MobilityWanted,
    PartnerText,
    Reader,
    ToolRefused,
    foreign,
    foreign_or_none,
)
from erasmus_app.chat import models
from erasmus_app.chat.models import AnswerKind, CardKind, Question, SourceKind
from erasmus_app.ids import MobilityId, global_id, read_global_id
from erasmus_app.kit.plain import mail_address, web_address
from erasmus_app.mobilities.steps import Party, StepCode

Words = Annotated[
    str,
    msgspec.Meta(max_length=2000, description="The question as the student put it, any language."),
]
Short = Annotated[str, msgspec.Meta(max_length=200)]


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question, or a choice that an answer offered."""

    question: Words = ""
    choice: Annotated[
        Short | None,
        msgspec.Meta(description="An id of `choices` of the answer before, instead of words."),
    ] = None
    conversation: Annotated[
        Short | None, msgspec.Meta(description="That of the answer before, to go on from it.")
    ] = None
    mobility: MobilityWanted | None = None
    language: Language | None = None


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom to write to."""

    name: PartnerText
    email: str | None = None
    phone: PartnerText | None = None
    url: str | None = None


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that an answer shows."""

    kind: CardKind
    title: PartnerText
    text: PartnerText | None = None
    step: StepCode | None = None
    on: Annotated[date | None, msgspec.Meta(description="Of a deadline the last day.")] = None
    time: Annotated[str | None, msgspec.Meta(description="Of that day, `HH:MM` in `zone`.")] = None
    zone: str | None = None
    who_must_act: Party | None = None
    contact: Contact | None = None
    url: str | None = None
    mobility: str | None = None


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Something to choose, where the question left that open."""

    id: str
    label: PartnerText


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a part of the answer is from, and how fresh that is."""

    kind: SourceKind
    text: PartnerText
    is_stale: bool
    institution: Institution | None = None
    api: str | None = None
    last_confirmed_at: Annotated[datetime | None, msgspec.Meta(description="UTC.")] = None
    url: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer; its text alone answers."""

    kind: Annotated[
        AnswerKind,
        msgspec.Meta(
            description="`choices`: it asks back. `menu`: the question was not understood. "
            "`hand-over`: a person first, as in an emergency; say so at once."
        ),
    ]
    text: PartnerText
    language: str
    conversation: Annotated[str, msgspec.Meta(description="For the next question.")]
    version: Annotated[str, msgspec.Meta(description="Of what understood the question.")]
    answered_at: Annotated[datetime, msgspec.Meta(description="UTC.")]
    cards: list[Card] = []
    choices: list[Choice] = []
    sources: list[Source] = []
    mobility: Annotated[str | None, msgspec.Meta(description="Which it is about.")] = None


async def ask(reader: Reader, wanted: Asked) -> Answer:
    """Answer a question."""
    mobility = None
    if wanted.mobility is not None:
        await reader.mobilities(wanted.mobility)  # refuses what is not the student's
        found = read_global_id(wanted.mobility)
        mobility = MobilityId(found[1]) if found else None
    if not wanted.question.strip() and wanted.choice is None:
        raise ToolRefused("question: is missing; or give a `choice` of the answer before")
    answer = await reader.services.chat.ask(
        reader.asker,
        Question(
            text=wanted.question,
            choice=wanted.choice,
            conversation=wanted.conversation,
            mobility=mobility,
        ),
    )
    return Answer(
        kind=answer.kind,
        text=foreign(answer.text),
        language=answer.language,
        conversation=answer.conversation,
        version=answer.version,
        answered_at=answer.answered_at,
        cards=[_card(each) for each in answer.cards],
        choices=[Choice(id=each.id, label=foreign(each.label)) for each in answer.choices],
        sources=[_source(reader, each) for each in answer.sources],
        mobility=_mobility(answer.mobility_id),
    )


def _card(found: models.Card) -> Card:
    contact = found.contact
    return Card(
        kind=found.kind,
        title=foreign(found.title),
        text=foreign_or_none(found.text),
        step=found.step,
        on=found.on,
        time=f"{found.at:%H:%M}" if found.at else None,
        zone=found.zone,
        who_must_act=found.who_must_act,
        contact=Contact(
            name=foreign(contact.name),
            email=mail_address(contact.email),
            phone=foreign_or_none(contact.phone),
            url=_address(contact.url),
        )
        if contact
        else None,
        url=_address(found.url),
        mobility=_mobility(found.mobility_id),
    )


def _source(reader: Reader, found: models.Source) -> Source:
    return Source(
        kind=found.kind,
        text=foreign(found.text),
        is_stale=found.is_stale,
        institution=reader.institution(found.hei_id) if found.hei_id else None,
        api=found.api,
        last_confirmed_at=found.last_confirmed_at,
        url=_address(found.url),
    )


def _address(url: str | None) -> str | None:
    return web_address(url) if url else None


def _mobility(id: MobilityId | None) -> str | None:
    return global_id("Mobility", id) if id else None
