"""What answering wishes for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import msgspec

from erasmus_app.ids import AccountId, HeiId, MobilityId

REMEMBERED = timedelta(minutes=30)
"""How long after its last turn a conversation goes on; then its questions stand alone."""
MOST_TURNS = 6
"""Of a conversation, the latest."""


class Band(StrEnum):
    """What is done with a question."""

    ANSWER = "answer"  # one intent is far likelier than all others
    OFFER = "offer"  # two or three are likely: the student chooses
    MENU = "menu"  # nothing is, or nothing that we know about


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """What a question was taken for."""

    question: str  # as it was read: cleaned and cut
    language: str  # BCP 47, of the question
    band: Band
    intents: tuple[str, ...]  # the likeliest first: one to answer, up to three to offer, or none
    version: str


class Understanding(Protocol):
    """Understands questions: `erasmus_nlu` in production."""

    @property
    def version(self) -> str:
        """Return which weights, phrases and code these are."""

    async def understand(self, question: str, locale: str) -> Understood:
        """Say what a question of any length and kind is about; raises nothing for what is in it."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What a conversation remembers of a turn: no words of the student's."""

    intent: str | None = None
    mobility_id: MobilityId | None = None
    hei_ids: tuple[HeiId, ...] = ()
    asked_back: str | None = None  # what the answer asked back about: `intent`, `mobility`
    language: str | None = None  # BCP 47, of the answer
    at: datetime  # UTC


class Conversations(Protocol):
    """The last turns, for half an hour; may be lost, and are then simply not known."""

    async def turns(self, account: AccountId, conversation: str) -> Sequence[Turn]:
        """Return a conversation's turns, the latest last; none of one that is not the account's."""

    async def add(self, account: AccountId, conversation: str, turn: Turn) -> None:
        """Remember a turn."""


class Unanswered(Protocol):
    """Questions that were not answered, for coordinators to learn from."""

    async def note(
        self, account: AccountId, heis: Sequence[HeiId], understood: Understood, at: datetime
    ) -> None:
        """Keep it, stripped of personal data, if the student has agreed to that; else nothing."""
