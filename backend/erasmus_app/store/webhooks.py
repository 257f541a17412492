"""What universities' own apps are told: rows written with the event, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from erasmus_app.ids import EventId, HeiId, MobilityId, OmobilityId
from erasmus_app.institutions.models import WebhookEndpoint
from erasmus_app.mobilities.events import MobilityEvent
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.store import jobs
from erasmus_app.store.database import Database

WEBHOOK = "webhook"
LIFETIME = timedelta(days=3)  # an app that was away for longer reads for itself
BATCH = 500


class PendingWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to tell one endpoint of one event."""

    webhook_id: UUID
    tenant: HeiId
    endpoint: str
    event_id: EventId
    kind: str
    mobility_id: MobilityId
    sending_hei_id: HeiId
    omobility_id: OmobilityId
    receiving_hei_id: HeiId
    subject: str  # the student, by a name that only this endpoint knows
    attempts: int
    created_at: datetime
    expires_at: datetime
    after: float | None  # seconds until the one before it, of the same mobility, is tried
    disabled_for: str | None  # the address that said it was gone


class EndpointState(msgspec.Struct, frozen=True, kw_only=True):
    """How many of an endpoint's deliveries stand alike."""

    tenant: HeiId
    endpoint: str
    state: str
    code: str | None
    deliveries: int
    last_at: datetime


async def tell_endpoints(
    connection: asyncpg.Connection,
    endpoints: Sequence[WebhookEndpoint],
    events: Sequence[MobilityEvent],
    stored: StoredMobility,
    now: datetime,
) -> None:
    """Put events on their way to the endpoints of the mobility's tenant that want them.

    In the caller's transaction; an event that an endpoint was told already is left out.
    """
    for event in events:
        for endpoint in endpoints:
            written = await connection.fetchval(
                """insert into webhook_delivery
                       (tenant, endpoint, person_id, mobility_id, event_id, kind, created_at,
                        expires_at)
                   select $1::hei_id, $2::text, $3, $4, $5, $6, $7, $8
                   where not exists (select from webhook_disabled
                       where tenant = $1::hei_id and endpoint = $2::text and url = $9)
                   on conflict do nothing returning webhook_id""",
                stored.mobility.tenant,
                endpoint.name,
                stored.person_id,
                stored.mobility_id,
                event.event_id,
                event.kind,
                now,
                now + LIFETIME,
                endpoint.url,
            )
            if written is not None:
                await _enqueue(connection, written)


async def _enqueue(connection: asyncpg.Connection, webhook: UUID) -> None:
    await jobs.enqueue(
        connection, WEBHOOK, {"webhook_id": str(webhook)}, dedupe_key=f"{WEBHOOK} {webhook}"
    )


@dataclass(frozen=True, slots=True)
class WebhookTable:
    """The outbox of all endpoints."""

    database: Database

    async def pending(self, webhook: UUID) -> PendingWebhook | None:
        """Return what is to be told; None where it has a final state, or its mobility is gone."""
        row = await self.database.fetchrow(
            """select w.*, sending_hei_id, omobility_id, receiving_hei_id,
                   (select max(greatest(extract(epoch from due - now()), 0))
                    from webhook_delivery as earlier
                    join job on dedupe_key = $2 || earlier.webhook_id::text and dead_at is null
                    where earlier.mobility_id = w.mobility_id and earlier.place < w.place
                        and earlier.tenant = w.tenant and earlier.endpoint = w.endpoint
                        and earlier.state = 'pending')::float8 as after,
                   (select url from webhook_disabled as d
                    where d.tenant = w.tenant and d.endpoint = w.endpoint) as disabled_for
               from webhook_delivery as w join mobility using (tenant, person_id, mobility_id)
               where webhook_id = $1 and state = 'pending'""",
            webhook,
            f"{WEBHOOK} ",
        )
        if row is None:
            return None
        # Another endpoint's name for the same student must say nothing beside this one.
        name = f"{row['tenant']} {row['endpoint']} {row['person_id']}"
        subject = self.database.vault.hashed("webhook", name)[:32]
        return msgspec.convert(dict(row) | {"subject": subject}, PendingWebhook)

    async def attempted(self, webhook: UUID, code: str) -> None:
        """Count an attempt that did not end it."""
        await self.database.execute(
            """update webhook_delivery set attempts = attempts + 1, last_error = $2
               where webhook_id = $1 and state = 'pending'""",
            webhook,
            code,
        )

    async def end(
        self,
        connection: asyncpg.Connection,
        webhook: UUID,
        state: str,
        *,
        attempts: int = 0,
        code: str | None = None,
    ) -> None:
        """Write the final state, as part of ending the job."""
        await connection.execute(
            """update webhook_delivery set state = $2, attempts = attempts + $3,
                   finished_at = now(),
                   last_error = case when $2 = 'accepted' then null
                       else coalesce($4, last_error) end
               where webhook_id = $1 and state = 'pending'""",
            webhook,
            state,
            attempts,
            code,
        )

    async def disable(
        self, connection: asyncpg.Connection, tenant: HeiId, endpoint: str, url: str
    ) -> int:
        """Tell an address nothing more; return how many that were on their way have failed."""
        await connection.execute(
            """insert into webhook_disabled (tenant, endpoint, url) values ($1, $2, $3)
               on conflict (tenant, endpoint) do update set url = excluded.url,
                   disabled_at = now()""",
            tenant,
            endpoint,
            url,
        )
        done: str = await connection.execute(
            """update webhook_delivery set state = 'failed', last_error = 'GONE',
                   finished_at = now()
               where tenant = $1 and endpoint = $2 and state = 'pending'""",
            tenant,
            endpoint,
        )
        return int(done.rpartition(" ")[2])

    async def enable(self, tenant: HeiId, endpoint: str) -> bool:
        """Tell an endpoint again; False where it was not disabled."""
        found = await self.database.fetchval(
            "delete from webhook_disabled where tenant = $1 and endpoint = $2 returning 1",
            tenant,
            endpoint,
        )
        return found is not None

    async def states(self) -> list[EndpointState]:
        """Return what became of deliveries, by endpoint; disabled endpoints as well."""
        rows = await self.database.fetch(
            """select tenant, endpoint, state, last_error as code, count(*) as deliveries,
                   max(coalesce(finished_at, created_at)) as last_at
               from webhook_delivery group by 1, 2, 3, 4
               union all select tenant, endpoint, 'disabled', null, 0, disabled_at
               from webhook_disabled
               order by 1, 2, 3, 4"""
        )
        return [EndpointState(**row) for row in rows]

    async def replay(self, tenant: HeiId, endpoint: str, code: str | None) -> int:
        """Send again what failed or expired, for three days more; return how many."""
        done = 0
        while True:
            async with self.database.transaction() as connection:
                rows = await connection.fetch(
                    """update webhook_delivery set state = 'pending', attempts = 0,
                           finished_at = null, expires_at = now() + $4
                       where webhook_id = any(array(
                           select webhook_id from webhook_delivery
                           where tenant = $1 and endpoint = $2 and state in ('failed', 'expired')
                               and ($3::text is null or last_error = $3)
                           order by place limit $5 for update skip locked))
                       returning webhook_id, place""",
                    tenant,
                    endpoint,
                    code,
                    LIFETIME,
                    BATCH,
                )
                for row in sorted(rows, key=lambda each: each["place"]):
                    await _enqueue(connection, row["webhook_id"])
            done += len(rows)
            if not rows:
                return done
