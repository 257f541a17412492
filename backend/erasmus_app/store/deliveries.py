"""Inbox entries and their way to each device: rows written with the change that caused them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from erasmus_app.ids import AccountId, DeliveryId, DeviceId, InboxEntryId, MobilityId
from erasmus_app.mobilities.events import MobilityEvent
from erasmus_app.mobilities.ports import RecordChange, StoredMobility
from erasmus_app.notifications.catalogue import Catalogue
from erasmus_app.notifications.models import InboxEntry, Message, PendingDelivery
from erasmus_app.notifications.policy import delivery_id, is_told, plan, standing
from erasmus_app.store import jobs
from erasmus_app.store.database import Database
from erasmus_app.store.sealed import Vault, vault_of
from erasmus_app.students.models import TargetKind

DELIVER = "deliver"


async def tell(
    connection: asyncpg.Connection,
    message: Message,
    now: datetime,
    about: Sequence[MobilityId] = (),
) -> bool:
    """Put a message into the inbox, and on its way to every device, in the caller's transaction.

    One that may wait joins another that does, of the same mobility, which is one of `about` where
    several universities see it. Returns False where the account was told already (by another
    tenant's view of the same event).
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
        carrier = None
        if message.wait:
            carrier = await _waiting(connection, message, row["device_id"], channel, about)
        await connection.execute(
            """insert into delivery (delivery_id, account_id, inbox_entry_id, device_id, channel,
                   expires_at, carried_by, merges, obsolete_by)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing""",
            delivery,
            message.account_id,
            message.entry_id,
            row["device_id"],
            channel,
            now + message.ttl,
            carrier,
            bool(message.wait),
            message.obsolete_by,
        )
        if carrier is None:
            await jobs.enqueue(
                connection,
                DELIVER,
                {"delivery_id": str(delivery)},
                dedupe_key=f"{DELIVER} {delivery}",
                due=now + message.wait if message.wait else None,
            )
    return True


async def _waiting(
    connection: asyncpg.Connection,
    message: Message,
    device: UUID,
    channel: str,
    about: Sequence[MobilityId],
) -> UUID | None:
    """Return a delivery to the device that still waits for others of its mobility.

    Its job is ours until the transaction ends, so that nobody sends it meanwhile.
    """
    found: UUID | None = await connection.fetchval(
        """select delivery_id from delivery
           join inbox_entry using (account_id, inbox_entry_id)
           join job on dedupe_key = $4 || delivery_id::text and dead_at is null
           where account_id = $1 and device_id = $2 and channel = $3
               and mobility_id = any($5::uuid[]) and merges and carried_by is null
               and delivery.attempts = 0 and leased_by is null and due > now()
           order by delivery.created_at, delivery_id limit 1 for update of job skip locked""",
        message.account_id,
        device,
        channel,
        f"{DELIVER} ",
        list(about) or [message.mobility_id],
    )
    return found


async def drop_obsolete(
    connection: asyncpg.Connection,
    account: AccountId,
    about: Sequence[MobilityId],
    happened: Sequence[MobilityEvent],
) -> None:
    """Drop what is not out yet, and would be wrong or stale after these; the inbox keeps it."""
    await connection.execute(
        """update delivery set state = 'superseded', finished_at = now() from inbox_entry
           where delivery.account_id = $1 and state = 'pending' and obsolete_by && $3::text[]
               and inbox_entry.account_id = $1
               and inbox_entry.inbox_entry_id = delivery.inbox_entry_id
               and mobility_id = any($2::uuid[]) and event_id <> all($4::uuid[])""",
        account,
        list(about),
        [each.kind for each in happened],
        [each.event_id for each in happened],
    )


async def _seen_as(
    connection: asyncpg.Connection, account: AccountId, stored: StoredMobility
) -> list[MobilityId]:
    """Return the ids that a mobility has where the account sees it: one for each university."""
    rows = await connection.fetch(
        """select mobility_id from account_person join mobility using (tenant, person_id)
           where account_id = $1 and sending_hei_id = $2 and omobility_id = $3""",
        account,
        stored.mobility.sending_hei_id,
        stored.mobility.omobility_id,
    )
    return [MobilityId(row["mobility_id"]) for row in rows]


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells the readers of a mobility what happened to it, see `mobilities.ports.Teller`."""

    messages: Catalogue
    merge_for: timedelta  # how long a push that merges waits for others

    async def __call__(
        self,
        change: RecordChange,
        happened: Sequence[MobilityEvent],
        stored: StoredMobility,
        now: datetime,
    ) -> None:
        """Tell each of them of each event that is for them; drop pushes that these overtake."""
        told = [each for each in happened if is_told(each, stored.mobility, self.messages)]
        if not told:
            return
        pushed, connection = standing(happened, self.messages), change.connection
        for reader in await change.readers():
            about, new = await _seen_as(connection, reader.account_id, stored), []
            for event in told:
                message = plan(event, reader, stored, self.messages, self.merge_for)
                if event.event_id not in pushed:
                    message = msgspec.structs.replace(message, push=False)
                if await tell(connection, message, now, about):
                    new.append(event)
            await drop_obsolete(connection, reader.account_id, about, new)


@dataclass(frozen=True, slots=True)
class DeliveryTable:
    """The ledger of deliveries."""

    database: Database

    async def pending(self, delivery: DeliveryId) -> PendingDelivery | None:
        """Return what is needed to send, with what goes out as the same push.

        None where it has a final state, the device is gone, or what has happened since has
        overtaken it.
        """
        rows = await self.database.fetch(
            """select delivery_id, delivery.account_id, device_id, platform, target_kind, target,
                   target_key, registered_at, inbox_entry_id,
                   coalesce(device.language, account.language) as language,
                   inbox_entry.mobility_id, inbox_entry.kind, attempts, expires_at,
                   exists (select from mobility join event using (tenant, person_id, mobility_id)
                       where mobility_id = inbox_entry.mobility_id
                           and event.kind = any(obsolete_by)
                           and happened_at > inbox_entry.created_at) as is_obsolete
               from delivery
               join inbox_entry using (account_id, inbox_entry_id)
               join account using (account_id)
               join device using (account_id, device_id)
               where (delivery_id = $1 or carried_by = $1) and state = 'pending'
               order by inbox_entry.created_at, delivery_id""",
            delivery,
        )
        if stale := [row["delivery_id"] for row in rows if row["is_obsolete"]]:
            await self.database.execute(
                """update delivery set state = 'superseded', finished_at = now()
                   where delivery_id = any($1) and state = 'pending'""",
                stale,
            )
        standing = [row for row in rows if not row["is_obsolete"]]
        if not standing:
            return None
        row = standing[0]
        return PendingDelivery(
            delivery_id=delivery,
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
            expires_at=max(each["expires_at"] for each in standing),
            with_it=tuple(each["kind"] for each in standing[1:]),
        )

    async def attempted(self, delivery: DeliveryId, code: str | None) -> None:
        """Count an attempt that did not end the delivery, nor what goes with it."""
        await self.database.execute(
            """update delivery set attempts = attempts + 1, last_error = $2
               where (delivery_id = $1 or carried_by = $1) and state = 'pending'""",
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
        """Write the final state, also of what goes with it, as part of ending the job."""
        await connection.execute(
            """update delivery set state = $2, attempts = attempts + $3, last_error = $4,
                   provider_id = $5, finished_at = now()
               where (delivery_id = $1 or carried_by = $1) and state = 'pending'""",
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
