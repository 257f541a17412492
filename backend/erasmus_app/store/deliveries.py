"""Inbox entries and their way to each device: rows written with the change that caused them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from erasmus_app.ids import AccountId, DeliveryId, DeviceId, InboxEntryId, MobilityId
from erasmus_app.mobilities.events import MobilityEvent
from erasmus_app.mobilities.ports import RecordChange, StoredMobility
from erasmus_app.notifications.catalogue import Catalogue
from erasmus_app.notifications.models import InboxEntry, Message, PendingDelivery
from erasmus_app.notifications.policy import delivery_id, plan
from erasmus_app.store import jobs
from erasmus_app.store.database import Database
from erasmus_app.store.sealed import Vault, vault_of
from erasmus_app.students.models import TargetKind

DELIVER = "deliver"


async def tell(connection: asyncpg.Connection, message: Message, now: datetime) -> bool:
    """Put a message into the inbox, and on its way to every device, in the caller's transaction.

    Returns False where the account was told already (by another tenant's view of the same event).
    """
    new = await connection.fetchval(
        """insert into inbox_entry
               (account_id, inbox_entry_id, tenant, mobility_id, event_id, kind, arguments)
           values ($1, $2, $3, $4, $5, $6, $7)
           on conflict do nothing returning 1""",
        message.account_id,
        message.entry_id,
        message.tenant,
        message.mobility_id,
        message.event_id,
        message.kind,
        vault_of(connection).seal(
            msgspec.json.encode(message.arguments),
            "inbox_entry.arguments",
            message.account_id,
            message.entry_id,
        ),
    )
    if new is None or not message.push:
        return new is not None
    devices = await connection.fetch(
        "select device_id, target_kind from device where account_id = $1", message.account_id
    )
    for row in devices:
        channel = TargetKind(row["target_kind"]).channel
        delivery = delivery_id(message.entry_id, DeviceId(row["device_id"]), channel)
        await connection.execute(
            """insert into delivery
                   (delivery_id, account_id, inbox_entry_id, device_id, channel, expires_at)
               values ($1, $2, $3, $4, $5, $6) on conflict do nothing""",
            delivery,
            message.account_id,
            message.entry_id,
            row["device_id"],
            channel,
            now + message.ttl,
        )
        await jobs.enqueue(
            connection,
            DELIVER,
            {"delivery_id": str(delivery)},
            dedupe_key=f"{DELIVER} {delivery}",
        )
    return True


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells the readers of a mobility what happened to it, see `mobilities.ports.Teller`."""

    messages: Catalogue

    async def __call__(
        self,
        change: RecordChange,
        happened: Sequence[MobilityEvent],
        stored: StoredMobility,
        now: datetime,
    ) -> None:
        """Tell each of them of each event."""
        for reader in await change.readers():
            for event in happened:
                await tell(change.connection, plan(event, reader, stored, self.messages), now)


@dataclass(frozen=True, slots=True)
class DeliveryTable:
    """The ledger of deliveries."""

    database: Database

    async def pending(self, delivery: DeliveryId) -> PendingDelivery | None:
        """Return what is needed to send; None where it has a final state or the device is gone."""
        row = await self.database.fetchrow(
            """select delivery_id, delivery.account_id, device_id, platform, target_kind, target,
                   target_key, registered_at, inbox_entry_id,
                   coalesce(device.language, account.language) as language,
                   mobility_id, kind, attempts, expires_at
               from delivery
               join inbox_entry using (account_id, inbox_entry_id)
               join account using (account_id)
               join device using (account_id, device_id)
               where delivery_id = $1 and state = 'pending'""",
            delivery,
        )
        if row is None:
            return None
        return PendingDelivery(
            delivery_id=DeliveryId(row["delivery_id"]),
            account_id=AccountId(row["account_id"]),
            device_id=DeviceId(row["device_id"]),
            platform=row["platform"],
            target_kind=row["target_kind"],
            target=self.database.vault.open(
                row["target"], "device.target", row["target_kind"], row["target_key"]
            ).decode(),
            registered_at=row["registered_at"],
            language=row["language"],
            entry_id=InboxEntryId(row["inbox_entry_id"]),
            mobility_id=MobilityId(row["mobility_id"]) if row["mobility_id"] else None,
            kind=row["kind"],
            attempts=row["attempts"],
            expires_at=row["expires_at"],
        )

    async def attempted(self, delivery: DeliveryId, code: str | None) -> None:
        """Count an attempt that did not end the delivery."""
        await self.database.execute(
            "update delivery set attempts = attempts + 1, last_error = $2 where delivery_id = $1",
            delivery,
            code,
        )

    async def end(
        self,
        connection: asyncpg.Connection,
        delivery: DeliveryId,
        state: str,
        *,
        attempts: int = 1,
        code: str | None = None,
        provider_id: str | None = None,
    ) -> None:
        """Write the final state, in the transaction that finishes the job."""
        await connection.execute(
            """update delivery set state = $2, attempts = attempts + $3, last_error = $4,
                   provider_id = $5, finished_at = now()
               where delivery_id = $1 and state = 'pending'""",
            delivery,
            state,
            attempts,
            code,
            provider_id,
        )

    async def forget_device(self, connection: asyncpg.Connection, pending: PendingDelivery) -> None:
        """Remove a dead device, unless it registered again after we had looked it up."""
        await connection.execute(
            "delete from device where account_id = $1 and device_id = $2 and registered_at <= $3",
            pending.account_id,
            pending.device_id,
            pending.registered_at,
        )


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
