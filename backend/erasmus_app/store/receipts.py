"""Receipts, kept with the deliveries that they are about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from erasmus_app.ids import AccountId, DeviceId, InboxEntryId
from erasmus_app.store.database import Database
from erasmus_app.store.devices import SEEN, UNSEEN


@dataclass(frozen=True, slots=True)
class ReceiptTable:
    """The receipts of all deliveries."""

    database: Database

    async def note(
        self,
        account: AccountId,
        device: DeviceId,
        received: Sequence[InboxEntryId],
        opened: Sequence[InboxEntryId],
        at: datetime,
    ) -> int:
        """Note the first of each, of pushes that are the account's; return how many were new.

        What came is sent no more, also where its push service had left that open. The device has
        been heard of.
        """
        rows = await self.database.fetch(
            f"""with seen as (update device set {SEEN}
                   where account_id = $1 and device_id = $2 and {UNSEEN})
               update delivery set
                   received_at = coalesce(received_at, $5),
                   opened_at = coalesce(
                       opened_at, case when inbox_entry_id = any($4) then $5 end),
                   finished_at = case when state = 'pending' then now() else finished_at end,
                   state = case when state = 'pending' then 'accepted' else state end
               where account_id = $1 and device_id = $2 and inbox_entry_id = any($3)
                   and (received_at is null
                       or (opened_at is null and inbox_entry_id = any($4)))
               returning 1""",  # noqa: S608 - constants
            account,
            device,
            list(received),
            list(opened),
            at,
        )
        return len(rows)
