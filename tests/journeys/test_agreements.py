"""Agreements: read of a university's own system and of its partners, and where students can go."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from api.test_roles import with_an_office
from databases import until
from journeys.looking import Hand, a_job
from testbed import bed_running, of_one_process

from erasmus_app.cli.phones import Phone
from erasmus_app.institutions.asks import AGREEMENTS
from erasmus_app.partners.agreements import EwpAgreements
from erasmus_app.store.agreements import AgreementTable
from erasmus_app.store.jobs import Again
from erasmus_app.worker.agreements import AgreementReader
from ewp.client_agreements import AgreementsClient
from ewp.ids import HeiId, IiaId
from sandbox.accords import Accords, iia_id
from sandbox.cast import CLAIRVAL, JEZIORO, LINDENTAL, RIBEIRA
from sandbox.clock import academic_year, today
from sandbox.world import World

HOME = RIBEIRA.hei_id
DAY = 86400
FIRST = int(academic_year(today())[:4]) - 1
TERMS = "A room in a residence cannot be promised."
TO_LINDENTAL, TO_CLAIRVAL = iia_id(RIBEIRA, LINDENTAL), iia_id(RIBEIRA, CLAIRVAL)


@dataclass
class House:
    """A coordinator and a student of Ribeira, and the work that is done by hand."""

    hand: Hand
    marta: Phone
    ines: Phone

    def accords(self, hei: HeiId = HOME) -> Accords:
        return self.hand.bed.world.network.heis[hei].accords

    def change(self, id: IiaId, **more: Any) -> None:
        """Change a copy in Ribeira's own system."""
        self.accords().put(msgspec.structs.replace(self.accords().copies[id], **more))

    async def read(self, hei: HeiId = HOME) -> float:
        """Read a university's copies; return in how many seconds it is asked again."""
        app = self.hand.bed.app
        reader = AgreementReader(
            app.services, app.agreements, AgreementTable(app.database), app.records
        )
        with pytest.raises(Again) as again:
            await reader.read(a_job(AGREEMENTS, {"tenant": HOME, "hei_id": hei}))
        return again.value.after

    async def where(self, phone: Phone | None = None, **filters: Any) -> list[str]:
        """The universities that a student can go to."""
        answer = await self.hand.bed.ask(
            phone or self.ines,
            """query($subjectArea: String, $academicYear: String) { me { destinations(
                subjectArea: $subjectArea, academicYear: $academicYear
            ) { nodes { institution { heiId } } } } }""",
            **filters,
        )
        return [e["institution"]["heiId"] for e in answer["me"]["destinations"]["nodes"]]

    async def agreements(self, phone: Phone | None = None) -> Any:
        answer = await self.hand.bed.ask(
            phone or self.marta,
            """query($hei: String!) { office(heiId: $hei) { agreements(first: 10) { nodes {
                partner { heiId } status isApprovedByPartner firstAcademicYear lastAcademicYear
                ours { ...Copy } theirs { ...Copy }
                cooperations { kind direction placesPerYear totalDaysPerYear terms }
            } } } }
            fragment Copy on AgreementCopy {
                iiaId code inEffect hash isHashRight source { heiId lastError } }""",
            hei=HOME,
        )
        return answer["office"] and answer["office"]["agreements"]["nodes"]

    async def with_partner(self, hei: HeiId) -> dict[str, Any]:
        [found] = [e for e in await self.agreements() if e["partner"]["heiId"] == hei]
        return found


@pytest.fixture
async def house(dsn, valkey, tmp_path) -> AsyncIterator[House]:
    async with bed_running(
        dsn,
        valkey,
        tmp_path,
        worker=False,
        prepare=with_an_office,
        agreements_seconds=str(DAY),
    ) as bed:
        await bed.app.own_systems.read()
        yield House(Hand(bed), await bed.signed_in("marta"), await bed.signed_in("ines"))


async def test_a_student_sees_where_the_agreements_lead(house: House):
    assert await house.read() == DAY
    answer = await house.hand.bed.ask(
        house.ines,
        """{ me { destinations(first: 1, subjectArea: "06") {
            nodes {
                id institution { heiId name }
                cooperation {
                    kind direction placesPerYear totalMonthsPerYear totalDaysPerYear levels blended
                    terms firstAcademicYear lastAcademicYear receivingUnit { name }
                    subjectAreas { code name clarification }
                    languages { language level subjectArea { code } }
                    contacts { name emails }
                }
                source { heiId fetchedAt lastConfirmedAt lastError }
            }
            edges { cursor } pageInfo { hasNextPage }
        } } }""",
    )
    found = answer["me"]["destinations"]
    [node] = found["nodes"]
    confirmed = node["source"].pop("lastConfirmedAt")

    assert (found["edges"], found["pageInfo"]) == (
        [{"cursor": node.pop("id")}],
        {"hasNextPage": False},
    )
    assert node["source"].pop("fetchedAt") <= confirmed
    assert node == {
        "institution": {
            "heiId": "lindental.example",
            "name": "Lindental University of Technology",
        },
        "cooperation": {
            "kind": "STUDIES",
            "direction": "OUTGOING",
            "placesPerYear": 4,
            "totalMonthsPerYear": "20",
            "totalDaysPerYear": None,
            "levels": [6, 7],
            "blended": False,
            "terms": None,  # the two offices' words to each other
            "firstAcademicYear": f"{FIRST}/{FIRST + 1}",
            "lastAcademicYear": f"{FIRST + 4}/{FIRST + 5}",
            "receivingUnit": None,  # nobody has asked Lindental for its units
            "subjectAreas": [
                {
                    "code": "0613",
                    "name": "Software and applications development and analysis",
                    "clarification": None,
                }
            ],
            "languages": [{"language": "de", "level": "B1", "subjectArea": None}],
            "contacts": [  # and not the person who coordinates
                {"name": "International Office", "emails": ["office@lindental.example"]}
            ],
        },
        "source": {"heiId": "ribeira.example", "lastError": None},
    }


async def test_destinations_are_found_by_subject_and_year_and_drafts_are_none(house: House):
    await house.read()

    assert await house.where() == ["lindental.example", "clairval.example"]  # Lindental, University
    assert await house.where(subjectArea="0232") == ["clairval.example"]
    assert await house.where(subjectArea="0311") == []
    assert len(await house.where(academicYear=f"{FIRST + 4}/{FIRST + 5}")) == 2
    assert await house.where(academicYear=f"{FIRST + 5}/{FIRST + 6}") == []


@pytest.mark.parametrize(
    "odd", [{"subjectArea": "ICT"}, {"subjectArea": "6"}, {"academicYear": "2026"}]
)
async def test_what_is_no_code_or_no_year_finds_nothing(house: House, odd: dict[str, str]):
    await house.read()

    assert await house.where(**odd) == []


async def test_destinations_are_read_page_by_page(house: House):
    await house.read()
    query = """query($after: ID) { me { destinations(first: 1, after: $after) {
        nodes { institution { heiId } } pageInfo { hasNextPage endCursor } } } }"""
    first = (await house.hand.bed.ask(house.ines, query))["me"]["destinations"]
    cursor = first["pageInfo"]["endCursor"]
    second = (await house.hand.bed.ask(house.ines, query, after=cursor))["me"]["destinations"]

    found = [e["nodes"][0]["institution"]["heiId"] for e in (first, second)]
    assert found == ["lindental.example", "clairval.example"]
    assert [e["pageInfo"]["hasNextPage"] for e in (first, second)] == [True, False]


async def test_they_are_of_one_s_own_university_alone(house: House):
    await house.read()
    jonas = await house.hand.bed.signed_in("jonas")

    assert await house.where(jonas) == []
    assert await house.agreements(jonas) is None
    assert await house.agreements(house.ines) is None


async def test_the_partners_copies_stand_in_where_the_own_system_shows_none(house: House):
    for partner in (LINDENTAL, CLAIRVAL):  # in version 7, and in 6
        await house.read(partner.hei_id)

    assert await house.where() == ["lindental.example", "clairval.example"]


async def test_what_a_partner_alone_says_leads_nowhere(house: House):
    del house.accords().copies[TO_CLAIRVAL]
    await house.read()
    await house.read(CLAIRVAL.hei_id)

    assert await house.where() == ["lindental.example"]
    assert (await house.with_partner(CLAIRVAL.hei_id))["ours"] is None


async def test_an_office_sees_both_copies_their_hashes_and_the_partner_s_approval(house: House):
    await house.read()
    await house.read(LINDENTAL.hei_id)
    found = await house.with_partner(LINDENTAL.hei_id)
    ours, theirs = found.pop("ours"), found.pop("theirs")

    assert len(ours.pop("hash")) == len(theirs.pop("hash")) == 64
    assert (ours, theirs) == tuple(
        {
            "iiaId": id,
            "code": id.upper(),
            "inEffect": True,
            "isHashRight": True,
            "source": {"heiId": hei, "lastError": None},
        }
        for id, hei in (("ribeira/lindental", HOME), ("lindental/ribeira", "lindental.example"))
    )
    incoming, outgoing = "INCOMING", "OUTGOING"
    assert found == {
        "partner": {"heiId": "lindental.example"},
        "status": "IN_EFFECT",
        "isApprovedByPartner": True,
        "firstAcademicYear": f"{FIRST}/{FIRST + 1}",
        "lastAcademicYear": f"{FIRST + 4}/{FIRST + 5}",
        "cooperations": [
            {
                "kind": kind,
                "direction": way,
                "placesPerYear": places,
                "totalDaysPerYear": days,
                "terms": terms,
            }
            for kind, way, places, days, terms in (
                ("STUDIES", incoming, 4, None, TERMS),
                ("STUDIES", outgoing, 4, None, TERMS),
                ("TRAINEESHIP", incoming, 1, None, None),
                ("TEACHING", incoming, 2, "10", None),
            )
        ],
    }


async def test_an_office_sees_drafts_and_what_no_partner_tells(house: House):
    await house.read()

    found = {e["partner"]["heiId"]: e for e in await house.agreements()}
    assert {
        hei: (e["status"], e["isApprovedByPartner"], e["theirs"]) for hei, e in found.items()
    } == {
        JEZIORO.hei_id: ("PROPOSED", None, None),
        LINDENTAL.hei_id: ("IN_EFFECT", None, None),  # not asked yet
        CLAIRVAL.hei_id: ("IN_EFFECT", None, None),
    }


async def test_an_approval_is_void_when_our_copy_has_changed(house: House):
    house.change(
        TO_LINDENTAL,
        cooperation_conditions=msgspec.structs.replace(
            house.accords().copies[TO_LINDENTAL].cooperation_conditions,
            staff_teacher_mobility_specs=(),
        ),
    )
    await house.read()
    await house.read(LINDENTAL.hei_id)

    assert (await house.with_partner(LINDENTAL.hei_id))["isApprovedByPartner"] is False


async def test_what_ends_leads_nowhere_any_more(house: House):
    await house.read()
    house.change(TO_LINDENTAL, in_effect=False)
    await house.read()

    assert await house.where() == ["clairval.example"]
    assert (await house.with_partner(LINDENTAL.hei_id))["status"] == "PROPOSED"


async def test_the_second_reading_asks_for_what_has_changed_only(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    await house.read()
    asked: list[IiaId] = []
    real = EwpAgreements.copies

    async def counted(self: EwpAgreements, tenant: HeiId, hei: HeiId, ids: Sequence[IiaId]) -> Any:
        asked.extend(ids)
        return await real(self, tenant, hei, ids)

    monkeypatch.setattr(EwpAgreements, "copies", counted)
    await house.read()
    assert asked == []
    house.change(TO_CLAIRVAL, in_effect=False)
    await house.read()

    assert asked == [TO_CLAIRVAL]


@of_one_process
async def test_copies_are_read_anew_only_when_somebody_was_asked_since(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    reads: list[HeiId] = []
    real = AgreementTable._read

    async def counted(table: AgreementTable, tenant: HeiId) -> Any:
        reads.append(tenant)
        return await real(table, tenant)

    monkeypatch.setattr(AgreementTable, "_read", counted)
    await house.read()
    for _ in range(3):
        assert len(await house.where()) == 2
    assert reads == [HOME]
    house.change(TO_LINDENTAL, in_effect=False)
    await house.read()

    assert await house.where() == ["clairval.example"]
    assert reads == [HOME, HOME]


async def test_a_copy_that_is_gone_is_gone_with_the_second_answer_that_says_so(house: House):
    await house.read()
    del house.accords().copies[TO_LINDENTAL]
    await house.read()
    assert len(await house.where()) == 2  # one answer may be a bad day's
    await house.read()

    assert await house.where() == ["clairval.example"]


async def test_what_was_read_stays_while_nobody_answers(house: House):
    await house.read()
    house.hand.bed.world.network.down.add(HOME)
    waits = [await house.read() for _ in range(3)]
    found = await house.with_partner(LINDENTAL.hei_id)

    assert all(30 <= wait <= 60 * 2**n for n, wait in enumerate(waits))
    assert len(await house.where()) == 2
    assert found["ours"]["source"] == {"heiId": HOME, "lastError": "partner_unreachable"}


async def test_nobody_speaks_for_others(house: House):
    strange = house.accords(LINDENTAL.hei_id)
    ours, theirs = strange.copies[IiaId("lindental/ribeira")].partners
    for id in list(strange.copies):
        copy = strange.copies.pop(id)
        wrong = msgspec.structs.replace(copy.partners[0], iia_id=IiaId("x"), hei_id=CLAIRVAL.hei_id)
        strange.put(msgspec.structs.replace(copy, partners=(wrong, theirs)))
    del ours
    await house.read(LINDENTAL.hei_id)
    rows = await house.hand.bed.app.database.fetch("select * from agreement_copy")

    assert rows == []


async def test_the_worker_reads_the_own_system_and_the_partners_found_in_it(house: House):
    async with house.hand.bed.working():

        async def read() -> bool:
            found = await house.hand.bed.app.database.fetch("select hei_id from agreement_state")
            return {row["hei_id"] for row in found} == {
                HOME,
                "lindental.example",
                "clairval.example",
            }

        await until(read)

    assert len(await house.where()) == 2


async def test_no_person_is_kept(house: House):
    await house.read()
    row = await house.hand.bed.app.database.fetchval(
        "select string_agg(value::text, ' ') from agreement_copy"
    )

    assert "office@lindental.example" in row
    assert [each for each in ("Ruth", "Amsel", "international@lindental") if each in row] == []


def telling(world: World) -> None:
    """Have us receive the notifications of agreements."""
    with_an_office(world)
    file = Path(world.environment["ERASMUS_APP_EWP_HEIS"])
    text = file.read_text(encoding="utf-8")
    own = '[hei.api]\niia-cnr = "own"\niia-approval-cnr = "own"\n'
    file.write_text(text.replace("[hei.api]\n", own), encoding="utf-8")


async def test_a_partners_notification_has_its_copies_read_once_and_soon(dsn, valkey, tmp_path):
    async with bed_running(dsn, valkey, tmp_path, worker=False, prepare=telling) as bed:
        network = bed.world.network
        told = 0
        for hei in (LINDENTAL, CLAIRVAL):
            key = network.keys[hei.hei_id]
            agreements = AgreementsClient(network.client(), key, hei.hei_id)
            for api, ids in (
                ("iia-cnr", [iia_id(hei, RIBEIRA)]),
                ("iia-approval-cnr", [iia_id(RIBEIRA, hei)]),
            ):
                for entry in network.known().entries(HOME, api):
                    await agreements.announce(HOME, entry, ids)
                    told += 1
        rows = await bed.app.database.fetch(
            """select dedupe_key, payload::text as asked, due < now() + interval '61 s' as soon
               from job where kind = $1 order by dedupe_key""",
            AGREEMENTS,
        )

    assert told == 8  # two versions of each
    assert [tuple(row) for row in rows] == [
        (
            f"agreements {HOME} {hei.hei_id}",
            f'{{"hei_id": "{hei.hei_id}", "tenant": "{HOME}"}}',
            True,
        )
        for hei in (CLAIRVAL, LINDENTAL)
    ]
