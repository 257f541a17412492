"""A model of pushes: whatever happens in whatever order, none is lost, doubled or out of date.

A machine of hypothesis does what students, universities, workers and FCM may do to one mobility
with several phones, over the real tables, and holds each push and each row to a small model. What
hypothesis draws depends on nothing of that: the database's order and clock are not the same twice.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from uuid import UUID, uuid4

from databases import VAULT, DatabaseServer, fresh_database
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from modelling import runs, taken
from unit.store.samples import HOME, a_nomination, an_answer, log_in, take_in

from erasmus_app.ids import EventId, OmobilityId
from erasmus_app.kit.clock import utc_now
from erasmus_app.mobilities.events import KINDS, MobilityEvent, Row
from erasmus_app.notifications.catalogue import Catalogue, catalogue_folder, load_catalogue
from erasmus_app.notifications.ports import Outcome, Push, PushResult
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.deliveries import DeliveryTable
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.jobs import JobQueue
from erasmus_app.store.outbox import Claimed, Outbox, Verdict
from erasmus_app.store.records import RecordTable
from erasmus_app.store.telling import Teller
from erasmus_app.students.models import Platform, TargetKind
from erasmus_app.worker.deliver import Deliverer

MESSAGES = load_catalogue(catalogue_folder())
OBSOLETE_BY = {name: set(each.obsolete_by) for name, each in MESSAGES.kinds.items()}
NUMBERS = count()
PHONES = ("phone-a", "phone-b", "phone-c")
LEASE = timedelta(minutes=1)
T = TypeVar("T")


@dataclass
class Told:
    """One message on its way to one phone, as the model knows it."""

    kind: str
    expires_at: datetime
    is_obsolete: bool = False
    names: list[str] = field(default_factory=list)  # of the pushes that were accepted with it
    ended: str | None = None  # the final state that a worker has written


@dataclass
class Worker:
    """One worker's hands: what it has claimed, and what it has sent and not yet written down."""

    name: UUID = field(default_factory=uuid4)
    claimed: list[Claimed] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)


class Pushes(RuleBasedStateMachine):
    """The machine."""

    messages: Catalogue = MESSAGES
    ready = True

    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        super().__init__()
        self.runner, self.database = runner, database
        self.told: dict[tuple[UUID, UUID], Told] = {}  # by event and device
        self.phones: dict[str, tuple[UUID, datetime]] = {}  # registered ones: id, since when
        self.workers: list[Worker] = [Worker(), Worker()]
        self.answer = Outcome.ACCEPTED
        self.ahead = timedelta(0)
        self.omobility_id = OmobilityId(f"om-{next(NUMBERS)}")
        self.deliveries, self.outbox = DeliveryTable(database), Outbox(database)
        self.deliverer = Deliverer(self, database, self.deliveries)  # type: ignore[arg-type]
        self.account = self.do(self._begin())
        self.register(PHONES[0])

    def do(self, work: Awaitable[T]) -> T:
        async def done() -> T:
            return await work

        return self.runner.run(done())

    async def _begin(self) -> Any:
        for table in ("job", "delivery", "device"):
            await self.database.execute(f"delete from {table}")  # of the machine before
        await take_in(
            RecordTable(self.database), an_answer(a_nomination(), omobility_id=self.omobility_id)
        )
        return await log_in(AccountTable(self.database))

    def clock(self) -> datetime:
        return utc_now() + self.ahead

    # What students and universities do

    @rule(fid=st.sampled_from(PHONES))
    def register(self, fid: str) -> None:
        device = self.do(
            DeviceTable(self.database).register(
                self.account, Platform.ANDROID, TargetKind.FID, fid, None
            )
        )
        if fid in self.phones:
            assert device.device_id == self.phones[fid][0]
        self.phones[fid] = (device.device_id, device.registered_at)

    @rule(fid=st.sampled_from(PHONES))
    def remove(self, fid: str) -> None:
        if fid not in self.phones:
            return
        device, _ = self.phones.pop(fid)
        self.do(DeviceTable(self.database).remove(self.account, device))  # type: ignore[arg-type]

    @rule(steps=st.lists(st.sampled_from([*Row]), min_size=1, max_size=3), silent=st.booleans())
    def happen(self, steps: list[Row], silent: bool) -> None:
        events = [MobilityEvent(event_id=EventId(uuid4()), step=row) for row in steps]
        now = self.clock()
        self.do(self._record(events, now, silent=silent))
        kinds = [each.kind for each in events]
        for each in self.told.values():
            each.is_obsolete |= bool(OBSOLETE_BY[each.kind] & set(kinds))
        for n, event in enumerate(events if not silent else []):
            kind = MESSAGES.kinds[event.kind]
            overtaken = any(
                other in kind.obsolete_by and (m > n or event.kind not in OBSOLETE_BY[other])
                for m, other in enumerate(kinds)
                if m != n
            )
            if kind.push and not overtaken:
                expires_at = now + timedelta(hours=kind.ttl_hours)
                for device, _ in self.phones.values():
                    told = Told(event.kind, expires_at)
                    self.told[event.event_id, device] = told

    async def _record(self, events: list[MobilityEvent], now: datetime, *, silent: bool) -> None:
        async with RecordTable(self.database).change(HOME, HOME, self.omobility_id) as change:
            assert change.before is not None
            await change.record_events(events, silent=silent)
            if not silent:
                await Teller(MESSAGES, timedelta(minutes=3))(change, events, change.before, now)

    # What FCM and the clocks do

    @rule(outcome=st.sampled_from([*Outcome]))
    def answers(self, outcome: Outcome) -> None:
        self.answer = outcome

    @rule()
    def waits_are_over(self) -> None:
        self.do(
            self.database.execute("update job set due = now() - interval '1 s' where due > now()")
        )

    @rule(hours=st.sampled_from([-1, 1, 24, 100]))
    def clock_jumps(self, hours: int) -> None:
        self.ahead += timedelta(hours=hours)

    # What workers do

    @rule(number=st.integers(0, 1))
    def claim(self, number: int) -> None:
        worker = self.workers[number]
        worker.claimed += self.do(self.outbox.claim({"fcm": 99}, LEASE, worker.name, 1))

    @rule(number=st.integers(0, 1))
    def send_what_is_claimed(self, number: int) -> None:
        worker = self.workers[number]
        claimed, worker.claimed = worker.claimed, []
        worker.verdicts += self.do(self._sent(claimed))

    async def _sent(self, claimed: list[Claimed]) -> list[Verdict]:
        found = await self.deliveries.pendings([each.delivery_id for each in claimed])
        verdicts = []
        for each in claimed:
            pending = found.get(each.delivery_id)
            assert not isinstance(pending, Exception)
            verdict = self.deliverer.unsent(each.job, each.delivery_id, pending)
            if verdict is None:
                assert pending is not None
                result = await self.send(self.deliverer.push(pending, rings=True))
                verdict = self.deliverer.verdict(each.job, pending, result)
            verdicts.append(verdict)
        return verdicts

    @property
    def channels(self) -> dict[str, "Pushes"]:
        return {"fcm": self}

    async def send(self, push: Push) -> PushResult:
        """Be FCM: see what a push tells, by the ledger, and hold it to the model."""
        assert push.target in self.phones, "sent to a phone that was removed"
        device, _ = self.phones[push.target]
        rows = await self.database.fetch(
            """select event_id, inbox_entry_id from delivery
               join inbox_entry using (account_id, inbox_entry_id)
               where state = 'pending' and device_id = $2
                   and coalesce(carried_by, delivery_id) = (
                       select coalesce(carried_by, delivery_id) from delivery
                       where inbox_entry_id = $1 and device_id = $2)""",
            UUID(push.message_id),
            device,
        )
        assert len(rows) == 1 + int(push.data.get("more", 0))
        for row in rows:
            message = self.told[row["event_id"], device]
            assert not message.is_obsolete, f"{message.kind} was sent though it was overtaken"
            assert message.ended is None, f"{message.kind} was sent though it had ended"
            assert push.expires_at > self.clock(), f"{message.kind} was sent though it had expired"
            if self.answer is Outcome.ACCEPTED:
                message.names.append(push.message_id)
        return PushResult(outcome=self.answer)

    @rule(number=st.integers(0, 1))
    def write_down(self, number: int) -> None:
        worker = self.workers[number]
        verdicts, worker.verdicts = worker.verdicts, []
        written = self.do(self.outbox.write(verdicts, worker.name)) if verdicts else set()
        for each in verdicts:
            if each.job.job_id not in written:
                continue
            if each.gone is not None:
                self.phones = {
                    fid: (device, since)
                    for fid, (device, since) in self.phones.items()
                    if device != each.gone.device_id or since > each.gone.registered_at
                }
            if each.state is not None:
                self._ended(each)

    def _ended(self, verdict: Verdict) -> None:
        rows = self.do(
            self.database.fetch(
                """select event_id, device_id, state from delivery
                   join inbox_entry using (account_id, inbox_entry_id)
                   where delivery_id = $1 or carried_by = $1""",
                verdict.delivery_id,
            )
        )
        for row in rows:
            assert row["state"] != "pending", "an ended job leaves nothing on its way"
            self.told[row["event_id"], row["device_id"]].ended = row["state"]

    @rule(number=st.integers(0, 1), outcome=st.sampled_from([*Outcome]))
    def work(self, number: int, outcome: Outcome) -> None:
        """Do all of it without a pause, as is the rule."""
        self.answer = outcome
        self.waits_are_over()
        self.claim(number)
        self.send_what_is_claimed(number)
        self.write_down(number)

    @rule(number=st.integers(0, 1))
    def phones_are_gone_and_register_again_before_that_is_written(self, number: int) -> None:
        self.answer = Outcome.DEVICE_GONE
        self.waits_are_over()
        self.claim(number)
        self.send_what_is_claimed(number)
        for fid in self.phones:
            self.register(fid)
        self.write_down(number)

    @rule(number=st.integers(0, 1))
    def killed(self, number: int) -> None:
        """Before it sent, after, or before it wrote that down: its leases run out."""
        name = self.workers[number].name
        self.workers[number] = Worker()
        self.do(self._leases_end(name))

    @rule(number=st.integers(0, 1))
    def too_slow(self, number: int) -> None:
        """Its leases run out, and it does not know that."""
        self.do(self._leases_end(self.workers[number].name))

    async def _leases_end(self, name: UUID) -> None:
        await self.database.execute(
            "update job set lease_until = now() - interval '1 s' where leased_by = $1", name
        )
        await JobQueue(self.database).take_over()

    # What holds at any time

    @invariant()
    def a_step_is_counted(self) -> None:
        taken["pushes as phones see them"] += 1

    @invariant()
    def nothing_is_acknowledged_before_it_was_sent(self) -> None:
        accepted = self.do(self._ledger("accepted"))
        assert all(self.told[each].names for each in accepted)

    @invariant()
    def nothing_that_waits_is_without_a_job(self) -> None:
        forgotten = self.do(
            self.database.fetchval(
                """select count(*) from delivery where state = 'pending' and not exists (
                       select from job where dead_at is null and dedupe_key =
                           'deliver ' || coalesce(carried_by, delivery_id)::text)"""
            )
        )
        assert forgotten == 0

    @invariant()
    def phones_that_are_registered_are_kept_and_no_others(self) -> None:
        rows = self.do(self.database.fetch("select device_id from device"))
        assert {row["device_id"] for row in rows} == {device for device, _ in self.phones.values()}

    @invariant()
    def doubles_bear_one_name(self) -> None:
        for each in self.told.values():
            assert len(set(each.names)) <= 1 or each.is_obsolete or self._led_by_stale(each)

    def _led_by_stale(self, told: Told) -> bool:
        """Whether the push that a message first went out with was named by one overtaken since."""
        stale = {name for each in self.told.values() if each.is_obsolete for name in each.names}
        return set(told.names[:-1]) <= stale

    async def _ledger(self, state: str) -> set[tuple[UUID, UUID]]:
        rows = await self.database.fetch(
            """select event_id, device_id from delivery
               join inbox_entry using (account_id, inbox_entry_id) where state = $1""",
            state,
        )
        return {(row["event_id"], row["device_id"]) for row in rows}

    def teardown(self) -> None:
        """Let everything come to its end: nothing that was told is lost."""
        self.answer = Outcome.ACCEPTED
        for number in (0, 1):
            self.killed(number)
        for _ in range(100):
            self.waits_are_over()
            self.claim(0)
            if not self.workers[0].claimed:
                break
            self.send_what_is_claimed(0)
            self.write_down(0)
        self.nothing_is_acknowledged_before_it_was_sent()
        assert self.do(self._ledger("pending")) == set()
        assert self.do(self.database.fetchval("select count(*) from job where kind <> 'sync'")) == 0
        devices = {device for device, _ in self.phones.values()}
        for (_, device), each in self.told.items():
            if device in devices and not each.is_obsolete and each.expires_at > self.clock():
                assert each.ended is not None, f"{each.kind} is lost"
                assert each.names or each.ended != "accepted"


def test_each_message_is_sent_once_or_was_overtaken_and_nothing_is_left(
    database_server: DatabaseServer, record_property: Callable[[str, object], None]
):
    assert set(KINDS) == {*Row}
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def opened() -> Database:
            dsn = await stack.enter_async_context(fresh_database(database_server))
            return await stack.enter_async_context(open_database(dsn, VAULT))

        database = runner.run(opened())
        try:
            run_state_machine_as_test(
                lambda: Pushes(runner, database),
                settings=settings(
                    max_examples=runs(30, 30),
                    stateful_step_count=30,
                    deadline=None,
                    suppress_health_check=[*HealthCheck],
                ),
            )
        finally:
            runner.run(stack.aclose())
    record_property("steps", taken["pushes as phones see them"])
