"""What kind of stay a mobility is."""

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, PART
from erasmus_app.api.schema.enums import described_enum
from erasmus_app.api.schema.records import OfRecord
from erasmus_app.mobilities.kinds import ActivityAttributes, ActivityType, kind_of

described_enum(
    ActivityType,
    name="ActivityType",
    description="What a student goes for, in EWP's words.",
    values={
        "STUDENT_STUDIES": "To study.",
        "STUDENT_TRAINEESHIPS": "For a traineeship. Its agreement and its certificate do not "
        "travel through EWP: these steps are NOT_SHARED.",
    },
)
described_enum(
    ActivityAttributes,
    name="ActivityAttributes",
    description="How long a stay is and what with, in EWP's words.",
    values={
        "LONG_TERM": "Months; a learning agreement calls it a semester mobility.",
        "SHORT_TERM_BLENDED": "Days or weeks, with a virtual part.",
        "SHORT_TERM_DOCTORAL": "Days or weeks, of a doctoral candidate.",
    },
)


@access.rule(PART)
@strawberry.type(description="What kind of stay a mobility is.")
class Stay:
    """A kind of stay."""

    activity: ActivityType | None = strawberry.field(
        description="What for; null where nobody says, or in a word that EWP does not have."
    )
    attributes: ActivityAttributes | None = strawberry.field(
        description="How long and what with: by the nomination, else by the tables of the learning "
        "agreement; null as above."
    )
    name: str = strawberry.field(description="Its name, in the request's language.")


@strawberry.type
class OfAKind(OfRecord):
    """What a mobility tells of its kind."""

    @access.field(OWNER, description="What kind of stay it is.")
    def stay(self, info: Info) -> Stay:
        """Tell it."""
        kind, context = kind_of(self.stored.mobility), info.context
        name = context.services.guidance.stay(kind, context.language)
        return Stay(activity=kind.activity, attributes=kind.attributes, name=name)
