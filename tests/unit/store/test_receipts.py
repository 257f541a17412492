"""Receipts: the first of each counts, of one's own pushes alone."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from databases import VAULT
from unit.store.samples import HOME, NOW, log_in

from erasmus_app.ids import AccountId, DeviceId, EventId, InboxEntryId, MobilityId
from erasmus_app.notifications.models import Message
from erasmus_app.notifications.policy import entry_id
from erasmus_app.notifications.receipts import MOST_AT_ONCE, Receipts
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.receipts import ReceiptTable
from erasmus_app.store.telling import tell
from erasmus_app.students.models import Platform, TargetKind

LATER = NOW + timedelta(hours=1)


@pytest.fixture
async def account(database: Database) -> AccountId:
    return await log_in(AccountTable(database))


@pytest.fixture
async def device(database: Database, account: AccountId) -> DeviceId:
    found = await DeviceTable(database).register(
        account, Platform.WEB, TargetKind.WEB_PUSH, "{}", None, name="https://push.example/1"
    )
    return found.device_id


async def told(database: Database, account: AccountId, count: int) -> list[InboxEntryId]:
    entries = []
    async with database.transaction() as connection:
        for number in range(count):
            event = EventId(UUID(int=number))
            entries.append(entry_id(account, event))
            message = Message(
                entry_id=entries[-1],
                account_id=account,
                tenant=HOME,
                mobility_id=MobilityId(uuid4()),
                event_id=event,
                kind="nominated",
                arguments={},
                push=True,
                ttl=timedelta(hours=72),
            )
            await tell(connection, message, NOW)
    return entries


async def rows(database: Database) -> list[tuple[Any, ...]]:
    found = await database.fetch(
        "select state, received_at, opened_at from delivery order by received_at, opened_at"
    )
    return [tuple(each) for each in found]


async def test_the_first_of_each_counts_and_opened_means_received(
    database: Database, account: AccountId, device: DeviceId
):
    table = ReceiptTable(database)
    one, two, _ = await told(database, account, 3)

    assert await table.note(account, device, [one, two], [], NOW) == 2
    assert await table.note(account, device, [one, two], [two], LATER) == 1
    assert await table.note(account, device, [one, two], [two], LATER) == 0
    assert await rows(database) == [
        ("accepted", NOW, LATER),
        ("accepted", NOW, None),
        ("pending", None, None),
    ]


async def test_a_receipt_ends_what_was_still_open_and_leaves_what_had_ended_as_it_was(
    database: Database, account: AccountId, device: DeviceId
):
    entries = await told(database, account, 2)
    await database.execute(
        """update delivery set state = 'expired', finished_at = $2
           where inbox_entry_id = $1""",
        entries[0],
        NOW,
    )
    await ReceiptTable(database).note(account, device, entries, entries, LATER)
    found = await database.fetch(
        "select state, finished_at = $1 as then, finished_at is not null as ended from delivery "
        "order by state",
        NOW,
    )

    assert [tuple(each) for each in found] == [("accepted", False, True), ("expired", True, True)]


async def test_others_can_say_nothing(database: Database, account: AccountId, device: DeviceId):
    table, entries = ReceiptTable(database), await told(database, account, 1)
    other = await log_in(AccountTable(database), "other", ())

    assert await table.note(other, device, entries, entries, NOW) == 0
    assert await table.note(account, DeviceId(uuid4()), entries, entries, NOW) == 0
    assert await rows(database) == [("pending", None, None)]


async def test_what_is_said_at_once_is_limited_and_opened_counts_as_received(
    database: Database, account: AccountId, device: DeviceId
):
    (entry,) = await told(database, account, 1)
    receipts = Receipts(store=ReceiptTable(database), clock=lambda: NOW)
    many = [InboxEntryId(uuid4()) for _ in range(MOST_AT_ONCE)]

    assert await receipts.take(account, device, received=[*many, entry], opened=[]) == 0
    assert await receipts.take(account, device, received=many, opened=[entry, entry]) == 1
    assert await rows(database) == [("accepted", NOW, NOW)]


async def test_a_subscription_is_one_device_by_its_name_whatever_its_keys_are(
    database: Database, account: AccountId, device: DeviceId
):
    again = await DeviceTable(database).register(
        account, Platform.WEB, TargetKind.WEB_PUSH, "new keys", None, name="https://push.example/1"
    )
    row = await database.fetchrow("select target, target_key from device")
    opened = VAULT.open(row["target"], "device.target", "web_push", row["target_key"])

    assert (again.device_id, opened) == (device, b"new keys")
    assert row["target_key"] == VAULT.hashed("target", "https://push.example/1")
