"""Feeds in PostgreSQL, and what calendars have seen."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from unit.store.samples import ABROAD, HOME, NOW, OTHER_ESI, log_in

from erasmus_app.ids import AccountId
from erasmus_app.notifications.agenda import STAY, Entry, Published
from erasmus_app.notifications.calendars import CalendarFeed, Subscriber
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.calendars import CalendarTable
from erasmus_app.store.database import Database

HOUR = timedelta(hours=1)


@pytest.fixture
async def ines(database: Database) -> AccountId:
    return await log_in(AccountTable(database), "ines")


def an_entry(number: int) -> Published:
    entry = Entry(
        uid=f"stay.{number}",
        what=STAY,
        sending_hei_id=HOME,
        receiving_hei_id=ABROAD,
        on=NOW.date() + number * timedelta(days=1),
    )
    return Published(entry=entry, changed_at=NOW)


async def test_a_secret_opens_the_calendar_of_who_made_it_until_it_is_revoked(
    database: Database, ines: AccountId
):
    table = CalendarTable(database)
    zofia = await log_in(AccountTable(database), "zofia", (OTHER_ESI,))
    made = await table.create(ines, b"1" * 32, NOW, 9)

    assert await table.subscriber(b"1" * 32, NOW) == Subscriber(
        account_id=ines, feed_id=made.feed_id, language="pt", zone="Europe/Brussels"
    )
    assert await table.subscriber(b"2" * 32, NOW) is None
    assert await table.revoke(zofia, made.feed_id) is False
    assert await table.revoke(ines, uuid4()) is False
    assert await table.subscriber(b"1" * 32, NOW) is not None
    assert await table.revoke(ines, made.feed_id) is True
    assert await table.subscriber(b"1" * 32, NOW) is None
    assert await table.feeds(ines) == []


async def test_a_fetch_is_noted_once_an_hour(database: Database, ines: AccountId):
    table = CalendarTable(database)
    made = await table.create(ines, b"1" * 32, NOW, 9)
    noted = []
    for minutes in (0, 30, 61, 200):
        await table.subscriber(b"1" * 32, NOW + timedelta(minutes=minutes))
        [feed] = await table.feeds(ines)
        noted.append(feed.fetched_at)

    assert noted == [NOW, NOW, NOW + HOUR, NOW + 3 * HOUR]
    assert feed == CalendarFeed(
        account_id=ines, feed_id=made.feed_id, created_at=NOW, fetched_at=NOW + 3 * HOUR
    )


async def test_the_feed_that_was_not_read_for_longest_makes_room(
    database: Database, ines: AccountId
):
    table = CalendarTable(database)
    made = [await table.create(ines, bytes([n]) * 32, NOW + n * HOUR, 3) for n in range(3)]
    await table.subscriber(bytes([0]) * 32, NOW + 9 * HOUR)  # the oldest is in use
    newest = await table.create(ines, bytes([9]) * 32, NOW + 9 * HOUR, 3)

    assert [each.feed_id for each in await table.feeds(ines)] == [
        each.feed_id for each in (newest, made[2], made[0])
    ]


async def test_feeds_made_at_once_are_never_more_than_there_may_be(
    database: Database, ines: AccountId
):
    table = CalendarTable(database)
    await asyncio.gather(
        *(table.create(ines, uuid4().bytes * 2, NOW + n * HOUR, 3) for n in range(12))
    )

    assert len(await table.feeds(ines)) == 3


async def test_what_calendars_have_seen_is_kept_sealed_and_replaced_as_a_whole(
    database: Database, ines: AccountId
):
    table = CalendarTable(database)
    first = {each.entry.uid: each for each in map(an_entry, range(3))}
    asked: list[dict[str, Published]] = []

    def note(before, after):
        asked.append(dict(before))
        return after

    assert await table.replace(ines, lambda before: note(before, first)) == first
    second = {"stay.1": an_entry(1), "stay.9": an_entry(9)}
    assert await table.replace(ines, lambda before: note(before, second)) == second
    assert await table.replace(ines, lambda before: note(before, before)) == second

    assert asked == [{}, {}, first, first, second]  # what is new is looked at once more, alone
    rows = await database.fetch("select content from calendar_entry where account_id = $1", ines)
    assert len(rows) == 2
    assert not any(b"example" in row["content"] for row in rows)


async def test_two_calendars_that_ask_at_once_count_a_change_once(
    database: Database, ines: AccountId
):
    table = CalendarTable(database)
    await table.replace(ines, lambda _: {"stay.1": an_entry(1)})

    def moved(before):
        known = before["stay.1"]
        if known.entry.on == an_entry(5).entry.on:
            return before
        later = Published(
            entry=an_entry(5).entry, sequence=known.sequence + 1, changed_at=NOW + HOUR
        )
        return {"stay.1": later}

    found = await asyncio.gather(*(table.replace(ines, moved) for _ in range(8)))

    assert {each["stay.1"].sequence for each in found} == {1}
