"""What telling a student wishes for: a way to a phone, and a place to keep messages."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from erasmus_app.ids import AccountId, InboxEntryId
from erasmus_app.notifications.models import InboxEntry, Urgency


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """One message on its way to one device. Holds nothing personal but the target."""

    message_id: str  # replaces an earlier showing of the same message
    platform: str
    target_kind: str  # fid or token
    target: str
    title: str
    body: str
    data: dict[str, str]
    urgency: Urgency
    expires_at: datetime


class Outcome(StrEnum):
    """What became of one attempt."""

    ACCEPTED = "accepted"  # the push service has it; whether the phone shows it is not known
    DEVICE_GONE = "device_gone"
    REJECTED = "rejected"  # our message is wrong: never again as it stands, the device stays
    TRY_AGAIN = "try_again"
    LANE_DOWN = "lane_down"  # credentials or quota: everybody on this lane waits


class PushResult(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome, with the service's own word for it."""

    outcome: Outcome
    code: str | None = None  # the service's error code; stable, nothing personal
    provider_id: str | None = None
    retry_after: float | None = None  # seconds


class MailSender(Protocol):
    """Sends mail; an SMTP server in production."""

    async def send(self, to: str, kind: str, language: str, **values: str) -> None:
        """Send one mail of a kind in the nearest language. Raises MailFailed."""


class PushSender(Protocol):
    """Sends pushes; FCM in production."""

    async def send(self, push: Push) -> PushResult:
        """Send one. Raises nothing: every answer, and none, is an outcome."""


class InboxStore(Protocol):
    """Where messages lie until they are read, and after."""

    async def entries(
        self, account: AccountId, *, first: int, after: InboxEntryId | None
    ) -> Sequence[InboxEntry]:
        """Return the newest first, from behind `after` on."""

    async def entry(self, account: AccountId, entry: InboxEntryId) -> InboxEntry | None:
        """Return one; None where it is not the account's."""

    async def unread(self, account: AccountId) -> int:
        """Return how many are unread."""

    async def mark_read(
        self, account: AccountId, entries: Sequence[InboxEntryId], at: datetime
    ) -> int:
        """Mark as read what is the account's; return how many changed."""
