"""The version of a student's record: of rows, and another whenever what the student sees is."""

import pytest
from databases import VAULT
from unit.store.samples import (
    ABROAD,
    HOME,
    NOW,
    OTHER_ESI,
    RECEIVED,
    a_nomination,
    an_answer,
    log_in,
    take_in,
)

from erasmus_app.ids import AccountId, HeiId
from erasmus_app.institutions.models import Factsheet
from erasmus_app.institutions.ports import FactsheetAnswer
from erasmus_app.mobilities.models import NominationStatus
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.factsheets import FactsheetTable
from erasmus_app.store.records import _RECORD_VERSION, RecordTable

LIVE = a_nomination(status=NominationStatus.LIVE)


@pytest.fixture
def records(database: Database) -> RecordTable:
    return RecordTable(database)


@pytest.fixture
async def account(database: Database) -> AccountId:
    return await log_in(AccountTable(database))


async def publishes(database: Database, hei: HeiId, xml: bytes, value: Factsheet | None) -> None:
    answer = FactsheetAnswer(value=value, xml=xml, signed_by=None)
    await FactsheetTable(database).save(hei, HOME, answer, NOW)


async def test_nothing_has_a_version_and_a_first_mobility_another(
    records: RecordTable, account: AccountId
):
    nothing = await records.record_version(account)
    await take_in(records, an_answer(a_nomination()))

    assert len(nothing) == 32
    assert await records.record_version(account) not in {nothing, ""}


async def test_it_moves_with_each_change_and_with_no_confirmation(
    records: RecordTable, account: AccountId
):
    found = [await records.record_version(account)]
    for minutes, value in enumerate((a_nomination(), a_nomination(), LIVE, LIVE, RECEIVED)):
        await take_in(records, an_answer(value, minutes=minutes))
        found.append(await records.record_version(account))

    nothing, first, same, live, still, received = found
    assert (same, still) == (first, live)
    assert len({nothing, first, live, received}) == 4


async def test_another_students_change_does_not_move_it(
    database: Database, records: RecordTable, account: AccountId
):
    before = await records.record_version(account)
    await take_in(records, an_answer(a_nomination(OTHER_ESI), omobility_id="om-2"))

    assert await records.record_version(account) == before


async def test_it_moves_with_the_factsheet_of_a_host_and_with_no_other(
    database: Database, records: RecordTable, account: AccountId
):
    await take_in(records, an_answer(a_nomination()))
    found = [await records.record_version(account)]
    for hei, xml in ((HeiId("elsewhere.example"), b"1"), (ABROAD, b"1"), (ABROAD, b"1")):
        await publishes(database, hei, xml, None)
        found.append(await records.record_version(account))

    before, elsewhere, published, again = found
    assert (elsewhere, again) == (before, published)
    assert published != before


async def test_it_moves_with_a_link_and_comes_back_when_that_is_undone(
    database: Database, records: RecordTable, account: AccountId
):
    """What the student sees is then the same again, so an app that has it need not ask."""
    await take_in(records, an_answer(a_nomination()))
    before = await records.record_version(account)
    await take_in(records, an_answer(a_nomination(OTHER_ESI), omobility_id="om-2"))

    await records.link(account, [OTHER_ESI])
    linked = await records.record_version(account)
    await database.execute(
        """delete from account_person where account_id = $1 and person_id in (
               select person_id from person_esi where esi_key = $2)""",
        account,
        VAULT.esi_key(OTHER_ESI),
    )

    assert linked != before
    assert await records.record_version(account) == before


async def test_one_indexed_read_finds_it(database: Database, account: AccountId):
    """However many students there are: no table is read from end to end."""
    async with database.transaction() as connection:
        await connection.execute("set local enable_seqscan = off")
        plan = await connection.fetch("explain " + _RECORD_VERSION.replace("$1", f"'{account}'"))

    lines = [row[0].strip() for row in plan]
    assert [each for each in lines if "Seq Scan" in each] == []
    assert f"Index Cond: (account_id = '{account}'::uuid)" in lines
