"""Which account has which ESI, and what it sees by it, on a real server."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from unit.store.samples import ABROAD, ESI, OTHER_ESI, a_nomination, an_answer, log_in, take_in

from erasmus_app.ids import AccountId, OmobilityId
from erasmus_app.kit.clock import utc_now
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.erasures import ErasureTable
from erasmus_app.store.esis import note_esis
from erasmus_app.store.records import RecordTable

OM_1, OM_2 = OmobilityId("om-1"), OmobilityId("om-2")
IN_CASE = "urn:schac:personalUniqueCode:int:esi:ribeira.example:aB1"


@pytest.fixture
def accounts(database: Database) -> AccountTable:
    return AccountTable(database)


@pytest.fixture
def records(database: Database) -> RecordTable:
    return RecordTable(database)


async def seen(records: RecordTable, account: AccountId) -> list[str]:
    return sorted(each.mobility.omobility_id for each in await records.mobilities_of(account))


async def holds(database: Database) -> list[tuple[AccountId, bool, str | None]]:
    rows = await database.fetch(
        "select account_id, current, hold from account_esi order by first_seen_at, esi_key"
    )
    return [(row["account_id"], row["current"], row["hold"]) for row in rows]


async def checks(database: Database) -> list[tuple[Any, ...]]:
    rows = await database.fetch(
        "select kept_account_id, joined_account_id, state, evidence from account_link"
    )
    return [tuple(row) for row in rows]


async def second_identity(
    database: Database, accounts: AccountTable, account: AccountId, esis: Sequence[str]
) -> None:
    """Let a further identity of the account log in, as after linking."""
    other = await log_in(accounts, "second", ())
    if other != account:
        await database.execute(
            "update account_identity set account_id = $2 where account_id = $1", other, account
        )
        await log_in(accounts, "second", tuple(esis))


async def test_a_second_identity_takes_nothing_from_what_the_first_one_brought(
    database: Database, accounts: AccountTable
):
    account = await log_in(accounts)
    await second_identity(database, accounts, account, [OTHER_ESI])
    after_second = await holds(database)
    await log_in(accounts, "ines", (f"{ESI}9",))  # the first one's has changed
    current = [each for _, each, _ in await holds(database)]

    assert after_second == [(account, True, None), (account, True, None)]
    assert current == [False, True, True]


async def test_an_esi_that_two_identities_bring_is_current_while_one_of_them_does(
    database: Database, accounts: AccountTable
):
    account = await log_in(accounts)
    await second_identity(database, accounts, account, [ESI])
    found = []
    for name in ("ines", "second"):
        await log_in(accounts, name, (OTHER_ESI,))
        found.append([current for _, current, _ in await holds(database)])

    assert found == [[True, True], [False, True]]


async def test_an_esi_stays_with_the_account_that_had_it_first(
    database: Database, accounts: AccountTable, records: RecordTable
):
    await take_in(records, an_answer(a_nomination()))
    older = await log_in(accounts, "older")
    newer = await log_in(accounts, "newer", (ESI, OTHER_ESI))
    await take_in(records, an_answer(a_nomination(), omobility_id=OM_2))  # comes later
    await take_in(records, an_answer(a_nomination(OTHER_ESI), omobility_id="om-3"))
    for name in ("older", "newer", "newer"):  # whoever comes next, and however often
        await log_in(accounts, name)

    assert (await seen(records, older), await seen(records, newer)) == ([OM_1, OM_2], ["om-3"])
    held = sorted(await holds(database), key=str)
    assert held == sorted(
        [(older, True, None), (newer, True, "elsewhere"), (newer, False, None)], key=str
    )
    assert await checks(database) == [(older, newer, "check", "esi")]


async def test_two_who_bring_the_same_esi_at_once_are_not_both_shown_its_mobilities(
    database: Database, accounts: AccountTable, records: RecordTable
):
    await take_in(records, an_answer(a_nomination()))
    found = await asyncio.gather(*(log_in(accounts, f"student-{n}") for n in range(6)))

    visible = [await seen(records, each) for each in found]
    assert sorted(visible) == [[], [], [], [], [], [OM_1]]
    assert [hold for _, _, hold in await holds(database)].count(None) == 1


async def test_one_who_began_first_and_came_second_does_not_hold_it_too(
    database: Database, accounts: AccountTable
):
    first, second = [await log_in(accounts, name, ()) for name in ("first", "second")]
    identities = {
        row["account_id"]: row["identity_id"]
        for row in await database.fetch("select account_id, identity_id from account_identity")
    }
    async with database.transaction() as slow:
        await slow.fetchval("select now()")  # it began
        async with database.transaction() as quick:
            await note_esis(quick, second, identities[second], [ESI])
        await note_esis(slow, first, identities[first], [ESI])

    assert {each: hold for each, _, hold in await holds(database)} == {
        first: "elsewhere",
        second: None,
    }


async def test_who_waited_has_the_esi_once_the_other_account_is_erased(
    database: Database, accounts: AccountTable, records: RecordTable
):
    older, newer = await log_in(accounts, "older"), await log_in(accounts, "newer")
    erasures = ErasureTable(database)
    assert (await erasures.subject(ESI)).accounts == (older,)
    await erasures.erase(await erasures.subject(str(older)), utc_now())
    await take_in(records, an_answer(a_nomination()))
    before = await seen(records, newer)
    await log_in(accounts, "newer")

    assert (before, await seen(records, newer)) == ([], [OM_1])
    assert await holds(database) == [(newer, True, None)]


async def test_who_only_waits_for_an_esi_does_not_let_it_be_forgotten(
    database: Database, accounts: AccountTable
):
    await log_in(accounts, "older")
    newer = await log_in(accounts, "newer")
    erasures = ErasureTable(database)
    await erasures.erase(await erasures.subject(str(newer)), utc_now())

    assert await database.fetchval("select count(*) from forgotten") == 0


async def test_two_whose_codes_differ_in_letter_case_alone_are_matched_with_nothing_more(
    database: Database, accounts: AccountTable, records: RecordTable
):
    await take_in(records, an_answer(a_nomination(IN_CASE)))
    one = await log_in(accounts, "one", (IN_CASE,))
    other = await log_in(accounts, "other", (IN_CASE.swapcase(),))
    # Another tenant's data know a student by this ESI too: whichever of the two it is.
    await take_in(records, an_answer(a_nomination(IN_CASE), omobility_id=OM_2, tenant=ABROAD))
    await log_in(accounts, "one", (IN_CASE,))

    assert (await seen(records, one), await seen(records, other)) == ([OM_1], [])
    assert await holds(database) == [(one, True, "case"), (other, True, "elsewhere")]


async def test_the_case_of_what_stands_before_the_code_makes_nobody_two(
    database: Database, accounts: AccountTable
):
    prefix, _, code = IN_CASE.rpartition(":")
    one = await log_in(accounts, "one", (IN_CASE,))
    other = await log_in(accounts, "other", (f"{prefix.upper()}:{code}",))

    assert await holds(database) == [(one, True, None), (other, True, "elsewhere")]
