"""The examples of docs/ewp-toolkit.md do what the page says."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from lxml import etree
from msgspec.structs import replace
from partners import Partners, partners_running

from ewp.catalogue import ApiEntry, Catalogue, Host, of_hosts
from ewp.client import EwpClient
from ewp.errors import ApiNotServed, PartnerRefused
from ewp.host import host_names
from ewp.host_agreements import IiasService
from ewp.ids import HeiId
from ewp.manifest import read_manifest
from ewp.messages import iia_conditions as conditions
from ewp.messages import iias
from sandbox.authority import Authority
from sandbox.cast import JEZIORO, LINDENTAL, RIBEIRA
from sandbox.network import kept_key, services_of
from sandbox.serving import listen, origin, serving
from sandbox.story import Story

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = (Path(__file__).parents[2] / "docs/ewp-toolkit.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- run: ([a-z]+) -->\n```python\n(.*?)```", PAGE, re.DOTALL))
STEPS_TO_AN_AGREEMENT = 5


def example(name: str) -> dict[str, Any]:
    """Run a block of the page; what it defines."""
    defined: dict[str, Any] = {}
    exec(compile(BLOCKS[name], f"ewp-toolkit.md: {name}", "exec"), defined)
    return defined


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def partners(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Partners]:
    async with partners_running(tmp_path_factory.mktemp("partners"), authority) as partners:
        network = partners.network
        known = services_of(network.heis[LINDENTAL.hei_id])
        others = [each for each in known if each.api != "iias"]
        network.instead[LINDENTAL.hei_id] = (*others, IiasService(7, Drawer()))
        await network.read_manifests(of_backend=False)
        story = Story(network, partners.keys / "story")
        for _ in range(STEPS_TO_AN_AGREEMENT):
            await story.next()
        yield partners


async def test_every_block_of_python_is_run_here():
    assert sorted(BLOCKS) == ["agreement", "destinations", "echo", "host", "verify"]
    assert len(BLOCKS) == PAGE.count("```python")


async def test_an_echo_says_who_is_calling_and_what_was_said(partners: Partners, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(partners.authority.ca_file))
    key = partners.keys / f"{LINDENTAL.hei_id}.pem"

    answer = await example("echo")["call_echo"](partners.registry, key, RIBEIRA.hei_id)

    assert answer == (LINDENTAL.hei_id, "Olá", "hej")


async def test_a_receiving_university_reads_the_agreements_that_it_is_to_sign(partners: Partners):
    network = partners.network
    client, key = network.client(), network.keys[LINDENTAL.hei_id]

    found = await example("agreement")["read_agreements"](
        client, network.known(), key, RIBEIRA.hei_id
    )

    assert [each.omobility_id for each in found] == [
        name
        for name, each in network.heis[RIBEIRA.hei_id].kept.agreements.items()
        if each.receiving_hei.hei_id == LINDENTAL.hei_id
    ]
    assert len(found) == 1


async def test_an_hei_learns_from_its_agreements_where_its_students_can_go(partners: Partners):
    network, hei = partners.network, LINDENTAL.hei_id
    ask = example("destinations")["destinations"]
    client, known, key = network.client(), network.known(), network.keys[hei]

    assert await ask(client, known, key, hei, "2026/2027") == {RIBEIRA.hei_id: 4}
    assert await ask(client, known, key, hei, "2027/2028") == {RIBEIRA.hei_id: 4, "a.example": 1}
    assert await ask(client, known, key, hei, "2030/2031") == {}
    with pytest.raises(ApiNotServed):
        await ask(client, known, key, JEZIORO.hei_id, "2026/2027")


class Drawer:
    """Lindental's agreements: two in effect, and a draft."""

    async def iia_copies(
        self, _major: int, _partners: object, ids: list[str] | None, _since: object
    ) -> list[iias.IiaV7]:
        copies = [
            agreement("l-1", RIBEIRA.hei_id, "2026/2027", 4),
            agreement("l-2", "a.example", "2027/2028", 1),
            replace(agreement("l-3", "b.example", "2026/2027", 9), in_effect=False),
        ]
        return [each for each in copies if ids is None or each.partners[0].iia_id in ids]


def agreement(iia_id: str, receiving: str, first: str, seats: int) -> iias.IiaV7:
    spec = conditions.StudentMobilitySpecV7(
        sending_hei_id=LINDENTAL.hei_id,
        receiving_hei_id=receiving,
        receiving_first_academic_year_id=first,
        receiving_last_academic_year_id="2028/2029",
        mobilities_per_year=conditions.MobilitiesPerYear(value=seats),
        recommended_language_skills=(conditions.RecommendedLanguageSkill(language="en"),),
        blended=False,
    )
    there_and_back = replace(spec, sending_hei_id=receiving, receiving_hei_id=LINDENTAL.hei_id)
    return iias.IiaV7(
        partners=(
            iias.Partner(hei_id=LINDENTAL.hei_id, iia_id=iia_id, iia_code=iia_id),
            iias.Partner(hei_id=receiving),
        ),
        in_effect=True,
        cooperation_conditions=conditions.CooperationConditionsV7(
            student_studies_mobility_specs=(spec, there_and_back)
        ),
    )


async def test_a_guarded_application_is_told_who_calls_and_strangers_are_told_why_not(
    partners: Partners,
):
    network, door = partners.network, listen()
    heard = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        message = await receive()
        heard.append((sorted(scope["ewp_heis"]), message["body"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"<welcome/>"})

    guarded = example("verify")["signed_only"](app, network.known, origin(door, secure=False)[7:])
    async with serving(guarded, listener=door) as address:
        entry = network.known().entry(RIBEIRA.hei_id, "echo", 2)
        assert entry is not None
        entry = msgspec.structs.replace(
            entry, urls={"url": f"{address}/hall"}, server_auth=frozenset()
        )
        only = listing(entry)
        client = EwpClient(partners.http, lambda: only)
        reply = await client.call(
            network.keys[LINDENTAL.hei_id], RIBEIRA.hei_id, entry, parameters=[("a", "ü")]
        )
        unsigned = await partners.http.post(f"{address}/hall", content=b"a=1")
        large = await partners.http.post(f"{address}/hall", content=b"a" * 2_000_001)

    assert (reply.body, heard) == (b"<welcome/>", [([LINDENTAL.hei_id], b"a=%C3%BC")])
    assert [told(unsigned), told(large)] == [
        (401, "error-response", "the request has no header Authorization"),
        (413, "error-response", "a body has at most 2000000 bytes"),
    ]


async def test_a_host_serves_its_manifest_and_an_echo_to_who_is_registered(partners: Partners):
    network, door = partners.network, listen()
    base_url, key = origin(door, secure=True), network.keys[RIBEIRA.hei_id]

    host = example("host")["our_host"](base_url, key, network.known)
    async with serving(host, listener=door, tls=partners.authority.server):
        manifest = await partners.http.get(f"{base_url}/ewp/uni.example/manifest.xml")
        listed = read_manifest(manifest.content)
        client, us = EwpClient(partners.http, lambda: listed), HeiId("uni.example")
        answer = await client.echo(network.keys[LINDENTAL.hei_id], us, ["hello"])
        stranger = kept_key(partners.keys / "stranger.pem")
        with pytest.raises(PartnerRefused) as refused:
            await client.echo(stranger, us, ["hello"])

    assert listed.covers(us)
    assert listed.name(us, "en") == "Example University"
    assert host_names(base_url) == {base_url[8:], "localhost"}
    assert (answer.hei_ids, answer.echoes) == ((LINDENTAL.hei_id,), ("hello",))
    assert refused.value.status == 403


def listing(entry: ApiEntry) -> Catalogue:
    """A catalogue in which this entry is all that there is."""
    return of_hosts([Host(entries=(entry,), hei_ids=(RIBEIRA.hei_id,))])


def told(answer: httpx.Response) -> tuple[int, str, str | None]:
    root = etree.fromstring(answer.content)
    return answer.status_code, etree.QName(root).localname, root[0].text
