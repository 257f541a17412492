"""Asking partners again at the student's wish."""

from datetime import datetime
from typing import Annotated

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, PART
from erasmus_app.api.schema.mobilities import mobility_of
from erasmus_app.mobilities.models import Api


@access.rule(PART)
@strawberry.type(description="The universities are being asked; what is new comes as a change.")
class RefreshQueued:
    """A wish that was taken."""

    apis: list[Api] = strawberry.field(description="What they are asked for.")


@access.rule(PART)
@strawberry.type(description="They were asked a moment ago, or the student has wished it often.")
class RefreshTooSoon:
    """A wish that came too soon."""

    again_at: datetime = strawberry.field(description="When it may be wished again, UTC.")


@access.rule(PART)
@strawberry.type(description="Nobody can be asked.")
class RefreshImpossible:
    """A wish that leads nowhere."""

    code: str = strawberry.field(
        description="`unknown`: no such mobility, or not the student's. `not_covered`, "
        "`not_shared`: the universities share nothing that could be asked for."
    )


RefreshResult = Annotated[
    RefreshQueued | RefreshTooSoon | RefreshImpossible,
    strawberry.union("RefreshResult", description="Taken, or why not."),
]


@strawberry.type
class RefreshMutations:
    """What a student may wish."""

    @access.mutation(
        OWNER,
        description="Have the universities asked about a mobility now: once a minute, and ten "
        "times an hour for all mobilities together. `recordChanged` tells of what is new.",
    )
    async def refresh_now(self, info: Info, mobility_id: strawberry.ID) -> RefreshResult:
        """Take the wish."""
        context = info.context
        found = await mobility_of(info, mobility_id)
        if found is None:
            return RefreshImpossible(code="unknown")
        wished = await context.services.wishes.wish(context.session.account_id, found.stored)
        if wished.hindrance is not None:
            return RefreshImpossible(code=wished.hindrance.value)
        if wished.again_at is not None:
            return RefreshTooSoon(again_at=wished.again_at)
        return RefreshQueued(apis=list(wished.apis))
