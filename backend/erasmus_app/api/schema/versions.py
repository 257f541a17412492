"""Which state of the record a client has."""

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER


@strawberry.type
class Versioned:
    """What `me` tells of the state of the record."""

    @access.field(
        OWNER,
        description="Opaque; another one whenever a mobility, its link with the student or a "
        "host's factsheet has changed: an app that has this version has the record. What the "
        "calendar alone moves (a deadline that comes near) is not in it, nor the age of what "
        "partners said.",
    )
    async def record_version(self, info: Info) -> str:
        """Return it; one indexed read."""
        return await info.context.services.records.record_version(info.context.session.account_id)
