"""What a student can do about what is held of them."""

from datetime import datetime

import strawberry

from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, Whose
from erasmus_app.api.schema.ids import global_id
from erasmus_app.privacy import models
from erasmus_app.privacy.models import ErasureState

strawberry.enum(
    ErasureState, name="ErasureState", description="Where a wish to be forgotten stands."
)


@access.rule(OWNER)
@strawberry.type(description="The student's wish that everything about them be erased.")
class Erasure:
    """A wish to be forgotten."""

    whose: strawberry.Private[Whose]
    id: strawberry.ID = strawberry.field(description="Stands on the certificate as well.")
    state: ErasureState = strawberry.field(description="Where it stands.")
    requested_at: datetime = strawberry.field(description="When it was uttered, UTC.")
    due_at: datetime = strawberry.field(
        description="When it is carried out, UTC; until then it can be taken back."
    )

    @classmethod
    def of(cls, erasure: models.Erasure) -> "Erasure":
        """Make it from ours."""
        return cls(
            whose=Whose(erasure.account_id),
            id=global_id("Erasure", erasure.erasure_id),
            state=erasure.state,
            requested_at=erasure.requested_at,
            due_at=erasure.due_at,
        )
