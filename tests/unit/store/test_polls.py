"""Where polls stand and what they know of records, on a real server."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from unit.store.samples import (
    ABROAD,
    HOME,
    NOW,
    RECEIVED,
    a_nomination,
    an_answer,
    log_in,
    take_in,
)

from erasmus_app.ids import OmobilityId
from erasmus_app.mobilities.models import Api, NominationStatus
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.polls import Asked, PollState, PollTable
from erasmus_app.store.records import RecordTable

NOMINATIONS = Asked(HOME, HOME, Api.OMOBILITIES)
RECEPTIONS = Asked(HOME, ABROAD, Api.IMOBILITIES)
ONE, TWO = OmobilityId("om-1"), OmobilityId("om-2")


@pytest.fixture
def records(database: Database) -> RecordTable:
    return RecordTable(database)


@pytest.fixture
def polls(database: Database) -> PollTable:
    return PollTable(database)


async def test_the_rhythm_of_a_poll_outlives_the_process(polls: PollTable):
    assert await polls.state(NOMINATIONS) == PollState()
    await polls.succeeded(NOMINATIONS, NOW, by_index=True, sweep=True, interval=900)
    later = NOW + timedelta(minutes=20)
    await polls.succeeded(NOMINATIONS, later, by_index=True, sweep=False, interval=1350)

    assert await polls.state(NOMINATIONS) == PollState(
        last_success_began_at=later,
        last_full_sweep_at=NOW,
        first_sync_done_at=NOW,
        interval_seconds=1350,
    )
    assert await polls.state(RECEPTIONS) == PollState()


async def test_failures_count_until_a_success(polls: PollTable):
    assert [await polls.failed(NOMINATIONS, "partner_unreachable") for _ in range(3)] == [1, 2, 3]
    assert await polls.state(NOMINATIONS) == PollState(failures=3)
    await polls.succeeded(NOMINATIONS, NOW, by_index=True, sweep=True, interval=900)

    assert (await polls.state(NOMINATIONS)).failures == 0
    assert await polls.failed(NOMINATIONS, "partner_refused") == 1


def brief(known) -> dict[str, tuple[bool, bool, bool]]:
    return {each.omobility_id: (each.awaited, each.shown, each.doubted) for each in known}


async def test_a_partner_knows_of_those_of_its_end_and_has_shown_some(
    polls: PollTable, records: RecordTable
):
    await take_in(records, an_answer(a_nomination()))
    await take_in(records, an_answer(a_nomination(), omobility_id=TWO))
    await take_in(records, an_answer(RECEIVED, omobility_id=TWO))
    await take_in(records, an_answer(a_nomination(), tenant=ABROAD, omobility_id="om-9"))

    assert brief(await polls.known(NOMINATIONS, NOW)) == {
        ONE: (True, True, False),
        TWO: (True, True, False),
    }
    assert brief(await polls.known(RECEPTIONS, NOW)) == {
        ONE: (True, False, False),
        TWO: (True, True, False),
    }
    assert await polls.known(Asked(HOME, ABROAD, Api.OMOBILITIES), NOW) == []


async def test_what_is_missing_is_doubted_and_then_not_shown_any_more(
    polls: PollTable, records: RecordTable
):
    await take_in(records, an_answer(a_nomination()))
    missing = an_answer(a_nomination(), minutes=1)
    for minutes, expected in ((1, (True, True, True)), (600, (True, False, False))):
        gone = an_answer(None, minutes=minutes)
        assert gone.reading.api is missing.reading.api
        await take_in(records, gone)
        assert brief(await polls.known(NOMINATIONS, NOW)) == {ONE: expected}


async def test_who_is_awaited_follows_from_the_dates_of_the_stay(
    polls: PollTable, records: RecordTable, database: Database
):
    await take_in(records, an_answer(a_nomination()))
    years_later = NOW + timedelta(days=1000)

    assert brief(await polls.known(RECEPTIONS, years_later)) == {ONE: (False, False, False)}
    transcripts = Asked(HOME, ABROAD, Api.IMOBILITY_TORS)
    assert brief(await polls.known(transcripts, NOW)) == {ONE: (False, False, False)}
    await database.execute("update mobility set awaited = null")  # of an earlier version
    assert brief(await polls.known(RECEPTIONS, years_later)) == {ONE: (True, False, False)}


async def errors(database: Database) -> list[tuple]:
    rows = await database.fetch(
        """select omobility_id, version, record #>> '{nomination,source,last_error}',
               (record #>> '{nomination,source,last_attempt_at}')::timestamptz, last_error
           from mobility join source_document d on object_id = omobility_id order by 1"""
    )
    return [tuple(row) for row in rows]


async def test_a_failure_is_one_statement_for_all_and_a_new_version_once(
    polls: PollTable, records: RecordTable, database: Database
):
    for each in (ONE, TWO):
        await take_in(records, an_answer(a_nomination(), omobility_id=each))
    at = NOW + timedelta(hours=1)
    for minutes in (0, 2, 61, 62):
        moment = at + timedelta(minutes=minutes)
        await polls.mark_failed(NOMINATIONS, HOME, [ONE, "om-3"], moment, "partner_unreachable")

    assert await errors(database) == [
        (ONE, 2, "partner_unreachable", at, "partner_unreachable"),
        (TWO, 1, None, None, None),
    ]
    [known, _] = await polls.known(NOMINATIONS, NOW)
    assert (known.last_error, known.last_attempt_at) == (
        "partner_unreachable",
        at + timedelta(minutes=61),
    )
    async with records.change(HOME, HOME, ONE) as change:
        assert change.before is not None
        assert change.before.mobility.nomination is not None
        assert change.before.mobility.nomination.source.last_attempt_at == at


async def test_a_failure_of_one_api_says_nothing_about_another(
    polls: PollTable, records: RecordTable, database: Database
):
    await take_in(records, an_answer(a_nomination()))
    await polls.mark_failed(RECEPTIONS, HOME, [ONE], NOW, "partner_unreachable")

    assert await errors(database) == [(ONE, 1, None, None, None)]


async def test_a_recovery_takes_away_what_failed_before_and_not_what_failed_since(
    polls: PollTable, records: RecordTable, database: Database
):
    for minutes, each in ((10, ONE), (30, TWO)):
        await take_in(records, an_answer(a_nomination(), omobility_id=each))
        failed = NOW + timedelta(minutes=minutes)
        await polls.mark_failed(NOMINATIONS, HOME, [each], failed, "partner_unreachable")
    await polls.recovered(NOMINATIONS, HOME, [ONE, TWO], NOW + timedelta(minutes=20))

    assert [row[:3] for row in await errors(database)] == [
        (ONE, 3, None),
        (TWO, 2, "partner_unreachable"),
    ]


async def test_who_reads_sees_that_an_index_confirmed_what_it_did_not_list(
    polls: PollTable, records: RecordTable, database: Database
):
    account = await log_in(AccountTable(database))
    await take_in(records, an_answer(a_nomination()))
    await take_in(records, an_answer(RECEIVED))
    began = NOW + timedelta(hours=3)
    await polls.succeeded(NOMINATIONS, began, by_index=True, sweep=False, interval=900)
    await polls.succeeded(RECEPTIONS, began, by_index=False, sweep=False, interval=900)

    [seen] = await records.mobilities_of(account)
    assert {each.api: each.last_confirmed_at for each in seen.mobility.sources()} == {
        Api.OMOBILITIES: began,
        Api.IMOBILITIES: NOW,  # there is no index
    }
    assert seen.version == 2
    changed = an_answer(a_nomination(status=NominationStatus.LIVE), minutes=60)
    await take_in(records, changed)  # a fetch of before that poll that ended late
    [seen] = await records.mobilities_of(account)
    assert seen.mobility.nomination is not None
    assert seen.mobility.nomination.source.last_confirmed_at == began


async def last_confirmed(database: Database) -> dict[str, tuple]:
    rows = await database.fetch(
        """select object_id, last_confirmed_at,
               (record #>> '{nomination,source,last_confirmed_at}')::timestamptz,
               version, m.tenant
           from source_document d join mobility m on object_id = omobility_id
               and m.tenant = d.tenant"""
    )
    return {row[0]: tuple(row[1:4]) for row in rows}


async def test_what_is_repeated_byte_for_byte_is_confirmed_in_one_go(
    polls: PollTable, records: RecordTable, database: Database
):
    for each in (ONE, TWO):
        await take_in(records, an_answer(a_nomination(), omobility_id=each))
    later = NOW + timedelta(minutes=5)
    live = a_nomination(status=NominationStatus.LIVE)
    answers = [
        an_answer(a_nomination(), omobility_id=ONE, minutes=5),
        an_answer(live, omobility_id=TWO, minutes=5),
        an_answer(a_nomination(), omobility_id="om-3", minutes=5),
        an_answer(None, omobility_id="om-4", minutes=5),
    ]

    assert await polls.confirm(NOMINATIONS, HOME, answers) == {ONE}
    assert await last_confirmed(database) == {ONE: (later, later, 1), TWO: (NOW, NOW, 1)}
    async with records.change(HOME, HOME, ONE) as change:  # as `consolidate` would have left it
        assert change.before is not None
        assert change.before.mobility.nomination is not None
        assert change.before.mobility.nomination.source.last_confirmed_at == later
    assert await polls.confirm(NOMINATIONS, HOME, []) == set()


async def test_an_answer_of_before_confirms_nothing(
    polls: PollTable, records: RecordTable, database: Database
):
    await take_in(records, an_answer(a_nomination()))

    assert await polls.confirm(NOMINATIONS, HOME, [an_answer(a_nomination(), minutes=-1)]) == set()
    assert await last_confirmed(database) == {ONE: (NOW, NOW, 1)}


async def test_what_is_in_doubt_or_in_error_or_of_another_major_is_for_the_rules_to_judge(
    polls: PollTable, records: RecordTable, database: Database
):
    again = an_answer(a_nomination(), minutes=5)
    await take_in(records, an_answer(a_nomination()))
    await polls.mark_failed(NOMINATIONS, HOME, [ONE], NOW, "reply_invalid")
    assert await polls.confirm(NOMINATIONS, HOME, [again]) == set()
    await take_in(records, again)
    newer = an_answer(a_nomination(), minutes=6)
    other = msgspec.structs.replace(newer, reading=msgspec.structs.replace(newer.reading, major=3))
    assert await polls.confirm(NOMINATIONS, HOME, [other]) == set()
    await take_in(records, an_answer(None, minutes=7))
    assert await polls.confirm(NOMINATIONS, HOME, [an_answer(a_nomination(), minutes=8)]) == set()
    moment = NOW + timedelta(minutes=5)
    assert await last_confirmed(database) == {ONE: (moment, moment, 2 + 1)}


async def test_confirmations_and_changes_beside_each_other_lose_nothing(
    polls: PollTable, records: RecordTable, database: Database
):
    ids = [f"om-{number}" for number in range(20)]
    for each in ids:
        await take_in(records, an_answer(a_nomination(), omobility_id=each))
    live = a_nomination(status=NominationStatus.LIVE)

    async def confirms(minutes: int, order: list[str]) -> None:
        answers = [an_answer(a_nomination(), omobility_id=i, minutes=minutes) for i in order]
        await polls.confirm(NOMINATIONS, HOME, answers)

    async def changes(name: str) -> None:
        await take_in(records, an_answer(live, omobility_id=name, minutes=30))

    await asyncio.gather(
        *(confirms(minutes, ids[:: (-1) ** minutes]) for minutes in range(1, 9)),
        *(changes(each) for each in ids[::3]),
    )
    statuses = await database.fetch(
        "select omobility_id, record #>> '{nomination,value,status}' from mobility"
    )
    assert dict(map(tuple, statuses)) == {
        each: "live" if each in ids[::3] else "nomination" for each in ids
    }


async def test_what_was_fetched_a_minute_ago_is_known_and_forgotten(polls: PollTable):
    await polls.fetched(NOMINATIONS, HOME, [TWO, ONE], NOW)
    await polls.fetched(NOMINATIONS, HOME, [TWO], NOW + timedelta(seconds=30))

    before = NOW - timedelta(minutes=1)
    assert await polls.recently(NOMINATIONS, HOME, [ONE, TWO, "om-3"], before) == {
        ONE: NOW,
        TWO: NOW + timedelta(seconds=30),
    }
    assert await polls.recently(NOMINATIONS, HOME, [ONE], NOW) == {}
    assert await polls.recently(RECEPTIONS, HOME, [ONE], before) == {}
    await polls.forget_fetches(NOW + timedelta(seconds=1))
    assert set(await polls.recently(NOMINATIONS, HOME, [ONE, TWO], before)) == {TWO}
