"""A model of pushes: whatever happens in whatever order, none is lost, doubled or out of date."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from databases import VAULT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.store.samples import HOME, a_nomination, an_answer, log_in, take_in

from erasmus_app.ids import EventId, OmobilityId
from erasmus_app.kit.clock import utc_now
from erasmus_app.mobilities.events import KINDS, MobilityEvent, Row
from erasmus_app.notifications.catalogue import Catalogue, catalogue_folder, load_catalogue
from erasmus_app.notifications.ports import Outcome, Push, PushResult
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.deliveries import DELIVER, DeliveryTable
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.jobs import Again, Job, JobQueue
from erasmus_app.store.records import RecordTable
from erasmus_app.store.telling import Teller
from erasmus_app.students.models import Platform, TargetKind
from erasmus_app.worker.deliver import Deliverer

MESSAGES = load_catalogue(catalogue_folder())
OBSOLETE_BY = {name: set(each.obsolete_by) for name, each in MESSAGES.kinds.items()}
NUMBERS = count()


@dataclass
class Told:
    """One message as the model knows it."""

    kind: str
    is_obsolete: bool = False
    sent: int = 0  # how often the service has accepted it


@dataclass
class World:
    """A mobility with one phone, a push service that fails when it is told to, and the model."""

    database: Database
    omobility_id: OmobilityId
    told: dict[UUID, Told] = field(default_factory=dict)  # by event
    failing: bool = False
    messages: Catalogue = MESSAGES
    clock: Any = utc_now

    ready: bool = True

    @property
    def channels(self) -> dict[str, "World"]:
        return {"fcm": self}

    async def happen(self, rows: list[Row], *, silent: bool) -> None:
        events = [MobilityEvent(event_id=EventId(uuid4()), step=row) for row in rows]
        async with RecordTable(self.database).change(HOME, HOME, self.omobility_id) as change:
            assert change.before is not None
            await change.record_events(events, silent=silent)
            if not silent:
                teller = Teller(MESSAGES, timedelta(minutes=3))
                await teller(change, events, change.before, datetime.now(UTC))
        kinds = [each.kind for each in events]
        for each in self.told.values():
            each.is_obsolete |= bool(OBSOLETE_BY[each.kind] & set(kinds))
        for n, event in enumerate(events if not silent else []):
            if MESSAGES.kinds[event.kind].push:
                others = [(m, kind) for m, kind in enumerate(kinds) if m != n]
                self.told[event.event_id] = Told(
                    event.kind,
                    any(
                        kind in OBSOLETE_BY[event.kind]
                        and (m > n or event.kind not in OBSOLETE_BY[kind])
                        for m, kind in others
                    ),
                )

    async def send(self, push: Push) -> PushResult:
        """Be the push service: see what a push tells, by the ledger, and hold it to the model."""
        rows = await self.database.fetch(
            """select event_id from delivery
               join inbox_entry using (account_id, inbox_entry_id)
               where state = 'pending' and coalesce(carried_by, delivery_id) = (
                   select coalesce(carried_by, delivery_id) from delivery
                   where inbox_entry_id = $1)""",
            UUID(push.message_id),
        )
        assert len(rows) == 1 + int(push.data.get("more", 0))
        for row in rows:
            message = self.told[row["event_id"]]
            assert not message.is_obsolete, f"{message.kind} was sent though it was overtaken"
            if not self.failing:
                message.sent += 1
        return PushResult(outcome=Outcome.TRY_AGAIN if self.failing else Outcome.ACCEPTED)

    async def work(self, *, die: bool = False) -> None:
        """Be a worker that claims all that is due; one that dies has done nothing."""
        queue, lease = JobQueue(self.database, utc_now), timedelta(minutes=1)
        deliver = Deliverer(self, self.database, DeliveryTable(self.database))  # type: ignore[arg-type]
        for job in await queue.claim(99, lease, uuid4(), [DELIVER]):
            if die:
                await DeliveryTable(self.database).pending(UUID(job.payload["delivery_id"]))  # type: ignore[arg-type]
                await self.database.execute("update job set lease_until = now()")
                await queue.take_over()
            else:
                await self._do(deliver, queue, job)

    async def _do(self, deliver: Deliverer, queue: JobQueue, job: Job) -> None:
        try:
            await deliver(job)
        except Again as again:
            await queue.postpone(job, timedelta(seconds=again.after), None)

    async def time_goes_by(self) -> None:
        await self.database.execute("update job set due = now() - interval '1 s'")


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, VAULT) as database:
        account = await log_in(AccountTable(database))
        await DeviceTable(database).register(
            account, Platform.ANDROID, TargetKind.FID, "phone", None
        )
        yield database


several = st.lists(st.sampled_from([*Row]), min_size=1, max_size=3)
actions = st.one_of(
    st.tuples(st.just("happen"), several),
    st.tuples(st.just("happen"), several),
    st.tuples(st.just("silent"), several),
    st.sampled_from(["time", "work", "fail", "recover", "die"]).map(lambda name: (name, [])),
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(actions, min_size=2, max_size=12))
async def test_each_message_is_sent_once_or_was_overtaken_and_nothing_is_left(
    database: Database, life: list[tuple[str, list[Row]]]
):
    name = OmobilityId(f"om-{next(NUMBERS)}")  # each life on a mobility of its own
    await take_in(RecordTable(database), an_answer(a_nomination(), omobility_id=name))
    await log_in(AccountTable(database))
    world = World(database, name)
    for action, rows in life:
        match action:
            case "happen" | "silent":
                await world.happen(rows, silent=action == "silent")
            case "time":
                await world.time_goes_by()
            case "work" | "die":
                await world.work(die=action == "die")
            case "fail" | "recover":
                world.failing = action == "fail"
    world.failing = False
    await world.time_goes_by()
    await world.work()

    assert await database.fetchval("select count(*) from job where kind = $1", DELIVER) == 0
    rows_left = await database.fetch(
        """select event_id, state from delivery
           join inbox_entry using (account_id, inbox_entry_id)
           join mobility using (mobility_id) where omobility_id = $1""",
        name,
    )
    ledger = {row["event_id"]: row["state"] for row in rows_left}
    for event, message in world.told.items():
        assert message.sent == 1 or (message.sent == 0 and message.is_obsolete)
        expected = "accepted" if message.sent else "superseded"
        assert ledger.get(event, "superseded") == expected  # overtaken at once: never on its way
    assert "pending" not in ledger.values()
    assert set(KINDS) == {*Row}
