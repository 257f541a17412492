"""The sandbox's EWP network: keys, hosts, the registry, and the partners' own calls."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
from lxml import etree

from ewp.catalogue import Catalogue
from ewp.catalogue_xml import read_catalogue
from ewp.client import EwpClient
from ewp.host import EwpHost, HostedHei, host_names
from ewp.host_agreements import IiasApprovalService, IiasService
from ewp.host_courses import CourseReplicationService, CoursesService
from ewp.host_places import OunitsService
from ewp.host_services import (
    CnrService,
    FactsheetService,
    ImobilitiesService,
    InstitutionsService,
    OmobilitiesService,
    OmobilityLasService,
    Service,
)
from ewp.host_stats import ImobilityTorStatsService, OmobilityStatsService
from ewp.host_transcripts import ImobilityTorsService
from ewp.ids import HeiId, OmobilityId
from ewp.keys import PrivateKey, PublicKey
from ewp.manifest import MANIFEST, REGISTRY
from ewp.xml import open_xml
from sandbox.cast import COVERED, Family, University
from sandbox.figures import Figures
from sandbox.hei import SandboxHei
from sandbox.shown import Shown

PROVIDER = "Sandbox Software (Sandbox SIS)"
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def kept_key(path: Path) -> PrivateKey:
    """Return the key in the file, made at the first run."""
    if not path.is_file():
        path.touch(0o600)
        path.write_bytes(PrivateKey.generate().to_pem())
    return PrivateKey.from_pem(path.read_bytes())


@dataclass(frozen=True, slots=True)
class _Ears:
    """A partner's receiver of CNRs: it takes note, as the story needs no more."""

    hei: SandboxHei

    async def changed(
        self, api: str, hei_id: HeiId, callers: frozenset[HeiId], ids: Sequence[OmobilityId]
    ) -> None:
        """Take note."""
        del hei_id
        self.hei.heard.append((api, callers, tuple(ids)))


def services_of(
    hei: SandboxHei, partners: Callable[[], Iterable[SandboxHei]] = tuple
) -> tuple[Service, ...]:
    """Return what an HEI serves, by what it speaks; the covered one's CNRs are not its own."""
    families, found = hei.university.families, list[Service]()
    shown, figures = Shown(hei.university), Figures(hei, partners)
    if Family.NEW in families:
        found += [OmobilitiesService(3, hei), ImobilitiesService(2, hei)]
        found.append(ImobilityTorsService(3, hei))
    if Family.OLD in families:
        found += [OmobilitiesService(2, hei), ImobilitiesService(1, hei)]
        found.append(ImobilityTorsService(2, hei))
    if families != (Family.NONE,):
        found += [OmobilityStatsService(figures), ImobilityTorStatsService(figures)]
    found += [OmobilityLasService(hei, stats=figures), InstitutionsService(hei)]
    found += [OunitsService(shown), CoursesService(shown), CourseReplicationService(shown)]
    if (major := hei.university.iias) is not None:
        found.append(IiasService(major, hei.accords))
        if major >= 7:
            found.append(IiasApprovalService(2, hei.accords))
    if hei.university.serves_factsheet:
        found.append(FactsheetService(hei))
    if hei.hei_id != COVERED.hei_id:
        found.append(CnrService("omobility-la-cnr", 1, _Ears(hei), stats=figures))
        if Family.NEW in families:
            found.append(CnrService("omobility-cnr", 2, _Ears(hei)))
        if Family.OLD in families:
            found += [
                CnrService("omobility-cnr", 1, _Ears(hei)),
                CnrService("imobility-cnr", 1, _Ears(hei)),
                CnrService("imobility-tor-cnr", 1, _Ears(hei)),
            ]
    return tuple(found)


@dataclass(slots=True)
class Network:
    """Every HEI of the sandbox over one https address, and a registry that reads manifests."""

    heis: dict[HeiId, SandboxHei]
    keys: dict[HeiId, PrivateKey]
    base_url: str  # where the sandbox's own hosts are
    backend_manifest: str  # where the backend's manifest of the covered HEI is
    http: httpx.AsyncClient
    more_manifests: list[str] = field(default_factory=list)  # of other HEIs that the backend covers
    down: set[HeiId] = field(default_factory=set)  # whose hosts answer nothing but 503
    hanging: set[HeiId] = field(default_factory=set)  # whose hosts take requests and never answer
    instead: dict[HeiId, tuple[Service, ...]] = field(default_factory=dict)  # of what it serves
    catalogue_xml: bytes = b""
    catalogue: Catalogue | None = None

    def hosted(self, hei_id: HeiId) -> HostedHei | None:
        """Return one HEI's host."""
        hei = self.heis.get(hei_id)
        if hei is None:
            return None
        own: University = hei.university
        return HostedHei(
            hei_id=hei_id,
            names=own.names,
            admin_emails=(own.coordinator.email,),
            admin_provider=PROVIDER,
            base_url=self.base_url,
            client_keys=(self.keys[hei_id].public,),
            server_key=self.keys[hei_id],
            services=self.instead.get(hei_id) or services_of(hei, self.heis.values),
        )

    def known(self) -> Catalogue:
        """Return the catalogue. Only asked for once there is one."""
        assert self.catalogue is not None
        return self.catalogue

    def host(self) -> EwpHost:
        """Return the ASGI application of the partners' hosts."""
        return EwpHost(self.hosted, self.known, hosts=host_names(self.base_url))

    async def read_manifests(self, *, of_backend: bool = True) -> bool:
        """Do what the registry does every five minutes; False where the backend is not up yet."""
        manifests = []
        for url in [f"{self.base_url}/ewp/{each}/manifest.xml" for each in self.heis]:
            answer = await self.http.get(url)
            manifests.append(answer.raise_for_status().content)
        complete = True
        try:
            if of_backend:
                for url in (self.backend_manifest, *self.more_manifests):
                    answer = await self.http.get(url)
                    manifests.append(answer.raise_for_status().content)
        except httpx.HTTPError:
            complete = False
        xml = catalogue_of(manifests)
        if xml != self.catalogue_xml:
            self.catalogue_xml, self.catalogue = xml, read_catalogue([xml])
        return complete

    async def registry(self, scope: Scope, send: Send) -> None:
        """Serve the catalogue as ASGI, with an ETag."""
        etag = f'"{hash(self.catalogue_xml) & 0xFFFFFFFF:x}"'.encode()
        same = dict(scope["headers"]).get(b"if-none-match") == etag
        headers = [
            (b"etag", etag),
            (b"cache-control", b"max-age=5, must-revalidate"),
            (b"content-type", b"text/xml; charset=utf-8"),
            (b"date", formatdate(usegmt=True).encode("ascii")),
        ]
        status = 304 if same else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if same else self.catalogue_xml})

    def client(self) -> EwpClient:
        """Return what the partners call others with."""
        return EwpClient(self.http, self.known)


def catalogue_of(manifests: Sequence[bytes]) -> bytes:
    """Merge manifests into one catalogue (guide §1.2)."""
    root = etree.Element(f"{{{REGISTRY}}}catalogue")
    heis: dict[str, etree._Element] = {}
    bodies: dict[str, str] = {}
    for manifest in manifests:
        source = open_xml(manifest).find(f"{{{MANIFEST}}}host")
        if source is None:
            continue
        host = etree.SubElement(root, f"{{{REGISTRY}}}host")
        for child in source:
            name = etree.QName(child).localname
            if name == "institutions-covered":
                covered = etree.SubElement(host, f"{{{REGISTRY}}}institutions-covered")
                for hei in child:
                    hei_id = hei.get("id") or ""
                    etree.SubElement(covered, f"{{{REGISTRY}}}hei-id").text = hei_id
                    heis.setdefault(hei_id, hei)
            elif name.endswith("-credentials-in-use"):
                credentials = etree.SubElement(host, f"{{{REGISTRY}}}{name}")
                for key in child:
                    text = "".join(map(str, key.itertext()))
                    fingerprint = _fingerprint(text)
                    bodies[fingerprint] = text
                    listed = etree.SubElement(credentials, f"{{{REGISTRY}}}rsa-public-key")
                    listed.set("sha-256", fingerprint)
            else:
                host.append(child)
    institutions = etree.SubElement(root, f"{{{REGISTRY}}}institutions")
    institutions.extend(heis.values())
    binaries = etree.SubElement(root, f"{{{REGISTRY}}}binaries")
    for fingerprint, text in bodies.items():
        body = etree.SubElement(binaries, f"{{{REGISTRY}}}rsa-public-key")
        body.set("sha-256", fingerprint)
        body.text = text
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _fingerprint(text: str) -> str:
    return PublicKey.from_base64_der(text).key_id
