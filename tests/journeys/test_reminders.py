"""What the calendar makes due is told once, at a good hour, and after whatever went wrong."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from databases import PARTITIONED
from journeys.looking import Hand, working_by_hand
from journeys.scenes import APPLY, BEGINS, DAY, TODAY, Scene

from erasmus_app.mobilities.models import Api
from sandbox import office
from sandbox.cast import INES, JEZIORO, RIBEIRA

SOON = TODAY + 5 * DAY


@pytest.fixture
async def hand(dsn, valkey, tmp_path) -> AsyncIterator[Hand]:
    async with working_by_hand(dsn, valkey, tmp_path) as hand:
        yield hand


async def nominated(hand: Hand, *, silent: bool = False, before=APPLY, name="om-1") -> Scene:
    """Camille's nomination, for the term of a deadline, as the backend has read it."""
    scene = await hand.scene("camille", name)
    await scene.nominated(before=before)
    await hand.fetch(scene, Api.OMOBILITIES, silent=silent)
    return scene


async def test_after_downtime_a_deadline_is_told_once_by_its_nearest_reminder(hand: Hand):
    scene = await nominated(hand)
    await hand.look()
    await hand.read_factsheet(RIBEIRA.hei_id)
    await hand.look()
    assert await hand.inbox(scene) == ["nominated"]

    for day in (APPLY - 2 * DAY, APPLY - DAY, APPLY + DAY):  # 30, 14, 7 and 0 days before: down
        await hand.look(day)

    assert await hand.inbox(scene) == ["nominated", "application_due"]


async def test_each_reminder_is_told_on_its_day(hand: Hand):
    scene = await nominated(hand)
    await hand.read_factsheet(RIBEIRA.hei_id)
    for days in range(40, -3, -1):
        await hand.look(APPLY - days * DAY)

    assert await hand.inbox(scene) == ["nominated", *["application_due"] * 5]
    assert await hand.next_look(scene) is None


async def test_two_looks_at_the_same_time_tell_once(hand: Hand):
    scene = await nominated(hand)
    await hand.read_factsheet(RIBEIRA.hei_id)

    await asyncio.gather(*(hand.look(APPLY - 7 * DAY) for _ in range(4)))

    assert await hand.inbox(scene) == ["nominated", "application_due"]


async def test_what_the_first_synchronisation_finds_is_due_in_silence(hand: Hand):
    hand.bed.world.network.heis[RIBEIRA.hei_id].publish(
        nominations=f"{SOON:--%m-%d}", applications=f"{SOON:--%m-%d}"
    )
    scene = await nominated(hand, silent=True, before=SOON)
    await hand.look()  # the factsheet is not known yet: its deadlines are still to be found
    await hand.read_factsheet(RIBEIRA.hei_id)
    await hand.look()
    assert await hand.inbox(scene) == []

    await hand.look(SOON - DAY)  # what comes near from now on is told
    assert await hand.inbox(scene) == ["application_due"]


async def test_a_host_that_publishes_nothing_silences_nothing_for_ever(hand: Hand):
    scene = await hand.scene("ines")
    office.nominate_new(
        scene.home, INES, JEZIORO.hei_id, scene.omobility_id, term=office.term_before(APPLY)
    )
    await scene.becomes("approved")
    await hand.fetch(scene, Api.OMOBILITIES, silent=True)
    await hand.look()
    assert await hand.inbox(scene) == []

    due = await hand.next_look(scene)  # a month before the term begins
    assert due is not None
    await hand.look(due + timedelta(seconds=42))
    assert await hand.inbox(scene) == ["agreement_due"]
    lateness = "erasmus_reminder_lateness_seconds"
    assert await hand.bed.number(f"{lateness}_count") == 1  # what was silent is not late
    assert await hand.bed.number(f"{lateness}_sum") == pytest.approx(42)


async def test_what_is_learned_later_is_told_at_once(hand: Hand):
    hand.bed.world.network.heis[RIBEIRA.hei_id].publish(
        nominations=f"{SOON:--%m-%d}", applications=f"{SOON:--%m-%d}"
    )
    scene = await nominated(hand, before=SOON)
    await hand.read_factsheet(RIBEIRA.hei_id)
    await hand.look()

    assert await hand.inbox(scene) == ["nominated", "application_due"]


async def test_a_step_that_is_done_is_not_reminded_of(hand: Hand):
    scene = await nominated(hand)
    await hand.read_factsheet(RIBEIRA.hei_id)
    await hand.look()
    await scene.becomes("cancelled")
    await hand.fetch(scene, Api.OMOBILITIES)

    for day in (APPLY - 7 * DAY, BEGINS - DAY, BEGINS + 20 * DAY):
        await hand.look(day)

    assert await hand.inbox(scene) == ["nominated", "mobility_cancelled"]
    assert await hand.next_look(scene) is None


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
async def test_a_day_begins_in_the_morning_of_the_student_s_own_zone(hand: Hand, zone: str):
    scene = await nominated(hand)
    await hand.bed.app.database.execute("update account set zone = $1", zone)
    await hand.read_factsheet(RIBEIRA.hei_id)
    morning = datetime.combine(APPLY - 30 * DAY, time(9), tzinfo=ZoneInfo(zone))

    await hand.look()
    assert await hand.next_look(scene) == morning
    await hand.look(morning - timedelta(minutes=1))
    assert await hand.inbox(scene) == ["nominated"]
    await hand.look(morning)
    assert await hand.inbox(scene) == ["nominated", "application_due"]


async def test_a_student_who_travels_is_told_on_the_morning_of_where_they_are(hand: Hand):
    scene, database = await nominated(hand), hand.bed.app.database
    await hand.read_factsheet(RIBEIRA.hei_id)
    await hand.look()

    async def morning_in(zone: str) -> datetime:
        """Say another zone; return when the next reminder is due then."""
        await database.execute("update account set zone = $1", zone)
        await hand.look()  # at once: the next look was counted by another clock
        found = await hand.next_look(scene)
        assert found == datetime.combine(APPLY - 30 * DAY, time(9), tzinfo=ZoneInfo(zone))
        return found

    west, east = await morning_in("America/Los_Angeles"), await morning_in("Asia/Tokyo")
    assert west - east > timedelta(hours=15)
    await hand.look(east - timedelta(minutes=1))
    assert await hand.inbox(scene) == ["nominated"]
    await hand.look(east)
    assert await hand.inbox(scene) == ["nominated", "application_due"]

    await morning_of_the_day_before(hand, "America/Los_Angeles", east)
    assert await hand.inbox(scene) == ["nominated", "application_due"]  # not once more


async def morning_of_the_day_before(hand: Hand, zone: str, now: datetime) -> None:
    """Fly west, so that the day of a reminder is still to come; and live through it."""
    await hand.bed.app.database.execute("update account set zone = $1", zone)
    for hours in range(0, 30, 3):
        await hand.look(now + timedelta(hours=hours))


async def test_a_student_who_comes_later_has_mornings_of_their_own(hand: Hand):
    """Before anybody signs in, days are counted in UTC."""
    database = hand.bed.app.database
    scene = await nominated(hand)
    await hand.read_factsheet(RIBEIRA.hei_id)
    async with database.transaction() as connection:
        readers = await connection.fetch("delete from account_person returning *")
    await database.execute("update mobility set next_look_at = '-infinity'")
    await hand.look()
    nobodys = datetime.combine(APPLY - 30 * DAY, time(9), tzinfo=UTC)
    assert await hand.next_look(scene) == nobodys

    await database.execute("update account set zone = 'Asia/Tokyo'")
    for row in readers:
        await database.execute(
            "insert into account_person (account_id, tenant, person_id) values ($1, $2, $3)",
            row["account_id"],
            row["tenant"],
            row["person_id"],
        )
    await hand.look()
    assert await hand.next_look(scene) == nobodys - timedelta(hours=9)


async def test_a_worker_that_dies_while_it_tells_has_told_nothing_and_it_is_told_later(hand: Hand):
    scene, database = await nominated(hand), hand.bed.app.database
    await hand.read_factsheet(RIBEIRA.hei_id)
    await database.execute(
        """create function away() returns trigger language plpgsql as $$
           begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$"""
    )
    await database.execute(
        "create trigger away before insert on inbox_entry for each row execute function away()"
    )
    morning = datetime.combine(APPLY - 7 * DAY, time(12), tzinfo=UTC)
    await hand.look(morning)
    assert await hand.inbox(scene) == ["nominated"]
    assert await database.fetchval("select count(*) from event where step = 'B11'") == 0

    await database.execute("drop trigger away on inbox_entry")
    for hours in (2, 4, 6):
        await hand.look(morning + timedelta(hours=hours))
    assert await hand.inbox(scene) == ["nominated", "application_due"]


async def test_a_reminder_that_waits_is_dropped_when_the_step_is_done(hand: Hand):
    scene, database = await nominated(hand), hand.bed.app.database
    scene.phone.fid = hand.bed.world.push.register()
    await scene.phone.register(hand.bed.http)
    await hand.read_factsheet(RIBEIRA.hei_id)
    await hand.look(APPLY - 7 * DAY)
    await scene.becomes("cancelled")
    await hand.fetch(scene, Api.OMOBILITIES)

    rows = await database.fetch(
        """select kind, state from delivery join inbox_entry using (account_id, inbox_entry_id)
           order by kind"""
    )
    assert [tuple(each) for each in rows] == [
        ("application_due", "superseded"),
        ("mobility_cancelled", "pending"),
    ]


async def test_a_look_that_fails_holds_up_no_other_and_is_taken_again(hand: Hand):
    broken, well = await nominated(hand), await nominated(hand, name="om-2")
    await hand.read_factsheet(RIBEIRA.hei_id)
    await hand.bed.app.database.execute(
        "update mobility set seen = '[]' where omobility_id = $1", broken.omobility_id
    )
    await hand.look(APPLY - 7 * DAY)
    assert (await hand.inbox(broken), await hand.inbox(well)) == (
        ["nominated"],
        ["nominated", "application_due"],
    )

    await hand.bed.app.database.execute("update mobility set seen = null")
    await hand.look(APPLY - 6 * DAY)
    assert await hand.inbox(broken) == ["nominated", "application_due"]


async def test_an_idle_mobility_is_not_looked_at(hand: Hand):
    await nominated(hand)
    await hand.look()
    database = hand.bed.app.database
    async with database.transaction() as connection:
        await connection.execute("set local enable_seqscan = off")
        plan = await connection.fetch(
            """explain select tenant from mobility
               where next_look_at <= now() order by next_look_at limit 200"""
        )

    assert "Index Cond: (next_look_at <= now())" in "".join(row[0] for row in plan)
    assert PARTITIONED or "mobility_by_look" in str(plan)  # of partitions each has its own name
