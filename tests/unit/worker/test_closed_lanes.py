"""A push service that wants to hear nothing hears nothing of any worker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from unit.store.samples import HOME, log_in

from erasmus_app.ids import EventId, InboxEntryId, MobilityId
from erasmus_app.kit.clock import utc_now
from erasmus_app.notifications.catalogue import Catalogue, catalogue_folder, load_catalogue
from erasmus_app.notifications.models import Message
from erasmus_app.notifications.ports import Outcome, Push, PushResult
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.deliveries import DeliveryTable
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.jobs import JobQueue
from erasmus_app.store.outbox import Outbox
from erasmus_app.store.telling import tell
from erasmus_app.students.models import Platform, TargetKind
from erasmus_app.worker.deliver import Deliverer
from erasmus_app.worker.sending import Sending

MESSAGES = load_catalogue(catalogue_folder())
TOO_MANY = PushResult(outcome=Outcome.LANE_DOWN, code="QUOTA_EXCEEDED", retry_after=40)


@dataclass
class Fcm:
    """A worker's way to a service that has too much, and what that worker knows of it."""

    at_most: int = 100
    ready: bool = True
    public_key: str | None = None
    sent: int = 0
    closed_for: list[float] = field(default_factory=list)
    messages: Catalogue = MESSAGES
    clock: Any = utc_now

    @property
    def channels(self) -> dict[str, "Fcm"]:
        return {"fcm": self}

    def target(self, kind: TargetKind, given: str) -> Any:
        raise NotImplementedError

    async def send(self, push: Push) -> PushResult:
        raise NotImplementedError

    def room(self) -> int:
        return self.at_most

    def closed(self) -> float | None:
        return self.closed_for[-1] if self.closed_for else None

    def close(self, seconds: float) -> None:
        self.closed_for.append(seconds)

    def start(self, push: Push, done: Callable[[PushResult], None]) -> None:
        self.sent += 1
        self.close(40)
        done(TOO_MANY)


@asynccontextmanager
async def a_worker(database: Database, fcm: Fcm) -> AsyncIterator[None]:
    deliverer = Deliverer(fcm, database, DeliveryTable(database))  # type: ignore[arg-type]
    stop = asyncio.Event()
    task = asyncio.create_task(
        Sending(deliverer=deliverer, queue=JobQueue(database), outbox=Outbox(database)).run(
            stop, drain=1
        )
    )
    yield
    stop.set()
    await task


async def until_heard(fcm: Fcm) -> None:
    async with asyncio.timeout(20):
        while not fcm.closed_for:  # noqa: ASYNC110 - it is no event of ours
            await asyncio.sleep(0.01)


async def until_listening(database: Database, workers: int) -> None:
    """Wait until so many listen: to the channel of lanes they do last."""
    async with asyncio.timeout(20):
        while (  # noqa: ASYNC110 - the server has no event for it
            await database.fetchval(
                """select count(*) from pg_stat_activity
                   where datname = current_database() and query like 'LISTEN %erasmus_lane%'"""
            )
            < workers
        ):
            await asyncio.sleep(0.01)


async def one_told(database: Database) -> None:
    account = await log_in(AccountTable(database))
    await DeviceTable(database).register(account, Platform.ANDROID, TargetKind.FID, "phone", None)
    message = Message(
        entry_id=InboxEntryId(uuid4()),
        account_id=account,
        tenant=HOME,
        mobility_id=MobilityId(uuid4()),
        event_id=EventId(uuid4()),
        kind="application_due",
        arguments={},
        push=True,
        ttl=timedelta(hours=1),
    )
    async with database.transaction() as connection:
        await tell(connection, message, datetime.now(UTC))


async def test_a_lane_that_one_worker_finds_closed_is_closed_for_all(database):
    one, other = Fcm(), Fcm()

    async with a_worker(database, one), a_worker(database, other):
        await until_listening(database, 2)
        await one_told(database)
        await until_heard(one)
        await until_heard(other)

    assert one.sent + other.sent == 1
    assert sorted({each for fcm in (one, other) for each in fcm.closed_for}) == [40]
