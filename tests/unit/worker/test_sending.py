"""Many deliveries at a time: what holds of one holds of each, whatever becomes of the others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from databases import VAULT, until

from erasmus_app.kit.clock import utc_now
from erasmus_app.notifications.catalogue import Catalogue, catalogue_folder, load_catalogue
from erasmus_app.notifications.ports import Outcome, Push, PushResult, Target, WideChannel
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.deliveries import DeliveryTable
from erasmus_app.store.jobs import MOST_ATTEMPTS, JobQueue, enqueue
from erasmus_app.store.outbox import Claimed, Outbox, Verdict
from erasmus_app.students.models import TargetKind
from erasmus_app.worker.deliver import Deliverer
from erasmus_app.worker.sending import Sending

MESSAGES = load_catalogue(catalogue_folder())
ACCEPTED = PushResult(outcome=Outcome.ACCEPTED, provider_id="p")
Answering = Callable[[Push], PushResult]


@dataclass
class Channel:
    """A push service that answers as a test wants it, each time after `takes` seconds."""

    answer: Answering = lambda push: ACCEPTED
    takes: float = 0.0
    ready: bool = True
    public_key: None = None
    sent: list[str] = field(default_factory=list)
    under_way: int = 0
    peak: int = 0

    def target(self, kind: TargetKind, given: str) -> Target:
        raise NotImplementedError  # nothing registers here

    async def send(self, push: Push) -> PushResult:
        self.sent.append(push.target)
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        try:
            await asyncio.sleep(self.takes)
            return self.answer(push)
        finally:
            self.under_way -= 1


@dataclass
class Wide(Channel):
    """One that is started."""

    at_most: int = 100
    wait: float | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def closed(self) -> float | None:
        return self.wait

    def close(self, seconds: float) -> None:
        self.wait = seconds

    def room(self) -> int:
        return self.at_most

    def start(self, push: Push, done: Callable[[PushResult], None]) -> None:
        async def run() -> None:
            done(await self.send(push))

        task = asyncio.create_task(run())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


@dataclass
class Parts:
    """The services that sending takes."""

    channels: dict[str, Any]
    messages: Catalogue = MESSAGES
    clock: Any = utc_now


async def put(
    database: Database,
    name: str,
    *,
    kind: str = "nominated",
    target_kind: str = "fid",
    channel: str = "fcm",
    expires: timedelta = timedelta(hours=1),
) -> UUID:
    """Put one message to a phone of its own on its way."""
    device, entry, delivery = uuid4(), uuid4(), uuid4()
    key = VAULT.hashed("target", name)
    sealed = VAULT.seal(name.encode(), "device.target", target_kind, key)
    async with database.transaction() as connection:
        account = await connection.fetchval(
            "insert into account default values returning account_id"
        )
        await connection.execute(
            """insert into device (account_id, device_id, platform, target_kind, target, target_key)
               values ($1, $2, 'android', $3, $4, $5)""",
            account,
            device,
            target_kind,
            sealed,
            key,
        )
        await connection.execute(
            """insert into inbox_entry
                   (account_id, inbox_entry_id, tenant, event_id, kind, arguments)
               values ($1, $2, 'a.example', $2, $3, $4)""",
            account,
            entry,
            kind,
            VAULT.seal(b"{}", "inbox_entry.arguments", account, entry),
        )
        await connection.execute(
            """insert into delivery
                   (delivery_id, account_id, inbox_entry_id, device_id, channel, expires_at)
               values ($1, $2, $3, $4, $5, $6)""",
            delivery,
            account,
            entry,
            device,
            channel,
            datetime.now(UTC) + expires,
        )
        await enqueue(connection, "deliver", {"delivery_id": str(delivery)}, dedupe_key=name)
    return delivery


def sending_to(
    database: Database,
    channels: dict[str, Any],
    *,
    clock: Any = utc_now,
    many: Database | None = None,
    **named: Any,
) -> Sending:
    parts: Any = Parts(channels, clock=clock)
    deliverer = Deliverer(parts, database, DeliveryTable(database, many))
    return Sending(
        deliverer=deliverer, queue=JobQueue(database), outbox=Outbox(database, many), **named
    )


@asynccontextmanager
async def sending(
    database: Database, channels: dict[str, Any], *, drain: float = 10.0, **named: Any
) -> AsyncIterator[Sending]:
    made, stop = sending_to(database, channels, **named), asyncio.Event()
    task = asyncio.create_task(made.run(stop, drain=drain))
    try:
        yield made
    finally:
        stop.set()
        await task


async def ledger(database: Database) -> dict[str, int]:
    rows = await database.fetch("select state, count(*) as number from delivery group by state")
    return {row["state"]: row["number"] for row in rows}


async def are(database: Database, **states: int) -> bool:
    """Whether so many deliveries are in each of these states."""
    return (await ledger(database)).items() >= states.items()


def idle(database: Database) -> Callable[[], Any]:
    async def look() -> bool:
        return bool(await database.fetchval("select count(*) = 0 from job where leased_by is null"
                                            " and dead_at is null and due <= now()")
                    and await database.fetchval(
                        "select count(*) = 0 from job where leased_by is not null"))  # fmt: skip

    return look


async def test_nothing_is_read_where_another_was_quicker(database: Database):
    reads: list[int] = []

    class Counting(DeliveryTable):
        async def pendings(self, deliveries: Any) -> Any:
            reads.append(len(deliveries))
            return await super().pendings(deliveries)

    async with sending(database, {"fcm": Channel(takes=0)}) as made:
        made.deliverer = replace(made.deliverer, deliveries=Counting(database))
        await database.execute("select pg_notify('erasmus_job', 'deliver')")
        await put(database, "phone")
        await until(idle(database))

    assert reads == [1]


async def test_after_a_push_nobody_looks_for_others_where_none_were_left(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("erasmus_app.worker.sending.LONGEST_SLEEP", 3600.0)
    looked: list[int] = []
    claim = Outbox.claim

    async def noted(self: Outbox, *given: Any, **named: Any) -> list[Claimed]:
        found = await claim(self, *given, **named)
        looked.append(len(found))
        return found

    monkeypatch.setattr(Outbox, "claim", noted)
    async with sending(database, {"fcm": Channel(takes=0.05)}):
        await until(lambda: looked)
        for number in range(3):
            await put(database, f"phone-{number}")
            await until(idle(database))

    assert sum(looked) == 3
    assert len(looked) <= 5  # at the start, when it listens, and once for each


@pytest.mark.parametrize("number", [2, 120])
async def test_what_comes_by_twos_or_by_hundreds_is_sent_once_through_two_pools(
    database: Database, dsn: str, number: int
):
    names = [f"phone-{each}" for each in range(number)]
    for name in names:
        await put(database, name)
    channel = Wide(takes=0.01)
    async with (
        open_database(dsn, VAULT, fresh_plans=True) as many,
        sending(database, {"fcm": channel}, many=many),
    ):
        await until(idle(database))

    assert Counter(channel.sent) == Counter(names)
    assert await ledger(database) == {"accepted": number}


@pytest.mark.parametrize("kind", [Channel, Wide])
async def test_each_is_sent_once_and_written_down(database: Database, kind: type[Channel]):
    names = [f"phone-{number}" for number in range(120)]
    for name in names:
        await put(database, name)
    channel = kind(takes=0.01)
    assert isinstance(channel, WideChannel) is (kind is Wide)
    async with sending(database, {"fcm": channel}):
        await until(idle(database))

    assert Counter(channel.sent) == Counter(names)
    assert await ledger(database) == {"accepted": 120}
    assert await database.fetchval("select count(*) from job") == 0
    rows = await database.fetch("select distinct attempts, provider_id from delivery")
    assert [tuple(row) for row in rows] == [(1, "p")]


async def test_what_becomes_of_one_is_no_matter_of_the_others(database: Database):
    outcomes = {
        "good": ACCEPTED,
        "gone": PushResult(outcome=Outcome.DEVICE_GONE, code="UNREGISTERED"),
        "wrong": PushResult(outcome=Outcome.REJECTED, code="INVALID_ARGUMENT"),
        "odd": PushResult(outcome=Outcome.ACCEPTED, provider_id="a\0b\ud800"),
        "later": PushResult(outcome=Outcome.TRY_AGAIN, code="UNAVAILABLE", retry_after=500),
    }
    deliveries = {name: await put(database, name) for name in [*outcomes, "crash"]}
    deliveries["nonsense"] = await put(database, "nonsense", kind="no-such-kind")
    deliveries["over"] = await put(database, "over", expires=-timedelta(seconds=1))
    deliveries["broken"] = await put(database, "broken")
    await database.execute(
        "update device set target = 'x' where target_key = $1", VAULT.hashed("target", "broken")
    )

    def answer(push: Push) -> PushResult:
        return outcomes[push.target]  # KeyError for "crash"

    async with sending(database, {"fcm": Channel(answer)}):
        await until(idle(database))

    rows = await database.fetch("select delivery_id, state, attempts, last_error from delivery")
    found = {row["delivery_id"]: (row["state"], row["attempts"], row["last_error"]) for row in rows}
    assert {name: found[each] for name, each in deliveries.items()} == {
        "good": ("accepted", 1, None),
        "gone": ("device_gone", 1, "UNREGISTERED"),
        "wrong": ("failed", 1, "INVALID_ARGUMENT"),
        "odd": ("accepted", 1, None),
        "later": ("pending", 1, "UNAVAILABLE"),
        "crash": ("pending", 0, None),
        "nonsense": ("pending", 0, None),
        "over": ("expired", 0, None),
        "broken": ("pending", 0, None),
    }
    left = await database.fetch("select dedupe_key, last_error, due > now() as waits from job")
    assert sorted(tuple(row) for row in left) == [
        ("broken", "seal_broken", True),
        ("crash", "KeyError", True),
        ("later", None, True),
        ("nonsense", "KeyError", True),
    ]
    assert await database.fetchval("select count(*) from device") == 8  # but for the one gone


async def test_a_device_that_registered_again_meanwhile_stays(database: Database):
    for name in ("old", "new"):
        await put(database, name)
    channel = Channel(lambda push: PushResult(outcome=Outcome.DEVICE_GONE, code="UNREGISTERED"))
    channel.takes = 0.3
    async with sending(database, {"fcm": channel}):
        await until(lambda: len(channel.sent) == 2)
        await database.execute(
            "update device set registered_at = now() where target_key = $1",
            VAULT.hashed("target", "new"),
        )
        await until(idle(database))

    rows = await database.fetch("select target_key from device")
    assert [row["target_key"] for row in rows] == [VAULT.hashed("target", "new")]


async def test_what_is_overtaken_while_it_is_on_its_way_was_sent_all_the_same(database: Database):
    outcomes = {
        "sent": ACCEPTED,
        "asked for again": ACCEPTED,
        "failed": PushResult(outcome=Outcome.REJECTED, code="INVALID_ARGUMENT"),
    }
    deliveries = {name: await put(database, name) for name in outcomes}
    channel = Channel(lambda push: outcomes[push.target], takes=0.3)
    async with sending(database, {"fcm": channel}):
        await until(lambda: len(channel.sent) == 3)
        await database.execute("update delivery set state = 'superseded', finished_at = now()")
        await database.execute("update job set again = true where dedupe_key = 'asked for again'")
        await until(idle(database))

    rows = await database.fetch("select delivery_id, state, attempts, provider_id from delivery")
    found = {
        row["delivery_id"]: (row["state"], row["attempts"], row["provider_id"]) for row in rows
    }
    assert {name: found[each] for name, each in deliveries.items()} == {
        "sent": ("accepted", 1, "p"),
        "asked for again": ("accepted", 1, "p"),
        "failed": ("superseded", 0, None),
    }


async def test_a_channel_that_hangs_holds_up_no_other(database: Database):
    for number in range(100):
        await put(database, f"slow-{number}", target_kind="web_push", channel="web_push")
    for number in range(40):
        await put(database, f"quick-{number}")
    slow, quick = Channel(takes=3600), Wide()
    async with sending(database, {"web_push": slow, "fcm": quick}, drain=0.1):
        await until(lambda: are(database, accepted=40))  # written too: the end is sudden
        assert slow.peak <= 32

    assert sorted(quick.sent) == sorted(f"quick-{number}" for number in range(40))
    assert await ledger(database) == {"accepted": 40, "pending": 100}
    free = await database.fetchval("select count(*) from job where leased_by is null")
    assert free == 100  # given back when it stopped


async def test_a_closed_lane_is_not_asked_and_nothing_of_it_counts_as_tried(database: Database):
    def too_much(push: Push) -> PushResult:
        channel.wait = 3600
        return PushResult(outcome=Outcome.LANE_DOWN, code="QUOTA_EXCEEDED", retry_after=60)

    channel = Wide(too_much, takes=0.01, at_most=5)
    for number in range(50):
        await put(database, f"phone-{number}")
    async with sending(database, {"fcm": channel}):
        await until(lambda: channel.wait is not None)
        await until(lambda: not channel.under_way)
        await asyncio.sleep(0.3)
        first = len(channel.sent)
        channel.wait, channel.answer = None, lambda push: ACCEPTED
        await until(idle(database))

    assert first <= 5
    assert len(channel.sent) == 50
    tried = await database.fetchval("select count(*) from delivery where attempts > 0")
    assert tried == 50
    assert await ledger(database) == {"accepted": 50 - first, "pending": first}


async def test_what_is_under_way_when_it_stops_is_waited_for_and_the_rest_given_back(
    database: Database,
):
    for number in range(60):
        await put(database, f"phone-{number}")
    channel = Wide(takes=0.3, at_most=10)
    async with sending(database, {"fcm": channel}):
        await until(lambda: channel.sent)

    sent = len(channel.sent)
    assert sent <= 20
    assert await ledger(database) == {"accepted": sent, "pending": 60 - sent}
    rows = await database.fetch("select attempts, leased_by from job")
    assert [tuple(row) for row in rows] == [(0, None)] * (60 - sent)


async def test_a_push_whose_service_never_answers_is_given_back_as_one_that_may_have_arrived(
    database: Database,
):
    await put(database, "phone")
    channel = Wide(takes=1000.0)
    async with sending(database, {"fcm": channel}, drain=0.2):
        await until(lambda: channel.sent)
    for each in channel.tasks:
        each.cancel()
    again = Wide()
    async with sending(database, {"fcm": again}):
        await until(lambda: are(database, accepted=1))

    assert (channel.sent, again.sent) == (["phone"], ["phone"])


async def test_of_a_batch_only_what_is_still_ours_is_written(database: Database):
    deliveries = [await put(database, f"phone-{number}") for number in range(3)]
    outbox, worker = Outbox(database), uuid4()
    claimed = await outbox.claim({"fcm": 9}, timedelta(minutes=1), worker, 1)
    lost, again, ours = (
        next(each for each in claimed if each.delivery_id == name) for name in deliveries
    )
    await database.execute(
        "update job set leased_by = $2 where job_id = $1", lost.job.job_id, uuid4()
    )
    await database.execute("update job set again = true where job_id = $1", again.job.job_id)
    verdicts = [
        Verdict(job=each.job, delivery_id=each.delivery_id, state="accepted")
        for each in (lost, again, ours)
    ]

    assert await outbox.write(verdicts, worker) == {ours.job.job_id}
    rows = await database.fetch("select delivery_id, state from delivery")
    assert {row["delivery_id"]: row["state"] for row in rows} == dict(
        zip(deliveries, ("pending", "pending", "accepted"), strict=True)
    )


async def test_what_several_workers_died_over_is_tried_one_at_a_time_and_then_buried(
    database: Database,
):
    for number in range(6):
        await put(database, f"phone-{number}")
    await database.execute("update job set attempts = 5 where dedupe_key < 'phone-4'")
    await database.execute("update job set attempts = $1 where dedupe_key = 'phone-5'",
                           MOST_ATTEMPTS)  # fmt: skip
    channel = Wide(takes=0.05)
    suspected: list[int] = []

    def answer(push: Push) -> PushResult:
        suspected.append(channel.under_way)
        return ACCEPTED

    channel.answer = answer
    async with sending(database, {"fcm": channel}):
        await until(idle(database))

    assert sorted(channel.sent) == [f"phone-{number}" for number in range(5)]
    assert max(suspected) <= 2  # a suspect beside the one that is none
    dead = await database.fetch("select dedupe_key, last_error from job where dead_at is not null")
    assert [tuple(row) for row in dead] == [("phone-5", "worker_lost")]


async def test_many_a_lease_is_kept_as_long_as_its_push_is_under_way(database: Database):
    for number in range(20):
        await put(database, f"phone-{number}")
    channel = Wide(takes=1.5)
    async with sending(database, {"fcm": channel}, lease=timedelta(seconds=0.6)):
        await until(lambda: len(channel.sent) == 20)
        for _ in range(6):
            assert await JobQueue(database).take_over() == 0
            await asyncio.sleep(0.2)
        await until(idle(database))

    assert len(channel.sent) == 20


async def test_each_channels_jobs_have_their_lane(database: Database):
    await put(database, "a")
    await put(database, "b", target_kind="web_push", channel="web_push")
    async with database.transaction() as connection:
        await enqueue(connection, "deliver", {"delivery_id": str(uuid4())})
        await enqueue(connection, "poll", {})
    rows = await database.fetch("select lane from job order by job_id")
    assert [row["lane"] for row in rows] == ["fcm", "web_push", "", ""]

    channel = Channel()
    async with sending(database, {"fcm": channel, "web_push": channel}):
        await until(idle_but_polls(database))
    assert sorted(channel.sent) == ["a", "b"]


def idle_but_polls(database: Database) -> Callable[[], Any]:
    async def look() -> bool:
        return bool(await database.fetchval("select count(*) = 0 from job where kind = 'deliver'"))

    return look


async def test_what_was_sent_to_phones_is_remembered_until_there_is_room_to_write_it_down(
    database: Database,
):
    for number in range(30):
        await put(database, f"phone-{number}")
    await database.execute(
        """create sequence refusals;
           create function no_room() returns trigger language plpgsql as $$ begin
               perform nextval('refusals'); raise exception using errcode = '53100';
           end $$;
           create trigger no_room before update on delivery execute function no_room()"""
    )
    channel, lease = Wide(), timedelta(seconds=0.6)
    async with sending(database, {"fcm": channel}, lease=lease):

        async def for_longer_than_leases() -> bool:
            tried: int = await database.fetchval("select last_value from refusals")
            return tried > 10

        await until(for_longer_than_leases)
        for number in range(30, 40):
            await put(database, f"phone-{number}")
        await database.execute("drop trigger no_room on delivery")
        await until(idle(database))

    assert sorted(Counter(channel.sent).values()) == [1] * 40
    assert await ledger(database) == {"accepted": 40}


async def test_workers_whose_clocks_are_an_hour_off_lose_and_double_nothing(database: Database):
    channel, step = Wide(takes=0.01), timedelta(hours=1)
    day = timedelta(hours=24)  # how long a push is worth sending
    for number in range(60):
        await put(database, f"phone-{number}", expires=day)
    clocks = (lambda: utc_now() - step, lambda: utc_now() + step)
    async with (
        sending(database, {"fcm": channel}, clock=clocks[0]),
        sending(database, {"fcm": channel}, clock=clocks[1]),
    ):
        for number in range(60, 80):
            await put(database, f"phone-{number}", expires=day)
        await until(idle(database))

    assert sorted(Counter(channel.sent).values()) == [1] * 80
    assert await ledger(database) == {"accepted": 80}
