"""Pushes as students want them: held, gathered, let go, dropped; on a real server, by a clock."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from databases import until, waits_for_a_lock
from metering import number, shown
from unit.store.samples import HOME, OM, a_nomination, an_answer, log_in, take_in

from erasmus_app.ids import AccountId, EventId, InboxEntryId
from erasmus_app.mobilities.events import DETAILS, KINDS, MobilityEvent, Row
from erasmus_app.notifications.catalogue import Catalogue, catalogue_folder, load_catalogue
from erasmus_app.notifications.models import Digest, Level, Medium, QuietHours, Urgency
from erasmus_app.notifications.ports import Outcome, Push, PushResult
from erasmus_app.notifications.preference_words import PreferenceWords, load_preference_words
from erasmus_app.notifications.preferences import spread_of
from erasmus_app.notifications.wishes import Wish
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.deliveries import DELIVER, DeliveryTable
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.inbox import InboxTable
from erasmus_app.store.jobs import Again, Job, JobQueue
from erasmus_app.store.measures import Measures
from erasmus_app.store.records import RecordTable
from erasmus_app.store.replanning import PreferenceTable
from erasmus_app.store.telling import Teller
from erasmus_app.students.models import Platform, TargetKind
from erasmus_app.worker.deliver import Deliverer

MESSAGES = load_catalogue(catalogue_folder())
WORDS = load_preference_words(catalogue_folder(), MESSAGES.categories, MESSAGES.languages)
ZONE = ZoneInfo("Europe/Brussels")
PUSH, STAY = Medium.PUSH, "stay"
# What is plain, in three categories, and what is urgent.
CHANGED, DATES, RECEIVED, BACK, DUE = Row.D5, Row.B9, Row.B3, Row.B16, Row.CHANGE_DUE


def at(text: str) -> datetime:
    """A moment of the student's clock, of a year that is to come: jobs are told by another."""
    return datetime.fromisoformat(f"2090-{text}").replace(tzinfo=ZONE).astimezone(UTC)


NOON = at("03-01 12:00")  # a Wednesday


@dataclass
class Night:
    """One student with a phone, a worker, and a push service, all by one clock."""

    database: Database
    account: AccountId
    now: datetime = NOON
    seen: list[Push] = field(default_factory=list)
    failing: bool = False
    then: Callable[[], Any] | None = None  # while a push is on its way
    messages: Catalogue = MESSAGES
    preference_words: PreferenceWords = WORDS
    ready: bool = True
    omobility_id: str = OM

    @property
    def channels(self) -> dict[str, "Night"]:
        return {"fcm": self}

    def clock(self) -> datetime:
        return self.now

    async def send(self, push: Push) -> PushResult:
        if self.then:
            await self.then()
        if self.failing:
            return PushResult(outcome=Outcome.TRY_AGAIN)
        self.seen.append(push)
        return PushResult(outcome=Outcome.ACCEPTED)

    async def happen(self, *rows: Row, merge_for: timedelta = timedelta(0), **detail: str) -> None:
        for row in rows:
            known = {key: detail.get(key, "1") for key in DETAILS.get(KINDS[row], ())}
            event = MobilityEvent(event_id=EventId(uuid4()), step=row, detail=known)
            async with RecordTable(self.database).change(HOME, HOME, self.omobility_id) as change:
                assert change.before is not None
                await Teller(MESSAGES, merge_for)(change, [event], change.before, self.now)

    async def wish(self, **wish: Any) -> None:
        table = PreferenceTable(self.database, MESSAGES.kinds)
        await table.change(self.account, Wish(**wish), self.now)

    async def until(self, text: str) -> list[str]:
        """Let the clock go on; return the kinds that each push until then told of."""
        before = len(self.seen)
        await self.pass_by(at(text) - self.now)
        return [self._told(each) for each in self.seen[before:]]

    async def pass_by(self, duration: timedelta) -> None:
        """Let the clock go on, with a worker that does what is due when it is due."""
        end = self.now + duration
        while (due := await self._next(end)) is not None:
            self.now = max(self.now, due)
            await self.work()
        self.now = end

    async def _next(self, end: datetime) -> datetime | None:
        due: datetime | None = await self.database.fetchval(
            "select min(due) from job where kind = $1 and due <= $2", DELIVER, end
        )
        return due

    def _told(self, push: Push) -> str:
        more = f" +{push.data['more']}" if "more" in push.data else ""
        return f"{push.data['kind']}{more}"

    async def work(self) -> None:
        """Be a worker that does all that is due."""
        await self.database.execute(
            "update job set due = '-infinity' where kind = $1 and due <= $2", DELIVER, self.now
        )
        queue = JobQueue(self.database)
        deliver = Deliverer(self, self.database, DeliveryTable(self.database))  # type: ignore[arg-type]
        for job in await queue.claim(99, timedelta(minutes=1), uuid4(), [DELIVER]):
            await self._do(deliver, queue, job)

    async def _do(self, deliver: Deliverer, queue: JobQueue, job: Job) -> None:
        try:
            await deliver(job)
        except Again as again:
            after = self.now + timedelta(seconds=again.after) - datetime.now(UTC)
            await queue.postpone(job, after, None)

    async def ledger(self) -> list[tuple[str, str]]:
        rows = await self.database.fetch(
            """select kind, state from delivery join inbox_entry using (account_id, inbox_entry_id)
               order by inbox_entry.created_at, delivery_id"""
        )
        return [(row["kind"], row["state"]) for row in rows]

    async def waiting(self) -> list[datetime]:
        """When jobs are due, for the minute, less what the account's mornings are later."""
        rows = await self.database.fetch(
            "select due from job where kind = $1 order by due", DELIVER
        )
        return [row["due"] - spread_of(self.account) for row in rows]


async def a_phone(database: Database, account: AccountId, name: str = "phone") -> None:
    await DeviceTable(database).register(account, Platform.ANDROID, TargetKind.FID, name, "en")


@pytest.fixture
async def night(database: Database) -> Night:
    await take_in(RecordTable(database), an_answer(a_nomination()))
    account = await log_in(AccountTable(database), sleeps=True)
    await a_phone(database, account)
    return Night(database, account)


async def test_by_day_each_is_a_push_of_its_own(night: Night):
    await night.happen(CHANGED, DATES, BACK)

    assert sorted(await night.until("03-01 14:01")) == sorted(
        KINDS[row] for row in (CHANGED, DATES, BACK)
    )


async def test_the_night_s_messages_are_one_push_in_the_morning_and_what_is_urgent_comes_at_once(
    night: Night,
):
    await night.until("03-01 23:00")
    await night.happen(CHANGED, DATES)
    await night.happen(BACK)
    await night.happen(RECEIVED)

    assert await night.until("03-02 07:59") == ["agreement_sent_back"]
    [by_night] = night.seen
    assert by_night.urgency is Urgency.NORMAL  # it is shown, and does not ring
    assert await night.waiting() == [at("03-02 08:00")]
    assert await night.until("03-02 08:15") == ["change_sent +2"]
    morning = night.seen[-1]
    assert (morning.title, morning.body) == (
        "New messages: 3",
        "All of them are in the app's inbox.",
    )
    assert {state for _, state in await night.ledger()} == {"accepted"}


async def test_one_message_of_the_night_is_told_in_its_own_words(night: Night):
    await night.until("03-01 23:00")
    await night.happen(DATES)

    assert await night.until("03-02 08:15") == ["planned_dates_changed"]
    assert night.seen[0].title == MESSAGES.render_push("planned_dates_changed", "en").title


async def test_what_is_too_late_in_the_morning_rings_by_night_or_is_shown(night: Night):
    await night.until("03-01 23:00")
    await night.happen(Row.B11, date="2090-03-01")  # the last day to apply
    await night.happen(DUE, date="2090-03-01")  # not urgent in itself
    await night.happen(Row.EXTENSION_DUE, date="2090-03-05")

    assert sorted(await night.until("03-01 23:01")) == ["application_due", "change_due"]
    rings = {each.data["kind"]: each.urgency for each in night.seen}
    assert rings == {"application_due": Urgency.HIGH, "change_due": Urgency.NORMAL}
    assert await night.until("03-02 08:15") == ["extension_due"]


async def test_what_waits_for_others_is_held_where_its_time_falls_into_the_night(night: Night):
    await night.until("03-01 21:58")
    await night.happen(DATES, CHANGED, merge_for=timedelta(minutes=5))

    assert await night.until("03-02 07:59") == []
    assert await night.until("03-02 08:15") == ["planned_dates_changed +1"]


async def test_a_push_that_fails_until_night_is_tried_in_the_morning_and_still_then(night: Night):
    await night.until("03-01 21:30")
    await night.happen(DUE, date="2090-03-10")  # which says nothing new after a day
    night.failing = True
    assert await night.until("03-02 02:00") == []
    assert await night.waiting() == [at("03-02 08:00")]
    await night.until("03-02 10:00")
    night.failing = False

    assert await night.until("03-02 23:00") == ["change_due"]


async def test_a_worker_that_was_away_until_night_lets_people_sleep(night: Night):
    await night.happen(DATES, CHANGED, BACK)
    night.now = at("03-02 01:00")
    await night.work()

    assert [each.data["kind"] for each in night.seen] == ["agreement_sent_back"]
    assert await night.until("03-02 07:59") == []
    assert await night.until("03-02 08:15") == ["planned_dates_changed +1"]


async def test_a_digest_is_one_push_on_monday_and_what_was_overtaken_or_read_is_not_in_it(
    night: Night,
):
    await night.wish(digest=Digest.WEEKLY)
    await night.happen(CHANGED, RECEIVED, DATES, Row.D1)
    await night.until("03-02 14:00")
    await night.happen(CHANGED)  # once more: the first is overtaken
    entries = await InboxTable(night.database).entries(night.account, first=9, after=None)
    read = [each.entry_id for each in entries if each.kind == "nomination_received"]
    await InboxTable(night.database).mark_read(night.account, read, night.now)

    assert await night.until("03-06 07:59") == []
    assert await night.until("03-06 08:15") == ["planned_dates_changed +2"]
    assert sorted(await night.ledger()) == [
        ("arrival_confirmed", "accepted"),
        ("change_sent", "accepted"),
        ("change_sent", "superseded"),
        ("nomination_received", "unwanted"),
        ("planned_dates_changed", "accepted"),
    ]


async def test_a_digest_of_which_nothing_stands_is_none(night: Night):
    await night.wish(digest=Digest.DAILY)
    await night.happen(DATES)
    entries = await InboxTable(night.database).entries(night.account, first=9, after=None)
    await InboxTable(night.database).mark_read(
        night.account, [InboxEntryId(each.entry_id) for each in entries], night.now
    )

    assert await night.until("03-03 12:00") == []
    assert await night.ledger() == [("planned_dates_changed", "unwanted")]


async def test_what_failed_in_a_digest_is_tried_again_soon_and_does_not_wait_for_the_next(
    night: Night,
):
    await night.wish(digest=Digest.WEEKLY)
    await night.happen(DATES, RECEIVED)
    night.failing = True
    await night.until("03-06 21:50")  # the Monday, until shortly before night
    assert night.seen == []
    await night.until("03-06 23:30")
    night.failing = False

    assert await night.until("03-07 08:15") == ["planned_dates_changed +1"]


async def test_a_pause_holds_all_and_at_its_end_what_is_urgent_speaks_for_itself(night: Night):
    await night.wish(paused_until=at("03-20 12:00"))
    await night.happen(CHANGED, DATES, BACK)

    assert await night.until("03-20 11:59") == []
    assert sorted(await night.until("03-20 12:00")) == ["agreement_sent_back", "change_sent +1"]


async def test_a_pause_that_is_ended_lets_go_what_it_held(night: Night):
    await night.wish(paused_until=at("03-20 12:00"))
    await night.happen(DATES, RECEIVED, BACK)
    await night.until("03-05 12:00")
    await night.wish(paused_until=None)

    assert sorted(await night.until("03-05 12:01")) == [
        "agreement_sent_back",
        "planned_dates_changed +1",
    ]


async def test_a_pause_that_begins_holds_what_waits(night: Night):
    await night.happen(DATES, merge_for=timedelta(minutes=5))
    await night.happen(CHANGED, merge_for=timedelta(minutes=5))  # goes with it
    await night.wish(paused_until=at("03-20 12:00"))

    assert await night.until("03-20 11:59") == []
    assert await night.until("03-20 12:00") == ["planned_dates_changed +1"]


async def test_what_waits_moves_with_each_change_earlier_and_later(night: Night):
    await night.until("03-01 23:00")
    await night.happen(DATES, RECEIVED)
    moments = []
    for wish in (
        {"quiet": QuietHours(begin=time(0), end=time(11))},
        {"quiet": QuietHours(begin=time(20), end=time(6))},
        {"digest": Digest.WEEKLY},
        {"digest": Digest.DAILY},
        {"zone": "America/New_York"},
        {"zone": "Asia/Tokyo"},
    ):
        await night.wish(**wish)
        moments += await night.waiting()
    tokyo = datetime(2090, 3, 2, 8, tzinfo=ZoneInfo("Asia/Tokyo"))

    assert moments == [
        at("03-01 23:00") - spread_of(night.account),  # it is not quiet yet: at once
        *(at("03-02 06:00"), at("03-06 08:00"), at("03-02 08:00"), at("03-02 14:00"), tokyo),
    ]


async def test_a_category_that_is_switched_off_is_told_nobody_and_the_ledger_says_why(
    night: Night,
):
    await night.wish(digest=Digest.DAILY)
    await night.happen(DATES, RECEIVED)
    await night.wish(levels=((PUSH, STAY, Level.NONE),))
    await night.happen(DATES)

    assert await night.until("03-02 08:15") == ["nomination_received"]
    assert await night.ledger() == [
        ("planned_dates_changed", "unwanted"),
        ("nomination_received", "accepted"),
        ("planned_dates_changed", "unwanted"),
    ]
    assert await night.until("03-09 08:15") == []
    unread = await InboxTable(night.database).unread(night.account)
    assert unread == 3  # the inbox has them all


async def test_what_goes_with_a_push_that_is_switched_off_goes_out_all_the_same(night: Night):
    await night.happen(DATES, CHANGED, merge_for=timedelta(minutes=5))
    await night.wish(levels=((PUSH, STAY, Level.NONE),))

    assert await night.until("03-01 15:00") == ["change_sent"]


async def test_a_change_while_a_push_is_on_its_way_is_kept_when_that_has_failed(night: Night):
    async def switch_off() -> None:
        night.then = None
        await night.wish(levels=((PUSH, STAY, Level.NONE),))

    night.then, night.failing = switch_off, True
    await night.happen(DATES)
    await night.until("03-01 14:00")
    night.failing = False

    assert await night.until("03-03 14:00") == []
    assert await night.ledger() == [("planned_dates_changed", "unwanted")]


async def test_a_change_and_a_message_at_once_take_turns(night: Night):
    """Who tells holds the account: the change waits, and finds the message."""
    told, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        event = MobilityEvent(event_id=EventId(uuid4()), step=DATES, detail={"start": "1"})
        async with RecordTable(night.database).change(HOME, HOME, OM) as change:
            assert change.before is not None
            await Teller(MESSAGES, timedelta(0))(change, [event], change.before, night.now)
            told.set()
            await go_on.wait()

    telling = asyncio.create_task(slowly())
    await told.wait()
    changing = asyncio.create_task(night.wish(paused_until=at("03-20 12:00")))
    await until(lambda: waits_for_a_lock(night.database))
    go_on.set()
    await asyncio.gather(telling, changing)

    assert await night.until("03-20 11:59") == []
    assert await night.until("03-20 12:00") == ["planned_dates_changed"]


async def test_each_phone_has_its_own_push_and_another_student_is_left_alone(
    database: Database, night: Night
):
    other = await log_in(AccountTable(database), "other", ())
    await a_phone(database, night.account, "second")
    await night.wish(digest=Digest.DAILY)
    await night.happen(DATES, RECEIVED)
    await PreferenceTable(database, MESSAGES.kinds).change(
        other, Wish(digest=Digest.OFF, paused_until=at("03-20 12:00")), night.now
    )

    assert await night.until("03-02 08:15") == ["planned_dates_changed +1"] * 2
    assert sorted(each.target for each in night.seen) == ["phone", "second"]


async def test_operators_see_what_is_held_apart_from_what_is_late(night: Night):
    await night.happen(BACK)
    await night.wish(digest=Digest.DAILY)
    await night.happen(DATES, RECEIVED)

    rows = shown(await Measures(night.database, timedelta(0)).figures())
    states = ("waiting", "late", "held", "failed")
    assert [number(rows, "erasmus_outbox_rows", lane="fcm", state=each) for each in states] == [
        *(1, 0, 1, 0)
    ]


async def test_a_dead_job_stays_dead(night: Night):
    await night.wish(digest=Digest.DAILY)
    await night.happen(DATES)
    await night.database.execute("update job set dead_at = now() where kind = $1", DELIVER)
    await night.wish(digest=Digest.OFF)

    assert await night.database.fetchval("select count(*) from job where kind = $1", DELIVER) == 1


async def test_preferences_are_sealed_and_whoever_chose_nothing_has_no_row(night: Night):
    await night.wish(digest=Digest.WEEKLY, levels=((PUSH, STAY, Level.NONE),))
    content: bytes = await night.database.fetchval("select content from preference")
    assert b"weekly" not in content
    assert b"stay" not in content
    await night.wish(digest=Digest.OFF, levels=((PUSH, STAY, Level.ALL),))

    assert await night.database.fetchval("select count(*) from preference") == 0


async def test_an_account_that_is_gone_changes_nothing(night: Night):
    nobody = AccountId(UUID(int=7))
    table = PreferenceTable(night.database, MESSAGES.kinds)
    await table.change(nobody, Wish(digest=Digest.DAILY), night.now)

    assert await night.database.fetchval("select count(*) from preference") == 0
