"""Records, the documents behind them and what follows, on a real server."""

import asyncio
import hashlib
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest
from databases import in_clear, until, waits_for_a_lock
from msgspec.structs import replace
from unit.store.samples import (
    ABROAD,
    ESI,
    HOME,
    NOW,
    OM,
    OTHER_ESI,
    RECEIVED,
    a_nomination,
    an_answer,
    log_in,
    take_in,
)

from erasmus_app.errors import Misfit
from erasmus_app.ids import EventId, InboxEntryId, OmobilityId
from erasmus_app.mobilities.consolidate import AbsenceRules, merge
from erasmus_app.mobilities.events import MobilityEvent, Row, event_id
from erasmus_app.mobilities.models import Api, NominationStatus
from erasmus_app.mobilities.ports import Reader
from erasmus_app.notifications.models import Message
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.records import RecordTable
from erasmus_app.store.telling import tell
from erasmus_app.students.models import Platform, TargetKind

LIVE = a_nomination(status=NominationStatus.LIVE)


@pytest.fixture
def records(database: Database) -> RecordTable:
    return RecordTable(database)


@pytest.fixture
def accounts(database: Database) -> AccountTable:
    return AccountTable(database)


async def counts(database: Database) -> dict[str, int]:
    tables = ("person", "mobility", "source_document", "event", "inbox_entry", "delivery", "job")
    return {
        each: found
        for each in tables
        if (found := await database.fetchval(f"select count(*) from {each}"))
    }


async def seen(records: RecordTable, account) -> set[str]:
    return {each.mobility.omobility_id for each in await records.mobilities_of(account)}


async def test_a_record_comes_back_as_it_was_saved(records: RecordTable, accounts: AccountTable):
    account = await log_in(accounts)
    answer = an_answer(a_nomination())
    stored = await take_in(records, answer)

    assert await records.mobilities_of(account) == [replace(stored, account_id=account)]
    assert stored.mobility == merge(None, answer.reading, AbsenceRules())
    assert stored.version == 1


async def test_only_what_a_reader_can_tell_apart_makes_a_new_version(records: RecordTable):
    versions = [
        (await take_in(records, answer)).version
        for answer in (
            an_answer(a_nomination()),
            an_answer(a_nomination(), minutes=1),  # the same once more
            an_answer(LIVE, minutes=2),
            an_answer(RECEIVED, minutes=3),
            an_answer(RECEIVED, minutes=4),
        )
    ]

    assert versions == [1, 1, 2, 3, 3]


async def test_a_mobility_is_as_old_as_its_writing_and_not_as_the_wait_before_it(
    records: RecordTable, database: Database
):
    async with database.locked(f"{HOME} {HOME} {OM}") as connection:
        waiting = asyncio.create_task(take_in(records, an_answer(a_nomination())))
        await until(lambda: waits_for_a_lock(database))
        over = await connection.fetchval("select clock_timestamp()")
    await waiting

    assert await database.fetchval("select created_at from mobility") >= over


async def test_the_last_good_document_stays_when_an_answer_leaves_the_object_out(
    records: RecordTable, database: Database
):
    first = an_answer(a_nomination())
    await take_in(records, first)
    stored = await take_in(records, an_answer(None, minutes=5))
    [source] = stored.mobility.sources()

    row = await database.fetchrow(
        """select tenant, api, hei_id, object_id, sha256, signed_by, last_confirmed_at,
               missing_since, revision from source_document"""
    )
    assert tuple(row) == (
        *(HOME, "omobilities", HOME, OM),
        *(first.document.sha256, first.document.signed_by),
        *(source.last_confirmed_at, NOW + timedelta(minutes=5), 1),
    )
    assert await in_clear(database, "source_document.xml") == [first.document.xml]


NOMINATED = MobilityEvent(
    event_id=event_id(HOME, OM, Row.B1, "omobilities 1"), step=Row.B1, detail={"courses": "5"}
)


async def the_whole_change(records: RecordTable, *, fails: bool = False) -> list[Reader]:
    answer = an_answer(a_nomination())
    async with records.change(HOME, HOME, OM) as change:
        stored = await change.save(merge(None, answer.reading, AbsenceRules()), answer)
        await change.record_events([NOMINATED], silent=False)
        readers = await change.readers()
        for reader in readers:
            message = Message(
                entry_id=InboxEntryId(uuid4()),
                account_id=reader.account_id,
                tenant=HOME,
                mobility_id=stored.mobility_id,
                event_id=NOMINATED.event_id,
                kind=NOMINATED.kind,
                arguments={},
                push=True,
                ttl=timedelta(hours=72),
            )
            await tell(change.connection, message, NOW)
        await change.enqueue("refresh", {"a": 1}, dedupe_key="confirm")
        if fails:
            raise KeyError
    return readers


async def test_document_record_event_inbox_and_jobs_are_one_change(
    records: RecordTable, accounts: AccountTable, database: Database
):
    account = await log_in(accounts)
    await DeviceTable(database).register(account, Platform.ANDROID, TargetKind.FID, "phone-1", None)
    with pytest.raises(KeyError):
        await the_whole_change(records, fails=True)
    before = await counts(database)
    readers = await the_whole_change(records)

    assert before == {}
    assert readers == [Reader(account_id=account, language="pt", zone="Europe/Brussels")]
    assert await counts(database) == {
        "person": 1,
        "mobility": 1,
        "source_document": 1,
        "event": 1,
        "inbox_entry": 1,
        "delivery": 1,
        "job": 2,
    }


async def test_an_event_that_is_there_already_stays_as_it_is(
    records: RecordTable, database: Database
):
    await take_in(records, an_answer(a_nomination()))
    for silent, detail in ((True, {"a": "1"}), (False, {"a": "2"})):
        async with records.change(HOME, HOME, OM) as change:
            again = MobilityEvent(event_id=EventId(NOMINATED.event_id), step=Row.B1, detail=detail)
            await change.record_events([again], silent=silent)

    rows = await database.fetch("select step, kind, silent from event")
    assert [tuple(row) for row in rows] == [("B1", "nominated", True)]
    assert await in_clear(database, "event.detail") == [b'{"a":"1"}']


async def test_changes_of_one_mobility_take_turns_and_others_do_not_wait(records: RecordTable):
    order: list[str] = []
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with records.change(HOME, HOME, OM) as change:
            answer = an_answer(a_nomination())
            await change.save(merge(None, answer.reading, AbsenceRules()), answer)
            entered.set()
            await leave.wait()
            order.append("slow")

    first = asyncio.create_task(slow())
    await entered.wait()
    second = asyncio.create_task(take_in(records, an_answer(LIVE, minutes=1)))
    second.add_done_callback(lambda _: order.append("second"))
    await take_in(records, an_answer(a_nomination(OTHER_ESI), omobility_id="om-2"))
    order.append("another")
    leave.set()
    await first

    assert (await second).version == 2  # it saw what the first one had saved
    assert order == ["another", "slow", "second"]


@pytest.mark.parametrize("who", ["a login", "another mobility of the same student"])
async def test_whoever_comes_while_a_person_is_being_made_sees_the_mobility(
    records: RecordTable, accounts: AccountTable, database: Database, who: str
):
    account = await log_in(accounts, esis=() if who == "a login" else (ESI,))
    answer = an_answer(a_nomination())
    async with records.change(HOME, HOME, OM) as change:
        await change.save(merge(None, answer.reading, AbsenceRules()), answer)
        if who == "a login":
            other = asyncio.create_task(log_in(accounts))
        else:
            other = asyncio.create_task(
                take_in(records, an_answer(a_nomination(), omobility_id="om-2"))
            )

        async def settled() -> bool:
            return other.done() or await waits_for_a_lock(database)

        await until(settled)
    await other

    expected = {OM} if who == "a login" else {OM, "om-2"}
    assert await seen(records, account) == expected
    assert await database.fetchval("select count(*) from person") == 1


async def test_an_account_is_matched_whichever_comes_first(
    records: RecordTable, accounts: AccountTable
):
    before = await log_in(accounts, "before")
    await take_in(records, an_answer(a_nomination(f" {ESI.upper()} ")))
    third = f"{OTHER_ESI}3"
    await take_in(records, an_answer(a_nomination(third), omobility_id="om-3"))
    later = await log_in(accounts, "later", (third,))
    stranger = await log_in(accounts, "stranger", (OTHER_ESI,))

    assert [await seen(records, each) for each in (before, later, stranger)] == [
        {OM},
        {"om-3"},
        set(),
    ]
    assert await records.link(stranger, [ESI]) == 1
    assert await records.link(stranger, [ESI, OTHER_ESI]) == 0
    assert await seen(records, stranger) == {OM}


@pytest.mark.parametrize("value", ["4711", "", "urn:schac:personalUniqueCode:de:x:4711"])
async def test_what_is_no_esi_matches_nobody(
    records: RecordTable, accounts: AccountTable, database: Database, value: str
):
    account = await log_in(accounts)
    for number in (1, 2):  # the same value twice is two persons still
        await take_in(records, an_answer(a_nomination(value), omobility_id=f"om-{number}"))

    assert await records.link(account, [value]) == 0
    assert await seen(records, account) == set()
    assert await counts(database) == {"person": 2, "mobility": 2, "source_document": 2}


async def test_an_esi_that_comes_later_lets_the_account_see_the_mobility(
    records: RecordTable, accounts: AccountTable
):
    account = await log_in(accounts)
    await take_in(records, an_answer(a_nomination(None)))
    hidden = await seen(records, account)
    await take_in(records, an_answer(a_nomination(), minutes=1))

    assert (hidden, await seen(records, account)) == (set(), {OM})


async def test_an_esi_that_comes_later_joins_the_mobility_to_a_student_known_before(
    records: RecordTable, accounts: AccountTable, database: Database
):
    account = await log_in(accounts)
    known = await take_in(records, an_answer(a_nomination(), omobility_id="om-0"))
    await take_in(records, an_answer(a_nomination(None)))
    async with records.change(HOME, HOME, OM) as change:
        await change.record_events([NOMINATED], silent=True)
    joined = await take_in(records, an_answer(a_nomination(), minutes=1))

    assert joined.person_id == known.person_id
    assert await seen(records, account) == {"om-0", OM}
    assert await database.fetchval("select count(*) from person") == 1
    assert await database.fetchval("select person_id from event") == known.person_id


async def test_an_esi_that_changes_inside_a_mobility_gives_it_to_nobody_else(
    records: RecordTable, accounts: AccountTable
):
    theirs = await log_in(accounts)
    other = await log_in(accounts, "other", (OTHER_ESI,))
    await take_in(records, an_answer(a_nomination()))
    await take_in(records, an_answer(a_nomination(OTHER_ESI), minutes=1))
    late = await log_in(accounts, "late", (OTHER_ESI,))

    assert [await seen(records, each) for each in (theirs, other, late)] == [{OM}, set(), set()]


async def test_each_tenants_facts_stay_its_own_and_the_student_sees_them_all(
    records: RecordTable, accounts: AccountTable, database: Database
):
    account, stranger = await log_in(accounts), await log_in(accounts, "x", (OTHER_ESI,))
    at_home = await take_in(records, an_answer(a_nomination()))
    abroad = await take_in(records, an_answer(LIVE, tenant=ABROAD, minutes=1))

    assert await records.mobilities_of(account) == [
        replace(each, account_id=account) for each in (abroad, at_home)
    ]
    assert await records.mobilities_of(stranger) == []
    assert at_home.mobility_id != abroad.mobility_id
    assert {
        (stored.mobility.tenant, source.asked_as)
        for stored in (at_home, abroad)
        for source in stored.mobility.sources()
    } == {(HOME, HOME), (ABROAD, ABROAD)}
    assert await in_clear(database, "source_document.xml") == [
        an_answer(LIVE).document.xml,
        an_answer(a_nomination()).document.xml,
    ]
    async with records.change(ABROAD, HOME, OM) as change:
        assert change.before == abroad


async def test_whom_to_ask_for_what_comes_from_a_tenants_own_mobilities(records: RecordTable):
    for number in (2, 1):
        await take_in(records, an_answer(a_nomination(), omobility_id=f"om-{number}"))
    await take_in(records, an_answer(a_nomination(), tenant=ABROAD, omobility_id="om-9"))

    assert await records.partners(HOME) == {ABROAD}
    assert await records.partners(ABROAD) == {HOME}
    assert await records.partners("nobody.example") == set()


async def test_ids_that_differ_by_letter_case_are_two_mobilities(records: RecordTable):
    one = await take_in(records, an_answer(a_nomination(), omobility_id="OM-a"))
    two = await take_in(records, an_answer(a_nomination(), omobility_id="om-A"))

    assert (one.mobility_id != two.mobility_id, one.person_id) == (True, two.person_id)
    async with records.change(HOME, HOME, OmobilityId("om-a")) as change:
        assert change.before is None
        assert await change.readers() == []


async def test_what_does_not_fit_is_counted_by_its_fingerprint(
    records: RecordTable, database: Database
):
    def misfit(content: bytes) -> Misfit:
        return Misfit(hashlib.sha256(content).digest(), len(content), "status: no such word")

    for content in (b"a", b"bb", b"a"):
        await records.quarantine(HOME, Api.OMOBILITIES, ABROAD, misfit(content))
    await records.quarantine(ABROAD, Api.OMOBILITIES, ABROAD, misfit(b"a"))

    rows = await database.fetch(
        "select tenant, size, times, object_id from quarantine order by quarantine_id"
    )
    assert [tuple(row) for row in rows] == [
        (HOME, 1, 2, None),
        (HOME, 2, 1, None),
        (ABROAD, 1, 1, None),
    ]


async def test_refusals_are_counted_by_day_and_reason(records: RecordTable, database: Database):
    for reason in ("signature_invalid", "digest_invalid", "signature_invalid"):
        await records.count_refusal(HOME, "omobility-cnr", reason)
    await database.execute("update refusal set day = day - 1 where reason = 'digest_invalid'")
    await records.count_refusal(HOME, "omobility-cnr", "digest_invalid")

    rows = await database.fetch("select reason, times from refusal order by reason, day")
    assert [tuple(row) for row in rows] == [
        ("digest_invalid", 1),
        ("digest_invalid", 1),
        ("signature_invalid", 2),
    ]


async def test_an_account_that_is_erased_leaves_the_tenants_record(
    records: RecordTable, accounts: AccountTable, database: Database
):
    account = await log_in(accounts)
    stored = await take_in(records, an_answer(a_nomination()))
    await database.execute("delete from account where account_id = $1", account)

    async with records.change(HOME, HOME, OM) as change:
        assert change.before == stored
        assert await change.readers() == []
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await records.link(account, [ESI])
