"""The inboxes in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from erasmus_app.ids import AccountId, InboxEntryId, MobilityId
from erasmus_app.notifications.models import InboxEntry
from erasmus_app.store.database import Database
from erasmus_app.store.sealed import Vault

_ENTRY = "account_id, inbox_entry_id, mobility_id, kind, arguments, created_at, read_at, place"


def entry_of(row: Mapping[str, Any], vault: Vault) -> InboxEntry:
    """Read a message."""
    arguments = vault.open(
        row["arguments"], "inbox_entry.arguments", row["account_id"], row["inbox_entry_id"]
    )
    return InboxEntry(
        account_id=AccountId(row["account_id"]),
        entry_id=InboxEntryId(row["inbox_entry_id"]),
        mobility_id=MobilityId(row["mobility_id"]) if row["mobility_id"] else None,
        kind=row["kind"],
        arguments=msgspec.json.decode(arguments, type=dict[str, str]),
        created_at=row["created_at"],
        read_at=row["read_at"],
        place=row["place"],
    )


@dataclass(frozen=True, slots=True)
class InboxTable:
    """The inboxes of all accounts."""

    database: Database

    async def entries(
        self, account: AccountId, *, first: int, after: InboxEntryId | None
    ) -> Sequence[InboxEntry]:
        """Return the newest first, from behind `after` on."""
        rows = await self.database.fetch(
            f"""select {_ENTRY} from inbox_entry
               where account_id = $1 and ($2::uuid is null or (created_at, inbox_entry_id) < (
                   select created_at, inbox_entry_id from inbox_entry
                   where account_id = $1 and inbox_entry_id = $2))
               order by created_at desc, inbox_entry_id desc limit $3""",  # noqa: S608 - a constant
            account,
            after,
            first,
        )
        return [entry_of(row, self.database.vault) for row in rows]

    async def entry(self, account: AccountId, entry: InboxEntryId) -> InboxEntry | None:
        """Return one; None where it is not the account's."""
        row = await self.database.fetchrow(
            f"select {_ENTRY} from inbox_entry where account_id = $1 and inbox_entry_id = $2",  # noqa: S608 - a constant
            account,
            entry,
        )
        return entry_of(row, self.database.vault) if row else None

    async def unread(self, account: AccountId) -> int:
        """Return how many are unread."""
        number: int = await self.database.fetchval(
            "select count(*) from inbox_entry where account_id = $1 and read_at is null", account
        )
        return number

    async def mark_read(
        self, account: AccountId, entries: Sequence[InboxEntryId], at: datetime
    ) -> int:
        """Mark as read what is the account's; return how many changed."""
        rows = await self.database.fetch(
            """update inbox_entry set read_at = $3
               where account_id = $1 and inbox_entry_id = any($2) and read_at is null
               returning 1""",
            account,
            list(entries),
            at,
        )
        return len(rows)

    async def place(self, account: AccountId, entry: InboxEntryId | None) -> int | None:
        """Return where a message stands, or with None where the last one does."""
        if entry is None:
            last: int = await self.database.fetchval(
                "select coalesce(max(place), 0) from inbox_entry where account_id = $1", account
            )
            return last
        place: int | None = await self.database.fetchval(
            "select place from inbox_entry where account_id = $1 and inbox_entry_id = $2",
            account,
            entry,
        )
        return place

    async def behind(self, account: AccountId, place: int, most: int) -> Sequence[InboxEntry]:
        """Return messages that stand behind a place, in their order."""
        rows = await self.database.fetch(
            f"""select {_ENTRY} from inbox_entry
                where account_id = $1 and place > $2 order by place limit $3""",  # noqa: S608 - a constant
            account,
            place,
            most,
        )
        return [entry_of(row, self.database.vault) for row in rows]
