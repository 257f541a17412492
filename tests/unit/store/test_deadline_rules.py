"""Rules in versions: nobody overwrites anybody, and every process knows them soon."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace as changed
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from databases import VAULT, by_name_of_an_index, until
from factories import LINDENTAL, RIBEIRA
from msgspec.structs import replace
from unit.mobilities.local import saying
from unit.store.samples import log_in

from erasmus_app.ids import HeiId
from erasmus_app.mobilities import rule_service
from erasmus_app.mobilities.basis import Annual
from erasmus_app.mobilities.local_rules import NO_RULES, LocalRule, Role
from erasmus_app.mobilities.rule_service import (
    Brought,
    Invalid,
    Overlap,
    RuleService,
    Stale,
    Unknown,
)
from erasmus_app.mobilities.rules import DeadlineKind as K
from erasmus_app.store import deadline_rules
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.deadline_rules import LookAgain, RuleTable, look_again
from erasmus_app.store.erasures import ErasureTable

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture
def rules(database: Database) -> RuleService:
    return RuleService(store=RuleTable(database), clock=lambda: NOW)


def anybody_s(_: HeiId) -> bool:
    return True


async def set_new(rules: RuleService, hei: HeiId = RIBEIRA, **given) -> LocalRule:
    found = await rules.set_new(hei, saying(**given), None)
    assert isinstance(found, LocalRule)
    return found


async def test_a_change_is_a_version_and_leaves_the_one_before_as_it_was(rules: RuleService):
    first = await set_new(rules)
    other = saying(basis=Annual("--03-01"), name="Second call")
    second = await rules.set_again(first.rule_id, other, 1, None, anybody_s)
    ended = await rules.set_again(first.rule_id, None, 2, None, anybody_s)

    assert isinstance(second, LocalRule)
    assert second == replace(first, version=2, content=other)
    assert ended == replace(second, version=3, is_ended=True)
    assert await rules.store.history(RIBEIRA) == [ended, second, first]
    assert await rules.store.history(LINDENTAL) == []


async def test_of_two_who_change_the_same_version_the_second_is_told(rules: RuleService):
    first = await set_new(rules)
    both = await asyncio.gather(
        *(
            rules.set_again(first.rule_id, saying(name=name), 1, None, anybody_s)
            for name in ("one", "other")
        )
    )

    [set_] = [each for each in both if isinstance(each, LocalRule)]
    [told] = [each for each in both if not isinstance(each, LocalRule)]
    assert told == Stale(set_)
    assert [each.version for each in await rules.store.history(RIBEIRA)] == [2, 1]


async def test_what_is_ended_is_changed_no_more_but_may_be_set_anew(rules: RuleService):
    first = await set_new(rules)
    ended = await rules.set_again(first.rule_id, None, 1, None, anybody_s)
    assert isinstance(ended, LocalRule)

    assert await rules.set_again(first.rule_id, saying(), 2, None, anybody_s) == Stale(ended)
    again = await set_new(rules)
    assert (again.version, again.rule_id != first.rule_id) == (1, True)


async def test_two_that_would_say_two_things_are_refused_also_when_they_come_at_once(
    rules: RuleService,
):
    both = await asyncio.gather(*(rules.set_new(RIBEIRA, saying(), None) for _ in range(2)))

    [set_] = [each for each in both if isinstance(each, LocalRule)]
    assert [each for each in both if each is not set_] == [Overlap(set_)]
    assert await rules.set_new(RIBEIRA, saying(name="Again"), None) == Overlap(set_)
    assert isinstance(await rules.set_new(LINDENTAL, saying(), None), LocalRule)  # another HEI's

    later = await set_new(rules, first_year="2027/2028", kind=K.NOMINATION)
    sooner = await set_new(rules, last_year="2026/2027", kind=K.NOMINATION)
    grown = saying(kind=K.NOMINATION, last_year="2028/2029")
    assert await rules.set_again(sooner.rule_id, grown, 1, None, anybody_s) == Overlap(later)


async def test_what_cannot_be_right_is_not_written(rules: RuleService):
    first = await set_new(rules)
    refused = [
        await rules.set_new(RIBEIRA, saying(kind=K.DECISION, name=""), None),
        await rules.set_again(first.rule_id, saying(basis=Annual("--02-30")), 1, None, anybody_s),
        await rules.set_again(first.rule_id, saying(kind=K.DECISION), 1, None, anybody_s),
        await rules.set_again(first.rule_id, saying(role=Role.INCOMING), 1, None, anybody_s),
    ]

    assert [each.problems[0][:2] for each in refused if isinstance(each, Invalid)] == [
        ("name", "text_invalid"),
        ("monthDay", "day_invalid"),
        ("kind", "fixed"),
        ("direction", "fixed"),
    ]
    assert await rules.store.history(RIBEIRA) == [first]


async def test_a_rule_of_another_hei_is_as_unknown_as_one_that_there_is_not(rules: RuleService):
    first = await set_new(rules)

    def mine(hei: HeiId) -> bool:
        return hei == LINDENTAL

    for rule_id in (first.rule_id, uuid4()):
        for content in (saying(), None):
            assert await rules.set_again(rule_id, content, 1, None, mine) == Unknown()
    assert await rules.store.history(RIBEIRA) == [first]


async def test_the_database_itself_changes_no_version(rules: RuleService, database: Database):
    await set_new(rules)

    with pytest.raises(asyncpg.RaiseError, match="never changed"):
        await database.execute("update deadline_rule set ended = true")


async def test_who_set_a_rule_is_forgotten_with_their_account(
    rules: RuleService, database: Database
):
    account = await log_in(AccountTable(database))
    set_ = await rules.set_new(RIBEIRA, saying(), account)
    assert isinstance(set_, LocalRule)
    assert set_.changed_by == account
    erasures = ErasureTable(database)
    await erasures.erase(await erasures.subject(str(account)), NOW)

    assert await rules.store.history(RIBEIRA) == [replace(set_, changed_by=None)]


async def test_many_come_at_once_or_not_at_all(rules: RuleService):
    contents = [saying(kind=each, name=f"For {each}") for each in (K.APPLICATION, K.DECISION)]
    first = await rules.bring(RIBEIRA, contents)
    assert isinstance(first, Brought)
    assert ([(each.version, each.content) for each in first.changed], first.unchanged) == (
        [(1, contents[0]), (1, contents[1])],
        0,
    )

    contents[1] = saying(kind=K.DECISION, name="Another name")
    second = await rules.bring(RIBEIRA, contents)
    assert isinstance(second, Brought)
    [again] = second.changed
    assert (again.version, again.content, second.unchanged) == (2, contents[1], 1)
    assert again.rule_id == first.changed[1].rule_id

    bad = [saying(kind=K.NOMINATION), saying(kind=K.NOMINATION), saying(name="")]
    refused = await rules.bring(RIBEIRA, bad)
    assert isinstance(refused, list)
    assert [(place, each.problems[0].code) for place, each in refused] == [
        (1, "overlap"),
        (2, "text_invalid"),
    ]
    halves = [saying(last_day=date(2027, 1, 31)), saying(first_day=date(2027, 2, 1))]
    refused = await rules.bring(RIBEIRA, halves)  # either would take the first one's place
    assert isinstance(refused, list)
    assert [place for place, _ in refused] == [0, 1]
    assert len(await rules.store.history(RIBEIRA)) == 3


async def test_an_hei_has_only_so_many_rules(rules: RuleService, monkeypatch):
    monkeypatch.setattr(rule_service, "MOST", 2)
    first = await set_new(rules)
    third = saying(kind=K.RECOGNITION)
    refused = await rules.bring(RIBEIRA, [saying(kind=K.DECISION), third])
    assert isinstance(refused, list)
    await set_new(rules, kind=K.DECISION)

    for outcome in (refused[0][1], await rules.set_new(RIBEIRA, third, None)):
        assert isinstance(outcome, Invalid)
        assert outcome.problems[0].code == "too_many"
    await rules.set_again(first.rule_id, None, 1, None, anybody_s)
    assert isinstance(await rules.set_new(RIBEIRA, third, None), LocalRule)


async def test_where_rules_cannot_be_read_those_from_before_count(
    rules: RuleService, database: Database
):
    await set_new(rules)
    table = RuleTable(database)
    assert await table.refreshed()
    book = table.book
    await database.execute("alter table deadline_rule rename to elsewhere")

    assert (await table.refreshed(), table.book is book) == (False, True)


@asynccontextmanager
async def another_process(dsn: str) -> AsyncIterator[RuleTable]:
    """One that listens already."""
    async with open_database(dsn, VAULT, size=2) as database:
        table = RuleTable(database)
        task = asyncio.create_task(table.keep())

        async def listens() -> bool:
            found = await database.fetchval(
                """select count(*) from pg_stat_activity
                   where datname = current_database() and query like 'LISTEN%' and state = 'idle'"""
            )
            return int(found) == 1

        try:
            await until(listens)
            yield table
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_another_process_knows_a_rule_at_once(rules: RuleService, dsn: str, monkeypatch):
    monkeypatch.setattr(deadline_rules, "OFTEN", 600.0)  # so that only what is heard counts
    async with another_process(dsn) as other:
        first = await set_new(rules)
        assert rules.store.book.by_hei == {RIBEIRA: (first,)}  # here before anybody asks

        async def known() -> bool:
            return other.book.by_hei == {RIBEIRA: (first,)}

        await until(known)


async def test_a_process_that_was_cut_off_reads_what_it_missed(
    rules: RuleService, dsn: str, database: Database, monkeypatch
):
    monkeypatch.setattr(deadline_rules, "OFTEN", 600.0)
    async with another_process(dsn) as other:
        await database.execute(
            """select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and query like 'LISTEN%'"""
        )
        first = await set_new(rules)

        async def known() -> bool:
            return other.book.by_hei == {RIBEIRA: (first,)}

        await until(known)


async def test_where_nothing_was_changed_a_look_at_an_index_is_all(
    rules: RuleService, database: Database
):
    table = RuleTable(database)
    assert await table.refresh() is NO_RULES
    await set_new(rules)
    book = await table.refresh()
    assert await table.refresh() is book
    async with database.transaction() as connection:
        await connection.execute("set local enable_seqscan = off")
        plan = await connection.fetch("explain select max(revision) from deadline_rule")
    assert "deadline_rule_by_revision" in str(plan)


async def test_a_slow_reading_does_not_bring_back_old_rules(rules: RuleService, database: Database):
    table = RuleTable(database)
    first = await set_new(rules)
    ahead = changed(table, _book=replace(NO_RULES, revision=10**6))

    assert (await ahead.refresh()).revision == 10**6
    assert (await table.refresh()).by_hei == {RIBEIRA: (first,)}


async def mobilities(database: Database, number: int) -> None:
    await database.execute(
        """with known as (
               insert into person (tenant, person_id)
               select t, gen_random_uuid() from unnest($1::text[]) as t returning tenant, person_id)
           insert into mobility (tenant, person_id, sending_hei_id, omobility_id, receiving_hei_id,
               record, sealed, next_look_at)
           select tenant, person_id, $2, 'om-' || n, $3, '{}', '',
               case n % 3 when 0 then null when 1 then $5::timestamptz else '-infinity' end
           from known, generate_series(1, $4::int) as n""",
        [RIBEIRA, LINDENTAL],
        RIBEIRA,
        LINDENTAL,
        number,
        NOW + timedelta(days=4000),
    )


@pytest.mark.parametrize(("hei", "role"), [(RIBEIRA, "outgoing"), (LINDENTAL, "incoming")])
async def test_all_that_a_rule_may_be_for_is_looked_at_again_page_by_page(
    database: Database, hei: HeiId, role: str
):
    await mobilities(database, 25)
    of, pages, after = LookAgain(hei_id=hei, role=Role(role)), 1, None
    while (after := await look_again(database, of, after, 7)) is not None:
        pages += 1
    states = await database.fetch(
        """select next_look_at <= now() as due, next_look_at = '-infinity' as first, count(*) as n
           from mobility group by 1, 2 order by 2"""
    )

    assert pages == 8  # fifty, by seven
    # Those that waited before still come before.
    assert [tuple(each) for each in states] == [(True, False, 34), (True, True, 16)]
    other = LookAgain(hei_id=HeiId("other.example"), role=Role(role))
    assert await look_again(database, other, None, 7) is None


@by_name_of_an_index
async def test_a_page_is_found_by_an_index(database: Database):
    await mobilities(database, 600)
    await database.execute("analyze mobility")
    async with database.transaction() as connection:
        await connection.execute("set local enable_seqscan = off; set local enable_sort = off")
        plan = await connection.fetch(
            """explain select mobility_id from mobility
               where receiving_hei_id = $1
                   and mobility_id >= $2 and (mobility_id, tenant) > ($2, '')
               order by mobility_id, tenant limit 10""",
            LINDENTAL,
            uuid4(),
        )

    assert "mobility_by_host_in_order" in str(plan)
