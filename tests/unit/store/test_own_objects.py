"""The covered HEIs' own data: kept, found, announced once, and one change at a time."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from msgspec.structs import asdict, replace

from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.mobilities.own import Announcement, Decision, Operation, OwnObject, Wanted
from erasmus_app.mobilities.ports import Document
from erasmus_app.store.database import Database
from erasmus_app.store.own_objects import OwnObjectTable
from ewp.host_filters import Facts, IndexFilter

US, THEM, THIRD = HeiId("outono.example"), HeiId("lindental.example"), HeiId("clairval.example")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
API = "omobilities"


@pytest.fixture
def table(database: Database) -> OwnObjectTable:
    return OwnObjectTable(database)


def an_object(object_id: str, xml: bytes = b"<a/>", **changed) -> OwnObject:
    values = {
        "api": API,
        "major": 3,
        "sending_hei_id": US,
        "partner": THEM,
        "receiving_academic_year_id": "2026/2027",
        "student_key": "urn:x:1",
        "kind": "long-term",
        "document": Document(xml=xml, sha256=hashlib.sha256(xml).digest(), signed_by=None),
    }
    return OwnObject(object_id=object_id, **values | changed)


async def put(table: OwnObjectTable, *objects: OwnObject, at: datetime = NOW, tell: bool = True):
    async with table.change(US) as change:
        for each in objects:
            await change.put(each, at, tell_partner=tell)


KEPT = [
    (an_object("om-1"), NOW),
    (an_object("om-2", partner=THIRD, kind="short-term-blended"), NOW),
    (an_object("om-3", receiving_academic_year_id="2027/2028", student_key="urn:x:2"), LATER),
    (an_object("OM-1", kind=None, student_key=None), LATER),
]
ASKED = [
    IndexFilter(
        parties=frozenset(parties),
        receiving_hei_ids=frozenset(receiving),
        receiving_academic_year_id=year,
        student_key=student,
        kind=kind,
        modified_since=since,
    )
    for parties, receiving, year, student, kind, since in product(
        [{US}, {THEM}, {THIRD, THEM}, {HeiId("x.example")}],
        [set(), {THEM}, {HeiId(""), THIRD}],
        [None, "2026/2027", "1653/1654"],
        [None, "urn:x:1"],
        [None, "long-term"],
        [None, LATER],
    )
]


async def test_an_index_in_sql_finds_what_the_filter_itself_would_take(table: OwnObjectTable):
    for own, at in KEPT:
        await put(table, own, at=at)
    await put(table, an_object("om-old", major=2))

    for wanted in ASKED:
        found = await table.index(US, API, (3,), Wanted(**asdict(wanted)))
        assert found == sorted(
            own.object_id
            for own, at in KEPT
            if wanted.takes(
                Facts(
                    sending_hei_id=US,
                    receiving_hei_id=own.partner,
                    receiving_academic_year_id=own.receiving_academic_year_id,
                    student_key=own.student_key,
                    kind=own.kind,
                ),
                at,
            )
        ), wanted
    assert await table.index(THEM, API, (3,), Wanted(parties=frozenset({THEM}))) == []


async def test_an_id_is_compared_letter_by_letter(table: OwnObjectTable):
    await put(table, *(own for own, _ in KEPT))

    found = await table.objects(US, API, (3,), ["OM-1", "om-9", "om-1"])
    assert [each.object_id for each in found] == ["OM-1", "om-1"]


OF = Announcement(tenant=US, partner=THEM, api=API, major=3)


async def waiting(table: OwnObjectTable) -> list[tuple[str, int]]:
    return [(each.object_id, each.revision) for each in await table.to_announce(OF, 10)]


async def test_each_change_is_announced_until_it_was_told(table: OwnObjectTable):
    await put(table, an_object("om-1"), an_object("om-2", partner=THIRD))
    assert await waiting(table) == [("om-1", 1)]

    read = await table.to_announce(OF, 10)
    await put(table, an_object("om-1", b"<b/>"), at=LATER)  # while the notice is on its way
    await table.announced(US, read)
    assert await waiting(table) == [("om-1", 2)]
    await table.announced(US, await table.to_announce(OF, 10))
    assert await waiting(table) == []

    async with table.change(US) as change:
        [known] = (await change.known(API, [(US, "om-1")])).values()
        await change.remove(known, LATER, tell_partner=True)
    assert await waiting(table) == [("om-1", 3)]
    assert await table.objects(US, API, (3,), ["om-1"]) == []


async def test_what_nobody_reads_from_us_is_never_announced(table: OwnObjectTable):
    await put(table, an_object("om-1"), tell=False)
    await put(table, an_object("om-1", b"<b/>"), tell=False)
    async with table.change(US) as change:
        [known] = (await change.known(API, [(US, "om-1")])).values()
        await change.remove(known, LATER, tell_partner=False)

    assert await waiting(table) == []
    await put(table, an_object("om-1", b"<c/>"))
    assert await waiting(table) == [("om-1", 4)]


async def test_a_change_waits_for_the_one_before(table: OwnObjectTable):
    order = []

    async def second() -> None:
        async with table.change(US) as change:
            known = await change.known(API, [(US, "om-1")])
            order.append(len(known))

    async with table.change(US) as change:
        other = asyncio.create_task(second())
        async with table.change(THEM) as elsewhere:  # another HEI's does not
            assert await elsewhere.known(API, [(US, "om-1")]) == {}
        await change.put(an_object("om-1"), NOW, tell_partner=True)
        order.append("first")
    await other

    assert order == ["first", 1]


async def test_a_change_that_fails_leaves_nothing(table: OwnObjectTable):
    async def broken() -> None:
        async with table.change(US) as change:
            await change.put(an_object("om-1"), NOW, tell_partner=True)
            await change.begins(API, NOW)
            await change.announce(THEM, API, 3)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await broken()
    rows = "select (select count(*) from own_object) + (select count(*) from poll_state)"
    assert await table.database.fetchval(f"{rows} + (select count(*) from job)") == 0


async def test_the_first_word_in_an_api_is_told_apart_once(table: OwnObjectTable):
    async with table.change(US) as change:
        assert await change.begins(API, NOW)
        assert not await change.begins(API, NOW)
        assert await change.begins("omobility-las", NOW)
    async with table.change(US) as change:
        assert not await change.begins(API, LATER)


async def test_decisions_are_read_from_a_moment_on_in_their_order(table: OwnObjectTable):
    first = Decision(
        api=API,
        omobility_id=OmobilityId("om-1"),
        proposal_id="p-1",
        operation=Operation.REJECT,
        partner=THEM,
        comment="no place",
        request=b"<r/>",
        request_id="abc",
    )
    kept = []
    for each in (first, replace(first, proposal_id="p-2", operation=Operation.APPROVE)):
        async with table.change(US) as change:
            kept.append(await change.note_decision(each))
            proposed = an_object("om-1", proposal_id=each.proposal_id)
            found = await change.decisions(API, [proposed, an_object("om-2")])
            assert found == {(US, "om-1"): kept[-1]}

    assert await table.decisions_since(US, None, 10) == kept
    assert await table.decisions_since(US, None, 1) == kept[:1]
    assert await table.decisions_since(US, kept[1].decided_at, 10) == kept[1:]
    assert await table.decisions_since(THEM, None, 10) == []
