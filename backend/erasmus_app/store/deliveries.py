"""Deliveries: one message on its way to one device, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from erasmus_app.errors import DataKeyMissing, SealBroken
from erasmus_app.ids import AccountId, DeliveryId, DeviceId, InboxEntryId, MobilityId
from erasmus_app.notifications.models import PendingDelivery
from erasmus_app.store.database import Database
from erasmus_app.store.devices import forget_dead
from erasmus_app.store.preferences import preferences_of

DELIVER = "deliver"
FEW = 10  # rows that PostgreSQL expects of an array whose length it does not know


def fitting(rows: int, few: Database, many: Database | None) -> Database:
    """Return through which of two pools a statement over so many rows goes."""
    return few if rows <= FEW or many is None else many


@dataclass(frozen=True, slots=True)
class DeliveryTable:
    """The ledger of deliveries.

    More than a `FEW` at a time are read through `many`, where each statement is planned for what it
    is given; of these statements planning takes ten times as long as doing it for one.
    """

    database: Database
    many: Database | None = None  # the same, with fresh plans

    async def pending(self, delivery: DeliveryId) -> PendingDelivery | None:
        """Return what is needed to send, with what goes out as the same push.

        None where it has a final state, the device is gone, what has happened since has
        overtaken it, or it was held and has been read in the inbox meanwhile. Raises what
        `pendings` has in its place.
        """
        found = (await self.pendings([delivery])).get(delivery)
        if isinstance(found, Exception):
            raise found
        return found

    async def pendings(
        self, deliveries: Sequence[DeliveryId]
    ) -> dict[DeliveryId, PendingDelivery | Exception]:
        """Return what `pending` returns for each, those left out for which that is None.

        One whose target cannot be opened has the error: DataKeyMissing, SealBroken.
        """
        rows = await fitting(len(deliveries), self.database, self.many).fetch(
            """select asked.delivery_id as carrier, delivery.delivery_id, delivery.account_id,
                   device_id, platform, target_kind, target, target_key, registered_at,
                   inbox_entry_id, coalesce(device.language, account.language) as language,
                   inbox_entry.mobility_id, inbox_entry.kind, delivery.attempts, expires_at,
                   held_until, last_day, zone, preference.content as preferences,
                   delivery.created_at as told_at, merges, heard_at, delivery.trace,
                   held_until is not null and read_at is not null as is_read,
                   cardinality(obsolete_by) > 0 and exists (
                       select from mobility join event using (tenant, person_id, mobility_id)
                       where mobility_id = inbox_entry.mobility_id
                           and event.kind = any(obsolete_by)
                           and happened_at > inbox_entry.created_at) as is_obsolete
               from (select distinct id as delivery_id, id from unnest($1::uuid[]) as id
                   union all
                   select carried_by, delivery_id from delivery
                   where carried_by = any($1)) as asked
               join delivery on delivery.delivery_id = asked.id
               join inbox_entry using (account_id, inbox_entry_id)
               join account using (account_id)
               left join preference using (account_id)
               join device using (account_id, device_id)
               where state = 'pending'
               order by inbox_entry.created_at, delivery.delivery_id""",
            deliveries,
        )
        if any(row["is_obsolete"] or row["is_read"] for row in rows):
            await self.database.execute(
                """update delivery set finished_at = now(),
                       state = case when delivery_id = any($1) then 'superseded'
                           else 'unwanted' end
                   where delivery_id = any($2) and state = 'pending'""",
                [row["delivery_id"] for row in rows if row["is_obsolete"]],
                [row["delivery_id"] for row in rows if row["is_obsolete"] or row["is_read"]],
            )
        standing: dict[DeliveryId, list[asyncpg.Record]] = {}
        for row in rows:
            if not (row["is_obsolete"] or row["is_read"]):
                standing.setdefault(row["carrier"], []).append(row)
        found: dict[DeliveryId, PendingDelivery | Exception] = {}
        for delivery, together in standing.items():
            try:
                found[delivery] = self._read(delivery, together)
            except (DataKeyMissing, SealBroken, UnicodeDecodeError) as error:
                found[delivery] = error
        return found

    def _read(self, delivery: DeliveryId, standing: Sequence[asyncpg.Record]) -> PendingDelivery:
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
            traces=tuple(each["trace"] for each in standing if each["trace"] is not None),
            last_days=tuple(each["last_day"] for each in standing),
            preferences=preferences_of(
                row["preferences"], AccountId(row["account_id"]), self.database.vault
            ),
            zone=row["zone"],
            told_at=row["told_at"],
            held_until=row["held_until"],
            merges=row["merges"],
            heard_at=row["heard_at"],
            told=tuple(DeliveryId(each["delivery_id"]) for each in standing),
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
        told: Sequence[DeliveryId] = (),
    ) -> None:
        """Write the final state, also of what goes with it, as part of ending the job.

        `told`: what has gone out, and is no less so where something has overtaken it on its way.
        """
        await connection.execute(
            """update delivery set state = $2, attempts = attempts + $3, last_error = $4,
                   provider_id = $5, finished_at = now()
               where (delivery_id = $1 or carried_by = $1) and (state = 'pending'
                   or state = 'superseded' and delivery_id = any($6))""",
            delivery,
            state,
            attempts,
            code,
            provider_id,
            told,
        )

    async def forget_device(self, connection: asyncpg.Connection, pending: PendingDelivery) -> None:
        """Remove a dead device, unless it registered again after we had looked it up."""
        await forget_dead(connection, pending.account_id, pending.device_id, pending.registered_at)
