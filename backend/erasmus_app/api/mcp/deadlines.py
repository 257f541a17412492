"""The tool `get_deadlines`: what is due, until when, who says so, and how sure that is."""

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from erasmus_app.api.mcp.reader import (
    Institution,
    Language,
    MobilityWanted,
    PartnerText,
    Reader,
    foreign,
    foreign_or_none,
    mobility_id,
)
from erasmus_app.chat.knowledge import KnownMobility
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import Term
from erasmus_app.kit.plain import web_address
from erasmus_app.mobilities import deadlines
from erasmus_app.mobilities.days import is_over, last_day_of
from erasmus_app.mobilities.deadlines import Confidence, Note, Origin, Owner
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.mobilities.steps import Party, StepCode
from erasmus_app.mobilities.undone import STEPS


class OfMobility(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which mobility, and in which language sentences are wanted."""

    mobility: MobilityWanted | None = None
    language: Language | None = None


class DeadlineSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a deadline is written."""

    origin: Annotated[
        Origin,
        msgspec.Meta(
            description="`factsheet`: the host's. `local-rule`: of a university. `programme`: of "
            "Erasmus+. `app`: a margin of this app's own."
        ),
    ]
    is_stale: Annotated[bool, msgspec.Meta(description="Not read again for longer than usual.")]
    institution: Institution | None = None
    name: Annotated[PartnerText | None, msgspec.Meta(description="Of the rule or document.")] = None
    url: str | None = None
    last_confirmed_at: Annotated[
        datetime | None,
        msgspec.Meta(description="When it was last read or set, UTC; none of what is fixed."),
    ] = None


class Deadline(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to be done by a day. Several may be named for one step: see `counts_first`."""

    kind: DeadlineKind
    who_must_act: Party
    owner: Annotated[Owner, msgspec.Meta(description="Who set it.")]
    confidence: Annotated[
        Confidence,
        msgspec.Meta(
            description="How far the day can be relied on: `published` by the host, a "
            "`local-rule` of a university, `guidance` of the programme, or an `estimate`."
        ),
    ]
    counts_first: Annotated[
        bool, msgspec.Meta(description="The day to keep: the earliest of its kind that holds.")
    ]
    explanation: Annotated[PartnerText, msgspec.Meta(description="Why it is that day.")]
    source: DeadlineSource
    is_past: bool = False
    step: StepCode | None = None
    on: Annotated[
        date | None, msgspec.Meta(description="The last day; none where it cannot be told.")
    ] = None
    time: Annotated[str | None, msgspec.Meta(description="Of the last day, `HH:MM` in `zone`.")] = (
        None
    )
    zone: Annotated[
        str | None, msgspec.Meta(description="IANA; none: the day as the student's clock has it.")
    ] = None
    days_left: int | None = None
    month_day: Annotated[
        str | None, msgspec.Meta(description="`--MM-DD`, where the year cannot be told.")
    ] = None
    term: Term | None = None
    moved_from: Annotated[date | None, msgspec.Meta(description="The day that it was before.")] = (
        None
    )
    notes: list[Note] = []


class MobilityDeadlines(msgspec.Struct, frozen=True, kw_only=True):
    """What is due in one mobility, the earliest first; what has no day comes last."""

    mobility: Annotated[str, msgspec.Meta(description="The mobility's id.")]
    receiving: Institution
    deadlines: list[Deadline]


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """Deadlines by mobility."""

    today: Annotated[date, msgspec.Meta(description="The student's day.")]
    zone: Annotated[str, msgspec.Meta(description="The student's time zone, IANA.")]
    mobilities: list[MobilityDeadlines]


async def deadlines_by_mobility(reader: Reader, wanted: OfMobility) -> Deadlines:
    """Show what is due."""
    known, mobilities = await reader.mobilities(wanted.mobility)
    return Deadlines(
        today=known.today,
        zone=reader.account.zone,
        mobilities=[
            MobilityDeadlines(
                mobility=mobility_id(each),
                receiving=reader.institution(each.brief.receiving_hei_id),
                deadlines=deadlines_of(reader, each),
            )
            for each in mobilities
        ],
    )


def deadlines_of(reader: Reader, known: KnownMobility) -> list[Deadline]:
    """Write the deadlines of one mobility."""
    return [_deadline(reader, known, each) for each in known.deadlines]


def _deadline(reader: Reader, known: KnownMobility, found: deadlines.Deadline) -> Deadline:
    def name_of(hei: str, language: str) -> str:
        return reader.services.names.name(HeiId(hei), language)

    zone = reader.account.zone
    left = None
    if found.on is not None:
        today = reader.now.astimezone(ZoneInfo(zone)).date()
        left = (last_day_of(found.on, found.at, found.zone or zone, zone) - today).days
    moved = known.stored.seen.moved.get(found.kind) if known.stored.seen else None
    has_moved = found.counts_first and moved is not None and moved.now == found.on
    return Deadline(
        kind=found.kind,
        who_must_act=found.who_must_act,
        owner=found.owner,
        confidence=found.confidence,
        counts_first=found.counts_first,
        explanation=foreign(reader.services.explanations.of(found, reader.language, name_of)),
        source=_source(reader, found.source),
        is_past=found.on is not None
        and is_over(found.on, found.at, found.zone or zone, reader.now),
        step=STEPS.get(found.kind),
        on=found.on,
        time=f"{found.at:%H:%M}" if found.at else None,
        zone=found.zone,
        days_left=left,
        month_day=found.month_day,
        term=found.term,
        moved_from=moved.was if moved and has_moved else None,
        notes=list(found.notes),
    )


def _source(reader: Reader, found: deadlines.DeadlineSource) -> DeadlineSource:
    published = found.origin is Origin.FACTSHEET
    return DeadlineSource(
        origin=found.origin,
        is_stale=published and reader.is_old_page(found.last_confirmed_at),
        institution=reader.institution(found.hei_id) if found.hei_id else None,
        name=foreign_or_none(found.name),
        url=web_address(found.url) if found.url else None,
        last_confirmed_at=found.last_confirmed_at,
    )
