"""The tools `get_nomination` and `get_transcript`."""

from datetime import date, datetime
from typing import Annotated

import msgspec

from erasmus_app.api.mcp.agreements import Credits, of_each, sums
from erasmus_app.api.mcp.deadlines import OfMobility
from erasmus_app.api.mcp.reader import (
    Institution,
    PartnerText,
    Reader,
    Source,
    foreign,
    foreign_or_none,
    mobility_id,
)
from erasmus_app.chat.knowledge import KnownMobility
from erasmus_app.mobilities import models, transcripts
from erasmus_app.mobilities.models import NominationStatus, ResultStatus
from erasmus_app.mobilities.state import Decision, decision

_NOTHING = "None: nobody has sent anything about it."


class Nomination(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The nomination of one mobility."""

    mobility: Annotated[str, msgspec.Meta(description="The mobility's id.")]
    sending: Institution
    receiving: Institution
    decision: Annotated[
        Decision,
        msgspec.Meta(
            description="The receiving university's. `not-confirmed`: it has not even confirmed "
            "receipt. `not-shared`: no nomination travels digitally."
        ),
    ]
    source: Annotated[Source | None, msgspec.Meta(description=_NOTHING)] = None
    status: Annotated[
        NominationStatus | None, msgspec.Meta(description="The sending university's word.")
    ] = None
    summary: Annotated[PartnerText | None, msgspec.Meta(description="In a sentence.")] = None
    activity_type: PartnerText | None = None
    planned_arrival: date | None = None
    planned_departure: date | None = None
    actual_arrival: Annotated[
        date | None, msgspec.Meta(description="As the receiving university confirms it.")
    ] = None
    actual_departure: Annotated[
        date | None, msgspec.Meta(description="As the receiving university confirms it.")
    ] = None
    stay_source: Annotated[
        Source | None, msgspec.Meta(description="Where the actual days were read.")
    ] = None


class Nominations(msgspec.Struct, frozen=True, kw_only=True):
    """Nominations by mobility."""

    mobilities: list[Nomination]


class CourseResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A course or module with its result."""

    title: PartnerText
    code: PartnerText | None = None
    status: ResultStatus | None = None
    grade: Annotated[
        PartnerText | None,
        msgspec.Meta(description="As the university writes it; not always a number."),
    ] = None
    grading_scheme: Annotated[
        PartnerText | None, msgspec.Meta(description="What its grades mean, in its words.")
    ] = None
    credits: list[Credits] = []
    result_date: date | None = None
    parts: Annotated[
        list["CourseResult"], msgspec.Meta(description="What a module consists of.")
    ] = []


class Transcript(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The receiving university's transcript of records of one mobility."""

    mobility: Annotated[str, msgspec.Meta(description="The mobility's id.")]
    receiving: Institution
    is_there: Annotated[bool, msgspec.Meta(description="Whether there is one.")]
    source: Annotated[Source | None, msgspec.Meta(description=_NOTHING)] = None
    issued_at: datetime | None = None
    is_final: Annotated[
        bool | None, msgspec.Meta(description="False: the university says that more is to come.")
    ] = None
    courses: list[CourseResult] = []
    gained_credits: Annotated[
        list[Credits], msgspec.Meta(description="Of what was passed, per scheme.")
    ] = []


class Transcripts(msgspec.Struct, frozen=True, kw_only=True):
    """Transcripts by mobility."""

    mobilities: list[Transcript]


async def nominations(reader: Reader, wanted: OfMobility) -> Nominations:
    """Show them, without what offices write to each other."""
    _, mobilities = await reader.mobilities(wanted.mobility)
    return Nominations(mobilities=[_nomination(reader, each) for each in mobilities])


def _nomination(reader: Reader, known: KnownMobility) -> Nomination:
    mobility = known.mobility
    fact, stay = mobility.nomination, mobility.reception
    value, days = (fact.value if fact else None), (stay.value if stay else None)
    summary = reader.services.guidance.nomination(mobility, reader.language)
    return Nomination(
        mobility=mobility_id(known),
        sending=reader.institution(known.brief.sending_hei_id),
        receiving=reader.institution(known.brief.receiving_hei_id),
        decision=decision(mobility),
        source=reader.source(fact.source) if fact else None,
        status=value.status if value else None,
        summary=foreign_or_none(summary),
        activity_type=foreign_or_none(value.activity_type) if value else None,
        planned_arrival=value.planned_arrival if value else None,
        planned_departure=value.planned_departure if value else None,
        actual_arrival=days.actual_arrival if days else None,
        actual_departure=days.actual_departure if days else None,
        stay_source=reader.source(stay.source) if stay else None,
    )


async def transcripts_of(reader: Reader, wanted: OfMobility) -> Transcripts:
    """Show them, with grades."""
    _, mobilities = await reader.mobilities(wanted.mobility)
    return Transcripts(mobilities=[_transcript(reader, each) for each in mobilities])


def _transcript(reader: Reader, known: KnownMobility) -> Transcript:
    fact = known.mobility.transcript
    value = fact.value if fact else None
    return Transcript(
        mobility=mobility_id(known),
        receiving=reader.institution(known.brief.receiving_hei_id),
        is_there=value is not None,
        source=reader.source(fact.source) if fact else None,
        issued_at=value.issued_at if value else None,
        is_final=value.is_final if value else None,
        courses=[_course(each) for each in value.courses] if value else [],
        gained_credits=sums(transcripts.credits_gained(value)) if value else [],
    )


def _course(found: models.CourseResult) -> CourseResult:
    return CourseResult(
        title=foreign(found.title),
        code=foreign_or_none(found.code),
        status=found.status,
        grade=foreign_or_none(found.grade),
        grading_scheme=foreign_or_none(found.grading_scheme),
        credits=of_each(found.credits),
        result_date=found.result_date,
        parts=[_course(each) for each in found.parts],
    )
