"""Broken, hostile and absent partners: refused or waited for, and nothing is lost."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from databases import in_clear, until
from partners import StandIn
from structlog.testing import capture_logs
from testbed import Bed, bed_running

from ewp.catalogue import ApiEntry
from ewp.client import LARGEST_ANSWER, EwpClient
from ewp.host_services import Call, Endpoint
from ewp.ids import HeiId
from ewp.keys import PrivateKey
from ewp.signing import sign_request
from sandbox.network import services_of

RIBEIRA, CLAIRVAL, LINDENTAL = (
    HeiId("ribeira.example"),
    HeiId("clairval.example"),
    HeiId("lindental.example"),
)
OMOBILITIES = (
    "https://github.com/erasmus-without-paper/ewp-specs-api-omobilities/blob/stable-v3/"
    "endpoints/get-response.xsd"
)
SOURCES = "{ me { mobilities { state version sources { api lastError lastConfirmedAt } } } }"


@dataclass(frozen=True)
class Answering(StandIn):
    """A service whose `get` answers this, signed like everything else of the partner's."""

    body: bytes

    def changed(self, name: str, endpoint: Endpoint) -> Endpoint:
        async def get(_: Call) -> bytes:
            return self.body

        return replace(endpoint, handle=get) if name == "get" else endpoint


def breaks(bed: Bed, hei: HeiId, api: str, body: bytes) -> None:
    network = bed.world.network
    network.instead[hei] = tuple(
        Answering(each, body) if each.api == api else each
        for each in services_of(network.heis[hei])
    )


def receiver(bed: Bed, api: str, major: int) -> ApiEntry:
    entry = bed.world.network.known().entry(RIBEIRA, api, major)
    assert entry is not None
    return entry


def partner(bed: Bed) -> EwpClient:
    return bed.world.network.client()


def key(bed: Bed, hei: HeiId) -> PrivateKey:
    return bed.world.network.keys[hei]


async def tell(bed: Bed, hei: HeiId, *ids: str, api: str = "omobility-cnr") -> None:
    """Let a partner send a CNR of the newest version that the backend receives."""
    major = {"omobility-cnr": 2, "omobility-la-cnr": 1, "imobility-cnr": 1}[api]
    name = "receiving_hei_id" if api == "imobility-cnr" else "sending_hei_id"
    more = [(name, hei)] if major == 1 else []
    await partner(bed).send_cnr(key(bed, hei), RIBEIRA, receiver(bed, api, major), ids, more)


async def jobs(bed: Bed) -> int:
    found = await bed.app.database.fetchval("select count(*) from job where kind = 'refresh'")
    return int(found)


@pytest.mark.parametrize(
    "body",
    [
        b"<omobility-las-get-response",
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        b"<html><body>Please log in</body></html>",
        b"",
        f'<omobilities-get-response xmlns="{OMOBILITIES.replace("3", "9")}"/>'.encode(),
        f'<omobilities-get-response xmlns="{OMOBILITIES}">{"<a>" * 100}'.encode(),
    ],
    ids=["cut off", "with an entity", "another document", "empty", "another major", "deep"],
)
async def test_an_answer_that_does_not_fit_is_quarantined_and_the_last_good_copy_stays(
    bed: Bed, body: bytes
):
    phone = await bed.phone("camille")
    await bed.take(3)
    await bed.until_told(phone, "nominated")
    with capture_logs() as logs:
        breaks(bed, CLAIRVAL, "omobilities", body)
        await tell(bed, CLAIRVAL, "CLV/27/E77120")
        await until(lambda: any(each["event"] == "partner.quarantined" for each in logs))
        await bed.until_idle()

    [mobility] = (await bed.ask(phone, SOURCES))["me"]["mobilities"]
    [nomination] = [each for each in mobility["sources"] if each["api"] == "OMOBILITIES"]
    assert (mobility["state"], nomination["lastError"]) == ("NOMINATED", "reply_invalid")
    confirmed = datetime.fromisoformat(nomination["lastConfirmedAt"])
    assert datetime.now(UTC) - confirmed > timedelta(0)
    told = next(each for each in logs if each["event"] == "partner.quarantined")
    assert {"hei_id": told["hei_id"], "api": told["api"]} == {
        "hei_id": CLAIRVAL,
        "api": "omobilities",
    }
    everything = " ".join(map(str, logs))
    assert not any(each in everything for each in ("Camille", "Renard", "esi:", "passwd"))
    row = await bed.app.database.fetchrow("select tenant, api, hei_id, size from quarantine")
    assert tuple(row or ()) == (RIBEIRA, "omobilities", CLAIRVAL, len(body))


async def test_an_answer_that_is_too_large_changes_nothing_and_is_told_as_such(bed: Bed):
    phone = await bed.phone("camille")
    await bed.take(3)
    await bed.until_told(phone, "nominated")
    breaks(bed, CLAIRVAL, "omobilities", b" " * (LARGEST_ANSWER + 1))

    async def noticed() -> bool:
        [mobility] = (await bed.ask(phone, SOURCES))["me"]["mobilities"]
        return "reply_invalid" in {each["lastError"] for each in mobility["sources"]}

    await tell(bed, CLAIRVAL, "CLV/27/E77120")
    await until(noticed)
    await bed.until_idle()
    [mobility] = (await bed.ask(phone, SOURCES))["me"]["mobilities"]
    assert mobility["state"] == "NOMINATED"
    assert await bed.kinds(phone, 1) == ["nominated"]


async def test_an_answer_about_another_hei_s_student_makes_no_record(bed: Bed):
    """Lindental's word on a mobility of Clairval's is nobody's."""
    phone = await bed.phone("camille")
    await bed.take(3)
    await bed.until_told(phone, "nominated")

    async def known() -> list[tuple[str, str]]:
        rows = await bed.app.database.fetch(
            "select sending_hei_id, omobility_id from mobility where omobility_id = $1",
            "CLV/27/E77120",
        )
        return sorted(map(tuple, rows))

    before = await known()
    [good, *_] = await in_clear(
        bed.app.database,
        "source_document.xml",
        f"api = 'omobilities' and hei_id = '{CLAIRVAL}'",
    )
    body = f'<omobilities-get-response xmlns="{OMOBILITIES}">'.encode() + good
    breaks(bed, LINDENTAL, "omobilities", body + b"</omobilities-get-response>")
    await tell(bed, LINDENTAL, "CLV/27/E77120")
    with capture_logs() as logs:
        await until(lambda: any(each["event"] == "refresh.nobodys" for each in logs))
        await bed.until_idle()

    assert await known() == before
    assert await bed.kinds(phone, 1) == ["nominated"]


async def test_a_partner_that_is_down_delays_only_its_own_data_and_is_caught_up_with(bed: Bed):
    ines, camille = await bed.phone("ines"), await bed.phone("camille")
    await bed.take(3)
    await bed.until_told(camille, "nominated")
    bed.world.network.down.add(CLAIRVAL)

    async def noticed() -> bool:
        [mobility] = (await bed.ask(camille, SOURCES))["me"]["mobilities"]
        return "partner_unreachable" in {each["lastError"] for each in mobility["sources"]}

    with capture_logs() as logs:
        await tell(bed, CLAIRVAL, "CLV/27/E77120")
        await until(noticed)
        await until(lambda: "status 503" in {each.get("why") for each in logs})
    failed = [each for each in logs if each["event"] == "partner.failed"]
    told = {(each["hei_id"], each["code"], each["why"]) for each in failed}
    # A poll may come just then, and finds the partner left alone.
    assert told - {(CLAIRVAL, "partner_unreachable", "left alone")} == {
        (CLAIRVAL, "partner_unreachable", "status 503")
    }
    await bed.take(2)  # Camille is accepted by the host; Inês sends her agreement
    await bed.until_told(ines, "agreement_sent")
    await bed.until_told(camille, "nomination_accepted")

    bed.world.network.down.clear()

    async def caught_up() -> bool:
        [mobility] = (await bed.ask(camille, SOURCES))["me"]["mobilities"]
        return {each["lastError"] for each in mobility["sources"]} == {None}

    await until(caught_up)
    assert await bed.kinds(camille, 2) == ["nominated", "nomination_accepted"]


async def test_a_partner_that_takes_requests_and_never_answers_holds_up_nobody_else(
    dsn, valkey, tmp_path
):
    async with bed_running(
        dsn, valkey, tmp_path, worker_concurrency="4", ewp_timeout_seconds="1.5"
    ) as bed:
        ines = await bed.phone("ines")
        await bed.take(4)
        await bed.until_told(ines, "nomination_accepted")
        bed.world.network.hanging.add(CLAIRVAL)
        for number in range(3):
            ids = [f"hanging-{number}-{each}" for each in range(10)]
            await tell(bed, CLAIRVAL, *ids)  # far more jobs than there are hands
        await bed.take()

        await bed.until_told(ines, "agreement_sent")


async def test_a_storm_of_notifications_is_one_fetch_and_no_message(bed: Bed):
    phone = await bed.phone("camille")
    await bed.take(3)
    await bed.until_told(phone, "nominated")
    await bed.until_idle()
    version = (await bed.ask(phone, SOURCES))["me"]["mobilities"][0]["version"]

    for _ in range(40):
        await tell(bed, CLAIRVAL, "CLV/27/E77120")
    await bed.until_idle()

    [mobility] = (await bed.ask(phone, SOURCES))["me"]["mobilities"]
    assert mobility["version"] == version
    assert await bed.kinds(phone, 1) == ["nominated"]
    assert await jobs(bed) == 0


async def test_a_notification_about_an_unknown_id_is_accepted_fetched_and_dropped(bed: Bed):
    with capture_logs() as logs:
        await tell(bed, CLAIRVAL, "nobody-knows-this")
        await until(lambda: any(each["event"] == "refresh.nobodys" for each in logs))
        await bed.until_idle()

    assert await bed.app.database.fetchval("select count(*) from mobility") == 0
    assert await bed.app.database.fetchval("select count(*) from source_document") == 0


async def test_a_notification_of_a_hei_that_is_not_the_master_is_dropped_silently(bed: Bed):
    entry = receiver(bed, "omobility-cnr", 1)
    await partner(bed).send_cnr(
        key(bed, LINDENTAL), RIBEIRA, entry, ["CLV/27/E77120"], [("sending_hei_id", CLAIRVAL)]
    )

    assert await jobs(bed) == 0


def strangely_signed(
    bed: Bed, signer: PrivateKey, *, changes: Mapping[str, str], now: datetime | None = None
) -> tuple[str, dict[str, str], bytes]:
    """A signed CNR, changed on the way."""
    url = receiver(bed, "omobility-cnr", 2).urls["url"]
    body = b"omobility_id=CLV%2F27%2FE77120"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    headers = sign_request(
        signer,
        method="POST",
        url=url,
        headers=form,
        body=body,
        now=now or datetime.now(UTC),
    )
    return url, headers | dict(changes), body


@pytest.mark.parametrize(
    ("changes", "age", "status", "code"),
    [
        ({"Authorization": ""}, 0, 401, "caller_not_authenticated"),
        ({"Digest": "SHA-256=" + "A" * 43 + "="}, 0, 400, "signature_refused"),
        ({"X-Request-Id": "3c6b7a72-7f0a-4f2e-8b43-000000000000"}, 0, 400, "signature_refused"),
        ({}, 3600, 400, "signature_refused"),
    ],
    ids=["no signature", "another digest", "changed after signing", "an hour old"],
)
async def test_a_request_that_proves_nothing_is_refused_counted_and_not_processed(
    bed: Bed, changes: dict[str, str], age: int, status: int, code: str
):
    now = datetime.now(UTC) - timedelta(seconds=age)
    url, headers, body = strangely_signed(bed, key(bed, CLAIRVAL), changes=changes, now=now)
    headers = {name: value for name, value in headers.items() if value}
    answer = await bed.world.network.http.post(url, headers=headers, content=body)

    assert (answer.status_code, await jobs(bed)) == (status, 0)
    assert await bed.number("ewp_refused_total", api="omobility-cnr", reason=code) == 1


async def test_a_key_that_is_not_in_the_catalogue_is_refused(bed: Bed):
    url, headers, body = strangely_signed(bed, PrivateKey.generate(), changes={})
    answer = await bed.world.network.http.post(url, headers=headers, content=body)

    assert (answer.status_code, await jobs(bed)) == (403, 0)
    assert await bed.number("ewp_refused_total", api="omobility-cnr", reason="caller_unknown") == 1


async def test_an_answer_signed_by_another_hei_s_key_changes_nothing(bed: Bed):
    phone = await bed.phone("camille")
    await bed.take(3)
    await bed.until_told(phone, "nominated")
    keys = bed.world.network.keys
    keys[CLAIRVAL], keys[LINDENTAL] = keys[LINDENTAL], keys[CLAIRVAL]  # the registry has the old

    async def noticed() -> bool:
        [mobility] = (await bed.ask(phone, SOURCES))["me"]["mobilities"]
        return "reply_not_trusted" in {each["lastError"] for each in mobility["sources"]}

    await until(noticed)
    [mobility] = (await bed.ask(phone, SOURCES))["me"]["mobilities"]
    assert mobility["state"] == "NOMINATED"


async def test_a_push_service_that_stumbles_delays_a_push_and_loses_none(bed: Bed):
    phone = await bed.phone("ines")
    bed.world.push.fail_next("UNAVAILABLE", 1, phone.fid, retry_after=1)
    await bed.take()

    assert await bed.kinds(phone, 1) == ["nominated"]
    await bed.until_idle()
    row = await bed.app.database.fetchrow("select state, attempts from delivery")
    assert tuple(row or ()) == ("accepted", 2)


async def test_a_phone_without_the_app_is_forgotten(bed: Bed):
    phone = await bed.phone("ines")
    bed.world.push.fail_next("UNREGISTERED", 1, phone.fid)
    await bed.take()

    async def gone() -> bool:
        return (await bed.ask(phone, "{ me { devices { id } } }"))["me"]["devices"] == []

    await until(gone)
    inbox = (await bed.ask(phone, "{ me { inbox { nodes { kind } } } }"))["me"]["inbox"]["nodes"]
    assert inbox == [{"kind": "nominated"}]


async def test_nothing_of_the_network_answers_a_stranger_without_a_signature(bed: Bed):
    base = f"{bed.app.services.settings.public_url}/ewp/{RIBEIRA}"
    http: httpx.AsyncClient = bed.world.network.http
    found = {
        path: (await http.post(f"{base}/{path}", data={"echo": "a"})).status_code
        for path in ("echo", "omobility-cnr/2", "omobility-la-cnr/1", "imobility-cnr/1", "none/1")
    }

    assert found == {
        "echo": 401,
        "omobility-cnr/2": 401,
        "omobility-la-cnr/1": 401,
        "imobility-cnr/1": 401,
        "none/1": 404,
    }
