"""What privacy wishes for."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from erasmus_app.ids import AccountId
from erasmus_app.privacy.access import Access, Noted, Read, Served
from erasmus_app.privacy.consents import Consent, Purpose
from erasmus_app.privacy.exports import Export
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


class Exports(Protocol):
    """Archives of what is held of an account."""

    async def request(self, account: AccountId, language: str, now: datetime) -> Export:
        """Note the wish and write the job that fulfils it; within an hour it is the same one."""

    async def of(self, account: AccountId) -> list[Export]:
        """Return the account's, the newest first."""

    async def one(self, account: AccountId, export: UUID) -> Export | None:
        """Return one of the account's."""

    def content(self, account: AccountId, export: UUID) -> AsyncIterator[bytes]:
        """Yield an archive piece by piece."""


class Consents(Protocol):
    """What students have allowed, and which privacy notice they have seen."""

    async def of(self, account: AccountId) -> list[Consent]:
        """Return the whole history, the newest first."""

    async def give(
        self, account: AccountId, purpose: Purpose, language: str, channel: str, now: datetime
    ) -> Consent:
        """Note a consent to the present text; what is given already stays as it is."""

    async def withdraw(
        self, account: AccountId, purpose: str, channel: str, now: datetime
    ) -> Consent | None:
        """Withdraw a consent; None where none is given."""

    async def acknowledge(self, account: AccountId, version: str, now: datetime) -> datetime:
        """Note that a version of the privacy notice was shown; return when it was first."""

    async def seen(self, account: AccountId) -> dict[str, datetime]:
        """Return when each version of the notice was first shown, the newest first."""
