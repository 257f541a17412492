"""Pushes as a machine that hypothesis drives: workers that claim, send, write, stall and die.

Each rule is one step of the real code against a real database; the model knows what has happened
outside of it: what phones got, which worker holds what, who has registered when.

A rule that has nothing to do does nothing, and which message it means is a number: what hypothesis
draws must not depend on the database, whose order and clock are not the same twice.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
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
from unit.store.samples import HOME, log_in

from erasmus_app.ids import EventId, InboxEntryId, JobId, MobilityId
from erasmus_app.kit.clock import utc_now
from erasmus_app.mobilities.events import KINDS, MobilityEvent, Row
from erasmus_app.notifications.catalogue import Catalogue, catalogue_folder, load_catalogue
from erasmus_app.notifications.models import Message
from erasmus_app.notifications.ports import Outcome, PushResult
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.deliveries import DELIVER, DeliveryTable
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.jobs import JobQueue
from erasmus_app.store.outbox import Claimed, Outbox, Verdict
from erasmus_app.store.telling import drop_obsolete, tell
from erasmus_app.students.models import Platform, TargetKind
from erasmus_app.worker.deliver import Deliverer

MESSAGES = load_catalogue(catalogue_folder())
LEASE = timedelta(minutes=10)
PHONES = ("old", "new")
MOST_HELD = 4  # then it is time to send, to write or to die
WORKERS = st.integers(0, 1)
WHICH = st.integers(0, 99)
ANSWERS = st.sampled_from(
    [
        PushResult(outcome=Outcome.ACCEPTED, provider_id="name"),
        PushResult(outcome=Outcome.ACCEPTED, provider_id="name"),
        PushResult(outcome=Outcome.TRY_AGAIN, code="UNAVAILABLE"),
        PushResult(outcome=Outcome.TRY_AGAIN, code="NO_ANSWER"),  # and yet it may have arrived
        PushResult(outcome=Outcome.LANE_DOWN, code="QUOTA_EXCEEDED", retry_after=30),
        PushResult(outcome=Outcome.DEVICE_GONE, code="UNREGISTERED"),
        PushResult(outcome=Outcome.REJECTED, code="INVALID_ARGUMENT"),
    ]
)
ANY_EVENT = next(each for each in Row if KINDS[each] in MESSAGES.kinds)


@dataclass
class Told:
    """One message, as the world outside knows it."""

    mobility: MobilityId
    obsolete: bool = False
    expired: bool = False
    accepted: set[str] = field(default_factory=set)  # at which phones
    refused: set[str] = field(default_factory=set)


@dataclass
class Hand:
    """What one worker has in memory: it is lost when the worker dies."""

    name: UUID = field(default_factory=uuid4)
    claimed: list[Claimed] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)


@dataclass
class Services:
    """As much of the services as a deliverer uses."""

    messages: Catalogue = MESSAGES
    clock: Any = utc_now
    ready: bool = True

    @property
    def channels(self) -> dict[str, "Services"]:
        return {"fcm": self}


class Pushes(RuleBasedStateMachine):
    """The machine; `database` and `runner` are given by the test."""

    database: Database
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.outbox, self.queue = Outbox(self.database), JobQueue(self.database)
        self.deliveries = DeliveryTable(self.database)
        self.deliverer = Deliverer(Services(), self.database, self.deliveries)  # type: ignore[arg-type]
        self.told: dict[UUID, Told] = {}
        self.hands = [Hand(), Hand()]
        self.held: dict[JobId, tuple[UUID, int]] = {}  # by which worker, by which claim
        self.phones: dict[str, datetime] = {}  # that the backend has to know, since when
        self.run(self._begin())
        self.messages_are_told(3)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    async def _begin(self) -> None:
        await self.database.execute("delete from job")
        await self.database.execute("delete from account")
        self.account = await log_in(AccountTable(self.database))
        for phone in PHONES:
            await self._register(phone)

    async def _register(self, phone: str) -> None:
        device = await DeviceTable(self.database).register(
            self.account, Platform.ANDROID, TargetKind.FID, phone, None
        )
        self.phones[phone] = device.registered_at

    @rule(phone=st.sampled_from(PHONES))
    def a_phone_registers(self, phone: str) -> None:
        if len(self.phones) == len(PHONES):
            return
        self.run(self._register(phone))

    @rule()
    def a_phone_registers_that_was_refused_just_now(self) -> None:
        """Nobody has written the refusal yet: of all moments the one that matters."""
        if not self._refused():
            return
        self.run(self._register(self._refused()[0]))

    def _refused(self) -> list[str]:
        verdicts = [each for hand in self.hands for each in hand.verdicts]
        return [each.gone.target for each in verdicts if each.gone is not None]

    @rule(count=st.integers(1, 3))
    def messages_are_told(self, count: int) -> None:
        for _ in range(count):
            self._tell(InboxEntryId(uuid4()), MobilityId(uuid4()))

    def _tell(self, entry: InboxEntryId, mobility: MobilityId) -> None:
        message = Message(
            entry_id=entry,
            account_id=self.account,
            tenant=HOME,
            mobility_id=mobility,
            event_id=EventId(uuid4()),
            kind="application_due",
            arguments={},
            push=True,
            ttl=timedelta(hours=1),
            obsolete_by=(KINDS[ANY_EVENT],),
        )

        async def told() -> None:
            async with self.database.transaction() as connection:
                await tell(connection, message, datetime.now(UTC))

        self.run(told())
        self.told[entry] = Told(mobility)

    @rule(which=WHICH)
    def a_message_is_overtaken(self, which: int) -> None:
        message = self.told[sorted(self.told)[which % len(self.told)]]

        async def overtaken() -> None:
            event = MobilityEvent(event_id=EventId(uuid4()), step=ANY_EVENT)
            async with self.database.transaction() as connection:
                await drop_obsolete(connection, self.account, [message.mobility], [event])

        self.run(overtaken())
        message.obsolete = True

    @rule(which=WHICH)
    def a_message_expires(self, which: int) -> None:
        entry = sorted(self.told)[which % len(self.told)]
        self.run(
            self.database.execute(
                """update delivery set expires_at = now() - interval '1 s'
                   where inbox_entry_id = $1 and state = 'pending'""",
                entry,
            )
        )
        self.told[entry].expired = True

    @rule(worker=WORKERS, room=st.integers(1, 4))
    def a_worker_claims(self, worker: int, room: int) -> None:
        if len(self.held) >= MOST_HELD:
            return
        hand = self.hands[worker]
        for each in self.run(self.outbox.claim({"fcm": room}, LEASE, hand.name, 2)):
            assert each.job.job_id not in self.held, "two workers hold the same delivery"
            self.held[each.job.job_id] = (hand.name, each.job.attempts)
            hand.claimed.append(each)

    @rule(worker=WORKERS, answer=ANSWERS, arrived=st.booleans())
    def a_worker_sends(self, worker: int, answer: PushResult, *, arrived: bool) -> None:
        """Read and send one, as a worker does that has just claimed it, or reads it again."""
        hand = self.hands[worker] if self.hands[worker].claimed else self.hands[1 - worker]
        if not hand.claimed:
            return
        claimed = hand.claimed.pop(0)
        hand.verdicts.append(self.run(self._send(claimed, answer, arrived=arrived)))

    async def _send(self, claimed: Claimed, answer: PushResult, *, arrived: bool) -> Verdict:
        pending = (await self.deliveries.pendings([claimed.delivery_id])).get(claimed.delivery_id)
        unsent = self.deliverer.unsent(claimed.job, claimed.delivery_id, pending)  # type: ignore[arg-type]
        if unsent is not None:
            return unsent
        assert pending is not None
        assert not isinstance(pending, Exception)
        message = self.told[pending.entry_id]
        assert not message.obsolete, "it was sent though it was overtaken"
        assert not message.expired, "it was sent though its time was over"
        if answer.outcome is Outcome.ACCEPTED or (answer.code == "NO_ANSWER" and arrived):
            message.accepted.add(pending.target)
        elif answer.outcome in {Outcome.DEVICE_GONE, Outcome.REJECTED}:
            message.refused.add(pending.target)
        return self.deliverer.verdict(claimed.job, pending, answer)

    @rule(worker=WORKERS)
    def a_worker_writes(self, worker: int) -> None:
        """Write what became of those sent; what was another's meanwhile must not be written."""
        hand = self.hands[worker] if self.hands[worker].verdicts else self.hands[1 - worker]
        verdicts, hand.verdicts = hand.verdicts, []
        if not verdicts:
            return
        ours = {
            each.job.job_id
            for each in verdicts
            if self.held.get(each.job.job_id) == (hand.name, each.job.attempts)
        }
        assert self.run(self.outbox.write(verdicts, hand.name)) == ours
        for each in verdicts:
            if each.job.job_id not in ours:
                continue
            self.held.pop(each.job.job_id, None)  # its claims were counted anew
            if (gone := each.gone) and self.phones.get(gone.target) == gone.registered_at:
                del self.phones[gone.target]

    @rule(worker=WORKERS)
    def a_worker_dies(self, worker: int) -> None:
        self.hands[worker] = Hand()

    @rule()
    def leases_run_out(self) -> None:
        """Nobody has kept them: the dead, and those that stood still, who still think they do."""
        self.run(
            self.database.execute(
                "update job set lease_until = now() where leased_by > $1", UUID(int=0)
            )
        )
        self.run(self.queue.take_over())
        self.held.clear()

    @rule()
    def time_goes_by(self) -> None:
        self.run(self.database.execute("update job set due = now() - interval '1 s'"))

    @invariant()
    def a_step_is_counted(self) -> None:
        taken["pushes as the outbox has them"] += 1

    @invariant()
    def nothing_is_lost_and_nothing_accepted_that_was_not_sent(self) -> None:
        rows = self.run(
            self.database.fetch(
                """select inbox_entry_id, state, exists (
                       select from job where dead_at is null
                           and payload ->> 'delivery_id' = delivery_id::text) as has_a_job
                   from delivery"""
            )
        )
        for row in rows:
            message = self.told[row["inbox_entry_id"]]
            match row["state"]:
                case "pending":
                    assert row["has_a_job"], "it is to be sent, and nobody ever will"
                case "accepted":
                    assert message.accepted, "it was called accepted before it was sent"
                case "failed" | "device_gone":
                    assert message.refused or row["state"] == "device_gone"
                case "superseded":
                    assert message.obsolete
                case "expired":
                    assert message.expired

    @invariant()
    def a_phone_is_known_unless_it_was_refused_since_it_registered(self) -> None:
        known = self.run(DeviceTable(self.database).devices(self.account))
        assert sorted(each.registered_at for each in known) == sorted(self.phones.values())

    def teardown(self) -> None:
        """Let all workers die, and a new one do what is left: then every message has an end."""
        self.leases_run_out()
        self.hands = [Hand(), Hand()]
        for _ in range(100):
            self.time_goes_by()
            self.a_worker_claims(0, 4)
            if not self.hands[0].claimed:
                break
            accepted = PushResult(outcome=Outcome.ACCEPTED)
            while self.hands[0].claimed:
                self.a_worker_sends(0, accepted, arrived=True)
            self.a_worker_writes(0)
        self.nothing_is_lost_and_nothing_accepted_that_was_not_sent()
        left = self.run(self.database.fetchval("select count(*) from job where kind = $1", DELIVER))
        pending = self.run(
            self.database.fetch("select device_id from delivery where state = 'pending'")
        )
        known = self.run(DeviceTable(self.database).devices(self.account))
        assert left == 0
        assert not {row["device_id"] for row in pending} & {each.device_id for each in known}


def test_no_push_is_lost_or_called_accepted_unsent_or_sent_too_late(
    database_server: DatabaseServer, record_property: Callable[[str, object], None]
):
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def begin() -> Database:
            dsn = await stack.enter_async_context(fresh_database(database_server))
            return await stack.enter_async_context(open_database(dsn, VAULT))

        class OverThisDatabase(Pushes):
            pass

        OverThisDatabase.database, OverThisDatabase.runner = runner.run(begin()), runner
        try:
            run_state_machine_as_test(
                OverThisDatabase,
                settings=settings(
                    max_examples=runs(50, 40),
                    stateful_step_count=40,
                    deadline=None,
                    suppress_health_check=[*HealthCheck],
                ),
            )
        finally:
            runner.run(stack.aclose())
    record_property("steps", taken["pushes as the outbox has them"])
