"""What privacy wishes for."""

from datetime import datetime, timedelta
from typing import Protocol

from erasmus_app.ids import AccountId
from erasmus_app.privacy.models import Erasure


class Erasures(Protocol):
    """Students' wishes to be forgotten."""

    async def request(self, account: AccountId, now: datetime, cooling_off: timedelta) -> Erasure:
        """Note the wish and write the job that fulfils it; a second one is the first."""

    async def cancel(self, account: AccountId, now: datetime) -> Erasure | None:
        """Take an open wish back; None where there is none."""

    async def latest(self, account: AccountId) -> Erasure | None:
        """Return the account's latest wish."""
