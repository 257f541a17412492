"""Mobilities: where each stands, and whose move it is."""

from collections.abc import Sequence
from datetime import date
from enum import Enum

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, PART, Whose
from erasmus_app.api.schema.agreements import LearningAgreement
from erasmus_app.api.schema.deadlines import Deadline, Direction
from erasmus_app.api.schema.ids import Node, global_id, uuid_of
from erasmus_app.api.schema.institutions import Institution, institution
from erasmus_app.api.schema.places import AtUnits
from erasmus_app.api.schema.recognition import Recognised
from erasmus_app.api.schema.stays import OfAKind
from erasmus_app.api.schema.timeline import (
    DigitalStep,
    Source,
    Step,
    WhoseMove,
    digital_of,
    steps_of,
)
from erasmus_app.api.schema.transcripts import Transcript
from erasmus_app.identity.roles import Standing
from erasmus_app.mobilities import deadlines, models
from erasmus_app.mobilities.agreements import is_change_open
from erasmus_app.mobilities.brief import Brief, brief
from erasmus_app.mobilities.models import NominationStatus
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.mobilities.refreshes import heard
from erasmus_app.mobilities.shown import name_of, shown_of
from erasmus_app.mobilities.state import (
    Decision,
    MobilityState,
    decision,
    is_new_family,
)
from erasmus_app.mobilities.stays import academic_year

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
strawberry.enum(
    NominationStatus,
    name="NominationStatus",
    description="A nomination's status as sent, in the words of its family.",
)


@strawberry.enum(description="The two generations of nominations on the network.")
class Family(Enum):
    """Old or new."""

    OLD = "old"
    NEW = "new"


@access.rule(PART)
@strawberry.type(description="What the universities say about the nomination.")
class Nomination:
    """The nomination, without the offices' comments."""

    family: Family = strawberry.field(description="The generation that it speaks.")
    status: NominationStatus = strawberry.field(description="The sending university's word.")
    decision: Decision = strawberry.field(description="The receiving university's decision.")
    summary: str | None = strawberry.field(
        description="How it stands, in the request's language: also that the host has not "
        "confirmed receipt."
    )
    activity_type: str = strawberry.field(description="In EWP's words: `student-studies`, ...")
    activity_attributes: str | None = strawberry.field(description="`long-term`, ...")
    planned_arrival: date | None = strawberry.field(description="Old family only.")
    planned_departure: date | None = strawberry.field(description="Old family only.")


@access.rule(OWNER)
@strawberry.type(description="One stay of the student at one receiving university.")
class Mobility(OfAKind, Recognised, AtUnits, Node):
    """A mobility."""

    @property
    def whose(self) -> Whose:
        """Whose it is, and in whose data."""
        return Whose(self.brief.account_id, self.brief.tenant)

    def _record(self) -> models.Mobility | None:
        return self.read.mobility if self.read else None

    @access.field(OWNER, brief=True, description="Opaque.")
    def id(self) -> strawberry.ID:
        """Return our id."""
        return global_id("Mobility", self.brief.mobility_id)

    @access.field(OWNER, brief=True, description="Grows by one with each change.")
    def version(self) -> int:
        """Return the record's version."""
        return self.brief.version

    @access.field(
        OWNER,
        brief=True,
        description="Which way, seen from the university that serves this record.",
    )
    def direction(self) -> Direction:
        """Tell the direction."""
        outgoing = self.brief.tenant == self.brief.sending_hei_id
        return Direction.OUTGOING if outgoing else Direction.INCOMING

    @access.field(OWNER, brief=True, description="The home university.")
    def sending_institution(self) -> Institution:
        """Return it."""
        return institution(self.brief.sending_hei_id)

    @access.field(OWNER, brief=True, description="The university abroad.")
    def receiving_institution(self) -> Institution:
        """Return it."""
        return institution(self.brief.receiving_hei_id)

    @access.field(OWNER, description="`YYYY/YYYY`, the year of the receiving university.")
    def academic_year(self) -> str | None:
        """Read it from the nomination, else from the agreement."""
        return academic_year(self.stored.mobility)

    @access.field(OWNER, brief=True, description="Where it stands today.")
    def state(self) -> MobilityState:
        """Return what was computed."""
        return self.brief.state

    @access.field(OWNER, description="Every step in the order of a mobility's life.")
    def steps(self, info: Info) -> list[Step]:
        """Compute the timeline."""
        return steps_of(self.stored.mobility, self.today, info)

    @access.field(
        OWNER, brief=True, description="Who has to act next, since when, and whom to write to."
    )
    def whose_move(self) -> WhoseMove:
        """Return what was computed."""
        return WhoseMove.of(self.brief.move, self.today, self._record())

    @access.field(
        OWNER,
        description="What travels digitally between the two universities, by the network's "
        "catalogue, and what to do where it does not.",
    )
    def digital(self, info: Info) -> list[DigitalStep]:
        """Look into the catalogue."""
        return digital_of(self.stored.mobility, info)

    @access.field(
        OWNER,
        description="What is still to be done and until when, the earliest first; what has no day "
        "comes last. Where several name a day for one step, all are here: see `countsFirst`.",
    )
    async def deadlines(self, info: Info) -> list[Deadline]:
        """Compute them from the record, the host's factsheet, and the rules in memory."""
        services, known = info.context.services, self.stored.mobility
        found = deadlines.deadlines(
            known,
            await info.context.factsheets.load(known.receiving_hei_id),
            services.rules,
            heard(known, services.heis.get(known.tenant), services.source),
            self.today,
            services.local_rules.book.about(known),
        )
        moved = self.stored.seen.moved if self.stored.seen else {}
        return [Deadline.of(each, moved.get(each.kind)) for each in found]

    @access.field(OWNER, description="Whether a change of a signed learning agreement waits.")
    def is_change_open(self) -> bool:
        """Tell it."""
        return is_change_open(self.stored.mobility)

    @access.field(OWNER, description="The nomination; null where none is visible.")
    def nomination(self, info: Info) -> Nomination | None:
        """Return it without what is not the student's."""
        known = self.stored.mobility.nomination
        if known is None or known.value is None:
            return None
        value = known.value
        return Nomination(
            family=Family.NEW if is_new_family(value) else Family.OLD,
            status=value.status,
            decision=decision(self.stored.mobility),
            summary=info.context.services.guidance.nomination(
                self.stored.mobility, info.context.language
            ),
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

    @access.field(OWNER, brief=True, description="The learning agreement.")
    def learning_agreement(self) -> LearningAgreement:
        """Return it."""
        return LearningAgreement.of(self.brief.agreement, self._record())

    @access.field(OWNER, description="Where all of this comes from.")
    def sources(self) -> list[Source]:
        """Return them."""
        return [Source.of(each) for each in self.stored.mobility.sources()]


def _reception(mobility: models.Mobility) -> models.Reception | None:
    return mobility.reception.value if mobility.reception else None


async def mobilities_of(info: Info) -> list[Mobility]:
    """Return what the account may see."""
    context = info.context
    stored = await context.services.records.mobilities_of(context.session.account_id)
    return shown(stored, await context.standing(), context.today) if stored else []


def shown(stored: Sequence[StoredMobility], standing: Standing, today: date) -> list[Mobility]:
    """Return what is shown to somebody; one that two tenants see is there once, as home sees it."""
    read = {each.mobility_id: each for each in stored}
    briefs = shown_of([brief(each, today) for each in stored], standing)
    return [Mobility(brief=each, today=today, read=read[each.mobility_id]) for each in briefs]


def shown_in_brief(briefs: Sequence[Brief], standing: Standing, today: date) -> list[Mobility]:
    """Return the same without the records, which nothing asks for."""
    return [Mobility(brief=each, today=today) for each in shown_of(briefs, standing)]


def same(stored: Sequence[StoredMobility], shown_: Sequence[Mobility], id: str) -> Mobility | None:
    """Return what is shown of the mobility with an id, whichever university's record that names."""
    wanted = uuid_of(id, "Mobility")
    name = next((name_of(each.mobility) for each in stored if each.mobility_id == wanted), None)
    return next((each for each in shown_ if name_of(each.brief) == name), None)


async def mobility_of(info: Info, id: str) -> Mobility | None:
    """Return one that the account may see; None for others' and for what there is not."""
    if uuid_of(id, "Mobility") is None:
        return None
    context = info.context
    stored = await context.services.records.mobilities_of(context.session.account_id)
    return same(stored, shown(stored, await context.standing(), context.today), id)
