"""What institutions say of themselves and their units: read, kept with its age, and shown."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest
from databases import until
from journeys.looking import WEEK, Hand, a_job, working_by_hand
from journeys.scenes import APPLY, Scene
from partners import StandIn

from erasmus_app.institutions.places import Words
from erasmus_app.mobilities.models import Api
from erasmus_app.partners import institutions as asking
from erasmus_app.partners.network import EwpPartners
from erasmus_app.store.institutions import InstitutionTable
from erasmus_app.store.jobs import Again
from erasmus_app.worker.pages import INSTITUTION, PageKeeper
from ewp.errors import RequestRefused
from ewp.host_calls import Call
from ewp.host_places import OunitsService
from ewp.host_services import Endpoint, InstitutionsService
from ewp.ids import HeiId
from ewp.messages import institutions as messages
from sandbox.cast import LINDENTAL, RIBEIRA
from sandbox.shown import Shown

HEI = LINDENTAL.hei_id


@pytest.fixture
async def hand(dsn, valkey, tmp_path) -> AsyncIterator[Hand]:
    async with working_by_hand(dsn, valkey, tmp_path) as hand:
        yield hand


async def read(hand: Hand, hei: HeiId = HEI) -> float:
    """Ask an institution; return in how many seconds it is asked again."""
    app = hand.bed.app
    table = InstitutionTable(app.database)
    keeper = PageKeeper(
        INSTITUTION, app.services, app.institutions, table, app.records.institutions
    )
    with pytest.raises(Again) as again:
        await keeper.ask(a_job(INSTITUTION, {"tenant": RIBEIRA.hei_id, "hei_id": hei}))
    return again.value.after


async def known(hand: Hand) -> Any:
    [found] = await hand.bed.app.services.institutions.pages([HEI])
    assert found is not None
    return found


async def outgoing(hand: Hand) -> Scene:
    scene = await hand.scene("ines")
    await scene.nominated(before=APPLY)
    await hand.fetch(scene, Api.OMOBILITIES)
    return scene


PLACE = """{ me { mobilities {
    receivingUnit { unitId name unit { source { state api lastConfirmedAt } } }
    sendingUnit { unitId name unit { name } }
    receivingInstitution {
        institutionSource { state api lastConfirmedAt lastError }
        names { text language } abbreviation erasmusCodes logoUrl
        website { url language } factsheetLinks { url } courseCatalogues { url }
        address { ...Where } mailingAddress { ...Where }
        contacts { name role emails phones address { ...Where } mailingAddress { ...Where } }
        units(first: 2) {
            nodes { depth unit {
                unitId code name parentId abbreviation address { ...Where }
                contacts { name emails phones } websites { url }
            } }
            pageInfo { hasNextPage endCursor }
        }
    }
} } }
fragment Where on PostalAddress { lines postalCode locality region country }"""


async def told(hand: Hand, scene: Scene) -> dict[str, Any]:
    answer = await hand.bed.ask(scene.phone, PLACE)
    found: dict[str, Any] = answer["me"]["mobilities"][0]
    return found


def where(recipient: str) -> dict[str, Any]:
    return {
        "lines": [recipient, "University Square 1"],
        "postalCode": "1000",
        "locality": "Lindental",
        "region": None,
        "country": "DE",
    }


async def test_a_student_sees_where_the_university_is_its_offices_and_its_units(hand: Hand):
    scene = await outgoing(hand)
    assert await read(hand) == WEEK
    at = (await known(hand)).last_confirmed_at.isoformat()

    assert await told(hand, scene) == {
        "receivingUnit": {
            "unitId": "exchange",
            "name": "Department of Exchange Studies",
            "unit": {
                "source": {"state": "PUBLISHED", "api": "institutions", "lastConfirmedAt": at}
            },
        },
        "sendingUnit": {"unitId": "faculty-1", "name": None, "unit": None},  # not asked yet
        "receivingInstitution": {
            "institutionSource": {
                "state": "PUBLISHED",
                "api": "institutions",
                "lastConfirmedAt": at,
                "lastError": None,
            },
            "names": [
                {"text": "Technische Hochschule Lindental", "language": "de"},
                {"text": "Lindental University of Technology", "language": "en"},
                {"text": "Escola Superior Técnica de Lindental", "language": "pt"},
            ],
            "abbreviation": "LIN",
            "erasmusCodes": ["D LINDENT01"],
            "logoUrl": "https://www.lindental.example/logo.svg",
            "website": {"url": "https://www.lindental.example", "language": "en"},
            "factsheetLinks": [{"url": "https://www.lindental.example/exchange"}],
            "courseCatalogues": [{"url": "https://www.lindental.example/courses"}],
            "address": where("Technische Hochschule Lindental"),
            "mailingAddress": None,
            "contacts": [  # and not the person who coordinates
                {
                    "name": "International Office",
                    "role": "Incoming and outgoing students",
                    "emails": ["office@lindental.example"],
                    "phones": ["+999123456 ext. 7"],
                    "address": None,
                    "mailingAddress": {
                        "lines": ["International Office", "PO Box 7"],
                        "postalCode": "1001",
                        "locality": "Lindental",
                        "region": None,
                        "country": "DE",
                    },
                }
            ],
            "units": {
                "nodes": [
                    {
                        "depth": 0,
                        "unit": {
                            "unitId": "hei",
                            "code": "0",
                            "name": "Lindental University of Technology",
                            "parentId": None,
                            "abbreviation": None,
                            "address": None,
                            "contacts": [],
                            "websites": [],
                        },
                    },
                    {
                        "depth": 1,
                        "unit": {
                            "unitId": "faculty-1",
                            "code": "F-1",
                            "name": "Faculty of Sciences and Letters",
                            "parentId": "hei",
                            "abbreviation": "F-1",
                            "address": where("Faculty of Sciences and Letters"),
                            "contacts": [
                                {
                                    "name": "Front desk",
                                    "emails": ["faculty-1@lindental.example"],
                                    "phones": ["+999123457"],
                                }
                            ],
                            "websites": [{"url": "https://www.lindental.example/faculty-1"}],
                        },
                    },
                ],
                "pageInfo": {"hasNextPage": True, "endCursor": "faculty-1"},
            },
        },
    }


async def test_units_are_read_page_by_page(hand: Hand):
    scene = await outgoing(hand)
    await read(hand)
    query = """query ($after: String) { me { mobilities { receivingInstitution {
        units(first: 2, after: $after) {
            nodes { depth unit { unitId } } pageInfo { hasNextPage hasPreviousPage } } } } } }"""
    answer = await hand.bed.ask(scene.phone, query, after="faculty-1")

    assert answer["me"]["mobilities"][0]["receivingInstitution"]["units"] == {
        "nodes": [{"depth": 2, "unit": {"unitId": "exchange"}}],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": True},
    }


async def test_no_person_whom_a_university_names_is_kept(hand: Hand):
    await read(hand)
    row = await hand.bed.app.database.fetchval("select institution::text from institution")

    assert "office@lindental.example" in row
    assert [each for each in ("Ruth", "Amsel", "international@lindental") if each in row] == []


async def test_a_unit_that_the_university_does_not_show_is_called_as_the_agreement_has_it(
    hand: Hand,
):
    scene = await outgoing(hand)
    await scene.sent()
    await hand.fetch(scene, Api.OMOBILITY_LAS)

    assert (await told(hand, scene))["receivingUnit"] == {
        "unitId": "exchange",
        "name": "Department of Exchange Studies",
        "unit": None,
    }


async def test_nothing_is_made_up_of_a_university_that_nobody_has_asked(hand: Hand):
    scene = await outgoing(hand)
    found = (await told(hand, scene))["receivingInstitution"]

    assert found.pop("institutionSource")["state"] == "NOT_ASKED"
    assert set(found.values()) == {None}


async def test_what_a_university_said_stays_while_it_is_down_and_it_is_asked_ever_later(
    hand: Hand,
):
    scene = await outgoing(hand)
    await read(hand)
    before = await told(hand, scene)
    hand.bed.world.network.down.add(HEI)
    waits = [await read(hand) for _ in range(3)]
    source = before["receivingInstitution"]["institutionSource"]

    assert all(30 <= wait <= 60 * 2**n for n, wait in enumerate(waits))
    assert await told(hand, scene) == before | {
        "receivingInstitution": before["receivingInstitution"]
        | {"institutionSource": source | {"lastError": "partner_unreachable"}}
    }


async def test_what_a_university_withdraws_is_gone(hand: Hand):
    scene = await outgoing(hand)
    await read(hand)

    @dataclass(frozen=True)
    class Nothing(StandIn):
        def changed(self, name: str, endpoint: Endpoint) -> Endpoint:
            del name

            async def get(_: Call) -> bytes:
                return messages.write_response([])

            return replace(endpoint, handle=get)

    there = hand.bed.world.network.heis[HEI]
    hand.bed.world.network.instead[HEI] = (Nothing(InstitutionsService(there)),)
    await read(hand)
    found = (await told(hand, scene))["receivingInstitution"]

    assert (found["institutionSource"]["state"], found["address"]) == ("NOT_PUBLISHED", None)


def offering(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    """Have units offered otherwise than they are; not at all where nothing is said."""
    real = EwpPartners.entry

    def entry(self: EwpPartners, tenant: HeiId, hei: HeiId, api: str, major: int) -> Any:
        found = real(self, tenant, hei, api, major)
        if api != "organizational-units" or found is None:
            return found
        return msgspec.structs.replace(found, **changed) if changed else None

    monkeypatch.setattr(EwpPartners, "entry", entry)


async def test_a_unit_that_fails_is_as_it_was_and_the_others_are_read(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
):
    await read(hand)
    before = (await known(hand)).value.units
    asked: list[str] = []

    @dataclass(frozen=True)
    class Choosy(StandIn):
        def changed(self, name: str, endpoint: Endpoint) -> Endpoint:
            del name

            async def get(call: Call) -> bytes:
                asked.extend(call.all("ounit_id"))
                if asked[-1] == "faculty-1":
                    raise RequestRefused("not this one")
                found = await endpoint.handle(call)
                assert isinstance(found, bytes)
                return found.replace(b"Department of", b"Institute of")

            return replace(endpoint, handle=get)

    there = hand.bed.world.network.heis[HEI]
    units = Choosy(OunitsService(Shown(there.university)))
    hand.bed.world.network.instead[HEI] = (InstitutionsService(there), units)
    offering(monkeypatch, limits={})  # where no limit is declared, one is asked for in a call
    wait = await read(hand)
    found = await known(hand)

    assert asked == ["hei", "faculty-1", "exchange"]
    assert found.value.units[:2] == before[:2]
    assert found.value.units[2].names == (
        Words(text="Institute of Exchange Studies", language="en"),
    )
    assert (found.last_error, 0 < wait <= 86400) == ("partner_refused", True)


async def test_units_of_a_university_that_does_not_serve_them_are_not_known(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
):
    offering(monkeypatch)
    assert await read(hand) == WEEK
    found = await known(hand)

    assert (found.value.units, found.last_error) == (None, None)


async def test_units_stay_when_the_university_serves_them_no_more(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
):
    await read(hand)
    before = (await known(hand)).value.units
    offering(monkeypatch)
    await read(hand)
    found = await known(hand)

    assert (found.value.units, found.last_error) == (before, "api_not_served")


async def test_there_is_an_end_to_asking_a_slow_university_for_its_units(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(asking, "MOST_SECONDS", -1)
    wait = await read(hand)
    found = await known(hand)

    assert (found.value.units, found.last_error, wait) == (None, "units_slow", 86400)


async def test_both_ends_of_known_mobilities_and_the_covered_university_are_asked(hand: Hand):
    await outgoing(hand)
    async with hand.bed.working():

        async def asked() -> bool:  # partners by an agreement may be among them by then
            found = await hand.bed.app.database.fetch("select hei_id from institution")
            return {"lindental.example", "ribeira.example"} <= {row["hei_id"] for row in found}

        await until(asked)
    rows = await hand.bed.app.database.fetch(
        """select dedupe_key from job where kind = 'institution' and dedupe_key <> all(array(
               select 'institution ' || partner_id from agreement_copy
               where hei_id = tenant and partner_id <> 'lindental.example'))"""
    )

    assert sorted(row["dedupe_key"] for row in rows) == [
        "institution lindental.example",
        "institution ribeira.example",
    ]


async def test_however_many_institutions_an_answer_has_they_are_one_read(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
):
    await outgoing(hand)
    second = await hand.scene("ines", "om-2")
    await second.nominated(before=APPLY)
    await hand.fetch(second, Api.OMOBILITIES)
    reads: list[list[str]] = []
    real = InstitutionTable.pages

    async def counted(table: InstitutionTable, heis: Sequence[HeiId]) -> Any:
        reads.append(list(heis))
        return await real(table, heis)

    monkeypatch.setattr(InstitutionTable, "pages", counted)
    await hand.bed.ask(
        second.phone,
        """{ me { mobilities {
            sendingInstitution { address { locality } units { nodes { depth } } }
            receivingInstitution { website { url } contacts { name } }
            sendingUnit { name } receivingUnit { name }
        } } }""",
    )

    assert [sorted(each) for each in reads] == [["lindental.example", "ribeira.example"]]
