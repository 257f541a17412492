"""Devices that nobody hears of any more, on a real server: quiet, awake again, forgotten."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from unit.store.samples import log_in
from unit.store.test_deliveries import a_message, a_phone

from erasmus_app.ids import AccountId, DeviceId
from erasmus_app.kit.clock import utc_now
from erasmus_app.notifications.policy import entry_id
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.receipts import ReceiptTable
from erasmus_app.store.telling import tell
from erasmus_app.students.models import MOST_DEVICES, Platform, TargetKind

QUIET, GONE = timedelta(days=60), timedelta(days=270)


@pytest.fixture
def devices(database: Database) -> DeviceTable:
    return DeviceTable(database)


@pytest.fixture
async def account(database: Database) -> AccountId:
    return await log_in(AccountTable(database))


async def unheard_of(database: Database, days: float, target_kind: str = "fid") -> None:
    await database.execute(
        """update device set last_seen_at = now() - $1::interval, registered_at = '2020-01-01'
           where target_kind = $2""",
        timedelta(days=days),
        target_kind,
    )


async def state(database: Database) -> list[tuple[bool, bool]]:
    """Of each device whether it is quiet, and whether it was heard of today."""
    rows = await database.fetch(
        """select quiet_since is not null as quiet, last_seen_at > now() - interval '1 h' as today
           from device order by device_id"""
    )
    return [(row["quiet"], row["today"]) for row in rows]


async def deliveries_of(database: Database, account: AccountId, event: int) -> int:
    async with database.transaction() as connection:
        assert await tell(connection, a_message(account, event), utc_now())
    count: int = await database.fetchval(
        "select count(*) from delivery where inbox_entry_id = $1",
        entry_id(account, a_message(account, event).event_id),
    )
    return count


async def test_a_silent_device_is_told_nothing_and_forgotten_at_last(
    database: Database, devices: DeviceTable, account: AccountId
):
    await a_phone(devices, account)
    await unheard_of(database, 59.9)
    assert await devices.silence(QUIET) == 0
    assert await deliveries_of(database, account, 1) == 1

    await unheard_of(database, 60.1)
    assert await devices.silence(QUIET) == 1
    assert await devices.silence(QUIET) == 0  # it is known already
    assert await deliveries_of(database, account, 2) == 0

    await unheard_of(database, 269.9)
    assert await devices.forget(GONE) == 0
    await unheard_of(database, 270.1)
    assert await devices.forget(GONE) == 1
    assert await devices.devices(account) == []


async def registering(database: Database, account: AccountId, _device: DeviceId) -> None:
    await a_phone(DeviceTable(database), account)


async def refreshing(database: Database, account: AccountId, _device: DeviceId) -> None:
    """The app swaps its refresh token."""
    assert await AccountTable(database).rotate(b"1" * 32, b"2" * 32, utc_now())


async def looking(database: Database, account: AccountId, _device: DeviceId) -> None:
    """A browser asks for something."""
    assert await AccountTable(database).by_secret(b"3" * 32, utc_now())


async def confirming(database: Database, account: AccountId, device: DeviceId) -> None:
    """The app says which pushes came."""
    await ReceiptTable(database).note(account, device, [], [], utc_now())


async def with_session(
    database: Database, devices: DeviceTable, account: AccountId, kind: str, secret: bytes
) -> DeviceId:
    session = await AccountTable(database).open_session(
        account, kind, secret, utc_now() + timedelta(days=30)
    )
    registered = await devices.register(
        account, Platform.ANDROID, TargetKind.FID, "phone-1", None, session
    )
    return registered.device_id


HEARING = {
    "registering": (registering, "app", b"1"),
    "refreshing": (refreshing, "app", b"1"),
    "looking": (looking, "browser", b"3"),
    "confirming": (confirming, "app", b"1"),
}


@pytest.mark.parametrize(("hear", "kind", "secret"), HEARING.values(), ids=HEARING)
async def test_a_quiet_device_wakes_when_it_is_heard_of(
    database: Database,
    devices: DeviceTable,
    account: AccountId,
    hear: Callable[[Database, AccountId, DeviceId], Awaitable[None]],
    kind: str,
    secret: bytes,
):
    device = await with_session(database, devices, account, kind, secret * 32)
    await unheard_of(database, 100)
    assert await devices.silence(QUIET) == 1

    await hear(database, account, device)
    assert await state(database) == [(False, True)]
    assert await deliveries_of(database, account, 1) == 1


@pytest.mark.parametrize(("hear", "kind", "secret"), [HEARING["looking"], HEARING["confirming"]])
async def test_it_is_written_down_once_a_day(
    database: Database,
    devices: DeviceTable,
    account: AccountId,
    hear: Callable[[Database, AccountId, DeviceId], Awaitable[None]],
    kind: str,
    secret: bytes,
):
    device = await with_session(database, devices, account, kind, secret * 32)

    async def written() -> Any:
        return await database.fetchval("select ctid::text || xmin::text from device")

    first = await written()
    await hear(database, account, device)
    assert await written() == first
    await unheard_of(database, 1.1)
    first = await written()
    await hear(database, account, device)
    assert await written() != first


async def test_one_that_registers_while_it_is_swept_stays(
    database: Database, devices: DeviceTable, account: AccountId
):
    for number in range(10):
        await a_phone(devices, account, f"phone-{number}")
    for _ in range(10):
        await unheard_of(database, 300)
        await database.execute("update device set quiet_since = null")
        swept = asyncio.gather(
            *(devices.forget(GONE) for _ in range(2)), *(devices.silence(QUIET) for _ in range(2))
        )
        await asyncio.gather(*(a_phone(devices, account, f"phone-{n}") for n in range(10)))
        await swept
        await devices.silence(QUIET)
        assert await state(database) == [(False, True)] * 10


async def test_ten_thousand_registrations_leave_the_last_twenty_and_take_no_longer(
    database: Database, devices: DeviceTable, account: AccountId
):
    took = []
    for thousand in range(10):
        began = monotonic()

        async def some(first: int) -> None:
            for number in range(first, first + 100):
                await a_phone(devices, account, f"phone-{number}")

        await asyncio.gather(*(some(thousand * 1000 + each * 100) for each in range(10)))
        took.append(monotonic() - began)
        assert await database.fetchval("select count(*) from device") == MOST_DEVICES
    kept = await devices.devices(account)
    assert len({each.device_id for each in kept}) == MOST_DEVICES
    assert min(took[5:]) < 3 * min(took[:5])


async def test_the_device_that_registers_last_is_never_the_one_that_makes_room(
    database: Database, devices: DeviceTable, account: AccountId
):
    async def one(number: int) -> DeviceId:
        return (await a_phone(devices, account, f"phone-{number}")).device_id

    for number in range(MOST_DEVICES):
        await one(number)
    new = await asyncio.gather(*(one(100 + each) for each in range(MOST_DEVICES)))
    assert {each.device_id for each in await devices.devices(account)} == set(new)
