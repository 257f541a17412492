"""Where a student is signed in."""

from datetime import datetime
from enum import StrEnum

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, Whose
from erasmus_app.api.schema.ids import global_id
from erasmus_app.identity.models import OpenSession
from erasmus_app.students.models import Platform


class SessionKind(StrEnum):
    """What is signed in."""

    APP = "app"
    BROWSER = "browser"


__all__ = ["Platform", "SignedIn"]

strawberry.enum(Platform, name="Platform", description="What a device runs.")
strawberry.enum(SessionKind, name="SessionKind", description="What is signed in.")


@access.rule(OWNER)
@strawberry.type(description="An app or browser in which the student is signed in.")
class SignedIn:
    """An open session; nothing of its tokens is readable."""

    whose: strawberry.Private[Whose]
    id: strawberry.ID = strawberry.field(description="Opaque.")
    kind: SessionKind = strawberry.field(description="App or browser.")
    platform: Platform | None = strawberry.field(
        description="What it runs on, where it has registered a device for pushes."
    )
    is_current: bool = strawberry.field(description="Whether it is the one that asks.")
    created_at: datetime = strawberry.field(description="When it was opened, UTC.")
    last_used_at: datetime = strawberry.field(
        description="When an app last renewed it, UTC; of a browser, when it was opened."
    )
    expires_at: datetime = strawberry.field(description="When it is over at the latest, UTC.")

    @classmethod
    def of(cls, session: OpenSession, info: Info) -> "SignedIn":
        """Make it from ours."""
        return cls(
            whose=Whose(session.account_id),
            id=global_id("SignedIn", session.session_id),
            kind=SessionKind(session.kind),
            platform=Platform(session.platform) if session.platform else None,
            is_current=session.session_id == info.context.session.session_id,
            created_at=session.created_at,
            last_used_at=session.refreshed_at,
            expires_at=session.expires_at,
        )
