"""An archive of what is held of a student: for a week, and only for whoever has just signed in."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from erasmus_app.ids import AccountId

EXPORT = "export"
"""The kind of the job that writes one."""

KEPT_FOR = timedelta(days=7)
ASKED_AGAIN = timedelta(hours=1)  # within which a second wish is the first
FRESH = timedelta(minutes=10)  # how long ago the login may be that fetches one


class ExportState(StrEnum):
    """Where an archive stands."""

    REQUESTED = "requested"
    READY = "ready"
    EXPIRED = "expired"  # its time is over; another one can be asked for


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """An archive, or the wish for one. Times are UTC."""

    account_id: AccountId
    export_id: UUID
    language: str
    requested_at: datetime
    ready_at: datetime | None = None
    expires_at: datetime | None = None
    size: int | None = None  # bytes

    def state(self, now: datetime) -> ExportState:
        """Where it stands."""
        if self.expires_at is None:
            return ExportState.REQUESTED
        return ExportState.READY if now < self.expires_at else ExportState.EXPIRED


def is_fresh(authenticated_at: datetime | None, now: datetime) -> bool:
    """Whether a login is recent enough to hand everything out; one that does not say is not."""
    return authenticated_at is not None and now - authenticated_at <= FRESH
