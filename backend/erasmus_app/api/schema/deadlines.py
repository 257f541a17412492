"""Deadlines of a mobility, each with who must act and where it is written."""

from datetime import date, datetime

import strawberry

from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import PART
from erasmus_app.api.schema.institutions import Institution
from erasmus_app.institutions.models import Term
from erasmus_app.mobilities import deadlines
from erasmus_app.mobilities.deadlines import Confidence, Origin
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.mobilities.steps import Party

strawberry.enum(Party, name="Party", description="Who has to act.")
strawberry.enum(
    DeadlineKind,
    name="DeadlineKind",
    description="What is due. APPLICATION is the student's own at the receiving university: EWP "
    "does not carry whether it was sent.",
)
strawberry.enum(
    Confidence,
    name="Confidence",
    description="How far a date can be relied on. ESTIMATE: it is counted from something that is "
    "not exactly known.",
)
strawberry.enum(
    Origin,
    name="DeadlineOrigin",
    description="Who set a deadline: the receiving university's factsheet, a rule of the "
    "programme, or a margin of this app.",
)
strawberry.enum(Term, name="Term", description="The two terms that a factsheet has days for.")


@access.rule(PART)
@strawberry.type(description="Where a deadline is written.")
class DeadlineSource:
    """A deadline's source."""

    origin: Origin = strawberry.field(description="Who set it.")
    institution: Institution | None = strawberry.field(description="Whose factsheet.")
    last_confirmed_at: datetime | None = strawberry.field(
        description="When the factsheet was last read, UTC."
    )
    name: str | None = strawberry.field(description="The programme's document, in English.")


@access.rule(PART)
@strawberry.type(
    description="Something that is to be done by a day, as long as its step is not done; the day "
    "may have passed."
)
class Deadline:
    """A deadline."""

    kind: DeadlineKind = strawberry.field(description="What is due.")
    on: date | None = strawberry.field(
        description="The last day, at the receiving university; of AGREEMENT_SIGNED the planned "
        "first day of the stay. Null where the year cannot be told."
    )
    month_day: str | None = strawberry.field(
        description="`--MM-DD` as published, where the year cannot be told."
    )
    term: Term | None = strawberry.field(description="Which term `monthDay` is for.")
    who_must_act: Party = strawberry.field(description="Whose deadline it is.")
    confidence: Confidence = strawberry.field(description="How far the day can be relied on.")
    source: DeadlineSource = strawberry.field(description="Where it is written.")

    @classmethod
    def of(cls, deadline: deadlines.Deadline) -> "Deadline":
        """Make it from ours."""
        source = deadline.source
        return cls(
            kind=deadline.kind,
            on=deadline.on,
            month_day=deadline.month_day,
            term=deadline.term,
            who_must_act=deadline.owner,
            confidence=deadline.confidence,
            source=DeadlineSource(
                origin=source.origin,
                institution=Institution(hei_id=source.hei_id) if source.hei_id else None,
                last_confirmed_at=source.last_confirmed_at,
                name=source.name,
            ),
        )
