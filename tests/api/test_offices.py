"""An office's view of its students: who may have it, what it says, and that students see it."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from api.test_roles import BY_KEY, with_an_office
from factories import a_student
from journeys.looking import Hand
from journeys.test_bad_partners import breaks
from testbed import Bed, bed_running
from unit.store.samples import NOW, a_nomination, an_answer, take_in

from erasmus_app.api.schema.office_mobilities import cursor, place_of
from erasmus_app.cli.phones import Phone
from erasmus_app.ids import MobilityId
from erasmus_app.kit.clock import utc_now
from erasmus_app.mobilities.models import Api, NominationStatus, Reception, ReceptionStatus
from erasmus_app.mobilities.offices import Place
from erasmus_app.store.jobs import Later, Retry
from sandbox import cast

HOME, ABROAD, CLAIRVAL = cast.RIBEIRA.hei_id, cast.LINDENTAL.hei_id, cast.CLAIRVAL.hei_id
LIST = """query($hei: String!, $first: Int! = 20, $after: String, $direction: Direction,
        $waitsFor: Party, $partner: String, $year: String) {
    office(heiId: $hei) { mobilities(first: $first, after: $after, direction: $direction,
        waitsFor: $waitsFor, partner: $partner, academicYear: $year) {
    nodes { omobilityId studentName esi direction academicYear state partner { heiId }
        wait { party step institution { heiId } since waitingDays } lastConfirmedAt }
    edges { cursor node { omobilityId } }
    pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""
PARTNERS = """query($hei: String!, $first: Int! = 20, $after: String, $troubled: Boolean! = false) {
    office(heiId: $hei) { partners(first: $first, after: $after, troubled: $troubled) { nodes {
        partner { heiId } isOwnSystem outgoing incoming apis { api isServed lastSuccessAt
        lastFailureAt lastFailure failuresInARow leftAloneUntil mobilities unread quarantined
        latestQuarantined { sha256 size reason times } } } pageInfo { hasNextPage endCursor } } } }
"""
REFUSED = """query($hei: String!, $days: Int! = 30) { office(heiId: $hei) {
    refusedRequests(days: $days) { api reason times lastOn } } }"""
BROKEN = """query($hei: String!, $first: Int! = 20, $after: String) { office(heiId: $hei) {
    brokenEsis { missing invalid mobilities(first: $first, after: $after) {
        nodes { omobilityId esi brokenEsi } pageInfo { endCursor } } } } }"""
LOG = """{ me { mobilities { id } accessLog { nodes {
    actor heiId purpose api outcome times mobilityId } } } }"""


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, worker=False, prepare=with_an_office) as bed:
        yield bed


async def papers(bed: Bed, name: str, minutes: float = 0, **given: Any) -> None:
    """A nomination of Ines', who waits since that minute."""
    [esi] = BY_KEY["ines"].unique_codes
    nomination = a_nomination(given.pop("esi", esi), **given)
    await take_in(bed.app.records, an_answer(nomination, omobility_id=name, minutes=minutes))


async def listed(bed: Bed, phone: Phone, hei: str = HOME, **given: Any) -> Any:
    office = (await bed.ask(phone, LIST, hei=hei, **given))["office"]
    return office["mobilities"] if office else None


def names(page: Any) -> list[str]:
    return [each["omobilityId"] for each in page["nodes"]]


async def test_a_coordinator_sees_who_waits_for_whom_the_longest_waits_first(bed: Bed):
    await papers(bed, "om-young", 5)
    await papers(bed, "om-old", 1, student=a_student(esi="4711"))
    await papers(bed, "om-done", 0, status=NominationStatus.LIVE)
    page = await listed(bed, await bed.signed_in("marta"))

    days = page["nodes"][0]["wait"].pop("waitingDays")
    assert page["nodes"][0] == {
        "omobilityId": "om-old",
        "studentName": "Inês Ferreira",
        "esi": "INVALID",
        "direction": "OUTGOING",
        "academicYear": "2026/2027",
        "state": "NOMINATED",
        "partner": {"heiId": ABROAD},
        "wait": {
            "party": "RECEIVING_HEI",
            "step": "ACCEPTED",
            "institution": {"heiId": ABROAD},
            "since": "2026-11-20T12:01:00+00:00",
        },
        "lastConfirmedAt": "2026-11-20T12:01:00+00:00",
    }
    assert days == max(0, (utc_now().date() - NOW.date()).days)
    assert names(page) == ["om-old", "om-young", "om-done"]
    assert [each["esi"] for each in page["nodes"]] == ["INVALID", "PRESENT", "PRESENT"]
    assert page["nodes"][2]["wait"] == dict.fromkeys(
        ("step", "institution", "since", "waitingDays")
    ) | {"party": "NOBODY"}


async def test_papers_that_lead_to_nobody_are_counted_shown_and_noted(bed: Bed):
    await papers(bed, "om-fine", 0)
    await papers(bed, "om-none", 2, esi=None)
    await papers(bed, "om-bad", 1, esi=" 4711 ")
    ines, marta = await bed.signed_in("ines"), await bed.signed_in("marta")
    [mine] = await bed.app.database.fetch(
        "select account_id, omobility_id from account_person join mobility using (person_id)"
    )
    await bed.app.database.execute(  # whose claim of hers was granted
        """insert into account_person (account_id, tenant, person_id)
           select $1, tenant, person_id from mobility where omobility_id = 'om-bad'""",
        mine["account_id"],
    )
    counted = (await bed.ask(marta, BROKEN, hei=HOME, first=0))["office"]["brokenEsis"]
    assert (await bed.ask(ines, LOG))["me"]["accessLog"]["nodes"] == []
    shown = (await bed.ask(marta, BROKEN, hei=HOME))["office"]["brokenEsis"]
    more = (await bed.ask(marta, BROKEN, hei=HOME, first=1))["office"]["brokenEsis"]
    after = more["mobilities"]["pageInfo"]["endCursor"]
    rest = (await bed.ask(marta, BROKEN, hei=HOME, after=after))["office"]["brokenEsis"]

    assert counted["mobilities"]["nodes"] == []
    assert {**counted, "mobilities": None} == {"missing": 1, "invalid": 1, "mobilities": None}
    assert shown["mobilities"]["nodes"] == [
        {"omobilityId": "om-bad", "esi": "INVALID", "brokenEsi": "4711"},
        {"omobilityId": "om-none", "esi": "MISSING", "brokenEsi": None},
    ]
    assert [each["omobilityId"] for each in rest["mobilities"]["nodes"]] == ["om-none"]
    assert (await bed.ask(ines, BROKEN, hei=HOME))["office"] is None
    noted = (await bed.ask(ines, LOG))["me"]["accessLog"]["nodes"]
    assert {(each["api"], each["purpose"]) for each in noted} == {
        ("office.brokenEsis", "coordinating")
    }


async def test_pages_go_on_from_a_place_and_filters_hold_on_each(bed: Bed):
    for n in range(5):
        await papers(bed, f"om-{n}", n)
    await papers(bed, "om-done", 0, status=NominationStatus.LIVE)
    marta = await bed.signed_in("marta")
    found, after = [], None
    for _ in range(3):
        page = await listed(bed, marta, first=2, after=after, waitsFor="RECEIVING_HEI")
        found.append(names(page))
        info = page["pageInfo"]
        assert info["hasPreviousPage"] is (after is not None)
        assert info["endCursor"] == page["edges"][-1]["cursor"]
        after = info["endCursor"]
    assert found == [["om-0", "om-1"], ["om-2", "om-3"], ["om-4"]]
    assert info["hasNextPage"] is False

    assert names(await listed(bed, marta, direction="INCOMING")) == []
    assert names(await listed(bed, marta, partner=ABROAD.upper(), year="2026/2027"))[-1] == (
        "om-done"
    )
    assert names(await listed(bed, marta, waitsFor="NOBODY")) == ["om-done"]
    assert names(await listed(bed, marta, year="2027/2028")) == []
    assert names(await listed(bed, marta, partner="nul\0l")) == []
    assert names(await listed(bed, marta, first=1000)) == [*found[0], *found[1], "om-4", "om-done"]
    for nonsense in ("", "x", "AAAA", base64.b64encode(b"\x80" + b"\0" * 23).decode(), "é"):
        page = await listed(bed, marta, after=nonsense)
        assert (page["nodes"], page["pageInfo"]["hasNextPage"]) == ([], False)


async def test_nobody_else_sees_them_and_no_other_university_s(bed: Bed):
    await papers(bed, "om-ours")
    other = an_answer(a_nomination(), tenant=ABROAD, omobility_id="om-theirs")
    await take_in(bed.app.records, other)

    for key in ("ines", "emil", "guest"):
        assert await listed(bed, await bed.signed_in(key)) is None
    marta = await bed.signed_in("marta")
    assert await listed(bed, marta, ABROAD) is None
    assert names(await listed(bed, marta)) == ["om-ours"]


async def test_a_student_sees_that_the_office_has_read_and_only_of_whom_it_was_shown(bed: Bed):
    await papers(bed, "om-mine", 0)
    await papers(bed, "om-other", 5, esi="urn:schac:personalUniqueCode:int:esi:ribeira.example:9")
    ines, marta = await bed.signed_in("ines"), await bed.signed_in("marta")
    for first in (0, 1):  # the second page would have the other; it is only looked for
        await listed(bed, marta, first=first)
        if first == 0:
            assert (await bed.ask(ines, LOG))["me"]["accessLog"]["nodes"] == []
    await listed(bed, marta, first=1)

    me = (await bed.ask(ines, LOG))["me"]
    rows = me["accessLog"]["nodes"]
    assert sum(each.pop("times") for each in rows) == 2  # of two hours, it may be
    assert rows[0] == {
        "actor": "STAFF",
        "heiId": HOME,
        "purpose": "coordinating",
        "api": "office.mobilities",
        "outcome": "SHOWN",
        "mobilityId": me["mobilities"][0]["id"],
    }
    whom = await bed.app.database.fetch(
        """select distinct omobility_id from access_log
           join mobility on mobility_id::text = object_id"""
    )
    assert [row["omobility_id"] for row in whom] == ["om-mine"]


async def test_what_cannot_be_noted_is_not_shown(bed: Bed):
    await papers(bed, "om-1")
    marta = await bed.signed_in("marta")
    await bed.app.database.execute("alter table access_log rename to away")
    answer = await bed.http.post(
        f"{bed.address}/graphql",
        json={"query": LIST, "variables": {"hei": HOME}},
        headers={"authorization": f"Bearer {marta.token}"},
    )

    assert "Inês" not in answer.text
    assert answer.json()["errors"]


async def test_the_worker_s_look_keeps_the_list_as_the_calendar_turns(bed: Bed):
    await papers(bed, "om-leaves", 0, status=NominationStatus.LIVE)
    last = utc_now().date() + timedelta(days=3)
    reception = Reception(status=ReceptionStatus.VERIFIED, actual_departure=last)
    await take_in(bed.app.records, an_answer(reception, omobility_id="om-leaves", minutes=1))
    marta, hand, found = await bed.signed_in("marta"), Hand(bed), []
    for day in (utc_now().date(), last - timedelta(days=1), last):
        await hand.look(day)
        found.append(names(await listed(bed, marta, waitsFor="RECEIVING_HEI")))

    assert found == [[], [], ["om-leaves"]]  # who has to send its transcript


async def partners(bed: Bed, phone: Phone, **given: Any) -> Any:
    office = (await bed.ask(phone, PARTNERS, hei=HOME, **given))["office"]
    return office["partners"]["nodes"] if office else None


async def test_an_office_sees_which_partner_fails_why_and_whom_it_concerns(bed: Bed):
    await bed.app.own_systems.read()
    marta, hand = await bed.signed_in("marta"), Hand(bed)
    scene = await hand.scene("camille")  # from Clairval, where the partner is the master
    await scene.nominated()
    await hand.fetch(scene, Api.OMOBILITIES)
    [calm] = await partners(bed, marta)
    assert await partners(bed, marta, troubled=True) == []

    breaks(bed, CLAIRVAL, "omobilities", b"<html>Please log in</html>")
    await hand.fetch(scene, Api.OMOBILITIES)
    [broken] = await partners(bed, marta, troubled=True)
    bed.world.network.down.add(CLAIRVAL)
    with pytest.raises(Retry):
        await hand.fetch(scene, Api.OMOBILITIES)
    with pytest.raises(Later):  # it is left alone, and not asked
        await hand.fetch(scene, Api.OMOBILITIES)
    [down] = await partners(bed, marta)

    def of(partner: Any) -> Any:
        return next(each for each in partner["apis"] if each["api"] == "omobilities")

    assert {name: value for name, value in calm.items() if name != "apis"} == {
        "partner": {"heiId": CLAIRVAL},
        "isOwnSystem": False,
        "outgoing": 0,
        "incoming": 1,
    }
    assert [each["api"] for each in calm["apis"]] == sorted(each.value for each in Api)
    well = of(calm)
    began = well.pop("lastSuccessAt")
    assert well == {
        "api": "omobilities",
        "isServed": True,
        "lastFailureAt": None,
        "lastFailure": None,
        "failuresInARow": 0,
        "leftAloneUntil": None,
        "mobilities": 1,
        "unread": 0,
        "quarantined": 0,
        "latestQuarantined": [],
    }
    misfit = of(broken)
    [held] = misfit["latestQuarantined"]
    assert (misfit["lastSuccessAt"], misfit["lastFailure"]) == (began, "reply_invalid")
    assert (misfit["failuresInARow"], misfit["unread"], misfit["quarantined"]) == (1, 1, 1)
    assert (held["size"], held["times"], len(held["sha256"])) == (26, 1, 64)
    assert misfit["leftAloneUntil"] is None
    silent = of(down)
    assert (silent["lastFailure"], silent["failuresInARow"]) == ("partner_unreachable", 2)
    assert silent["leftAloneUntil"] > silent["lastFailureAt"] > misfit["lastFailureAt"]
    for key in ("camille", "emil"):
        assert await partners(bed, await bed.signed_in(key)) is None


async def test_partners_come_in_pages_and_the_own_system_is_one(bed: Bed):
    await papers(bed, "om-1")
    await bed.app.database.execute(
        "insert into partner_health (tenant, hei_id, api) values ($1, $1, 'omobilities')", HOME
    )
    marta, found, after = await bed.signed_in("marta"), [], None
    for more in (True, False):
        office = (await bed.ask(marta, PARTNERS, hei=HOME, first=1, after=after))["office"]
        page = office["partners"]
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        assert page["pageInfo"]["hasNextPage"] is more
    assert [(e["partner"]["heiId"], e["isOwnSystem"], e["outgoing"]) for e in found] == [
        (ABROAD, False, 1),
        (HOME, True, 1),
    ]
    assert await partners(bed, marta, after="nul\0l") == []


async def test_what_was_refused_at_the_door_is_counted_for_the_office(bed: Bed):
    marta, today = await bed.signed_in("marta"), utc_now().date()
    for api, reason in (("omobilities", "signature_invalid"), ("", "not_served")):
        await bed.app.records.count_refusal(HOME, api, reason)
    await bed.app.records.count_refusal(HOME, "omobilities", "signature_invalid")
    await bed.app.records.count_refusal(ABROAD, "echo", "not_served")
    await bed.app.database.execute("update refusal set day = day - 40 where api = ''")
    asked = {
        days: (await bed.ask(marta, REFUSED, hei=HOME, days=days))["office"]["refusedRequests"]
        for days in (-5, 30, 10**6)
    }

    recent = {"api": "omobilities", "reason": "signature_invalid", "times": 2}
    old = {"api": None, "reason": "not_served", "times": 1}
    days = {each.pop("lastOn") for found in asked.values() for each in found if each["api"]}
    assert days <= {today.isoformat(), utc_now().date().isoformat()}  # it may be midnight
    [*_, last] = asked[10**6]
    assert last.pop("lastOn") < today.isoformat()
    assert asked == {-5: [recent], 30: [recent], 10**6: [recent, old]}


def test_a_cursor_is_read_as_it_was_written():
    now, mobility = utc_now(), MobilityId(uuid4())
    for since in (None, now, now - timedelta(days=20_000, microseconds=1)):
        place = Place(since, mobility)
        assert place_of(cursor(place)) == place
