"""What the host answers, held against the published schemas."""

import json
from pathlib import Path

import pytest
from lxml import etree
from unit.ewp.host.test_access import GETS, decision, signature
from unit.ewp.host.test_agreement_cnrs import NOTIFIERS, notified
from unit.ewp.host.test_cnrs import MASTERS
from unit.ewp.host.test_cnrs import form as notification
from unit.ewp.host.test_monitoring import REPORT, form
from unit.ewp.host.test_stats import STATS
from unit.ewp.host.world import COUNTER, LINDENTAL, NORDFJORD, OWN

pytestmark = pytest.mark.asyncio(loop_scope="module")

EWP = Path(__file__).parents[4] / "../shared/ewp"
if not EWP.is_dir():
    pytest.skip("../shared is not here: published schemas", allow_module_level=True)

HEI = f"/ewp/{LINDENTAL}"
APPROVAL = "approving_hei_id=lindental.example&owner_hei_id=ribeira.example"
CATALOG = json.loads((EWP / "catalog.json").read_text())


def assert_valid(xml):
    document = etree.fromstring(xml)
    root = etree.QName(document)
    [xsd] = [
        each["xsd"]
        for each in CATALOG
        if (each["namespace"], each["default"]) == (root.namespace, True)
        and root.localname in each["roots"]
    ]
    etree.XMLSchema(file=str(EWP / xsd)).assertValid(document)
    return document


@pytest.mark.parametrize("hei_id", [LINDENTAL, NORDFJORD])
async def test_a_manifest_with_all_its_entries_is_valid(world, hei_id):
    answer = await world.http.get(f"{world.origin}/ewp/{hei_id}/manifest.xml")

    everything = etree.XMLSchema(file=str(EWP / "schemas/all.xsd"))
    everything.assertValid(etree.fromstring(answer.content))
    manifest = assert_valid(answer.content)
    for entry in manifest.find(".//{*}apis-implemented"):
        assert_valid(etree.tostring(entry))  # by its own schema: none is let through unknown


@pytest.mark.parametrize("api", GETS)
async def test_answers_full_and_empty_are_valid(world, api):
    asked = "".join(f"&omobility_id={each}" for each in GETS[api][0])

    assert len(assert_valid((await world.ask(f"{HEI}/{api}{asked}", key=OWN)).content)) > 1
    assert len(assert_valid((await world.ask(f"{HEI}/{api}&omobility_id=x")).content)) == 0


@pytest.mark.parametrize(
    ("target", "full"),
    [
        ("echo?echo=a&echo=b", True),
        ("omobilities/2/index?sending_hei_id=lindental.example", True),
        ("omobilities/3/index", True),
        ("omobilities/3/index?receiving_academic_year_id=1653/1654", False),
        ("omobility-las/1/index?sending_hei_id=lindental.example", True),
        ("imobility-tors/2/index?receiving_hei_id=lindental.example", True),
        ("imobility-tors/3/index", True),
        ("imobility-tors/2/get?receiving_hei_id=unheard.example&omobility_id=in-1", False),
        ("institutions/2?hei_id=lindental.example", True),
        ("institutions/2?hei_id=unheard.example", False),
        ("organizational-units/2?hei_id=lindental.example&ounit_code=FB+4", True),
        ("organizational-units/2?hei_id=lindental.example&ounit_id=unheard", False),
        ("iias/6/get?hei_id=lindental.example&send_pdf=true&iia_code=LIN+1", True),
        ("iias/6/get?hei_id=lindental.example&iia_id=unheard", False),
        ("iias/7/get?iia_id=L/1", True),
        ("iias/7/get?iia_id=unheard", False),
        ("iias/6/index?hei_id=lindental.example", True),
        ("iias/7/index", True),
        ("iias/6/stats", True),
        ("iias/7/stats", True),
        (f"iias-approval/1?{APPROVAL}&iia_id=r-1&send_pdf=true", True),
        (f"iias-approval/1?{APPROVAL}&iia_id=unheard", False),
        ("iias-approval/2?iia_id=r-1", True),
        ("iias-approval/2?iia_id=unheard", False),
        ("factsheet/1?hei_id=lindental.example", True),
        ("factsheet/1?hei_id=unheard.example", False),
        ("courses/1?hei_id=lindental.example&los_code=GEO-2", True),
        ("courses/1?hei_id=lindental.example&los_id=CR/map&lois_before=2026-02-01", True),
        ("courses/1?hei_id=lindental.example&los_id=unheard", False),
        ("simple-course-replication/1?hei_id=lindental.example", True),
    ],
)
async def test_other_answers_are_valid(world, target, full):
    answer = await world.ask(f"{HEI}/{target}")

    assert answer.status_code == 200
    assert bool(len(assert_valid(answer.content))) is full


@pytest.mark.parametrize("path", STATS)
async def test_statistics_are_valid(world, path):
    answer = await world.ask(f"{HEI}/{path}", key=COUNTER)

    assert len(assert_valid(answer.content)) == 1


async def test_an_answer_to_a_report_is_valid(world):
    assert len(assert_valid((await world.post(f"{HEI}/monitoring/1", form(REPORT))).content)) == 0


async def test_answers_to_decisions_and_notifications_are_valid(world):
    for api, body in (("omobilities/3", decision()), ("omobility-las/1", signature())):
        assert len(assert_valid((await world.post_xml(f"{HEI}/{api}/update", body)).content)) == 1
        assert_valid(body)
    for cnr in MASTERS:
        answer = await world.post(f"{HEI}/{cnr[0]}/{cnr[1]}", notification(cnr, "x"))
        assert len(assert_valid(answer.content)) == 0
    for api, major in NOTIFIERS:
        answer = await world.post(f"{HEI}/{api}/{major}", notified(api, major, "x"))
        assert len(assert_valid(answer.content)) == 0


@pytest.mark.parametrize(
    ("target", "method", "status"),
    [
        ("echo", "PUT", 405),
        ("nothing", "GET", 404),
        ("omobilities/3/get", "GET", 400),
        ("omobilities/3/update", "POST", 415),
    ],
)
async def test_errors_are_valid(world, target, method, status):
    answer = await world.ask(f"{HEI}/{target}", method=method, body=b"a" * (method == "POST"))

    assert answer.status_code == status
    assert_valid(answer.content)
