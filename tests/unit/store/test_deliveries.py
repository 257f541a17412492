"""Devices, the inbox, and each message's way to each device, on a real server."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from databases import VAULT, until, waits_for_a_lock
from metering import number, shown
from unit.store.samples import AWAKE, HOME, NOW, log_in

from erasmus_app.ids import AccountId, DeviceId, EventId, InboxEntryId, MobilityId
from erasmus_app.notifications.models import InboxEntry, Message, PendingDelivery
from erasmus_app.notifications.policy import delivery_id, entry_id
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.deliveries import DeliveryTable
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.inbox import InboxTable
from erasmus_app.store.telling import tell
from erasmus_app.students.models import MOST_DEVICES, Device, Platform, TargetKind

MOBILITY = MobilityId(uuid4())


@pytest.fixture
def devices(database: Database) -> DeviceTable:
    return DeviceTable(database)


@pytest.fixture
def deliveries(database: Database) -> DeliveryTable:
    return DeliveryTable(database)


@pytest.fixture
def inbox(database: Database) -> InboxTable:
    return InboxTable(database)


@pytest.fixture
async def account(database: Database) -> AccountId:
    return await log_in(AccountTable(database))


@pytest.fixture
async def other(database: Database) -> AccountId:
    return await log_in(AccountTable(database), "other", ())


async def a_phone(
    devices: DeviceTable, account: AccountId, target: str = "phone-1", language: str | None = None
) -> Device:
    return await devices.register(account, Platform.ANDROID, TargetKind.FID, target, language)


def a_message(account: AccountId, event: int = 1, **changed: Any) -> Message:
    event_id = EventId(UUID(int=event))
    return Message(
        **{
            "entry_id": entry_id(account, event_id),
            "account_id": account,
            "tenant": HOME,
            "mobility_id": MOBILITY,
            "event_id": event_id,
            "kind": "nominated",
            "arguments": {"receiving_hei": "lindental.example"},
            "push": True,
            "ttl": timedelta(hours=72),
        }
        | changed
    )


async def told(database: Database, *messages: Message) -> list[bool]:
    async with database.transaction() as connection:
        return [await tell(connection, each, NOW) for each in messages]


async def rows(database: Database, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await database.fetch(sql)]


async def test_a_device_that_registers_again_is_the_same_one(
    devices: DeviceTable, account: AccountId
):
    first = await a_phone(devices, account)
    again = await devices.register(account, Platform.IOS, TargetKind.FID, "phone-1", "pt")

    assert (again.device_id, again.platform, again.language) == (
        first.device_id,
        Platform.IOS,
        "pt",
    )
    assert again.registered_at > first.registered_at
    assert await devices.devices(account) == [again]


async def test_a_device_moves_to_whoever_signs_in_on_it(
    devices: DeviceTable, account: AccountId, other: AccountId
):
    before = await a_phone(devices, account)
    after = await a_phone(devices, other)

    assert (await devices.devices(account), await devices.devices(other)) == ([], [after])
    assert after.device_id != before.device_id


async def test_two_accounts_on_one_phone_at_once_leave_it_with_one_of_them(
    database: Database, devices: DeviceTable, account: AccountId, other: AccountId
):
    async with database.transaction() as connection:  # the first one is at it
        await connection.execute(
            """insert into device (account_id, platform, target_kind, target, target_key)
               values ($1, 'android', 'fid', '', $2)""",
            account,
            VAULT.hashed("target", "phone-1"),
        )
        second = asyncio.create_task(a_phone(devices, other))
        await until(lambda: waits_for_a_lock(database))
    registered = await second

    assert (await devices.devices(account), await devices.devices(other)) == ([], [registered])


async def test_the_device_not_seen_for_longest_makes_room(
    devices: DeviceTable, account: AccountId, other: AccountId
):
    theirs = await a_phone(devices, other, "theirs")
    phones = [await a_phone(devices, account, f"phone-{n}") for n in range(MOST_DEVICES + 2)]

    assert await devices.devices(account) == phones[:1:-1]
    assert await devices.devices(other) == [theirs]


async def test_a_device_is_removed_by_its_account_alone(
    devices: DeviceTable, account: AccountId, other: AccountId
):
    phone = await a_phone(devices, account)

    assert [
        await devices.remove(other, phone.device_id),
        await devices.remove(account, DeviceId(uuid4())),
        await devices.remove(account, phone.device_id),
        await devices.remove(account, phone.device_id),
    ] == [False, False, True, False]
    assert await devices.devices(account) == []


async def test_a_message_is_told_once_and_goes_once_to_each_device(
    database: Database, devices: DeviceTable, account: AccountId, other: AccountId
):
    phones = [await a_phone(devices, account, name) for name in ("one", "two")]
    await a_phone(devices, other, "theirs")
    message = a_message(account)
    by_another_tenant, before = a_message(account, tenant="lindental.example"), shown()

    assert await told(database, message, message, by_another_tenant) == [True, False, False]
    suppressed = "erasmus_push_duplicates_suppressed_total"
    assert number(shown(), suppressed) - number(before, suppressed) == 2
    assert await told(database, message) == [False]
    ids = {delivery_id(message.entry_id, each.device_id, "fcm") for each in phones}
    assert set(await rows(database, "select delivery_id, expires_at from delivery")) == {
        (each, NOW + message.ttl) for each in ids
    }
    assert {
        payload["delivery_id"] for (payload,) in await rows(database, "select payload from job")
    } == {str(each) for each in ids}


async def test_a_message_for_the_inbox_alone_and_an_account_without_devices_push_nothing(
    database: Database, devices: DeviceTable, account: AccountId, other: AccountId
):
    await a_phone(devices, account)

    assert await told(database, a_message(account, push=False), a_message(other)) == [True, True]
    assert await rows(database, "select 1 from inbox_entry") == [(1,), (1,)]
    assert await rows(database, "select 1 from delivery union all select 1 from job") == []


@pytest.fixture
async def pending(
    database: Database, devices: DeviceTable, deliveries: DeliveryTable, account: AccountId
) -> PendingDelivery:
    phone = await a_phone(devices, account)
    message = a_message(account)
    await told(database, message)
    found = await deliveries.pending(delivery_id(message.entry_id, phone.device_id, "fcm"))
    assert found is not None
    return found


async def end(database: Database, deliveries: DeliveryTable, *what: Any, **named: Any) -> None:
    async with database.transaction() as connection:
        await deliveries.end(connection, *what, **named)


async def test_what_is_pending_says_all_that_sending_takes(
    database: Database, devices: DeviceTable, deliveries: DeliveryTable, account: AccountId
):
    message = a_message(account)
    phone = await a_phone(devices, account)
    await told(database, message)
    delivery = delivery_id(message.entry_id, phone.device_id, "fcm")
    await deliveries.attempted(delivery, "UNAVAILABLE")

    found = await deliveries.pending(delivery)
    told_at = await database.fetchval("select created_at from delivery")
    assert found == PendingDelivery(
        delivery_id=delivery,
        account_id=account,
        device_id=phone.device_id,
        platform="android",
        target_kind="fid",
        target="phone-1",
        registered_at=phone.registered_at,
        language="pt",  # the account's, since the phone names none
        entry_id=message.entry_id,
        mobility_id=MOBILITY,
        kind="nominated",
        attempts=1,
        expires_at=NOW + timedelta(hours=72),
        last_days=(None,),
        preferences=AWAKE,
        zone="Europe/Brussels",
        told_at=told_at,
        told=(delivery,),
    )
    await a_phone(devices, account, language="de")
    again = await deliveries.pending(delivery)
    assert again is not None
    assert again.language == "de"


async def test_a_delivery_that_is_asked_for_twice_goes_out_as_one(
    database: Database, devices: DeviceTable, deliveries: DeliveryTable, account: AccountId
):
    phone = await a_phone(devices, account)
    message = a_message(account)
    await told(database, message)
    delivery = delivery_id(message.entry_id, phone.device_id, "fcm")

    # A worker that was slow holds it from the claim that it has lost, and from the next.
    found = await deliveries.pendings([delivery, delivery])

    assert found == {delivery: await deliveries.pending(delivery)}


async def test_a_delivery_ends_once(
    database: Database, deliveries: DeliveryTable, pending: PendingDelivery
):
    await end(database, deliveries, pending.delivery_id, "accepted", provider_id="messages/1")
    await end(database, deliveries, pending.delivery_id, "failed", code="INTERNAL")

    assert await deliveries.pending(pending.delivery_id) is None
    assert await rows(
        database,
        "select state, attempts, last_error, provider_id, finished_at is not null from delivery",
    ) == [("accepted", 1, None, "messages/1", True)]


async def test_a_delivery_to_a_device_that_went_away_or_moved_is_pending_no_more(
    devices: DeviceTable,
    deliveries: DeliveryTable,
    pending: PendingDelivery,
    other: AccountId,
):
    await a_phone(devices, other)  # the same phone, and nobody else's messages on it

    assert await deliveries.pending(pending.delivery_id) is None


@pytest.mark.parametrize("registered_again", [False, True])
async def test_a_dead_device_is_forgotten_unless_it_registered_again(
    database: Database,
    devices: DeviceTable,
    deliveries: DeliveryTable,
    pending: PendingDelivery,
    registered_again: bool,
):
    if registered_again:
        await a_phone(devices, pending.account_id)
    async with database.transaction() as connection:
        await deliveries.forget_device(connection, pending)

    assert len(await devices.devices(pending.account_id)) == int(registered_again)


async def test_the_inbox_is_read_in_pages_though_many_came_at_one_moment(
    database: Database, inbox: InboxTable, account: AccountId, other: AccountId
):
    await told(database, a_message(other))
    await told(database, *(a_message(account, number) for number in range(2, 9)))  # one moment
    await told(database, a_message(account, 1, mobility_id=None, kind="welcome", arguments={}))
    whole = await inbox.entries(account, first=100, after=None)
    pages, after = [], None
    while page := await inbox.entries(account, first=3, after=after):
        pages.append(len(page))
        assert list(page) == list(whole[sum(pages[:-1]) : sum(pages)])
        after = page[-1].entry_id

    assert pages == [3, 3, 2]
    assert len({each.created_at for each in whole}) == 2
    assert whole[0] == InboxEntry(
        account_id=account,
        entry_id=entry_id(account, EventId(UUID(int=1))),
        mobility_id=None,
        kind="welcome",
        arguments={},
        created_at=whole[0].created_at,
        read_at=None,
        place=9,
    )
    assert await inbox.entries(other, first=9, after=whole[0].entry_id) == []
    assert await inbox.entries(account, first=9, after=InboxEntryId(uuid4())) == []


async def test_only_the_owner_marks_as_read_and_the_first_time_counts(
    database: Database, inbox: InboxTable, account: AccountId, other: AccountId
):
    await told(database, *(a_message(account, number) for number in (1, 2)), a_message(other))
    ids = [each.entry_id for each in await inbox.entries(account, first=9, after=None)]
    later = NOW + timedelta(hours=1)

    assert await inbox.mark_read(other, ids, NOW) == 0
    assert await inbox.unread(account) == 2
    assert await inbox.mark_read(account, [ids[0], ids[0], InboxEntryId(uuid4())], NOW) == 1
    assert await inbox.mark_read(account, ids, later) == 1
    read = [each.read_at for each in await inbox.entries(account, first=9, after=None)]
    assert read == [NOW, later]
    assert (await inbox.unread(account), await inbox.unread(other)) == (0, 1)
    assert await inbox.mark_read(account, [], NOW) == 0
