"""Manifests, Discovery 6: what one host serves, for which HEI, with which keys (guide §1.3)."""

import re
from collections.abc import Mapping
from typing import cast

import msgspec
from lxml import etree

from ewp.catalogue import Catalogue, Host, of_hosts
from ewp.catalogue_xml import read_api_entries, read_listed_hei
from ewp.errors import KeyInvalid, MessageInvalid
from ewp.ids import HeiId
from ewp.keys import PublicKey
from ewp.xml import Element, open_xml

LARGEST_MANIFEST = 1_000_000  # bytes that a reader needs to wait for

_SPECS = "https://github.com/erasmus-without-paper/ewp-specs-"
MANIFEST = f"{_SPECS}api-discovery/tree/stable-v6"
REGISTRY = f"{_SPECS}api-registry/tree/stable-v1"
COMMON = f"{_SPECS}architecture/blob/stable-v1/common-types.xsd"
SECURITY = f"{_SPECS}sec-intro/tree/stable-v2"
HTTPSIG_CLIENT = f"{_SPECS}sec-cliauth-httpsig/tree/stable-v1"
ANONYMOUS_CLIENT = f"{_SPECS}sec-cliauth-none/tree/stable-v1"
TLSCERT_SERVER = f"{_SPECS}sec-srvauth-tlscert/tree/stable-v1"
HTTPSIG_SERVER = f"{_SPECS}sec-srvauth-httpsig/tree/stable-v1"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

_ROOT = re.compile(re.escape(f"{{{_SPECS}api-discovery/tree/stable-v") + r"[0-9]{1,4}\}manifest")

# Where the name of a specification is not the name of its manifest element (guide §4.1).
_SPEC_OF = {
    "organizational-units": "ounits",
    "simple-course-replication": "course-replication",
}


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One API that a host serves; children in the order of its XSD."""

    api: str  # the manifest's element
    version: str  # x.y.z
    major: int
    children: tuple[tuple[str, str], ...]  # urls and limits by element, in order
    anonymous: bool = False  # public data: callers need not say who they are


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One host of one HEI."""

    url: str  # where this manifest is
    hei_id: HeiId
    names: Mapping[str, str]  # by language
    admin_emails: tuple[str, ...]
    admin_provider: str
    offers: tuple[Offer, ...]
    client_keys: tuple[PublicKey, ...]
    server_keys: tuple[PublicKey, ...]
    other_ids: tuple[tuple[str, str], ...] = ()  # type and value: `erasmus`, `pic`, ...
    admin_notes: str | None = None


def write_manifest(manifest: Manifest) -> bytes:
    """Write a manifest; `http-security` is always written out (guide §1.3).

    Raises:
        MessageInvalid: the registry would refuse it, or drop entries of it.
    """
    _check(manifest)
    try:
        return _written(manifest)
    except ValueError:  # what lxml says repeats nothing, but names no rule either
        raise MessageInvalid("manifest: has a character that XML cannot carry") from None


def _check(manifest: Manifest) -> None:
    """Hold it against what the registry checks on import (guide §1.3)."""
    for name, there in (
        ("admin-email", manifest.admin_emails),
        ("admin-provider", manifest.admin_provider.strip()),
        ("name", manifest.names),
    ):
        if not there:
            raise MessageInvalid(f"manifest: {name}: is missing")
    urls = [("discovery/url", manifest.url)]
    for offer in manifest.offers:
        if sum(each.api == offer.api and each.major == offer.major for each in manifest.offers) > 1:
            raise MessageInvalid(f"manifest: {offer.api} {offer.major}: is there twice")
        urls += [
            (f"{offer.api}/{name}", value)
            for name, value in offer.children
            if name == "url" or name.endswith("-url")
        ]
    for name, url in urls:
        # One bad URL drops every entry but discovery and echo.
        if not url.startswith("https://") or "#" in url:
            raise MessageInvalid(f"manifest: {name}: must be https, without a fragment")


def _written(manifest: Manifest) -> bytes:
    root = etree.Element(
        etree.QName(MANIFEST, "manifest"), nsmap=_nsmap(MANIFEST) | {"ewp": COMMON, "r": REGISTRY}
    )
    host = _child(root, MANIFEST, "host")
    for email in manifest.admin_emails:
        _child(host, COMMON, "admin-email", email)
    _child(host, COMMON, "admin-provider", manifest.admin_provider)
    if manifest.admin_notes:
        _child(host, COMMON, "admin-notes", manifest.admin_notes)
    apis = _child(host, REGISTRY, "apis-implemented")
    namespace = f"{_SPECS}api-discovery/blob/stable-v6/manifest-entry.xsd"
    discovery = _entry(apis, namespace, "discovery", "6.0.0")
    _child(discovery, namespace, "url", manifest.url)
    for offer in manifest.offers:
        _offer(apis, offer)
    covered = _child(host, MANIFEST, "institutions-covered")
    hei = _child(covered, REGISTRY, "hei")
    hei.set("id", manifest.hei_id)
    for type_, value in manifest.other_ids:
        _child(hei, REGISTRY, "other-id", value).set("type", type_)
    for language, name in manifest.names.items():
        _child(hei, REGISTRY, "name", name).set(XML_LANG, language)
    for element, keys in (
        ("client-credentials-in-use", manifest.client_keys),
        ("server-credentials-in-use", manifest.server_keys),
    ):
        if keys:
            credentials = _child(host, MANIFEST, element)
            for key in keys:
                _child(credentials, MANIFEST, "rsa-public-key", key.to_base64_der())
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _offer(apis: etree._Element, offer: Offer) -> None:
    spec = _SPEC_OF.get(offer.api, offer.api)
    namespace = f"{_SPECS}api-{spec}/blob/stable-v{offer.major}/manifest-entry.xsd"
    entry = _entry(apis, namespace, offer.api, offer.version)
    security = _child(entry, namespace, "http-security")
    clients = _own(security, SECURITY, "client-auth-methods")
    if offer.anonymous:
        _own(clients, ANONYMOUS_CLIENT, "anonymous")
    _own(clients, HTTPSIG_CLIENT, "httpsig")
    servers = _own(security, SECURITY, "server-auth-methods")
    _own(servers, TLSCERT_SERVER, "tlscert")
    _own(servers, HTTPSIG_SERVER, "httpsig")
    for name, value in offer.children:
        _child(entry, namespace, name, value)


def _entry(apis: etree._Element, namespace: str, name: str, version: str) -> etree._Element:
    entry = _own(apis, namespace, name)
    entry.set("version", version)
    return entry


def _child(
    parent: etree._Element, namespace: str, name: str, text: str | None = None
) -> etree._Element:
    child = etree.SubElement(parent, etree.QName(namespace, name))
    child.text = text
    return child


def _own(parent: etree._Element, namespace: str, name: str) -> etree._Element:
    """Make an element that brings its own default namespace."""
    return etree.SubElement(parent, etree.QName(namespace, name), nsmap=_nsmap(namespace))


def _nsmap(default: str) -> dict[str, str]:
    """Return the map that makes a namespace the default."""
    return cast("dict[str, str]", {None: default})  # the stubs know no such key


def read_manifest(xml: bytes) -> Catalogue:
    """Read a manifest as a catalogue of its one host; keys that are none of ours are left out.

    Raises:
        XmlRefused: the door does not let it in.
        MessageInvalid: it is no manifest of one host with at most one HEI.
    """
    root = open_xml(xml)
    if _ROOT.fullmatch(root.tag) is None:
        raise MessageInvalid("not a manifest")
    own = root.tag.removesuffix("manifest")  # the namespace in braces
    hosts = root.findall(f"{own}host")
    if len(hosts) != 1:
        raise MessageInvalid(f"manifest: {len(hosts)} hosts, must be one")
    host = hosts[0]
    listed = host.findall(f"{own}institutions-covered/{{{REGISTRY}}}hei")
    if len(listed) > 1:
        raise MessageInvalid(f"manifest: {len(listed)} HEIs, may be one at most")
    heis = [hei for each in listed if (hei := read_listed_hei(each)) is not None]
    clients = _keys(host, f"{own}client-credentials-in-use/{own}rsa-public-key")
    servers = _keys(host, f"{own}server-credentials-in-use/{own}rsa-public-key")
    only = Host(
        admin_emails=_texts(host, "admin-email"),
        admin_provider=next(iter(_texts(host, "admin-provider")), None),
        admin_notes=next(iter(_texts(host, "admin-notes")), None),
        entries=tuple(
            entry
            for apis in host.iterfind(f"{{{REGISTRY}}}apis-implemented")
            for entry in read_api_entries(apis)
        ),
        hei_ids=tuple(each.hei_id for each in heis),
        client_keys=frozenset(each.key_id for each in clients),
        server_keys=frozenset(each.key_id for each in servers),
    )
    return of_hosts([only], heis=heis, keys=[*clients, *servers])


def _keys(host: Element, path: str) -> list[PublicKey]:
    found = []
    for each in host.iterfind(path):
        try:
            key = PublicKey.from_base64_der("".join(map(str, each.itertext())))
            key.check()
        except KeyInvalid:
            continue
        found.append(key)
    return found


def _texts(host: Element, name: str) -> tuple[str, ...]:
    texts = ((each.text or "").strip() for each in host.iterfind(f"{{{COMMON}}}{name}"))
    return tuple(filter(None, texts))
