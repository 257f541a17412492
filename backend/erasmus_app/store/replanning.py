"""Preferences that change, and when what waits goes out, planned anew.

What is held until the same moment goes out as one push of a device, see `carried_by`; but what is
urgent speaks for itself.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec

from erasmus_app.ids import AccountId, DeliveryId
from erasmus_app.notifications.models import DEFAULTS, Kind, Medium, Urgency
from erasmus_app.notifications.preferences import (
    KEEP_TRYING,
    How,
    Passage,
    passage,
    spread_of,
)
from erasmus_app.notifications.wishes import Chosen, Wish
from erasmus_app.store import jobs
from erasmus_app.store.database import Database
from erasmus_app.store.deliveries import DELIVER
from erasmus_app.store.preferences import PLACE, chosen, hold_account


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A delivery that waits, with the job that will send it."""

    delivery_id: UUID
    carrier: UUID  # whose job it is: its own id where nothing carries it
    way: tuple[UUID, str]  # a device, and the channel that reaches it
    kind: Kind
    last_day: date | None
    held_until: datetime | None
    due: datetime | None  # None: its job was just ended

    @property
    def gathers(self) -> bool:
        return self.kind.urgency is not Urgency.HIGH

    def passage(self, account: AccountId, chosen: Chosen, now: datetime) -> Passage:
        """Return when it may go; what waits to be tried again, or for others, not before that."""
        at = now if self.held_until is not None or self.due is None else max(now, self.due)
        return passage(
            chosen.preferences,
            self.kind,
            Medium.PUSH,
            at,
            chosen.zone,
            last_day=self.last_day,
            spread=spread_of(account),
            for_digest=self.held_until is None or self.held_until > now,
        )


async def replan(
    connection: asyncpg.Connection,
    account: AccountId,
    chosen: Chosen,
    kinds: Mapping[str, Kind],
    now: datetime,
    *,
    freed: DeliveryId | None = None,
) -> None:
    """Plan what waits anew, in a transaction that holds the account, see `hold_account`.

    What is being sent is looked at once more when that has ended. `freed` is a delivery whose job
    the caller has ended.
    """
    waiting = await _waiting(connection, account, kinds, freed)
    held: dict[tuple[datetime, tuple[UUID, str], UUID | None], list[_Waiting]] = {}
    staying, unwanted = [], []
    for each in waiting:
        found = each.passage(account, chosen, now)
        if found.how is How.NEVER:
            unwanted.append(each)
        elif found.at is None and each.held_until is None and each.due is not None:
            staying.append(each)
        else:
            at = found.at or now
            alone = None if each.gathers else each.delivery_id
            held.setdefault((at, each.way, alone), []).append(each)
    for (at, _, _), together in held.items():
        await _hold(connection, together, at)
    moved = {each.delivery_id for group in held.values() for each in group}
    for each in staying:
        if each.carrier in moved:  # what it was to go with is held
            assert each.due is not None
            await _set_out(connection, each.delivery_id, each.due)
    await _drop(connection, unwanted, {each.carrier for each in staying})


async def _waiting(
    connection: asyncpg.Connection,
    account: AccountId,
    kinds: Mapping[str, Kind],
    freed: DeliveryId | None,
) -> list[_Waiting]:
    rows = await connection.fetch(
        """select delivery_id, coalesce(carried_by, delivery_id) as carrier, device_id, channel,
               kind, last_day, held_until
           from delivery join inbox_entry using (account_id, inbox_entry_id)
           where account_id = $1 and state = 'pending'
           order by inbox_entry.created_at, delivery_id""",
        account,
    )
    carriers = {row["carrier"]: f"{DELIVER} {row['carrier']}" for row in rows}
    ours = await connection.fetch(
        """select dedupe_key, due from job
           where dedupe_key = any($1) and dead_at is null and leased_by is null
           for update skip locked""",
        list(carriers.values()),
    )
    due: dict[str, datetime | None] = {row["dedupe_key"]: row["due"] for row in ours}
    if freed is not None:
        due.setdefault(f"{DELIVER} {freed}", None)
    running = await connection.fetch(
        "select dedupe_key, payload ->> 'delivery_id' as id from job where dedupe_key = any($1)"
        " and dead_at is null",
        [each for each in carriers.values() if each not in due],
    )
    for row in running:
        await jobs.enqueue(
            connection, DELIVER, {"delivery_id": row["id"]}, dedupe_key=row["dedupe_key"]
        )
    return [
        _Waiting(
            delivery_id=row["delivery_id"],
            carrier=row["carrier"],
            way=(row["device_id"], row["channel"]),
            kind=kinds[row["kind"]],
            last_day=row["last_day"],
            held_until=row["held_until"],
            due=due[carriers[row["carrier"]]],
        )
        for row in rows
        if carriers[row["carrier"]] in due
    ]


async def _hold(
    connection: asyncpg.Connection, together: Sequence[_Waiting], until: datetime
) -> None:
    """Let deliveries of one device go out at a moment, by the job of the first."""
    ids = [each.delivery_id for each in together]
    await connection.execute(
        """update delivery set held_until = $2, gathers = $3,
               expires_at = greatest(expires_at, $2::timestamptz + $4::interval),
               carried_by = nullif($5::uuid, delivery_id)
           where delivery_id = any($1)""",
        ids,
        until,
        together[0].gathers,
        KEEP_TRYING,
        ids[0],
    )
    await _forget_jobs(connection, ids)
    await _enqueue(connection, ids[0], until)


async def _set_out(connection: asyncpg.Connection, delivery: UUID, due: datetime) -> None:
    """Let a delivery go out by itself."""
    await connection.execute(
        "update delivery set carried_by = null where delivery_id = $1", delivery
    )
    await _enqueue(connection, delivery, due)


async def _drop(
    connection: asyncpg.Connection, unwanted: Sequence[_Waiting], carrying: Collection[UUID]
) -> None:
    """Drop deliveries; the inbox keeps their messages."""
    ids = [each.delivery_id for each in unwanted]
    await connection.execute(
        "update delivery set state = 'unwanted', finished_at = now() where delivery_id = any($1)",
        ids,
    )
    await _forget_jobs(connection, [each for each in ids if each not in carrying])


async def _forget_jobs(connection: asyncpg.Connection, deliveries: Sequence[UUID]) -> None:
    await connection.execute(
        "delete from job where dedupe_key = any($1) and leased_by is null and dead_at is null",
        [f"{DELIVER} {each}" for each in deliveries],
    )


async def _enqueue(connection: asyncpg.Connection, delivery: UUID, due: datetime) -> None:
    await jobs.enqueue(
        connection,
        DELIVER,
        {"delivery_id": str(delivery)},
        dedupe_key=f"{DELIVER} {delivery}",
        due=due,
    )


@dataclass(frozen=True, slots=True)
class PreferenceTable:
    """The preferences of all accounts, see `notifications.ports.PreferenceStore`."""

    database: Database
    kinds: Mapping[str, Kind]

    async def chosen(self, account: AccountId) -> Chosen:
        """Return what an account has chosen."""
        async with self.database.pool.acquire() as connection:
            return await chosen(connection, account)

    async def change(self, account: AccountId, wish: Wish, now: datetime) -> Chosen:
        """Change what is chosen, and plan what waits anew, in one transaction."""
        async with self.database.transaction() as connection:
            if not await hold_account(connection, account):
                return Chosen(preferences=DEFAULTS, zone="UTC")
            before = await chosen(connection, account)
            after = wish.applied_to(before, now)
            if after == before:
                return after
            await self._write(connection, account, before, after)
            await replan(connection, account, after, self.kinds, now)
        return after

    async def _write(
        self, connection: asyncpg.Connection, account: AccountId, before: Chosen, after: Chosen
    ) -> None:
        if after.zone != before.zone:
            await connection.execute(
                "update account set zone = $2 where account_id = $1", account, after.zone
            )
        if after.preferences == DEFAULTS:
            await connection.execute("delete from preference where account_id = $1", account)
            return
        await connection.execute(
            """insert into preference (account_id, content) values ($1, $2)
               on conflict (account_id) do update
                   set content = excluded.content, changed_at = now()""",
            account,
            self.database.vault.seal(msgspec.json.encode(after.preferences), PLACE, account),
        )
