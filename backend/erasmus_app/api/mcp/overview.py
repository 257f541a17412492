"""The tools `get_overview` and `explain_step`: where a mobility stands, and whose move it is."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from erasmus_app.api.mcp.deadlines import Deadline, deadlines_of
from erasmus_app.api.mcp.reader import (
    Institution,
    Language,
    MobilityWanted,
    PartnerText,
    Reader,
    Source,
    foreign,
    foreign_or_none,
    mobility_id,
    sources_by_api,
)
from erasmus_app.chat.knowledge import KnownMobility
from erasmus_app.mobilities.state import MobilityState
from erasmus_app.mobilities.stays import academic_year
from erasmus_app.mobilities.steps import Party, Phase, StepCode, StepState, TimelineStep
from erasmus_app.mobilities.undone import STEPS
from erasmus_app.notifications.guidance import waiting_days

AGREEMENTS_ONLINE = "https://learning-agreement.eu"
_TO_WRITE = frozenset({StepCode.LA_SENT, StepCode.LA_CHANGED})


class Direction(StrEnum):
    """Which way the student goes, seen from the university that serves the record."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing has to be said: all mobilities are shown."""

    language: Language | None = None


class StepWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which step, and of which mobility."""

    step: Annotated[StepCode, msgspec.Meta(description="The step, as get_overview names it.")]
    mobility: MobilityWanted | None = None
    language: Language | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step of the timeline."""

    code: StepCode
    title: str
    phase: Phase
    state: Annotated[
        StepState,
        msgspec.Meta(description="`not-shared`: the universities do not share it digitally."),
    ]
    since_at: Annotated[
        datetime | None,
        msgspec.Meta(description="When it was done or began to wait, where the moment is known."),
    ] = None
    since_day: Annotated[date | None, msgspec.Meta(description="The day of that.")] = None
    source: Annotated[
        Source | None, msgspec.Meta(description="None: nobody has sent anything about it.")
    ] = None


class Move(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who has to act next."""

    party: Party
    step: StepCode | None = None
    step_title: str | None = None
    institution: Institution | None = None
    since: Annotated[datetime | None, msgspec.Meta(description="Since when it waits, UTC.")] = None
    waiting_days: int | None = None


class MobilityOverview(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A mobility in short."""

    id: Annotated[str, msgspec.Meta(description="Opaque: what other tools take as `mobility`.")]
    sending: Institution
    receiving: Institution
    direction: Direction
    state: MobilityState
    whose_move: Move
    steps: list[Step]
    sources: Annotated[
        list[Source], msgspec.Meta(description="Where all of this was read, and how fresh it is.")
    ]
    academic_year: str | None = None
    next_deadline: Annotated[
        Deadline | None, msgspec.Meta(description="The earliest that counts and has a day.")
    ] = None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All mobilities of the student, the latest change first."""

    today: Annotated[date, msgspec.Meta(description="The student's day.")]
    zone: Annotated[str, msgspec.Meta(description="The student's time zone, IANA.")]
    mobilities: list[MobilityOverview]


class MessageToSend(msgspec.Struct, frozen=True, kw_only=True):
    """What the student may write to whoever has to act; nothing is sent by itself."""

    subject: PartnerText
    body: PartnerText


class StepExplained(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step of one mobility, with what can be done."""

    mobility: Annotated[str, msgspec.Meta(description="The mobility's id.")]
    receiving: Institution
    step: Step
    deadlines: list[Deadline]
    whose_move: Annotated[
        Move | None, msgspec.Meta(description="While it is this step that waits.")
    ] = None
    what_the_student_can_do: PartnerText | None = None
    link: Annotated[str | None, msgspec.Meta(description="Where that is done.")] = None
    message_to_send: MessageToSend | None = None


class StepsExplained(msgspec.Struct, frozen=True, kw_only=True):
    """A step, of each mobility that has it."""

    today: Annotated[date, msgspec.Meta(description="The student's day.")]
    mobilities: list[StepExplained]


async def overview(reader: Reader, _wanted: Wanted) -> Overview:
    """Show where everything stands."""
    known, mobilities = await reader.mobilities(None)
    return Overview(
        today=known.today,
        zone=reader.account.zone,
        mobilities=[_overview(reader, each) for each in mobilities],
    )


def _overview(reader: Reader, known: KnownMobility) -> MobilityOverview:
    brief, mobility = known.brief, known.mobility
    due = [each for each in deadlines_of(reader, known) if each.counts_first and each.on]
    return MobilityOverview(
        id=mobility_id(known),
        sending=reader.institution(brief.sending_hei_id),
        receiving=reader.institution(brief.receiving_hei_id),
        direction=Direction.OUTGOING
        if brief.tenant == brief.sending_hei_id
        else Direction.INCOMING,
        state=brief.state,
        whose_move=_move(reader, known),
        steps=[_step(reader, known, each) for each in known.steps],
        sources=[reader.source(each) for each in mobility.sources()],
        academic_year=academic_year(mobility),
        next_deadline=next((each for each in due if not each.is_past), None),
    )


def _step(reader: Reader, known: KnownMobility, step: TimelineStep) -> Step:
    source = sources_by_api(known.mobility).get(step.api) if step.api else None
    moment = step.since if isinstance(step.since, datetime) else None
    return Step(
        code=step.code,
        title=reader.services.guidance.title(step.code, reader.language),
        phase=step.phase,
        state=step.state,
        since_at=moment,
        since_day=moment.date() if moment else step.since,
        source=reader.source(source) if source else None,
    )


def _move(reader: Reader, known: KnownMobility) -> Move:
    move = known.brief.move
    title = reader.services.guidance.title(move.step, reader.language) if move.step else None
    return Move(
        party=move.party,
        step=move.step,
        step_title=title,
        institution=reader.institution(move.hei_id) if move.hei_id else None,
        since=move.since,
        waiting_days=waiting_days(move, reader.now.date()),
    )


async def explain_step(reader: Reader, wanted: StepWanted) -> StepsExplained:
    """Show one step, and what can be done for it."""
    known, mobilities = await reader.mobilities(wanted.mobility)
    return StepsExplained(
        today=known.today,
        mobilities=[
            _explained(reader, each, step)
            for each in mobilities
            for step in each.steps
            if step.code is wanted.step
        ],
    )


def _explained(reader: Reader, known: KnownMobility, step: TimelineStep) -> StepExplained:
    guidance, move, language = reader.services.guidance, known.brief.move, reader.language
    is_its_move = step.state is StepState.CURRENT and move.step is step.code
    party = move.party if is_its_move else Party.NOBODY
    can_do = None
    if step.state is StepState.CURRENT:
        can_do = guidance.can_do(step.code, party, language)
    if party is Party.STUDENT:
        can_do = guidance.sent_back(known.mobility, language) or can_do
    nudge = guidance.nudge(known.mobility, move, language) if is_its_move else None
    return StepExplained(
        mobility=mobility_id(known),
        receiving=reader.institution(known.brief.receiving_hei_id),
        step=_step(reader, known, step),
        deadlines=[
            each for each in deadlines_of(reader, known) if STEPS.get(each.kind) is step.code
        ],
        whose_move=_move(reader, known) if is_its_move else None,
        what_the_student_can_do=foreign_or_none(can_do),
        link=AGREEMENTS_ONLINE if party is Party.STUDENT and step.code in _TO_WRITE else None,
        message_to_send=MessageToSend(subject=foreign(nudge.subject), body=foreign(nudge.body))
        if nudge
        else None,
    )
