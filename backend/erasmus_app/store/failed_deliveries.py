"""Deliveries that ended by our fault: what went wrong, and which are still worth telling."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from erasmus_app.store import jobs
from erasmus_app.store.database import Database
from erasmus_app.store.deliveries import DELIVER

BATCH = 500  # rows that are brought back in one transaction

STANDING = """case
    when delivery.expires_at <= now() then 'expired'
    when device.device_id is null then 'device_gone'
    when device.quiet_since is not null then 'device_quiet'
    when inbox_entry.read_at is not null or delivery.received_at is not null then 'seen'
    when exists (select from mobility join event using (tenant, person_id, mobility_id)
        where mobility_id = inbox_entry.mobility_id and event.kind = any(obsolete_by)
            and happened_at > inbox_entry.created_at) then 'superseded'
    else 'worth_telling' end"""
"""What would become of a failed delivery today."""

_FAILED = """delivery
    join inbox_entry using (account_id, inbox_entry_id)
    left join device using (account_id, device_id)
    where state = 'failed'
        and ($1::uuid is null or $1 in (delivery_id, carried_by))
        and ($2::text is null or inbox_entry.kind = $2)
        and ($3::text is null or last_error = $3)
        and ($4::text is null or channel = $4)
        and ($5::interval is null or finished_at <= now() - $5)"""


class ChosenDeliveries(msgspec.Struct, frozen=True, kw_only=True):
    """Which failed deliveries are meant: those for which all that is named is so."""

    delivery_id: UUID | None = None
    kind: str | None = None
    code: str | None = None
    channel: str | None = None
    older_than: timedelta | None = None  # since it failed

    @property
    def arguments(self) -> tuple[object, ...]:
        """What the condition's parameters are."""
        return self.delivery_id, self.kind, self.code, self.channel, self.older_than


class EndedGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries that ended alike: `failed`, with what they would be today, or `expired`."""

    state: str
    channel: str
    kind: str
    code: str | None
    standing: str
    deliveries: int
    first_at: datetime
    last_at: datetime


class FailedDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One failed delivery; whose it is, and to which device, is not told."""

    delivery_id: UUID
    channel: str
    kind: str
    code: str | None
    standing: str
    attempts: int
    created_at: datetime
    expires_at: datetime
    finished_at: datetime
    carried_by: UUID | None


@dataclass(frozen=True, slots=True)
class FailedDeliveries:
    """The dead letters among the deliveries."""

    database: Database

    async def groups(self, chosen: ChosenDeliveries) -> list[EndedGroup]:
        """Return how many failed, by channel, kind, code and what they are worth today."""
        rows = await self.database.fetch(
            f"""select state, channel, inbox_entry.kind, last_error as code,
                    {STANDING} as standing, count(*) as deliveries,
                    min(finished_at) as first_at, max(finished_at) as last_at
                from {_FAILED}
                group by 1, 2, 3, 4, 5 order by deliveries desc, 2, 3, 4, 5""",  # noqa: S608
            *chosen.arguments,
        )
        return [EndedGroup(**row) for row in rows]

    async def expired(self, within: timedelta) -> list[EndedGroup]:
        """Return how many have expired lately: nobody can tell them any more."""
        rows = await self.database.fetch(
            """select state, channel, inbox_entry.kind, last_error as code,
                   'expired' as standing, count(*) as deliveries,
                   min(finished_at) as first_at, max(finished_at) as last_at
               from delivery join inbox_entry using (account_id, inbox_entry_id)
               where state = 'expired' and finished_at > now() - $1::interval
               group by 1, 2, 3, 4 order by deliveries desc, 2, 3, 4""",
            within,
        )
        return [EndedGroup(**row) for row in rows]

    async def newest(self, chosen: ChosenDeliveries, most: int) -> list[FailedDelivery]:
        """Return single ones, the last that failed first."""
        rows = await self.database.fetch(
            f"""select delivery_id, channel, inbox_entry.kind, last_error as code,
                    {STANDING} as standing, attempts, delivery.created_at,
                    delivery.expires_at, finished_at, carried_by
                from {_FAILED}
                order by finished_at desc, delivery_id limit $6""",  # noqa: S608 - constants
            *chosen.arguments,
            most,
        )
        return [FailedDelivery(**row) for row in rows]

    async def replay(self, chosen: ChosenDeliveries) -> int:
        """Send again what is still worth telling; return how many deliveries that is.

        Each has all its attempts and until it expires, as it had before. What went out as one
        push does so again.
        """
        done = 0
        while True:
            async with self.database.transaction() as connection:
                rows = await connection.fetch(
                    f"""select delivery_id, coalesce(carried_by, delivery_id) as leader,
                            channel
                        from {_FAILED} and {STANDING} = 'worth_telling'
                        order by finished_at, delivery_id limit $6
                        for update of delivery skip locked""",  # noqa: S608 - constants
                    *chosen.arguments,
                    BATCH,
                )
                await _send_again(connection, rows)
            done += len(rows)
            if not rows:
                return done

    async def discard(self, chosen: ChosenDeliveries) -> int:
        """Give them up for good: they count as expired. The inbox keeps its messages."""
        done: str = await self.database.pool.execute(
            f"""update delivery set state = 'expired' where state = 'failed' and delivery_id in (
                    select delivery_id from {_FAILED})""",  # noqa: S608 - constants
            *chosen.arguments,
        )
        return int(done.rpartition(" ")[2])


async def _send_again(connection: asyncpg.Connection, rows: Sequence[asyncpg.Record]) -> None:
    await connection.execute(
        """update delivery set state = 'pending', attempts = 0, finished_at = null, merges = false
           where delivery_id = any($1)""",
        [row["delivery_id"] for row in rows],
    )
    for leader in sorted({row["leader"] for row in rows}):
        await jobs.enqueue(
            connection,
            DELIVER,
            {"delivery_id": str(leader)},
            dedupe_key=f"{DELIVER} {leader}",
        )
