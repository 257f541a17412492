"""What apps say became of a push: that it came, that it was opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from erasmus_app.ids import AccountId, DeviceId, InboxEntryId
from erasmus_app.kit.clock import Clock

MOST_AT_ONCE = 100  # messages of one call


class ReceiptStore(Protocol):
    """Where receipts are kept."""

    async def note(
        self,
        account: AccountId,
        device: DeviceId,
        received: Sequence[InboxEntryId],
        opened: Sequence[InboxEntryId],
        at: datetime,
    ) -> int:
        """Note the first of each, of pushes that are the account's; return how many were new."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipts:
    """Takes receipts."""

    store: ReceiptStore
    clock: Clock

    async def take(
        self,
        account: AccountId,
        device: DeviceId,
        *,
        received: Sequence[InboxEntryId],
        opened: Sequence[InboxEntryId],
    ) -> int:
        """Note that pushes came to a device, and were opened there; return how many were new.

        What was opened came as well. Said again, nothing changes.
        """
        came = dict.fromkeys((*received[:MOST_AT_ONCE], *opened[:MOST_AT_ONCE]))
        return await self.store.note(
            account, device, list(came), list(opened[:MOST_AT_ONCE]), self.clock()
        )
