"""The apps and assistants that a student has allowed something."""

from datetime import datetime

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, Whose
from erasmus_app.api.schema.ids import global_id
from erasmus_app.identity.models import ConnectedApp as Connected


@access.rule(OWNER)
@strawberry.type(description="An app or assistant that the student has allowed something.")
class ConnectedApp:
    """A connection; it can be ended."""

    whose: strawberry.Private[Whose]
    id: strawberry.ID = strawberry.field(description="Opaque; what `disconnectApp` takes.")
    name: str = strawberry.field(description="As it calls itself, or as it is registered here.")
    host: str | None = strawberry.field(
        description="Who vouches for it: the host where it describes itself; null for an app that "
        "is registered here."
    )
    scopes: list[str] = strawberry.field(
        description="What it may, as `record:read`; `app` is everything."
    )
    connected_at: datetime = strawberry.field(description="When the student allowed it, UTC.")
    last_used_at: datetime = strawberry.field(
        description="When it last renewed its tokens, UTC; it reads with each for ten minutes."
    )
    expires_at: datetime = strawberry.field(description="When it is over at the latest, UTC.")


async def connected_apps(info: Info) -> list[ConnectedApp]:
    """Return the connections of who is asking, the last used first."""
    service = info.context.services.authorization
    if service is None:
        return []
    return [
        await _shown(info, each)
        for each in await service.connected(info.context.session.account_id)
    ]


async def _shown(info: Info, connected: Connected) -> ConnectedApp:
    service = info.context.services.authorization
    client = await service.clients.client(connected.client_id) if service else None
    return ConnectedApp(
        whose=Whose(connected.account_id),
        id=global_id("ConnectedApp", connected.session_id),
        name=client.name(info.context.language) if client else connected.client_id,
        host=client.host if client else None,
        scopes=list(connected.scopes),
        connected_at=connected.connected_at,
        last_used_at=connected.last_used_at,
        expires_at=connected.expires_at,
    )
