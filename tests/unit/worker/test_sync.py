"""What changes without being worth a message: phones fetch it, and show nothing."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from databases import VAULT
from unit.push.test_fcm import sending
from unit.store.samples import HOME, OM, a_nomination, an_answer, log_in, take_in

from erasmus_app.ids import AccountId, EventId
from erasmus_app.kit.clock import utc_now
from erasmus_app.mobilities.events import MobilityEvent, Row
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.push.fcm import Fcm
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.jobs import JobQueue
from erasmus_app.store.records import RecordTable
from erasmus_app.store.syncs import SYNC, SyncTable
from erasmus_app.store.telling import Teller
from erasmus_app.students.models import Platform, TargetKind
from erasmus_app.worker.sync import Syncer
from sandbox.authority import Authority
from sandbox.push import PushService, running_push

MESSAGES = load_catalogue(catalogue_folder())


@dataclass
class Parts:
    """What it takes of the services."""

    channels: dict[str, Any]
    clock: Any = field(default=utc_now)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, VAULT) as database:
        await take_in(RecordTable(database), an_answer(a_nomination()))
        yield database


@pytest.fixture
async def account(database: Database) -> AccountId:
    return await log_in(AccountTable(database))


@pytest.fixture
async def service(authority: Authority, tmp_path: Path) -> AsyncIterator[PushService]:
    async with running_push(tmp_path, authority) as service:
        yield service


async def a_device(
    database: Database, account: AccountId, target: str, platform: Platform, kind: TargetKind
) -> None:
    await DeviceTable(database).register(account, platform, kind, target, "pt")


async def changed(database: Database, *rows: Row) -> None:
    """Let the record change, and with it what students are told of."""
    events = [MobilityEvent(event_id=EventId(uuid4()), step=row) for row in rows]
    async with RecordTable(database).change(HOME, HOME, OM) as change:
        assert change.before is not None
        await Teller(MESSAGES, timedelta(0))(change, events, change.before, datetime.now(UTC))


async def planned(database: Database) -> Sequence[str]:
    rows = await database.fetch("select dedupe_key from job where kind = $1", SYNC)
    return [row["dedupe_key"] for row in rows]


async def synced(database: Database, service: PushService, authority: Authority) -> None:
    """Run what is planned, as if its time had come."""
    await database.execute("update job set due = now() - interval '1 s'")
    queue = JobQueue(database)
    async with sending(service, authority, clock=utc_now) as sender:
        syncer = Syncer(Parts({"fcm": Fcm(sender)}), SyncTable(database))  # type: ignore[arg-type]
        for job in await queue.claim(9, timedelta(minutes=1), UUID(int=1), [SYNC]):
            await syncer(job)
            await queue.finish(job)


async def test_an_android_and_an_iphone_are_told_to_fetch_and_show_nothing(
    database: Database, account: AccountId, service: PushService, authority: Authority
):
    android, iphone = service.register(), service.register()
    await a_device(database, account, android, Platform.ANDROID, TargetKind.FID)
    await a_device(database, account, iphone, Platform.IOS, TargetKind.FID)
    await changed(database)
    await changed(database)
    assert await planned(database) == [f"sync {account}"]

    await synced(database, service, authority)

    assert service.received == {android: [], iphone: []}
    for fid in (android, iphone):
        [message] = service.synced[fid]
        expiration = message["apns"]["headers"].pop("apns-expiration")
        assert abs(int(expiration) - datetime.now(UTC).timestamp() - 12 * 3600) < 600
        assert message["android"].pop("ttl").startswith(("43200", "43199"))
        assert message == {
            "fid": fid,
            "data": {"sync": "record"},
            "android": {"collapse_key": "sync", "priority": "normal"},
            "apns": {
                "headers": {
                    "apns-collapse-id": "sync",
                    "apns-priority": "5",
                    "apns-push-type": "background",
                },
                "payload": {"aps": {"content-available": 1}},
            },
        }
    assert await planned(database) == []


async def test_what_is_told_by_a_message_needs_no_sync(database: Database, account: AccountId):
    await a_device(database, account, "fid-1", Platform.ANDROID, TargetKind.FID)
    await changed(database, Row.B1)
    assert await planned(database) == []


async def test_without_a_phone_nothing_is_planned(database: Database, account: AccountId):
    await a_device(database, account, "fid-web", Platform.WEB, TargetKind.FID)
    await changed(database)
    assert await planned(database) == []


async def test_a_phone_that_is_gone_is_forgotten_and_a_tired_service_is_left_alone(
    database: Database, account: AccountId, service: PushService, authority: Authority
):
    there = service.register()
    await a_device(database, account, "gone", Platform.ANDROID, TargetKind.FID)
    await a_device(database, account, there, Platform.ANDROID, TargetKind.FID)
    await changed(database)
    service.fail_next("UNAVAILABLE", fid=there)

    await synced(database, service, authority)

    left = await DeviceTable(database).devices(account)
    assert len(left) == 1
    assert service.synced == {}
    assert await planned(database) == []
