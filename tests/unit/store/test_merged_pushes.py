"""Pushes that go out together, and pushes that were overtaken, on a real server."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace
from unit.store.samples import ABROAD, HOME, OM, a_nomination, an_answer, log_in, take_in

from erasmus_app.ids import AccountId, DeliveryId, EventId, HeiId
from erasmus_app.mobilities.events import KINDS, MobilityEvent, Row
from erasmus_app.mobilities.local_rules import Role
from erasmus_app.notifications.catalogue import Catalogue, catalogue_folder, load_catalogue
from erasmus_app.notifications.models import PendingDelivery
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.deliveries import DELIVER, DeliveryTable
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.inbox import InboxTable
from erasmus_app.store.jobs import JobQueue
from erasmus_app.store.records import RecordTable
from erasmus_app.store.telling import Teller
from erasmus_app.students.models import Platform, TargetKind

MESSAGES = load_catalogue(catalogue_folder())
WINDOW = timedelta(minutes=3)
SENT, REPLACED, SIGNED, DATES = Row.B13, Row.B14, Row.B15, Row.B9


def an_event(row: Row) -> MobilityEvent:
    return MobilityEvent(event_id=EventId(uuid4()), step=row)


@dataclass
class Desk:
    """One student's mobility, and what is told of it."""

    database: Database
    account: AccountId
    merge_for: timedelta = WINDOW
    messages: Catalogue = MESSAGES
    tenant: HeiId = HOME
    omobility_id: str = OM

    async def happen(
        self,
        *rows: Row,
        events: Sequence[MobilityEvent] = (),
        then: Callable[[], object] = lambda: None,
    ) -> None:
        """Let things happen, as the worker that sees them writes them down."""
        now = datetime.now(UTC)
        events = events or [an_event(row) for row in rows]
        async with RecordTable(self.database).change(
            self.tenant, HOME, self.omobility_id
        ) as change:
            assert change.before is not None
            await change.record_events(events, silent=False)
            await Teller(self.messages, self.merge_for)(change, events, change.before, now)
            then()

    async def happen_in_silence(self, row: Row) -> None:
        async with RecordTable(self.database).change(
            self.tenant, HOME, self.omobility_id
        ) as change:
            await change.record_events([an_event(row)], silent=True)

    async def out(self) -> list[list[str]]:
        """The pushes that would go out now and later, each with the kinds that it tells of."""
        jobs = await self.database.fetch(
            "select payload ->> 'delivery_id' as id from job where kind = $1 order by job_id",
            DELIVER,
        )
        found = [await self.pending(UUID(each["id"])) for each in jobs]
        return [[each.kind, *each.with_it] for each in found if each]

    async def pending(self, delivery: UUID) -> PendingDelivery | None:
        return await DeliveryTable(self.database).pending(DeliveryId(delivery))

    async def time_goes_by(self) -> None:
        """Let the window of all that waits be over."""
        await self.database.execute("update job set due = now() - interval '1 s'")

    async def ledger(self) -> list[tuple[str, str]]:
        rows = await self.database.fetch(
            """select inbox_entry.kind, state from delivery
               join inbox_entry using (account_id, inbox_entry_id)
               order by inbox_entry.created_at, inbox_entry.kind"""
        )
        return [(row["kind"], row["state"]) for row in rows]

    async def inbox(self) -> list[str]:
        entries = await InboxTable(self.database).entries(self.account, first=50, after=None)
        return [each.kind for each in reversed(entries)]


async def a_phone(database: Database, account: AccountId, name: str = "phone") -> None:
    await DeviceTable(database).register(account, Platform.ANDROID, TargetKind.FID, name, None)


@pytest.fixture
async def desk(database: Database) -> Desk:
    await take_in(RecordTable(database), an_answer(a_nomination()))
    account = await log_in(AccountTable(database))
    await a_phone(database, account)
    return Desk(database, account)


async def test_what_happens_within_some_minutes_is_one_push_and_stays_several_messages(desk: Desk):
    for row in (Row.B8, DATES, Row.B10):
        await desk.happen(row)

    together = ["personal_data_changed", "planned_dates_changed", "requirement_added"]
    assert await desk.out() == [together]
    assert await desk.inbox() == together


async def test_the_window_is_counted_from_the_first(desk: Desk):
    await desk.happen(Row.B8)
    [due] = await desk.database.fetch("select due - now() as wait from job")
    await desk.happen(DATES)
    [same] = await desk.database.fetch("select due - now() as wait from job")

    assert timedelta(minutes=2) < same["wait"] <= due["wait"] <= WINDOW


async def test_what_happens_after_the_window_is_a_push_of_its_own(desk: Desk):
    await desk.happen(Row.B8)
    await desk.time_goes_by()
    await desk.happen(DATES)

    assert await desk.out() == [["personal_data_changed"], ["planned_dates_changed"]]


async def test_what_does_not_merge_goes_out_at_once_and_alone(desk: Desk):
    await desk.happen(Row.B8)
    await desk.happen(Row.B4)
    await desk.happen(DATES)

    assert await desk.out() == [
        ["personal_data_changed", "planned_dates_changed"],
        ["nomination_accepted"],
    ]
    due = await desk.database.fetch("select due <= now() as now from job order by job_id")
    assert [row["now"] for row in due] == [False, True]


async def test_without_a_window_everything_is_a_push_of_its_own(desk: Desk):
    desk.merge_for = timedelta(0)
    await desk.happen(Row.B8)
    await desk.happen(DATES)

    assert await desk.out() == [["personal_data_changed"], ["planned_dates_changed"]]


async def test_each_device_gets_one_push_of_all(desk: Desk):
    await a_phone(desk.database, desk.account, "tablet")
    await desk.happen(Row.B8)
    await desk.happen(DATES)

    assert await desk.out() == [["personal_data_changed", "planned_dates_changed"]] * 2


async def test_two_mobilities_are_two_pushes(desk: Desk):
    await take_in(RecordTable(desk.database), an_answer(a_nomination(), omobility_id="om-2"))
    await log_in(AccountTable(desk.database))
    other = Desk(desk.database, desk.account, omobility_id="om-2")
    await desk.happen(Row.B8)
    await other.happen(DATES)

    assert await desk.out() == [["personal_data_changed"], ["planned_dates_changed"]]


async def test_what_two_universities_see_of_one_mobility_is_one_push(desk: Desk):
    await take_in(RecordTable(desk.database), an_answer(a_nomination(), tenant=ABROAD))
    await log_in(AccountTable(desk.database))
    host = Desk(desk.database, desk.account, tenant=ABROAD)
    shared = [an_event(Row.B8)]
    await desk.happen(events=shared)
    await host.happen(events=shared)
    await desk.happen(DATES)
    await host.happen(Row.B10)
    assert await desk.out() == [
        ["personal_data_changed", "planned_dates_changed", "requirement_added"]
    ]

    await host.happen(Row.B6)  # and what one of them sees overtakes what the other saw
    assert await desk.out() == [["personal_data_changed"], ["mobility_cancelled"]]


async def test_a_push_that_a_worker_has_in_hand_is_not_added_to(desk: Desk):
    await desk.happen(Row.B8)
    await desk.time_goes_by()
    [job] = await JobQueue(desk.database).claim(9, WINDOW, uuid4())
    await desk.database.execute("update job set due = now() + interval '1 minute'")
    await desk.happen(DATES)

    assert job.kind == DELIVER
    assert await desk.out() == [["personal_data_changed"], ["planned_dates_changed"]]


async def test_a_push_that_is_sent_once_more_is_not_added_to(desk: Desk):
    await desk.happen(Row.B8)
    [row] = await desk.database.fetch("select delivery_id from delivery")
    await DeliveryTable(desk.database).attempted(row["delivery_id"], "UNAVAILABLE")
    await desk.happen(DATES)

    assert await desk.out() == [["personal_data_changed"], ["planned_dates_changed"]]


async def test_nobody_claims_a_push_while_it_is_added_to(desk: Desk):
    await desk.happen(Row.B8)
    events = [an_event(DATES)]
    records, teller = RecordTable(desk.database), Teller(MESSAGES, WINDOW)
    async with records.change(HOME, HOME, OM) as change:
        assert change.before is not None
        await teller(change, events, change.before, datetime.now(UTC))
        await asyncio.sleep(0)
        async with desk.database.pool.acquire() as elsewhere:
            free = await elsewhere.fetch("select 1 from job for update skip locked")

    assert free == []
    assert await desk.out() == [["personal_data_changed", "planned_dates_changed"]]


async def test_what_goes_together_ends_together_and_is_counted_together(desk: Desk):
    for row in (Row.B8, DATES):
        await desk.happen(row)
    deliveries = DeliveryTable(desk.database)
    [job] = await desk.database.fetch("select payload ->> 'delivery_id' as id from job")
    carrier = DeliveryId(UUID(job["id"]))
    await deliveries.attempted(carrier, "UNAVAILABLE")
    async with desk.database.transaction() as connection:
        await deliveries.end(connection, carrier, "accepted", provider_id="messages/1")

    rows = await desk.database.fetch("select state, attempts, provider_id from delivery")
    assert [tuple(row) for row in rows] == [("accepted", 2, "messages/1")] * 2
    assert await desk.out() == []


OVERTAKEN: dict[str, tuple[Row, Row]] = {
    "a reminder of what was signed": (Row.B12, Row.B15),
    "a reminder of what the host must sign now": (Row.B12, Row.B13),
    "a reminder by the next one": (Row.B11, Row.B11),
    "a reminder of a day that moved": (Row.B11, Row.MOVED),
    "accepted, then cancelled": (Row.B4, Row.B6),
    "refused, then accepted after all": (Row.B5, Row.B4),
    "cancelled, then on again": (Row.B6, Row.B1),
    "a missing arrival that was confirmed": (Row.D4, Row.D1),
    "a late transcript that came": (Row.A7, Row.A4),
    "a change that came back, and was sent anew": (Row.D7, Row.D5),
}


@pytest.mark.parametrize(("first", "then"), OVERTAKEN.values(), ids=OVERTAKEN)
async def test_a_push_that_was_overtaken_is_dropped_and_its_message_stays(
    desk: Desk, first: Row, then: Row
):
    await desk.happen(first)
    await desk.happen(then)

    assert await desk.ledger() == [(KINDS[first], "superseded"), (KINDS[then], "pending")]
    assert await desk.inbox() == [KINDS[first], KINDS[then]]
    assert await desk.out() == [[KINDS[then]]]


async def test_what_was_sent_is_sent_whatever_happens_later(desk: Desk):
    await desk.happen(Row.B4)
    [row] = await desk.database.fetch("select delivery_id from delivery")
    async with desk.database.transaction() as connection:
        await DeliveryTable(desk.database).end(connection, row["delivery_id"], "accepted")
    await desk.happen(Row.B6)

    assert await desk.ledger() == [
        ("nomination_accepted", "accepted"),
        ("mobility_cancelled", "pending"),
    ]


async def test_what_carries_others_may_be_overtaken_and_they_still_go_out(desk: Desk):
    for row in (SENT, Row.B8, DATES):
        await desk.happen(row)
    await desk.happen(REPLACED)
    assert await desk.out() == [
        ["personal_data_changed", "planned_dates_changed", "agreement_replaced"]
    ]

    await desk.happen(SIGNED)
    assert await desk.out() == [
        ["personal_data_changed", "planned_dates_changed"],
        ["agreement_signed"],
    ]


async def test_of_what_came_at_once_the_overtaken_is_never_on_its_way(desk: Desk):
    await desk.happen(DATES, Row.B6)

    assert await desk.out() == [["mobility_cancelled"]]
    assert sorted(await desk.inbox()) == ["mobility_cancelled", "planned_dates_changed"]
    assert await desk.ledger() == [("mobility_cancelled", "pending")]


@pytest.mark.parametrize("at_once", [False, True])
async def test_what_is_not_for_the_student_overtakes_all_the_same(desk: Desk, at_once: bool):
    kinds = dict(MESSAGES.kinds)
    kinds["agreement_signed"] = replace(kinds["agreement_signed"], told=(Role.INCOMING,))
    desk.messages = replace(MESSAGES, kinds=kinds)
    for rows in [(Row.B12, SIGNED)] if at_once else [(Row.B12,), (SIGNED,)]:
        await desk.happen(*rows)

    assert await desk.out() == []
    assert await desk.inbox() == ["agreement_due"]


async def test_what_was_noted_in_silence_overtakes_when_a_push_is_claimed(desk: Desk):
    await desk.happen(Row.B12)
    await desk.happen_in_silence(Row.B15)

    assert await desk.out() == []
    assert await desk.ledger() == [("agreement_due", "superseded")]
    assert await desk.inbox() == ["agreement_due"]


async def test_what_happened_before_does_not_overtake(desk: Desk):
    await desk.happen(Row.B5)
    await desk.happen(Row.B4)
    await desk.happen_in_silence(Row.B9)

    assert await desk.out() == [["nomination_accepted"]]


async def test_the_same_event_seen_later_by_the_other_university_overtakes_nothing(desk: Desk):
    await take_in(RecordTable(desk.database), an_answer(a_nomination(), tenant=ABROAD))
    await log_in(AccountTable(desk.database))
    host = Desk(desk.database, desk.account, tenant=ABROAD)
    accepted = [an_event(Row.B4)]
    await desk.happen(events=accepted)
    await desk.happen(Row.B5)
    await host.happen(events=accepted)  # a poll that came late

    assert await desk.out() == [["nomination_refused"]]


async def test_a_change_that_is_rolled_back_neither_joins_nor_overtakes(desk: Desk):
    await desk.happen(Row.B8, Row.B4)
    with pytest.raises(ZeroDivisionError):
        await desk.happen(DATES, Row.B6, then=lambda: 1 / 0)

    assert await desk.out() == [["personal_data_changed"], ["nomination_accepted"]]


async def test_a_push_that_stands_says_which_message_it_is(desk: Desk):
    await desk.happen(SENT)
    await desk.happen(DATES)
    [job] = await desk.database.fetch("select payload ->> 'delivery_id' as id from job")

    before: Any = await desk.pending(UUID(job["id"]))
    await desk.happen(SIGNED)
    after: Any = await desk.pending(UUID(job["id"]))
    entries = await InboxTable(desk.database).entries(desk.account, first=9, after=None)
    ids = {each.kind: each.entry_id for each in entries}
    assert (before.entry_id, after.entry_id) == (
        ids["agreement_sent"],
        ids["planned_dates_changed"],
    )
    assert (before.delivery_id, after.delivery_id) == (UUID(job["id"]), UUID(job["id"]))
