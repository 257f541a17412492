"""What telling a student wishes for: ways to devices, and a place to keep messages."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar, runtime_checkable

import msgspec

from erasmus_app.ids import AccountId, InboxEntryId
from erasmus_app.notifications.letters import Letter
from erasmus_app.notifications.models import InboxEntry, Urgency
from erasmus_app.students.models import TargetKind

T = TypeVar("T")


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """One message on its way to one device. Holds nothing personal but the target."""

    message_id: str  # replaces an earlier showing of the same message
    platform: str
    target_kind: str
    target: str  # as the channel's `target` gave its value
    title: str
    body: str
    data: dict[str, str]
    urgency: Urgency
    expires_at: datetime
    is_silent: bool = False  # nothing is shown: the app fetches, if the system lets it


class Outcome(StrEnum):
    """What became of one attempt."""

    ACCEPTED = "accepted"  # the push service has it; whether the phone shows it is not known
    DEVICE_GONE = "device_gone"
    REJECTED = "rejected"  # our message is wrong: never again as it stands, the device stays
    TRY_AGAIN = "try_again"
    LANE_DOWN = "lane_down"  # credentials or quota: everybody on this lane waits
    WAIT = "wait"  # nothing was sent: the lane is closed or at its pace; no attempt


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


class Post(Protocol):
    """Brings letters to mailboxes; an SMTP server in production."""

    async def post(self, letter: Letter) -> PushResult:
        """Send one letter. `DEVICE_GONE` says that there is no such mailbox.

        Raises nothing: every answer, and none, is an outcome.
        """


class TargetRefused(ValueError):
    """What an app gave to be reached by cannot be right; the message says why, to developers."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """How a channel reaches one device. Secret: whoever has it may try to reach the device."""

    name: str  # the device's; whoever registers the same one is the same device
    value: str  # all that sending takes


class Channel(Protocol):
    """One way to devices. Each is a module of `push/` and a line of `TargetKind`."""

    ready: bool
    """Whether it can send. Where it cannot, devices are registered and told nothing."""

    public_key: str | None
    """What an app gives to the push service to have a target, where the service wants a key."""

    def target(self, kind: TargetKind, given: str) -> Target:
        """Read what an app gave as a device's target. Raises TargetRefused."""

    async def send(self, push: Push) -> PushResult:
        """Write one message as the channel wants it, and send it.

        Raises nothing: every answer, and none, is an outcome.
        """


@runtime_checkable
class WideChannel(Channel, Protocol):
    """A channel with one push service behind it, which takes as much as it bears.

    Others are sent to by `send` alone, some at a time.
    """

    at_most: int
    """How many pushes may be under way at the same time."""

    def closed(self) -> float | None:
        """Return for how many seconds the service wants to hear nothing; None where it may."""

    def room(self) -> int:
        """Return how many pushes its pace lets through right now."""

    def close(self, seconds: float) -> None:
        """Send nothing for so long: another process has heard that the service wants it so."""

    def start(self, push: Push, done: Callable[[PushResult], None]) -> None:
        """Send one as `send` does, and call `done` once, from the loop, with what became of it."""


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

    async def place(self, account: AccountId, entry: InboxEntryId | None) -> int | None:
        """Return where a message stands in the inbox, or with None where the last one does.

        None where it is not the account's, or is there no more. An empty inbox ends at 0.
        """

    async def behind(self, account: AccountId, place: int, most: int) -> Sequence[InboxEntry]:
        """Return messages that stand behind a place, in the order in which they came to be read.

        None comes to stand before one that could be read already.
        """


class Topic(StrEnum):
    """What of an account one may wait for."""

    RECORD = "record"  # what it may see of mobilities, see `RecordStore.record_version`
    INBOX = "inbox"


class News(Protocol):
    """Tells who waits that something has happened; what it was is for them to read."""

    leaving: asyncio.Event
    """Set when this process is about to stop: whoever waits goes home."""

    def heard(self, topic: Topic, account: AccountId) -> AbstractContextManager[asyncio.Event]:
        """Yield an event that is set at each piece of news, and when some may have been missed.

        Whoever enters, then clears it and reads, and waits again misses nothing.
        """

    async def look(self, read: Callable[[], Awaitable[T]]) -> T:
        """Read, a few at a time; where the database is away, again until it is back."""
