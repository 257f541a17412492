"""Every university of the sandbox passes every step of the validator, over https."""

from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from partners import partners_running
from unit.ewp.stranger import Stranger
from validator import entries
from validator.results import Grade
from validator.site import Caller, Keys, Known, Update
from validator.steps import plan, site_of

from ewp.catalogue_xml import read_catalogue
from ewp.host_echo import EchoService
from ewp.keys import PrivateKey
from ewp.manifest import Manifest, write_manifest
from sandbox import office
from sandbox.cast import INES, UNIVERSITIES
from sandbox.hei import SandboxHei
from sandbox.network import catalogue_of, services_of
from sandbox.units import FACULTY_ID

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEIS = list(UNIVERSITIES)


def declared(hei_id):
    """What a university will declare, before there is a manifest of it."""
    services = services_of(SandboxHei(UNIVERSITIES[hei_id], Path("nowhere")))
    yield entries.Entry("discovery", 6, urls={"url": ""})
    for each in (EchoService(), *services):
        offer = each.offer("https://hei.example")
        urls = {tag: url for tag, url in offer.children if tag.endswith("url")}
        yield entries.Entry(offer.api, offer.major, urls=urls, anonymous=offer.anonymous)


STEPS = {hei_id: plan(declared(hei_id)) for hei_id in HEIS}


def around(hei_id):
    """The partner of a university, and somebody else."""
    place = HEIS.index(hei_id)
    return HEIS[(place + 1) % len(HEIS)], HEIS[(place + 2) % len(HEIS)]


def lived_through(hei, partner, other):
    """Let a university have something with both, and tell what its partner knows of."""
    year = office.academic_year(office.today())
    for whom, who in (("partner", partner), ("other", other)):
        out, back = f"out/{whom}", f"in+{whom}"
        for nominate in (office.nominate_new, office.nominate_old):
            nominate(hei, INES, who, out)
        office.send_agreement(hei, INES, who, out)
        office.receive(hei, who, back, "verified")
        office.confirm_arrival(hei, back)
        office.issue_transcript(hei, INES, who, back)
    office.nominate_new(hei, INES, partner, "to-decide")
    office.send_agreement(hei, INES, partner, "to-decide")
    nominated = hei.kept.new["to-decide"].nomination.proposal_id
    sent = hei.kept.agreements["to-decide"].changes_proposal.id
    out, back, itself = ["out/partner"], ["in+partner"], [hei.hei_id]
    course = office.STUDIED[0].los_code
    taught = [f"CR/{course}"]
    return Known(
        objects={
            **dict.fromkeys((("omobilities", 2), ("omobilities", 3), ("omobility-las", 1)), out),
            **dict.fromkeys((("imobilities", 1), ("imobilities", 2)), back),
            **dict.fromkeys((("imobility-tors", 2), ("imobility-tors", 3)), back),
            **dict.fromkeys((("institutions", 2), ("factsheet", 1)), itself),
            **dict.fromkeys((("courses", 1), ("simple-course-replication", 1)), taught),
            ("organizational-units", 2): [FACULTY_ID],
        },
        codes={"organizational-units": ["F-1"], "courses": [course]},
        updates={
            ("omobilities", 3): Update("to-decide", nominated),
            ("omobility-las", 1): Update("to-decide", sent),
        },
        receiving_academic_year_id=year,
    )


def stranger(key):
    """The same key in the validator's own hands."""
    return Stranger(load_pem_private_key(key.to_pem(), None))


def with_a_server(network, server):
    """Let the registry list a host that only serves, beside the universities."""
    only_serves = Manifest(
        url="https://serves.example/manifest.xml",
        hei_id="serves.example",
        names={"en": "Serves Only"},
        admin_emails=("ewp@serves.example",),
        admin_provider="Nobody (Nothing)",
        offers=(),
        client_keys=(),
        server_keys=(server.public,),
    )
    manifests = [network.hosted(each).manifest() for each in HEIS]
    return read_catalogue([catalogue_of([write_manifest(m) for m in (*manifests, only_serves)])])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sites(authority, tmp_path_factory):
    async with partners_running(tmp_path_factory.mktemp("validated"), authority) as partners:
        network, server, unknown = partners.network, PrivateKey.generate(), Stranger()
        network.catalogue = with_a_server(network, server)
        own = {each: Caller(each, stranger(network.keys[each])) for each in HEIS}
        found = {}
        for hei_id in HEIS:
            partner, other = around(hei_id)
            keys = Keys(own[partner], own[other], own[hei_id], stranger(server), unknown)
            known = lived_through(network.heis[hei_id], partner, other)
            url = f"{network.base_url}/ewp/{hei_id}/manifest.xml"
            found[hei_id] = await site_of(url, keys, known, network.http)
        yield found


@pytest.mark.parametrize(
    ("hei_id", "step"),
    [
        pytest.param(hei_id, each, id=f"{hei_id}-{each.id}")
        for hei_id in HEIS
        for each in STEPS[hei_id]
    ],
)
async def test_every_step_is_a_success(sites, hei_id, step):
    result = await step.run(sites[hei_id])

    assert result.grade is Grade.SUCCESS, str(result)


@pytest.mark.parametrize("hei_id", HEIS)
async def test_no_step_is_missing(sites, hei_id):
    found = [each.id for each in plan(sites[hei_id].manifest.entries)]

    assert found == [each.id for each in STEPS[hei_id]]
    assert len(set(found)) == len(found)
