"""Every request has an id: its answer names it, and so does whatever is logged for it."""

import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from testbed import Bed, bed_running

from erasmus_app.telemetry import logs

GIVEN = "6f1f9a52-3f66-4c5b-9a0e-9a1d1c6f0f11"
HEADERS = {"X-Request-Id": GIVEN, "Content-Type": "application/json"}


@pytest.fixture
async def behind_a_proxy(dsn: str, valkey: str, tmp_path: Path):
    async with bed_running(
        dsn, valkey, tmp_path, worker=False, trusted_proxies="127.0.0.1,::1"
    ) as bed:
        yield bed


async def test_errors_of_every_door_name_the_request_as_their_header_does(bed: Bed):
    problem = await bed.http.get(f"{bed.address}/privacy/exports/x", headers=HEADERS)
    graphql = await bed.http.post(f"{bed.address}/graphql", headers=HEADERS, content=b"{}")

    named = [problem.json()["request_id"], graphql.json()["errors"][0]["extensions"]["request_id"]]
    assert named == [each.headers["x-request-id"] for each in (problem, graphql)]
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in named)  # nobody's word but ours
    assert len(set(named)) == 2


async def test_a_proxy_of_ours_names_the_request_and_strangers_do_not(behind_a_proxy: Bed):
    bed = behind_a_proxy
    for path in ("/livez", "/graphql", "/nowhere", "/mcp"):
        answer = await bed.http.get(f"{bed.address}{path}", headers=HEADERS)
        assert answer.headers.get_list("x-request-id") == [GIVEN], path
    forged = {"X-Request-Id": "ines.silva@ribeira.example"}
    answer = await bed.http.get(f"{bed.address}/livez", headers=forged)
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_what_a_partner_has_signed_is_repeated_once_as_it_came(bed: Bed):
    hei = next(iter(bed.app.services.heis))
    path = f"{bed.address}/ewp/{hei}/echo"
    answer = await bed.http.get(path, headers=HEADERS | {"X-Request-Id": GIVEN.upper()})

    assert answer.headers.get_list("x-request-id") == [GIVEN.upper()]


async def test_a_refusal_is_logged_with_who_asked_and_for_which_request(bed: Bed):
    phone = await bed.signed_in("ines")
    seen = []

    def note(_logger: object, _level: str, said: dict) -> dict:
        seen.append((said["event"], logs.request_id(), logs._request.get().account_id))
        return said

    with capture_logs(processors=[note]) as told:
        answer = await bed.http.post(
            f"{bed.address}/chat",
            headers={"Authorization": "Bearer nobody"},
            json={"text": "Hello"},
        )
        await bed.ask(phone, "{ me { devices { id } } }")

    assert [each["event"] for each in told] == ["access.refused"]
    assert seen == [("access.refused", answer.headers["x-request-id"], None)]
