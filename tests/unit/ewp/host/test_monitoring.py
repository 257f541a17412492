"""The statistics portal's side of monitoring: reports come in, and nothing personal stays."""

from urllib.parse import urlencode

import pytest
from unit.ewp.host.world import RIBEIRA, THIRD, UNKNOWN, refusal

from ewp.messages import monitoring

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORTAL = "/ewp/lindental.example/monitoring/1"
REPORT = monitoring.Report(
    server_hei_id="montfort.example",
    api_name="omobility-las",
    endpoint_name="get",
    http_code=400,
    server_message="omobility_id: 4 values, limit is 3",
    client_message="partner_refused",
)


def form(report):
    return urlencode(monitoring.write_report(report))


async def test_a_report_is_noted_with_who_sent_it_and_answered_with_an_empty_document(world):
    answer = await world.post(PORTAL, form(REPORT))

    monitoring.read_response(answer.content)
    assert answer.status_code == 200
    assert world.kept.heard == [([RIBEIRA], REPORT)]


async def test_what_a_client_left_in_is_taken_out(world):
    told = urlencode(
        {"server_hei_id": "montfort.example", "api_name": "omobilities"}
        | {"server_message": "no ines@ribeira.example", "client_message": "om-7 failed"}
    )

    assert (await world.post(PORTAL, told)).status_code == 200
    [(_, report)] = world.kept.heard
    assert (report.server_message, report.client_message) == ("no [...]", "[...] failed")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "report: server_hei_id is missing"),
        ("server_hei_id=montfort.example", "report: api_name is missing"),
        (form(REPORT) + "&api_name=echo", "report: api_name is there twice"),
        (
            form(REPORT).replace("http_code=400", "http_code=oops"),
            "report: http_code must be a status of HTTP",
        ),
    ],
)
async def test_what_is_no_report_is_refused_and_not_noted(world, given, words):
    assert refusal(await world.post(PORTAL, given)) == (400, words)
    assert world.kept.heard == []


async def test_only_the_network_reports_and_only_by_post(world):
    assert (await world.post(PORTAL, form(REPORT), key=THIRD)).status_code == 200
    assert refusal(await world.post(PORTAL, form(REPORT), key=UNKNOWN))[0] == 403
    for method in ("GET", "PUT", "DELETE"):
        assert refusal(await world.ask(PORTAL, method=method)) == (405, "takes POST only")
