"""Inbox entries and their way to each device: rows written with the change that caused them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from erasmus_app.ids import AccountId, DeviceId, HeiId, MobilityId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.mobilities.events import MobilityEvent
from erasmus_app.mobilities.ports import RecordChange, StoredMobility
from erasmus_app.notifications.catalogue import Catalogue
from erasmus_app.notifications.models import Medium, Message, Urgency
from erasmus_app.notifications.policy import delivery_id, is_told, plan, standing
from erasmus_app.notifications.preferences import How, Passage, passage, spread_of
from erasmus_app.notifications.wishes import Chosen
from erasmus_app.store import jobs
from erasmus_app.store.deliveries import DELIVER
from erasmus_app.store.devices import ALIVE
from erasmus_app.store.mails import plan_mails
from erasmus_app.store.preferences import chosen
from erasmus_app.store.sealed import vault_of
from erasmus_app.store.syncs import plan_sync
from erasmus_app.store.webhooks import tell_endpoints
from erasmus_app.students.models import TargetKind
from erasmus_app.telemetry.metrics import DELIVERIES, DUPLICATES_SUPPRESSED
from erasmus_app.telemetry.traces import carried


async def tell(
    connection: asyncpg.Connection,
    message: Message,
    now: datetime,
    about: Sequence[MobilityId] = (),
) -> bool:
    """Put a message into the inbox, and on its way to living devices, in the caller's transaction.

    When it goes out, if at all, is as the student wants it. One that may wait joins another that
    does, of the same mobility, which is one of `about` where several universities see it. Returns
    False where the account was told already (by another tenant's view of the same event).
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
    if new is None:
        DUPLICATES_SUPPRESSED.inc()
    if new is None or not message.push:
        return new is not None
    wanted = await chosen(connection, message.account_id)  # after the entry, see there
    devices = await connection.fetch(
        f"select device_id, target_kind from device where account_id = $1 and {ALIVE}",  # noqa: S608
        message.account_id,
    )
    for row in devices:
        channel = TargetKind(row["target_kind"]).channel
        await _deliver(connection, message, row["device_id"], channel, wanted, now, about)
    return True


async def _deliver(
    connection: asyncpg.Connection,
    message: Message,
    device: UUID,
    channel: str,
    wanted: Chosen,
    now: datetime,
    about: Sequence[MobilityId],
) -> None:
    """Write a message's way to one device, and when it goes out, as the student wants it."""
    delivery = delivery_id(message.entry_id, DeviceId(device), channel)
    found, carrier = _passage(message, wanted, now), None
    if found.at is None and found.how is not How.NEVER and message.wait:
        carrier = await _waiting(connection, message, device, channel, about)
        if carrier is None:
            found = _passage(message, wanted, now + message.wait)
    gathers = found.at is not None and message.of.urgency is not Urgency.HIGH
    if found.at is not None and gathers:
        carrier = await _held(connection, message, device, channel, found.at)
    await connection.execute(
        """insert into delivery (delivery_id, account_id, inbox_entry_id, device_id, channel,
               expires_at, carried_by, merges, obsolete_by, held_until, gathers, last_day,
               trace, state, finished_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $14,
               case when $13 then 'pending' else 'unwanted' end,
               case when $13 then null else now() end) on conflict do nothing""",
        delivery,
        message.account_id,
        message.entry_id,
        device,
        channel,
        found.expires(now, message.ttl),
        carrier,
        bool(message.wait),
        message.obsolete_by,
        found.at,
        gathers,
        message.last_day,
        found.how is not How.NEVER,
        carried(),
    )
    if carrier is None and found.how is not How.NEVER:
        await jobs.enqueue(
            connection,
            DELIVER,
            {"delivery_id": str(delivery)},
            dedupe_key=f"{DELIVER} {delivery}",
            due=found.at or (now + message.wait if message.wait else None),
        )


def _passage(message: Message, wanted: Chosen, now: datetime) -> Passage:
    return passage(
        wanted.preferences,
        message.of,
        Medium.PUSH,
        now,
        wanted.zone,
        last_day=message.last_day,
        spread=spread_of(message.account_id),
    )


async def _held(
    connection: asyncpg.Connection,
    message: Message,
    device: UUID,
    channel: str,
    until: datetime,
) -> UUID | None:
    """Return a delivery to the device that is held until the same moment, as `_waiting` does."""
    found: UUID | None = await connection.fetchval(
        """select delivery_id from delivery
           join job on dedupe_key = $4 || delivery_id::text and dead_at is null
           where account_id = $1 and device_id = $2 and channel = $3 and held_until = $5
               and gathers and carried_by is null and state = 'pending'
               and leased_by is null and due > now()
           order by delivery.created_at, delivery_id limit 1 for update of job skip locked""",
        message.account_id,
        device,
        channel,
        f"{DELIVER} ",
        until,
    )
    return found


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
               and held_until is null
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
    dropped = await connection.fetch(
        """update delivery set state = 'superseded', finished_at = now() from inbox_entry
           where delivery.account_id = $1 and state = 'pending' and obsolete_by && $3::text[]
               and inbox_entry.account_id = $1
               and inbox_entry.inbox_entry_id = delivery.inbox_entry_id
               and mobility_id = any($2::uuid[]) and event_id <> all($4::uuid[]) returning 1""",
        account,
        list(about),
        [each.kind for each in happened],
        [each.event_id for each in happened],
    )
    DELIVERIES["superseded"].inc(len(dropped))


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
    heis: Mapping[HeiId, CoveredHei] = field(default_factory=dict)  # whose own apps hear as well

    async def __call__(
        self,
        change: RecordChange,
        happened: Sequence[MobilityEvent],
        stored: StoredMobility,
        now: datetime,
    ) -> None:
        """Tell each of them of each event that is for them; drop pushes that these overtake.

        Where nothing is for them, their phones are told to fetch the record, silently.
        """
        told = [each for each in happened if is_told(each, stored.mobility, self.messages)]
        if not told:
            for reader in await change.readers():
                await plan_sync(change, reader.account_id, now)
            return
        hei = self.heis.get(stored.mobility.tenant)
        for endpoint in hei.webhook if hei else ():
            kinds = self.messages.kinds
            wanted = [e for e in told if endpoint.wants(e.kind, kinds[e.kind].category)]
            await tell_endpoints(change.connection, [endpoint], wanted, stored, now)
        pushed, connection = standing(happened, self.messages), change.connection
        for reader in await change.readers():
            about, new, mailed = await _seen_as(connection, reader.account_id, stored), [], []
            for event in told:
                message = plan(event, reader, stored, self.messages, self.merge_for)
                if event.event_id not in pushed:
                    message = msgspec.structs.replace(message, push=False)
                if await tell(connection, message, now, about):
                    new.append(event)
                    if message.push:
                        mailed.append(message.entry_id)
            await drop_obsolete(connection, reader.account_id, about, new)
            await plan_mails(connection, reader.account_id, mailed, now, self.merge_for)
