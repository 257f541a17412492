"""Messages to students."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated

import msgspec

from erasmus_app.ids import (
    AccountId,
    DeliveryId,
    DeviceId,
    EventId,
    HeiId,
    InboxEntryId,
    MobilityId,
)
from erasmus_app.mobilities.local_rules import Role

DAYS_BEFORE = (14, 7, 2, 0)  # a reminder is told, where its kind says nothing else

DaysBefore = Annotated[int, msgspec.Meta(ge=-27, le=365)]


class Urgency(StrEnum):
    """How soon a phone should show a message."""

    HIGH = "high"  # makes the phone ring
    NORMAL = "normal"


class Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of message, as `notifications/catalogue.toml` has it."""

    category: str
    urgency: Urgency = Urgency.NORMAL
    push: bool = True  # False: in the inbox only
    ttl_hours: Annotated[int, msgspec.Meta(ge=1, le=672)] = 72  # then it says nothing new
    your_move: bool = False  # True: it is the student's turn, and both texts say so
    told: tuple[Role, ...] = (Role.OUTGOING, Role.INCOMING)  # as whose student
    merges: bool = False  # True: goes out with others of its mobility as one push
    obsolete_by: tuple[str, ...] = ()  # kinds after which a push that waits is dropped
    days_before: tuple[DaysBefore, ...] | None = None  # of a reminder; None: `DAYS_BEFORE`


class Medium(StrEnum):
    """A way out, beside the inbox, which every message is in."""

    PUSH = "push"
    MAIL = "mail"


class Level(StrEnum):
    """Which messages of a category go out over a medium."""

    ALL = "all"
    IMPORTANT = "important"  # what is urgent, or the student's move
    NONE = "none"


class Digest(StrEnum):
    """How often what is not urgent goes out, all together."""

    OFF = "off"  # as it happens
    DAILY = "daily"
    WEEKLY = "weekly"


class QuietHours(msgspec.Struct, frozen=True, kw_only=True):
    """Times of the student's clock between which nothing rings; the end may be the next day's."""

    begin: time
    end: time


DEFAULT_LEVELS = {Medium.PUSH: Level.ALL, Medium.MAIL: Level.IMPORTANT}
DEFAULT_QUIET = QuietHours(begin=time(22), end=time(8))


class Preferences(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a student has chosen. What stands nowhere is as most would have it."""

    levels: Mapping[Medium, Mapping[str, Level]] = msgspec.field(default_factory=dict)
    """By category, where it is another than `DEFAULT_LEVELS` has."""
    quiet: QuietHours | None = DEFAULT_QUIET  # None: none
    digest: Digest = Digest.OFF
    paused_until: datetime | None = None  # nothing goes out before

    def level(self, medium: Medium, category: str) -> Level:
        """Return which of a category's messages go out over a medium."""
        return self.levels.get(medium, {}).get(category, DEFAULT_LEVELS[medium])


DEFAULTS = Preferences()


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A rendered message."""

    language: str
    title: str
    body: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one account. Rendered when it is read, in the reader's language."""

    entry_id: InboxEntryId
    account_id: AccountId
    tenant: HeiId
    mobility_id: MobilityId
    event_id: EventId
    kind: str
    arguments: dict[str, str]
    push: bool
    ttl: timedelta
    wait: timedelta = timedelta(0)  # for others of its mobility, to go out with as one push
    obsolete_by: tuple[str, ...] = ()  # kinds after which its push is dropped
    of: Kind = Kind(category="")
    last_day: date | None = None  # on which it is of use, see `preferences.last_day_of`


class InboxEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it lies in the inbox."""

    account_id: AccountId  # whose
    entry_id: InboxEntryId
    mobility_id: MobilityId | None
    kind: str
    arguments: dict[str, str]
    created_at: datetime
    read_at: datetime | None
    place: int  # in the order in which the account's messages came to be read


class PendingDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message on its way to one device, with what is needed to send it.

    Others may go with it as one push, see `Message.wait`: this is the first that still stands.
    """

    delivery_id: DeliveryId
    account_id: AccountId
    device_id: DeviceId
    platform: str
    target_kind: str
    target: str
    registered_at: datetime
    language: str
    entry_id: InboxEntryId
    mobility_id: MobilityId | None
    kind: str
    attempts: int
    expires_at: datetime  # of those that go together, the last
    with_it: tuple[str, ...] = ()  # the kinds of the others
    last_days: tuple[date | None, ...] = ()  # of it and the others, see `Message.last_day`
    told_at: datetime | None = None  # when it was written
    held_until: datetime | None = None  # told later than it happened, with what was held as long
    merges: bool = False  # it may have waited for others of its mobility
    heard_at: datetime | None = None  # when the partner's notification came that it goes back to
    preferences: Preferences = DEFAULTS
    zone: str = "UTC"  # of the student's clock
    traces: tuple[str, ...] = ()  # what caused it and the others, where that is traced
    told: tuple[DeliveryId, ...] = ()  # those of the messages that it tells, the first and others

    @property
    def is_held(self) -> bool:
        """Whether it was held."""
        return self.held_until is not None
