"""Who looked: a row an hour, counted, and told to the student without anybody's name."""

import asyncio
from datetime import timedelta

from databases import VAULT
from unit.store.samples import (
    ABROAD,
    HOME,
    NOW,
    OTHER_ESI,
    a_nomination,
    an_answer,
    log_in,
    take_in,
)

from erasmus_app.ids import HeiId
from erasmus_app.privacy.access import Access, AccessOutcome, ActorKind, Read, Served
from erasmus_app.store.access_log import AccessLogTable
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.records import RecordTable

MINUTE = timedelta(minutes=1)
STAFF = Access(kind=ActorKind.STAFF, actor="a-colleague", hei=HOME, purpose="office", api="student")


async def feed(database: Database, om: str, partner: str | None = ABROAD, major: int = 3) -> None:
    """Let the home university be master of a nomination."""
    place = ("own_object.xml", HOME, "omobilities", HOME, om)
    await database.execute(
        """insert into own_object (tenant, api, sending_hei_id, object_id, major, partner_hei_id,
               xml, changed_at, confirmed_at)
           values ($1, 'omobilities', $1, $2, $3, $4, $5, now(), now())""",
        HOME,
        om,
        major,
        partner,
        VAULT.seal(b"<x/>", *place),
    )


def served(*ids: str, callers: tuple[str, ...] = (ABROAD,), majors: tuple[int, ...] = (3,)):
    return Served(
        tenant=HOME,
        callers=frozenset(HeiId(each) for each in callers),
        api="omobilities",
        majors=majors,
        ids=ids,
    )


async def test_a_partner_that_polls_all_day_makes_a_row_an_hour(database: Database):
    log, account = AccessLogTable(database), await log_in(AccountTable(database))
    stored = await take_in(RecordTable(database), an_answer(a_nomination()))
    await feed(database, "om-1")

    for minute in range(0, 120, 20):
        await log.note_served(served("om-1", "unknown"), NOW + minute * MINUTE)

    second, first = await log.of(account)
    assert [each.times for each in (second, first)] == [3, 3]
    assert (first.first_at, first.last_at) == (NOW, NOW + 40 * MINUTE)
    assert (first.kind, first.hei, first.api) == (ActorKind.PARTNER, ABROAD, "omobilities")
    assert (first.mobility, first.outcome) == (stored.mobility_id, AccessOutcome.SHOWN)
    assert await log.of(account, after=second.access_id) == [first]
    assert await log.of(account, first=1) == [second]


async def test_only_what_the_caller_is_shown_is_noted(database: Database):
    log, account = AccessLogTable(database), await log_in(AccountTable(database))
    await take_in(RecordTable(database), an_answer(a_nomination()))
    await feed(database, "om-1")

    await log.note_served(served("om-1", callers=("stranger.example",)), NOW)
    await log.note_served(served("om-1", majors=(2,)), NOW)
    await log.note_served(served("om-2"), NOW)
    assert await log.of(account) == []

    await log.note_served(served("om-1", callers=("a.example", ABROAD)), NOW)
    await log.note_served(served("om-1", callers=(HOME,)), NOW)
    assert {each.hei for each in await log.of(account)} == {ABROAD, HOME}


async def test_another_student_reads_nothing_of_it_and_a_colleague_has_no_name(database: Database):
    log, account = AccessLogTable(database), await log_in(AccountTable(database))
    other = await log_in(AccountTable(database), "zofia", (OTHER_ESI,))
    await log.note(STAFF, [Read(tenant=None, subject=account)], NOW)

    [found] = await log.of(account)

    assert found.hei == HOME
    assert "a-colleague" not in str(found)
    assert await log.of(other) == []
    assert await log.of(other, after=found.access_id) == []


async def test_many_at_once_lose_no_count(database: Database):
    log, account = AccessLogTable(database), await log_in(AccountTable(database))
    stored = await take_in(RecordTable(database), an_answer(a_nomination()))
    reads = [
        Read(tenant=None, subject=account),
        Read(tenant=HOME, subject=stored.person_id, mobility=stored.mobility_id),
    ]

    await asyncio.gather(*(log.note(STAFF, reads[:: (-1) ** n], NOW) for n in range(20)))

    assert [each.times for each in await log.of(account)] == [20, 20]
