"""Every university of the sandbox passes every step of the validator, over https."""

from pathlib import Path

import pytest
import pytest_asyncio
from validator import entries
from validator.results import Grade
from validator.sandboxed import HEIS, sites_running
from validator.steps import by_entry, not_as_expected, plan, steps

from ewp.host_echo import EchoService
from sandbox.cast import UNIVERSITIES
from sandbox.hei import SandboxHei
from sandbox.network import services_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


def declared(hei_id):
    """What a university will declare, before there is a manifest of it."""
    services = services_of(SandboxHei(UNIVERSITIES[hei_id], Path("nowhere")))
    yield entries.Entry("discovery", 6, urls={"url": ""})
    for each in (EchoService(), *services):
        offer = each.offer("https://hei.example")
        urls = {tag: url for tag, url in offer.children if tag.endswith("url")}
        yield entries.Entry(offer.api, offer.major, urls=urls, anonymous=offer.anonymous)


NOT_KNOWN = "iias-approval-2/entry/known"
"""A step that says what the validators know nothing of (guide §7)."""
STEPS = {hei_id: plan(declared(hei_id)) for hei_id in HEIS}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sites(authority, tmp_path_factory):
    async with sites_running(tmp_path_factory.mktemp("validated"), authority) as sites:
        yield {hei_id: await sites.of(hei_id) for hei_id in HEIS}


@pytest.mark.parametrize(
    ("hei_id", "entry"), [(hei_id, entry) for hei_id in HEIS for entry in by_entry(STEPS[hei_id])]
)
async def test_every_step_is_a_success(sites, hei_id, entry):
    found = by_entry(STEPS[hei_id])[entry]

    assert await not_as_expected(sites[hei_id], found, {NOT_KNOWN}) == {}


@pytest.mark.parametrize("hei_id", HEIS)
async def test_no_step_is_missing(sites, hei_id):
    found = [each.id for each in plan(sites[hei_id].manifest.entries)]

    assert found == [each.id for each in STEPS[hei_id]]
    assert len(set(found)) == len(found)


async def test_a_host_is_looked_at_by_the_address_of_its_manifest_alone(sites):
    site = sites[HEIS[0]]

    found = await steps(site.manifest.url, site.keys, site.known, site.http)

    assert [id_ for id_, _ in found] == [each.id for each in STEPS[HEIS[0]]]
    assert (await found[0][1]()).grade is Grade.SUCCESS
