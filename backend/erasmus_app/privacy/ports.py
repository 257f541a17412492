"""What privacy wishes for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from erasmus_app.ids import AccountId
from erasmus_app.privacy.access import Access, Noted, Read, Served
from erasmus_app.privacy.models import Erasure


class Erasures(Protocol):
    """Students' wishes to be forgotten."""

    async def request(self, account: AccountId, now: datetime, cooling_off: timedelta) -> Erasure:
        """Note the wish and write the job that fulfils it; a second one is the first."""

    async def cancel(self, account: AccountId, now: datetime) -> Erasure | None:
        """Take an open wish back; None where there is none."""

    async def latest(self, account: AccountId) -> Erasure | None:
        """Return the account's latest wish."""


class AccessLog(Protocol):
    """Who read what of a student. What cannot be noted is not shown: note first, then answer."""

    async def note(self, access: Access, of: Sequence[Read], now: datetime) -> None:
        """Note that somebody read, or was refused; once an hour a row, then it is counted."""

    async def note_served(self, served: Served, now: datetime) -> None:
        """Note what a partner's HEI was shown of a covered HEI's own data."""

    async def of(
        self, account: AccountId, *, first: int = 50, after: UUID | None = None
    ) -> list[Noted]:
        """Return what was read of the account and of its persons, the newest first."""



