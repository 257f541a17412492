"""Deliveries: one message on its way to one device, and what became of it."""

from dataclasses import dataclass

import asyncpg

from erasmus_app.ids import AccountId, DeliveryId, DeviceId, InboxEntryId, MobilityId
from erasmus_app.notifications.models import PendingDelivery
from erasmus_app.store.database import Database

DELIVER = "deliver"


def deliver_on(channel: str) -> str:
    """Return the kind of a channel's jobs: who may not send on one claims the others' all the same.

    All of them are done alike; FCM's have the name that all had once.
    """
    return DELIVER if channel == "fcm" else f"{DELIVER}-{channel.replace('_', '-')}"


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
