"""Deliveries that failed by our fault: which are worth telling today, and telling them."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from unit.store.samples import HOME, log_in
from unit.store.test_deliveries import MOBILITY, a_message, a_phone

from erasmus_app.ids import AccountId, DeliveryId
from erasmus_app.kit.clock import utc_now
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.deliveries import DeliveryTable
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.failed_deliveries import ChosenDeliveries, FailedDeliveries
from erasmus_app.store.jobs import JobQueue
from erasmus_app.store.telling import tell

ALL = ChosenDeliveries()


@pytest.fixture
def failed(database: Database) -> FailedDeliveries:
    return FailedDeliveries(database)


@pytest.fixture
async def account(database: Database) -> AccountId:
    account = await log_in(AccountTable(database))
    await a_phone(DeviceTable(database), account)
    return account


async def told(database: Database, account: AccountId, event: int, **changed: Any) -> UUID:
    """A message on its way; returns its delivery."""
    async with database.transaction() as connection:
        await tell(connection, a_message(account, event, **changed), utc_now())
        found: UUID = await connection.fetchval(
            """select delivery_id from delivery join inbox_entry using (account_id, inbox_entry_id)
               where event_id = $1""",
            UUID(int=event),
        )
    return found


async def fails(database: Database, code: str = "INVALID_ARGUMENT") -> None:
    """All that is on its way ends by our fault."""
    deliveries, queue = DeliveryTable(database), JobQueue(database)
    for job in await queue.claim(100, timedelta(seconds=30), UUID(int=1)):
        async with database.transaction() as connection:
            await deliveries.end(connection, job.payload["delivery_id"], "failed", code=code)
        await queue.finish(job)


async def standing(failed: FailedDeliveries) -> dict[UUID, str]:
    return {each.delivery_id: each.standing for each in await failed.newest(ALL, 50)}


async def on_their_way(database: Database) -> list[UUID]:
    queue, deliveries = JobQueue(database), DeliveryTable(database)
    found = []
    for job in await queue.claim(100, timedelta(seconds=30), UUID(int=2)):
        pending = await deliveries.pending(DeliveryId(UUID(job.payload["delivery_id"])))
        assert pending is not None
        assert pending.attempts == 0
        found.append(UUID(str(pending.delivery_id)))
    return found


async def test_only_what_is_still_worth_telling_is_sent_again(
    database: Database, failed: FailedDeliveries, account: AccountId
):
    good = await told(database, account, 1)
    late = await told(database, account, 2)
    seen = await told(database, account, 3)
    came = await told(database, account, 4)
    stale = await told(database, account, 5)
    lost = await told(database, account, 6)
    await fails(database)
    await database.execute("update delivery set expires_at = now() where delivery_id = $1", late)
    await database.execute(
        "update inbox_entry set read_at = now() where event_id = $1", UUID(int=3)
    )
    await database.execute("update delivery set received_at = now() where delivery_id = $1", came)
    await overtaken(database, stale)
    await database.execute(
        "update delivery set device_id = gen_random_uuid() where delivery_id = $1", lost
    )

    assert await standing(failed) == {
        good: "worth_telling",
        late: "expired",
        seen: "seen",
        came: "seen",
        stale: "superseded",
        lost: "device_gone",
    }
    assert await failed.replay(ALL) == 1
    assert await on_their_way(database) == [good]
    assert good not in await standing(failed)
    assert await failed.replay(ALL) == 0

    assert await failed.discard(ALL) == 5
    assert await standing(failed) == {}
    [group] = await failed.expired(timedelta(days=1))
    assert (group.deliveries, group.channel, group.code) == (5, "fcm", "INVALID_ARGUMENT")


async def overtaken(database: Database, delivery: UUID) -> None:
    """Let something happen after which a delivery would be wrong."""
    person: UUID = await database.fetchval(
        """insert into person (tenant, person_id) values ('ribeira.example', gen_random_uuid())
           returning person_id"""
    )
    await database.execute(
        """insert into mobility (tenant, person_id, mobility_id, sending_hei_id, omobility_id,
               receiving_hei_id, record, sealed)
           values ($1, $2, $3, $1, 'om-1', 'lindental.example', '{}', '')""",
        HOME,
        person,
        MOBILITY,
    )
    await database.execute(
        """insert into event (tenant, person_id, event_id, mobility_id, step, kind, detail,
               happened_at)
           values ($1, $2, gen_random_uuid(), $3, '', 'withdrawn', '',
               now() + interval '1 hour')""",
        HOME,
        person,
        MOBILITY,
    )
    await database.execute(
        "update delivery set obsolete_by = '{withdrawn}' where delivery_id = $1", delivery
    )


async def test_what_failed_is_counted_by_channel_kind_code_and_standing(
    database: Database, failed: FailedDeliveries, account: AccountId
):
    await told(database, account, 1)
    await told(database, account, 2, kind="accepted")
    await fails(database, "HTTP_400")
    await told(database, account, 3)
    await fails(database, "TOO_LARGE")

    def counted(groups: Any) -> list[tuple[Any, ...]]:
        return [(e.deliveries, e.channel, e.kind, e.code, e.standing) for e in groups]

    assert counted(await failed.groups(ALL)) == [
        (1, "fcm", "accepted", "HTTP_400", "worth_telling"),
        (1, "fcm", "nominated", "HTTP_400", "worth_telling"),
        (1, "fcm", "nominated", "TOO_LARGE", "worth_telling"),
    ]
    assert len(await failed.groups(ChosenDeliveries(code="HTTP_400", kind="accepted"))) == 1
    assert await failed.groups(ChosenDeliveries(channel="web_push")) == []
    assert await failed.groups(ChosenDeliveries(older_than=timedelta(hours=1))) == []
    assert await failed.replay(ChosenDeliveries(code="HTTP_400")) == 2
    assert len(await failed.groups(ALL)) == 1


async def test_pushes_that_went_together_go_together_again(
    database: Database, failed: FailedDeliveries, account: AccountId
):
    wait = timedelta(minutes=3)
    first = await told(database, account, 1, wait=wait)
    second = await told(database, account, 2, wait=wait)
    await database.execute("update job set due = now()")
    await fails(database)

    assert await failed.replay(ChosenDeliveries(delivery_id=second)) == 1
    [sent] = await database.fetch("select payload from job")
    assert sent["payload"] == {"delivery_id": str(first)}
    assert await failed.replay(ChosenDeliveries(delivery_id=first)) == 1
    assert await database.fetchval("select count(*) from job") == 1
    pending = await DeliveryTable(database).pending(DeliveryId(first))
    assert pending is not None
    assert pending.with_it == ("nominated",)


async def test_two_operators_at_once_send_each_delivery_once(
    database: Database, failed: FailedDeliveries, account: AccountId
):
    for event in range(1, 31):
        await told(database, account, event)
    await fails(database)

    counts = await asyncio.gather(*(failed.replay(ALL) for _ in range(4)))
    assert sum(counts) == 30
    assert len(set(await on_their_way(database))) == 30
