"""Mobilities: where each stands, and whose move it is."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import Enum

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, PART, Whose
from erasmus_app.api.schema.agreements import LearningAgreement, contact_of
from erasmus_app.api.schema.deadlines import Deadline
from erasmus_app.api.schema.ids import Node, global_id, uuid_of
from erasmus_app.api.schema.institutions import Contact, Institution
from erasmus_app.api.schema.transcripts import Transcript
from erasmus_app.identity.roles import Standing
from erasmus_app.mobilities import deadlines, models, steps
from erasmus_app.mobilities.agreements import is_change_open
from erasmus_app.mobilities.models import Api, NominationStatus
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.mobilities.refreshes import heard
from erasmus_app.mobilities.state import (
    Decision,
    MobilityState,
    decision,
    is_new_family,
    is_past,
    state,
)
from erasmus_app.mobilities.stays import academic_year
from erasmus_app.mobilities.steps import Party, Phase, StepCode, StepState

strawberry.enum(
    MobilityState,
    name="MobilityState",
    description="Where a mobility stands, computed from what both universities say.",
)
strawberry.enum(
    Decision,
    name="NominationDecision",
    description="The receiving university's decision. NOT_CONFIRMED: it has not even confirmed "
    "receipt. NOT_SHARED: no nomination travels through EWP.",
)
strawberry.enum(Phase, name="Phase", description="Before, during or after the stay.")
strawberry.enum(StepCode, name="StepCode", description="The steps of a mobility.")
strawberry.enum(
    StepState,
    name="StepState",
    description="How far a step is. NOT_SHARED: the universities do not share it through EWP.",
)
strawberry.enum(
    NominationStatus,
    name="NominationStatus",
    description="A nomination's status as sent, in the words of its family.",
)
strawberry.enum(Api, name="EwpApi", description="The EWP API that a fact comes from.")


@strawberry.enum(description="Which way the student goes, seen from the university that serves.")
class Direction(Enum):
    """Out or in."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


@strawberry.enum(description="The two generations of nominations on the network.")
class Family(Enum):
    """Old or new."""

    OLD = "old"
    NEW = "new"


@access.rule(PART)
@strawberry.type(description="One step of the timeline.")
class Step:
    """A step."""

    code: StepCode = strawberry.field(description="Which step.")
    phase: Phase = strawberry.field(description="Before, during or after the stay.")
    state: StepState = strawberry.field(description="How far it is.")
    since: str | None = strawberry.field(
        description="When it was done or began to wait: an ISO date, or date and time with zone."
    )
    source: Api | None = strawberry.field(description="Where it was read.")


@access.rule(PART)
@strawberry.type(description="Who has to act next.")
class WhoseMove:
    """Whose move it is."""

    party: Party = strawberry.field(description="The student, a university, or nobody.")
    step: StepCode | None = strawberry.field(description="What for.")
    institution: Institution | None = strawberry.field(description="Which university.")
    since: datetime | None = strawberry.field(description="Since when it waits.")
    contact: Contact | None = strawberry.field(description="Whom the agreement names there.")


@access.rule(PART)
@strawberry.type(description="What the universities say about the nomination.")
class Nomination:
    """The nomination, without the offices' comments."""

    family: Family = strawberry.field(description="The generation that it speaks.")
    status: NominationStatus = strawberry.field(description="The sending university's word.")
    decision: Decision = strawberry.field(description="The receiving university's decision.")
    activity_type: str = strawberry.field(description="In EWP's words: `student-studies`, ...")
    activity_attributes: str | None = strawberry.field(description="`long-term`, ...")
    planned_arrival: date | None = strawberry.field(description="Old family only.")
    planned_departure: date | None = strawberry.field(description="Old family only.")


@access.rule(PART)
@strawberry.type(description="Where a fact comes from, and how fresh it is. Times are UTC.")
class Source:
    """A source."""

    api: Api = strawberry.field(description="The API.")
    institution: Institution = strawberry.field(description="Who answered.")
    fetched_at: datetime = strawberry.field(description="When this content was first read.")
    last_confirmed_at: datetime = strawberry.field(description="When it was last confirmed.")
    last_error: str | None = strawberry.field(
        description="A stable code where the latest attempt failed; the fact is as old as it says."
    )


@access.rule(OWNER)
@strawberry.type(description="One stay of the student at one receiving university.")
class Mobility(Node):
    """A mobility."""

    stored: strawberry.Private[StoredMobility]
    today: strawberry.Private[date]

    @property
    def whose(self) -> Whose:
        """Whose it is, and in whose data."""
        return Whose(self.stored.account_id, self.stored.mobility.tenant)

    @access.field(OWNER, description="Opaque.")
    def id(self) -> strawberry.ID:
        """Return our id."""
        return global_id("Mobility", self.stored.mobility_id)

    @access.field(OWNER, description="Grows by one with each change.")
    def version(self) -> int:
        """Return the record's version."""
        return self.stored.version

    @access.field(OWNER, description="Which way, seen from the university that serves this record.")
    def direction(self) -> Direction:
        """Tell the direction."""
        known = self.stored.mobility
        outgoing = known.tenant == known.sending_hei_id
        return Direction.OUTGOING if outgoing else Direction.INCOMING

    @access.field(OWNER, description="The home university.")
    def sending_institution(self) -> Institution:
        """Return it."""
        return Institution(hei_id=self.stored.mobility.sending_hei_id)

    @access.field(OWNER, description="The university abroad.")
    def receiving_institution(self) -> Institution:
        """Return it."""
        return Institution(hei_id=self.stored.mobility.receiving_hei_id)

    @access.field(OWNER, description="`YYYY/YYYY`, the year of the receiving university.")
    def academic_year(self) -> str | None:
        """Read it from the nomination, else from the agreement."""
        return academic_year(self.stored.mobility)

    @access.field(OWNER, description="Where it stands today.")
    def state(self) -> MobilityState:
        """Compute it."""
        return state(self.stored.mobility, self.today)

    @access.field(OWNER, description="Every step in the order of a mobility's life.")
    def steps(self) -> list[Step]:
        """Compute the timeline."""
        return [
            Step(
                code=each.code,
                phase=each.phase,
                state=each.state,
                since=each.since.isoformat() if each.since else None,
                source=each.api,
            )
            for each in steps.timeline(self.stored.mobility, self.today)
        ]

    @access.field(OWNER, description="Who has to act next, since when, and whom to write to.")
    def whose_move(self) -> WhoseMove:
        """Compute it."""
        found = steps.whose_move(self.stored.mobility, self.today)
        return WhoseMove(
            party=found.party,
            step=found.step,
            institution=Institution(hei_id=found.hei_id) if found.hei_id else None,
            since=found.since,
            contact=contact_of(found.contact),
        )

    @access.field(
        OWNER,
        description="What is still to be done and until when, the earliest first; days without a "
        "year come last.",
    )
    async def deadlines(self, info: Info) -> list[Deadline]:
        """Compute them from the record, the host's factsheet and the programme's rules."""
        services, known = info.context.services, self.stored.mobility
        found = deadlines.deadlines(
            known,
            await services.factsheets.factsheet(known.receiving_hei_id),
            services.rules,
            heard(known, services.heis.get(known.tenant), services.source),
            self.today,
        )
        return [Deadline.of(each) for each in found]

    @access.field(OWNER, description="Whether a change of a signed learning agreement waits.")
    def is_change_open(self) -> bool:
        """Tell it."""
        return is_change_open(self.stored.mobility)

    @access.field(OWNER, description="The nomination; null where none is visible.")
    def nomination(self) -> Nomination | None:
        """Return it without what is not the student's."""
        known = self.stored.mobility.nomination
        if known is None or known.value is None:
            return None
        value = known.value
        return Nomination(
            family=Family.NEW if is_new_family(value) else Family.OLD,
            status=value.status,
            decision=decision(self.stored.mobility),
            activity_type=value.activity_type,
            activity_attributes=value.activity_attributes,
            planned_arrival=value.planned_arrival,
            planned_departure=value.planned_departure,
        )

    @access.field(OWNER, description="The first day, as the receiving university confirms it.")
    def actual_arrival(self) -> date | None:
        """Return it."""
        known = _reception(self.stored.mobility)
        return known.actual_arrival if known else None

    @access.field(OWNER, description="The last day, as the receiving university confirms it.")
    def actual_departure(self) -> date | None:
        """Return it."""
        known = _reception(self.stored.mobility)
        return known.actual_departure if known else None

    @access.field(OWNER, description="The transcript of records; null while there is none.")
    def transcript(self) -> Transcript | None:
        """Return it."""
        return Transcript.of(self.stored.mobility.transcript)

    @access.field(OWNER, description="The learning agreement.")
    def learning_agreement(self) -> LearningAgreement:
        """Return it."""
        return LearningAgreement.of(self.stored.mobility)

    @access.field(OWNER, description="Where all of this comes from.")
    def sources(self) -> list[Source]:
        """Return them."""
        return [
            Source(
                api=each.api,
                institution=Institution(hei_id=each.hei_id),
                fetched_at=each.fetched_at,
                last_confirmed_at=each.last_confirmed_at,
                last_error=each.last_error,
            )
            for each in self.stored.mobility.sources()
        ]


def _reception(mobility: models.Mobility) -> models.Reception | None:
    return mobility.reception.value if mobility.reception else None


async def mobilities_of(info: Info) -> list[Mobility]:
    """Return what the account may see."""
    context = info.context
    stored = await context.services.records.mobilities_of(context.session.account_id)
    return shown(stored, await context.standing(), context.today) if stored else []


def shown(stored: Sequence[StoredMobility], standing: Standing, today: date) -> list[Mobility]:
    """Return what is shown to somebody; one that two tenants see is there once, the freshest."""
    found: dict[tuple[str, str], StoredMobility] = {}
    for each in stored:
        found.setdefault((each.mobility.sending_hei_id, each.mobility.omobility_id), each)
    if standing.is_past_only:
        found = {key: each for key, each in found.items() if is_past(each.mobility, today)}
    return [Mobility(stored=each, today=today) for each in found.values()]


async def mobility_of(info: Info, id: str) -> Mobility | None:
    """Return one that the account may see; None for others' and for what there is not."""
    wanted = uuid_of(id, "Mobility")
    found = await mobilities_of(info) if wanted else []
    return next((each for each in found if each.stored.mobility_id == wanted), None)
