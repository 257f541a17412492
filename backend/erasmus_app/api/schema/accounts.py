"""Whom an account stands for: its logins, and what they may do here."""

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema.institutions import Institution
from erasmus_app.identity.roles import HeiRole, RoleAt

strawberry.enum(
    HeiRole,
    name="Role",
    description="What somebody is at a university. FORMER: alumni and the like, who see their past "
    "mobilities. STAFF and COORDINATOR: of a university that is served here.",
)


@strawberry.type(name="RoleAt", description="What the student is at one university.")
class RoleOf:
    """A role."""

    hei: Institution = strawberry.field(description="The university.")
    role: HeiRole = strawberry.field(description="What they are there.")

    @classmethod
    def of(cls, found: RoleAt) -> "RoleOf":
        """Make it from ours."""
        return cls(hei=Institution(hei_id=found.hei), role=found.role)


@strawberry.type
class Logins:
    """What `me` tells of the account's logins."""

    @strawberry.field(
        description="By university, from the latest login of each identity; over a year after it."
    )
    async def roles(self, info: Info) -> list[RoleOf]:
        """Return them."""
        return [RoleOf.of(each) for each in (await info.context.standing()).roles]
