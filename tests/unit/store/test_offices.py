"""The lists of offices: in order, page by page while rows change, from an index alone."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from databases import by_name_of_an_index
from msgspec.structs import replace
from unit.store.samples import ABROAD, HOME, NOW, a_nomination, an_answer, take_in

from erasmus_app.ids import HeiId, MobilityId, OmobilityId
from erasmus_app.mobilities.consolidate import AbsenceRules, merge
from erasmus_app.mobilities.models import (
    HeiEnd,
    Mobility,
    NominationStatus,
    Reception,
    ReceptionStatus,
)
from erasmus_app.mobilities.offices import BrokenEsis, Listed, Narrowed, Place, Way
from erasmus_app.mobilities.steps import Party
from erasmus_app.store.database import Database
from erasmus_app.store.offices import BROKEN_ESI, OfficeTable, listing
from erasmus_app.store.records import RecordTable
from erasmus_app.store.waits import WaitTable

ALL = Narrowed()
TODAY = NOW.date()
LEFT = Reception(
    status=ReceptionStatus.VERIFIED,
    actual_arrival=date(2026, 9, 1),
    actual_departure=TODAY + timedelta(days=3),
)


@pytest.fixture
def records(database: Database) -> RecordTable:
    return RecordTable(database, lambda: NOW)


@pytest.fixture
def offices(database: Database) -> OfficeTable:
    return OfficeTable(database)


async def waits(records: RecordTable, name: str, minutes: float, **given: Any) -> None:
    """A nomination that the host is to decide about, read at that minute."""
    await take_in(records, an_answer(a_nomination(**given), omobility_id=name, minutes=minutes))


def names(found: Any) -> list[str]:
    return [each.stored.mobility.omobility_id for each in found]


async def walked(offices: OfficeTable, size: int, narrowed: Narrowed = ALL) -> list[str]:
    found: list[str] = []
    after: Place | None = None
    while page := await offices.waiting(HOME, narrowed, size, after):
        found += names(page)
        after = page[-1].place
    return found


async def test_the_longest_waits_come_first_and_who_waits_for_nobody_last(
    records: RecordTable, offices: OfficeTable
):
    await waits(records, "done", -9, status=NominationStatus.LIVE)
    for name, minutes in (("young", 20), ("old", -50), ("middle", 3)):
        await waits(records, name, minutes)

    found = await offices.waiting(HOME, ALL, 10, None)
    assert names(found) == ["old", "middle", "young", "done"]
    assert [each.place.since for each in found] == [
        *(NOW + timedelta(minutes=n) for n in (-50, 3, 20)),
        None,
    ]
    [stored] = [each.stored for each in found if each.place.since is None]
    assert stored.mobility == merge(
        None,
        an_answer(
            a_nomination(status=NominationStatus.LIVE), omobility_id="done", minutes=-9
        ).reading,
        AbsenceRules(),
    )


async def test_pages_hold_each_that_stays_once_while_others_move_come_and_go(
    records: RecordTable, offices: OfficeTable, database: Database
):
    for n in range(30):
        await waits(records, f"om-{n:02}", n)
    for n in range(5):  # of one and the same moment
        await waits(records, f"same-{n}", 15)
    found: list[str] = []
    after: Place | None = None
    for turn in range(20):
        page = await offices.waiting(HOME, ALL, 4, after)
        if not page:
            break
        found += names(page)
        after = page[-1].place
        if turn == 1:  # the one that the page ended with is decided, and leaves its place
            assert found[-1] == "om-07"
            await waits(records, "om-07", 300, status=NominationStatus.LIVE)
            await waits(records, "newcomer", -600)
            await waits(records, "latecomer", 600)
            await database.execute("delete from mobility where omobility_id in ('om-03', 'om-20')")

    # The one that was decided is met a second time, where it stands now; nothing else is.
    assert found[-2:] == ["latecomer", "om-07"]
    rest = [f"om-{n:02}" for n in range(30) if n != 20] + [f"same-{n}" for n in range(5)]
    assert sorted(found[:-2]) == sorted(rest)
    assert [each for each in found[:-2] if each.startswith("om-")] == rest[:29]


@pytest.mark.parametrize("size", [1, 3, 7])
async def test_the_size_of_pages_makes_no_difference(
    records: RecordTable, offices: OfficeTable, size: int
):
    for n in range(7):
        await waits(records, f"om-{n}", 5 * (n % 3))
        await waits(records, f"done-{n}", n, status=NominationStatus.LIVE)

    whole = names(await offices.waiting(HOME, ALL, 100, None))
    assert len(whole) == 14
    assert await walked(offices, size) == whole


async def test_a_list_is_narrowed_down(records: RecordTable, offices: OfficeTable):
    await waits(records, "host-decides", 0)
    await waits(records, "done", 1, status=NominationStatus.LIVE)
    await waits(records, "next-year", 2, receiving_academic_year_id="2027/2028")
    incoming = an_answer(a_nomination(), omobility_id="incoming", minutes=3).reading
    incoming = replace(incoming, sending_hei_id=ABROAD, hei_id=ABROAD, receiving_hei_id=HOME)
    async with records.change(HOME, ABROAD, OmobilityId("incoming")) as change:
        mobility = merge(None, incoming, AbsenceRules())
        assert mobility is not None
        await change.save(mobility, None)
    x = HeiId("x.example")
    elsewhere = an_answer(
        a_nomination(receiving=HeiEnd(hei_id=x)), omobility_id="elsewhere", minutes=4
    ).reading
    async with records.change(HOME, HOME, OmobilityId("elsewhere")) as change:
        mobility = merge(None, replace(elsewhere, receiving_hei_id=x), AbsenceRules())
        assert mobility is not None
        await change.save(mobility, None)

    async def narrowed(**given: Any) -> list[str]:
        return await walked(offices, 2, Narrowed(**given))

    everybody = ["host-decides", "next-year", "incoming", "elsewhere", "done"]
    assert await narrowed() == everybody
    assert await narrowed(way=Way.INCOMING) == ["incoming"]
    assert await narrowed(way=Way.OUTGOING) == [e for e in everybody if e != "incoming"]
    assert await narrowed(party=Party.NOBODY) == ["done"]
    assert await narrowed(party=Party.RECEIVING_HEI) == everybody[:-1]
    assert await narrowed(party=Party.STUDENT) == []
    assert await narrowed(partner=x) == ["elsewhere"]
    assert await narrowed(partner=ABROAD) == [e for e in everybody if e != "elsewhere"]
    assert await narrowed(partner=HOME) == []
    assert await narrowed(academic_year="2027/2028") == ["next-year"]
    assert await narrowed(partner=ABROAD, way=Way.OUTGOING, academic_year="2026/2027") == [
        "host-decides",
        "done",
    ]


async def test_another_university_s_records_are_no_part_of_it(
    records: RecordTable, offices: OfficeTable
):
    await waits(records, "ours", 0)
    await take_in(records, an_answer(a_nomination(), tenant=ABROAD, omobility_id="ours"))

    [ours] = await offices.waiting(HOME, ALL, 10, None)
    [theirs] = await offices.waiting(ABROAD, ALL, 10, None)
    assert (ours.stored.mobility.tenant, theirs.stored.mobility.tenant) == (HOME, ABROAD)
    before = Place(theirs.place.since, MobilityId(UUID(int=0)))  # where both stand
    assert await offices.waiting(HOME, ALL, 10, before) == [ours]
    assert await offices.waiting(HeiId("x.example"), ALL, 10, None) == []


async def test_what_is_kept_turns_with_the_calendar(
    database: Database, records: RecordTable, offices: OfficeTable
):
    await waits(records, "leaves", 0, status=NominationStatus.LIVE)
    await take_in(records, an_answer(LEFT, omobility_id="leaves", minutes=1))
    await waits(records, "stays", 2)
    table, day = WaitTable(database), timedelta(days=1)

    async def first() -> Listed:
        return (await offices.waiting(HOME, ALL, 1, None))[0]

    assert names([await first()]) == ["stays"]
    assert [await table.bring_up(TODAY + n * day, 10) for n in range(3)] == [0, 0, 0]
    assert names([await first()]) == ["stays"]
    assert await table.bring_up(TODAY + 3 * day, 10) == 1
    assert names([await first()]) == ["leaves"]  # its transcript is waited for
    assert (
        await database.fetchval("select waits_for from mobility where omobility_id = 'leaves'")
        == "receiving-hei"
    )
    assert await table.bring_up(TODAY + 400 * day, 10) == 0


async def test_records_of_before_are_brought_up_in_pages_and_one_that_is_broken_waits(
    database: Database, records: RecordTable, offices: OfficeTable
):
    for n in range(7):
        await waits(records, f"om-{n}", n)
    before = await walked(offices, 10)
    await database.execute(
        """update mobility set waits_for = null, waiting_since = default, waits_until = default,
               academic_year = null, esi_state = null"""
    )
    await database.execute("update mobility set sealed = '' where omobility_id = 'om-3'")
    table = WaitTable(database)

    assert [await table.bring_up(TODAY, 3) for _ in range(4)] == [3, 3, 1, 0]
    rows = await database.fetch(
        """select waits_for, academic_year, esi_state, count(*) from mobility
           group by 1, 2, 3 order by 4"""
    )
    assert [tuple(row) for row in rows] == [
        (None, None, None, 1),
        ("receiving-hei", "2026/2027", "present", 6),
    ]
    assert await table.bring_up(TODAY + timedelta(days=1), 3) == 1  # it is tried again
    await database.execute("delete from mobility where omobility_id = 'om-3'")
    assert await walked(offices, 10) == [each for each in before if each != "om-3"]


async def test_bringing_up_waits_for_nobody_who_is_writing(
    database: Database, records: RecordTable
):
    await waits(records, "om-1", 0)
    await waits(records, "om-2", 1)
    await database.execute("update mobility set waits_until = default")
    async with database.transaction() as connection:
        await connection.execute(
            "select from mobility where omobility_id = 'om-1' for no key update"
        )
        assert await WaitTable(database).bring_up(TODAY, 10) == 1
    assert await WaitTable(database).bring_up(TODAY, 10) == 1


async def test_whom_no_identifier_leads_to_is_counted_and_listed(
    records: RecordTable, offices: OfficeTable
):
    other = "urn:schac:personalUniqueCode:int:esi:ribeira.example:9"
    for n, esi in enumerate([None, "4711", other, "urn:schac:x", None, " "]):
        await waits(records, f"om-{n}", -n, esi=esi)
    await take_in(records, an_answer(a_nomination(None), tenant=ABROAD, omobility_id="theirs"))
    async with records.change(HOME, HOME, OmobilityId("no-papers")) as change:
        bare = Mobility(
            tenant=HOME,
            sending_hei_id=HOME,
            receiving_hei_id=ABROAD,
            omobility_id=OmobilityId("no-papers"),
        )
        await change.save(bare, None)

    assert await offices.broken_esis(HOME) == BrokenEsis(missing=3, invalid=2)
    first = await offices.with_broken_esi(HOME, 3, None)
    rest = await offices.with_broken_esi(HOME, 3, first[-1].place)
    assert [names(first), names(rest)] == [["om-5", "om-4", "om-3"], ["om-1", "om-0"]]
    await waits(records, "om-4", 9, esi=other)  # somebody has set it right
    assert await offices.broken_esis(HOME) == BrokenEsis(missing=2, invalid=2)


async def many(database: Database, hei: HeiId, number: int) -> None:
    """Mobilities of an HEI, a tenth of them incoming, with three partners and two years.

    Their rows are as wide as records make them, so that the server weighs its ways as it would.
    """
    await database.execute(
        """with known as (
               insert into person (tenant) values ($1) returning tenant, person_id)
           insert into mobility (tenant, person_id, sending_hei_id, omobility_id, receiving_hei_id,
               record, sealed, waits_for, waiting_since, waits_until, academic_year, esi_state)
           select tenant, person_id,
               case n % 10 when 0 then 'p' || n % 3 || '.example' else $1 end, 'om-' || n,
               case n % 10 when 0 then $1 else 'p' || n % 3 || '.example' end,
               '{}', decode(repeat('00', 1500), 'hex'),
               (array['student', 'sending-hei', 'receiving-hei', 'nobody'])[1 + n % 4],
               case n % 4 when 3 then 'infinity' else $3::timestamptz - n * interval '1 h' end,
               null, case n % 2 when 0 then '2026/2027' else '2027/2028' end,
               case n % 100 when 0 then 'missing' else 'present' end
           from known, generate_series(1, $2::int) as n""",
        hei,
        number,
        datetime(2026, 11, 20, tzinfo=UTC),
    )


NARROWED = (
    ALL,
    Narrowed(way=Way.INCOMING),
    Narrowed(party=Party.STUDENT),
    Narrowed(partner=HeiId("p1.example")),
    Narrowed(partner=HeiId("nobody.example"), academic_year="2026/2027", way=Way.OUTGOING),
)


@by_name_of_an_index
async def test_a_page_of_twenty_thousand_is_a_piece_of_an_index(database: Database):
    await many(database, HOME, 20_000)
    await many(database, ABROAD, 2_000)
    await database.execute("vacuum analyze mobility")
    middle = await database.fetchrow(
        """select waiting_since, mobility_id from mobility where tenant = $1
           order by waiting_since, mobility_id offset 9000 limit 1""",
        HOME,
    )
    assert await database.fetchval("select relpages from pg_class where relname = 'mobility'") > 900
    for narrowed in NARROWED:
        for after in (None, Place(*middle), Place(None, middle["mobility_id"])):
            statement, given = listing(HOME, narrowed, 101, after)
            plan = await database.fetchval(
                f"explain (analyze, buffers, format json) {statement}", *given
            )
            [whole] = plan if isinstance(plan, list) else json.loads(plan)
            nodes = list(nodes_of(whole["Plan"]))
            assert not any("Sort" in each["Node Type"] for each in nodes), nodes
            [scan] = [each for each in nodes if each.get("Relation Name") == "mobility"]
            found = (scan["Node Type"], scan.get("Index Name"))
            assert found == ("Index Scan", "mobility_by_wait"), narrowed
            assert "Filter" not in scan, narrowed  # no row is read that is not on the page
            assert scan["Actual Rows"] <= 101
            blocks = whole["Plan"]["Shared Hit Blocks"] + whole["Plan"]["Shared Read Blocks"]
            assert blocks < 900, narrowed  # it takes some three hundred, and all there are is more


@by_name_of_an_index
async def test_broken_identifiers_are_found_by_an_index_of_their_own(database: Database):
    await many(database, HOME, 20_000)
    await database.execute("vacuum analyze mobility")
    statement, given = listing(HOME, ALL, 101, None, broken_esi=True)
    listed = await database.fetch(f"explain {statement}", *given)
    counted = await database.fetch(
        f"explain select count(*) from mobility where tenant = $1 and {BROKEN_ESI}", HOME
    )

    for plan in (str(listed), str(counted)):
        assert "mobility_by_broken_esi" in plan
        assert "Sort" not in plan


def nodes_of(plan: dict[str, Any]) -> Any:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes_of(each)
