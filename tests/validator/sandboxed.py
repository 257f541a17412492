"""The sandbox's universities as the validator's sites: what they have, and who knows of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from partners import partners_running
from unit.ewp.stranger import Stranger
from validator.site import Caller, Keys, Known, Site, Update
from validator.steps import site_of

from ewp.catalogue_xml import read_catalogue
from ewp.keys import PrivateKey
from ewp.manifest import Manifest, write_manifest
from sandbox import office
from sandbox.accords import iia_id
from sandbox.authority import Authority
from sandbox.cast import INES, UNIVERSITIES
from sandbox.network import Network, catalogue_of
from sandbox.story import GRADES
from sandbox.units import FACULTY_ID

HEIS = list(UNIVERSITIES)


def around(hei_id):
    """The partner of a university, and somebody else."""
    place = HEIS.index(hei_id)
    return HEIS[(place + 1) % len(HEIS)], HEIS[(place + 2) % len(HEIS)]


def lived_through(hei, partner, other):
    """Let a university have something with both, and tell what its partner knows of."""
    year, _ = office.this_term()
    for whom, who in (("partner", partner), ("other", other)):
        out, back = f"out/{whom}", f"in+{whom}"
        for nominate in (office.nominate_new, office.nominate_old):
            nominate(hei, INES, who, out)
        office.send_agreement(hei, INES, who, out)
        office.receive(hei, who, back, "verified")
        office.confirm_arrival(hei, back)
        office.issue_transcript(hei, INES, who, back, grades=GRADES)
    office.nominate_new(hei, INES, partner, "to-decide")
    office.send_agreement(hei, INES, partner, "to-decide")
    nominated = hei.kept.new["to-decide"].nomination.proposal_id
    sent = hei.kept.agreements["to-decide"].changes_proposal.id
    out, back, itself = ["out/partner"], ["in+partner"], [hei.hei_id]
    course = office.STUDIED[0].los_code
    agreed = iia_id(hei.university, UNIVERSITIES[partner])
    agreements = [agreed]
    taught = [f"CR/{course}"]
    return Known(
        objects={
            **dict.fromkeys((("omobilities", 2), ("omobilities", 3), ("omobility-las", 1)), out),
            **dict.fromkeys((("imobilities", 1), ("imobilities", 2)), back),
            **dict.fromkeys((("imobility-tors", 2), ("imobility-tors", 3)), back),
            **dict.fromkeys((("institutions", 2), ("factsheet", 1)), itself),
            **dict.fromkeys((("courses", 1), ("simple-course-replication", 1)), taught),
            ("organizational-units", 2): [FACULTY_ID],
            **dict.fromkeys((("iias", 6), ("iias", 7)), agreements),
        },
        codes={
            "organizational-units": ["F-1"],
            "courses": [course],
            "iias": [agreed.upper()],
        },
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


@dataclass
class Sites:
    """All the universities, each known to the validator."""

    network: Network
    keys: dict[str, Keys]
    known: dict[str, Known]

    async def of(self, hei_id: str) -> Site:
        """The site as its manifest is now."""
        url = f"{self.network.base_url}/ewp/{hei_id}/manifest.xml"
        return await site_of(url, self.keys[hei_id], self.known[hei_id], self.network.http)


@asynccontextmanager
async def sites_running(folder: Path, authority: Authority) -> AsyncIterator[Sites]:
    """Run the universities, after they have had something with each other."""
    async with partners_running(folder, authority) as partners:
        network, server, unknown = partners.network, PrivateKey.generate(), Stranger()
        network.catalogue = with_a_server(network, server)
        own = {each: Caller(each, stranger(network.keys[each])) for each in HEIS}
        sites = Sites(network, {}, {})
        for hei_id in HEIS:
            partner, other = around(hei_id)
            sites.keys[hei_id] = Keys(
                own[partner], own[other], own[hei_id], stranger(server), unknown
            )
            sites.known[hei_id] = lived_through(network.heis[hei_id], partner, other)
        yield sites
