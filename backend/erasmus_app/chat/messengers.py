"""Messengers: what comes from them, what goes there, and what is wished of their APIs."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import msgspec

from erasmus_app.chat.models import Choice

LONGEST_KEPT = 2000  # characters of a message that are kept; a question is read up to 300
IN_TIME = timedelta(minutes=10)  # a question is answered within it, or not at all
TOO_OLD = timedelta(hours=12)  # what comes later is not even apologised for
EARLY = timedelta(minutes=5)  # what is dated later than that was never sent


class Messenger(StrEnum):
    """A messenger that students may write to us from."""

    TELEGRAM = "telegram"
    WHATSAPP = "whatsapp"
    MESSENGER = "messenger"  # Facebook's
    SLACK = "slack"
    MATRIX = "matrix"


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A message from a messenger: its sender is proved by the messenger alone. Personal."""

    messenger: Messenger
    sender: str  # the messenger's own id of who writes; no phone number is believed as such
    chat: str  # where an answer goes
    message: str  # its id, unique in the messenger
    text: str = ""  # as typed; may be anything
    choice: str | None = None  # the `Choice.id` of a button that was tapped
    is_group: bool = False  # others read along, or it cannot be told
    at: datetime  # when it was written, UTC
    language: str | None = None  # BCP 47, as the messenger's app is set
    tap: str | None = None  # the id by which a messenger wants to hear that a tap arrived


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What is told, in no messenger's form yet."""

    text: str
    choices: tuple[Choice, ...] = ()
    choose: str = ""  # what a list of choices is opened by


class Outcome(StrEnum):
    """What became of a message to a messenger."""

    SENT = "sent"
    AGAIN = "again"  # no answer, or an error of theirs
    WAIT = "wait"  # nothing was sent: their pace, or they have not answered lately
    NEVER = "never"  # refused as it is: the chat is gone, we are blocked, the token is wrong


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it, why, and when to try again (seconds)."""

    outcome: Outcome
    code: str | None = None  # stable; nothing personal
    retry_after: float | None = None


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What a request of a messenger brought."""

    messages: tuple[Incoming, ...] = ()
    answer: bytes | None = None  # what it wants to hear; None: nothing
    rooms: tuple[str, ...] = ()  # that we were invited to


class NotReadable(Exception):
    """A request of a messenger that is not what its protocol says."""


class Gateway(Protocol):
    """One messenger: the door that it comes in by, and the way out."""

    @property
    def messenger(self) -> Messenger:
        """Which one it is."""

    @property
    def address(self) -> str | None:
        """Where students find our bot, as the operator has set it."""

    def admits(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Whether a request is the messenger's own; names of headers are in lower case.

        Takes as long for a wrong secret as for the right one.
        """

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Heard:
        """Read a request that was admitted. Raises NotReadable."""

    async def is_private(self, incoming: Incoming) -> bool:
        """Whether nobody else reads an answer. Raises NotAnswered where it cannot be told now."""

    async def send(self, incoming: Incoming, said: Said, key: str) -> Delivered:
        """Answer a message. `key` is the same for each try, at most 64 letters and digits."""

    async def join(self, room: str) -> Delivered:
        """Follow an invitation; of messengers that have none nothing comes."""


class NotAnswered(Exception):
    """A messenger did not say what was asked; `became` tells why, and when to try again."""

    def __init__(self, became: Delivered) -> None:
        super().__init__(became.code)
        self.became = became


Gateways = Mapping[Messenger, Gateway]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way to an answer."""

    incoming: Incoming
    seen_at: datetime  # when it came, UTC


class MessageStore(Protocol):
    """Messages that came, until each is answered, and a while longer that they have come."""

    async def take(self, incoming: Incoming, now: datetime) -> bool:
        """Keep a message and the work for it in one step; False where it has come before."""

    async def take_invitation(self, messenger: Messenger, room: str) -> None:
        """Keep the work for an invitation."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What the last answer to a sender leaves: no words of anybody's but of buttons."""

    conversation: str
    choices: tuple[Choice, ...] = ()


class ChatLimits(Protocol):
    """What is counted of senders, and remembered for a while. May be lost.

    Each call raises EngineFailed where nothing can be counted.
    """

    async def place(self, incoming: Incoming) -> int:
        """Count a message; return the how manieth of its sender's it is within the window."""

    async def wrong_codes(self, incoming: Incoming) -> int:
        """Return how many wrong codes a sender has shown within the hour."""

    async def wrong_code(self, incoming: Incoming) -> None:
        """Count a wrong code; the same message counts once."""

    async def first(self, what: str, incoming: Incoming, for_: timedelta) -> bool:
        """Whether this is the first of its kind in a chat for a while, however often asked."""

    async def remember(self, incoming: Incoming, memory: Memory) -> None:
        """Remember an answer for half an hour."""

    async def memory(self, incoming: Incoming) -> Memory | None:
        """Return what the last answer left."""

    async def forget(self, incoming: Incoming) -> None:
        """Forget it."""


def timely(messages: Sequence[Incoming], now: datetime) -> list[Incoming]:
    """Return the messages that may still be answered, or apologised for."""
    return [each for each in messages if -EARLY <= now - each.at <= TOO_OLD]
