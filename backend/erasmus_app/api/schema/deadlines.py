"""Deadlines of a mobility, each with who must act, where it is written, and why it is that day."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import Enum
from typing import TypeVar
from zoneinfo import ZoneInfo

import strawberry

from erasmus_app.api.context import Info, awaited
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import PART
from erasmus_app.api.schema.institutions import Institution, institution
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import Term
from erasmus_app.mobilities import basis, deadlines, local_rules
from erasmus_app.mobilities.basis import Event
from erasmus_app.mobilities.days import Unit, is_over, last_day_of
from erasmus_app.mobilities.deadlines import Confidence, Note, Origin, Owner
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.mobilities.seen import Moved
from erasmus_app.mobilities.steps import Party, StepCode
from erasmus_app.mobilities.undone import STEPS

T = TypeVar("T")

strawberry.enum(StepCode, name="StepCode", description="The steps of a mobility.")
strawberry.enum(Party, name="Party", description="Who has to act.")
strawberry.enum(
    DeadlineKind,
    name="DeadlineKind",
    description="What is due. APPLICATION is the student's own at the receiving university: EWP "
    "does not carry whether it was sent.",
)
strawberry.enum(
    Origin,
    name="DeadlineOrigin",
    description="Where a deadline is written: the receiving university's factsheet, a rule of a "
    "university, a rule of the programme, or a margin of this app.",
)
strawberry.enum(
    Owner,
    name="DeadlineOwner",
    description="Who set a deadline: the home or the host university, the programme, or this app.",
)
strawberry.enum(
    Note,
    name="DeadlineNote",
    description="What is to be known about a deadline. DISAGREES: another for the same step names "
    "another day. BEFORE_NOMINATIONS: applications close before nominations, as published. "
    "TERM_GUESSED: the term was read from the planned start.",
)
strawberry.enum(Term, name="Term", description="The two terms that a factsheet has days for.")
strawberry.enum(
    Event,
    name="DeadlineEvent",
    description="What a deadline may be counted from. CLASSES_BEGIN: EWP carries no calendars, the "
    "arrival stands for it. DEPARTURE: the later of the confirmed and the planned last day.",
)
strawberry.enum(Unit, name="DeadlineUnit", description="What an offset counts.")


strawberry.enum(
    Confidence,
    name="Confidence",
    description="How far a date can be relied on. PUBLISHED: in the receiving university's "
    "factsheet. LOCAL_RULE: one of the two universities has set it. GUIDANCE: a rule of the "
    "programme. ESTIMATE: it is counted from something that is not exactly known.",
)


@strawberry.enum(description="Which way the student goes, seen from the university that serves.")
class Direction(Enum):
    """Out or in."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


@strawberry.enum(
    description="ABSOLUTE: a day, once. ANNUAL: a day of each year. RELATIVE: counted from "
    "something that happens."
)
class BasisKind(Enum):
    """How a day is set."""

    ABSOLUTE = "absolute"
    ANNUAL = "annual"
    RELATIVE = "relative"


@access.rule(PART)
@strawberry.type(description="How the day of a deadline is set.")
class DeadlineBasis:
    """A basis, whichever it is."""

    kind: BasisKind = strawberry.field(description="How.")
    on: date | None = strawberry.field(description="Of ABSOLUTE: the day.")
    month_day: str | None = strawberry.field(description="Of ANNUAL: `--MM-DD`.")
    event: Event | None = strawberry.field(description="Of RELATIVE: what it is counted from.")
    offset: int | None = strawberry.field(
        description="Of RELATIVE: how many units after it; before it where negative."
    )
    unit: Unit | None = strawberry.field(description="Of RELATIVE: what `offset` counts.")

    @classmethod
    def of(cls, found: basis.Basis) -> "DeadlineBasis":
        """Make it from ours."""
        relative = found if isinstance(found, basis.Relative) else None
        return cls(
            kind=_KINDS[type(found)],
            on=found.on if isinstance(found, basis.Absolute) else None,
            month_day=found.month_day if isinstance(found, basis.Annual) else None,
            event=relative.event if relative else None,
            offset=relative.offset.amount if relative else None,
            unit=relative.offset.unit if relative else None,
        )


_KINDS = {
    basis.Absolute: BasisKind.ABSOLUTE,
    basis.Annual: BasisKind.ANNUAL,
    basis.Relative: BasisKind.RELATIVE,
}


@access.rule(PART)
@strawberry.type(
    description="Which mobilities a deadline or rule is for; null is all of them. Years are the "
    "receiving university's; days are those that the deadline itself may fall on."
)
class DeadlineScope:
    """A scope."""

    direction: Direction | None = strawberry.field(
        description="Those whom its university sends, or those whom it receives."
    )
    activity_type: str | None = strawberry.field(description="In EWP's words.")
    term: Term | None = strawberry.field(description="Which term.")
    first_year: str | None = strawberry.field(description="`YYYY/YYYY`.")
    last_year: str | None = strawberry.field(description="`YYYY/YYYY`.")
    first_day: date | None = strawberry.field(description="The first.")
    last_day: date | None = strawberry.field(description="The last.")

    @classmethod
    def of(cls, scope: local_rules.Scope) -> "DeadlineScope":
        """Make it from ours."""
        return cls(
            direction=Direction(scope.role.value) if scope.role else None,
            activity_type=scope.activity_type,
            term=scope.term,
            first_year=scope.first_year,
            last_year=scope.last_year,
            first_day=scope.first_day,
            last_day=scope.last_day,
        )


@access.rule(PART)
@strawberry.type(description="Where a deadline is written.")
class DeadlineSource:
    """A deadline's source."""

    origin: Origin = strawberry.field(description="What kind of source it is.")
    institution: Institution | None = strawberry.field(description="Whose factsheet or rule.")
    last_confirmed_at: datetime | None = strawberry.field(
        description="When the factsheet was last read, or the rule last set; UTC."
    )
    name: str | None = strawberry.field(
        description="The programme's document, in English, or the name of a university's rule."
    )
    url: str | None = strawberry.field(description="Where to read it.")
    version: str | None = strawberry.field(description="Of the document, content or rule.")

    @classmethod
    def of(cls, source: deadlines.DeadlineSource) -> "DeadlineSource":
        """Make it from ours."""
        return cls(
            origin=source.origin,
            institution=institution(source.hei_id) if source.hei_id else None,
            last_confirmed_at=source.last_confirmed_at,
            name=source.name,
            url=source.url,
            version=source.version,
        )


@access.rule(PART)
@strawberry.type(
    description="Something that is to be done by a day, as long as its step is not done; the day "
    "may have passed. Several may be named for one step."
)
class Deadline:
    """A deadline."""

    found: strawberry.Private[deadlines.Deadline]
    moved: strawberry.Private[Moved | None]
    kind: DeadlineKind = strawberry.field(description="What is due.")
    on: date | None = strawberry.field(
        description="The last day; of the programme's AGREEMENT_SIGNED the first day of the stay. "
        "Null where the year cannot be told, or what it is counted from is not known."
    )
    month_day: str | None = strawberry.field(
        description="`--MM-DD` as published, where the year cannot be told."
    )
    term: Term | None = strawberry.field(description="Which term `monthDay` is for.")
    zone: str | None = strawberry.field(
        description="The IANA zone whose day it is; null: the student's own."
    )
    who_must_act: Party = strawberry.field(description="Whose deadline it is.")
    owner: Owner = strawberry.field(description="Who set it.")
    confidence: Confidence = strawberry.field(description="How far the day can be relied on.")
    event_known: bool = strawberry.field(
        description="Whether the day of what it is counted from is known; true where there is none."
    )
    counts_first: bool = strawberry.field(
        description="Whether it is the day to keep: the earliest of its kind that nothing "
        "supersedes. Reminders follow it."
    )
    notes: list[Note] = strawberry.field(description="What else is to be known about it.")

    @classmethod
    def of(cls, deadline: deadlines.Deadline, moved: Moved | None = None) -> "Deadline":
        """Make it from ours, and what the latest look saw move."""
        return cls(
            found=deadline,
            moved=moved if deadline.counts_first and moved and moved.now == deadline.on else None,
            kind=deadline.kind,
            on=deadline.on,
            month_day=deadline.month_day,
            term=deadline.term,
            zone=deadline.zone,
            who_must_act=deadline.who_must_act,
            owner=deadline.owner,
            confidence=deadline.confidence,
            event_known=deadline.event_known,
            counts_first=deadline.counts_first,
            notes=list(deadline.notes),
        )

    @access.field(PART, description="The step of the timeline; null where EWP has none.")
    def step(self) -> StepCode | None:
        """Return it."""
        return STEPS.get(self.kind)

    @access.field(PART, description="Of the last day, `HH:MM` in `zone`; null where none is named.")
    def time(self) -> str | None:
        """Write it."""
        return f"{self.found.at:%H:%M}" if self.found.at else None

    @access.field(PART, description="The moment of `time` on the last day, with its offset.")
    def ends_at(self) -> datetime | None:
        """Return it."""
        return self.found.ends_at

    @access.field(PART, description="Where it is written.")
    def source(self) -> DeadlineSource:
        """Return it."""
        return DeadlineSource.of(self.found.source)

    @access.field(PART, description="How its day is set.")
    def basis(self) -> DeadlineBasis:
        """Return it."""
        return DeadlineBasis.of(self.found.basis)

    @access.field(PART, description="The day that it is counted from, where it is counted.")
    def counted_from(self) -> date | None:
        """Return it."""
        return self.found.since

    @access.field(PART, description="Which mobilities it is for.")
    def applies_to(self) -> DeadlineScope:
        """Return it."""
        return DeadlineScope.of(self.found.scope)

    @access.field(
        PART, description="What stands in its place: a day that a university has set for the case."
    )
    def superseded_by(self) -> DeadlineSource | None:
        """Return it."""
        by = self.found.superseded_by
        return DeadlineSource.of(by) if by else None

    @access.field(PART, description="Why it is that day, in the language of the request.")
    def explanation(self, info: Info) -> str:
        """Write it."""
        services = info.context.services

        def name_of(hei: str, language: str) -> str:
            return services.names.name(HeiId(hei), language)

        return services.explanations.of(self.found, info.context.language, name_of)

    @access.field(PART, description="The day that it was before it moved; null where it has not.")
    def moved_from(self) -> date | None:
        """Return it."""
        return self.moved.was if self.moved else None

    @access.field(PART, description="On which day the move was seen.")
    def moved_at(self) -> date | None:
        """Return it."""
        return self.moved.at if self.moved else None

    @access.field(PART, description="Whether its day or time is over; false where it has no day.")
    def is_past(self, info: Info) -> bool:
        """Compare it with now."""
        if self.found.on is None:
            return False
        return _by_zone(info, self._is_past)

    @access.field(
        PART,
        description="How many of the student's days are left; 0 today, negative once it is past. "
        "Null where it has no day.",
    )
    def days_left(self, info: Info) -> int | None:
        """Count from the student's day."""
        if self.found.on is None:
            return None
        return _by_zone(info, self._days_left)

    def _is_past(self, zone: str, now: datetime) -> bool:
        found = self.found
        assert found.on is not None
        return is_over(found.on, found.at, found.zone or zone, now)

    def _days_left(self, zone: str, now: datetime) -> int:
        found = self.found
        assert found.on is not None
        today = now.astimezone(ZoneInfo(zone)).date()
        return (last_day_of(found.on, found.at, found.zone or zone, zone) - today).days


def _by_zone(info: Info, found: Callable[[str, datetime], T]) -> T:
    """Return what follows from the student's zone: at once where the account was read already."""
    context, now = info.context, info.context.services.clock()
    if (glance := context.glanced()) is not None:
        return found(glance.account.zone, now)

    async def later() -> T:
        account = await context.account()
        return found(account.zone if account else str(UTC), now)

    return awaited(later())
