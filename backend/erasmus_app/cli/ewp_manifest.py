"""A manifest held against what the registry checks on import (guide §1.3), in words."""

from collections import Counter
from collections.abc import Iterator
from copy import copy

from lxml import etree

from erasmus_app.cli.ewp_findings import Finding
from erasmus_app.cli.ewp_tools import is_https
from erasmus_app.ids import HeiId
from ewp.catalogue import ApiEntry, Catalogue, ClientAuth, ServerAuth, version_numbers
from ewp.catalogue_xml import read_api_entries
from ewp.errors import KeyInvalid, XmlRefused
from ewp.keys import PublicKey
from ewp.manifest import COMMON, MANIFEST, REGISTRY
from ewp.xml import Element, open_xml

MAY_REPEAT = frozenset({"discovery", "echo"})
FAMILY = frozenset(
    {"omobilities", "omobility-cnr", "omobility-stats", "imobilities", "imobility-cnr"}
)


def check_manifest(xml: bytes, url: str, catalogue: Catalogue | None) -> list[Finding]:
    """Say what the registry would refuse of a manifest that it reads at `url`.

    Without a `catalogue`, what others have registered is not looked at.
    """
    try:
        root = open_xml(xml)
    except XmlRefused as error:
        return [_refused(f"not XML that can be read: {error}")]
    if root.tag != f"{{{MANIFEST}}}manifest":
        return [_refused(f"not a manifest of Discovery 6, but {root.tag}")]
    hosts = root.findall(f"{{{MANIFEST}}}host")
    if len(hosts) != 1:
        words = f"{len(hosts)} hosts; a manifest has one"
        return [_refused(words) if hosts else Finding.warning("manifest", "it has no host: empty")]
    found = list(_host(hosts[0], url, catalogue))
    if not is_https(url):
        found.insert(0, Finding.problem("manifest", "the registry reads https addresses alone"))
    return found or [Finding.ok("manifest", "nothing that the registry would refuse")]


def _host(host: Element, url: str, catalogue: Catalogue | None) -> Iterator[Finding]:
    for name in ("admin-email", "admin-provider"):
        if not any((each.text or "").strip() for each in host.iterfind(f"{{{COMMON}}}{name}")):
            yield _refused(f"{name} is missing")
    heis = host.findall(f"{{{MANIFEST}}}institutions-covered/{{{REGISTRY}}}hei")
    if len(heis) > 1:
        yield _refused(f"{len(heis)} HEIs; a host covers one at most")
    hei_id = HeiId((heis[0].get("id") or "").strip().lower()) if heis else None
    if hei_id is None:
        yield Finding.warning("manifest", "it covers no HEI")
    elif not hei_id:
        yield _refused("the HEI has no id")
    elif heis[0].find(f"{{{REGISTRY}}}name") is None:
        yield _refused(f"{hei_id} has no name")
    yield from _keys(host, hei_id, catalogue)
    apis = host.find(f"{{{REGISTRY}}}apis-implemented")
    yield from _apis(() if apis is None else tuple(apis), url, hei_id, catalogue)


def _keys(host: Element, hei_id: HeiId | None, catalogue: Catalogue | None) -> Iterator[Finding]:
    for kind in ("client", "server"):
        path = f"{{{MANIFEST}}}{kind}-credentials-in-use/{{{MANIFEST}}}rsa-public-key"
        keys = host.findall(path)
        if not keys:
            yield Finding.warning("keys", f"there is no {kind} key")
        for number, each in enumerate(keys, 1):
            try:
                key = PublicKey.from_base64_der("".join(map(str, each.itertext())))
                key.check()
            except KeyInvalid as error:
                yield Finding.problem("keys", f"{kind} key {number} is dropped: {error}")
                continue
            others = set() if catalogue is None else catalogue.heis_of_client_key(key.key_id)
            if kind == "client" and (strangers := sorted(set(others) - {hei_id})):
                yield Finding.problem(
                    "keys",
                    f"client key {key.key_id} is dropped: it is registered for "
                    f"{', '.join(map(str, strangers))}",
                    "make a key of its own for each HEI: erasmus-app ewp keys new FILE",
                )


def _apis(
    elements: tuple[Element, ...], url: str, hei_id: HeiId | None, catalogue: Catalogue | None
) -> Iterator[Finding]:
    entries: list[ApiEntry] = []
    for element in elements:
        yield from _element(element)
        holder = etree.Element("apis")
        holder.append(element)
        entries += read_api_entries(holder)
    if not all(is_https(address) for element in elements for _, address in _addresses(element)):
        words = "one bad address drops every entry except discovery and echo"
        yield Finding.problem("manifest", words)
    found = {each.urls.get("url") for each in entries if each.api == "discovery"}
    if not found:
        yield Finding.warning("discovery", "there is no entry of it")
    elif url not in found:
        yield Finding.warning("discovery", f"its url is not where it was read: {url}")
    for each in entries:
        yield from _entry(each)
    for (api, major), times in Counter((each.api, each.major) for each in entries).items():
        if times > 1 and api not in MAY_REPEAT:
            yield Finding.problem(f"{api} {major}", f"is there {times} times; one is kept")
    served = {each.api for each in entries} & FAMILY
    if served and served != FAMILY:
        missing = ", ".join(sorted(FAMILY - served))
        words = f"the network wants nominations whole; without {missing} ask its operators"
        yield Finding.warning("manifest", words)
    if catalogue is None:
        yield Finding.warning("registry", "no catalogue: other hosts' entries were not compared")
    elif hei_id:
        yield from _others(entries, url, hei_id, catalogue)


def _addresses(element: Element) -> list[tuple[str, str]]:
    children = [(etree.QName(each).localname, (each.text or "").strip()) for each in element]
    return [each for each in children if each[0] == "url" or each[0].endswith("-url")]


def _element(element: Element) -> Iterator[Finding]:
    """Look at an entry as it is written; what can be read of it is looked at later."""
    name = etree.QName(element)
    label = f"{name.localname} {element.get('version') or ''}".strip()
    if name.namespace in {REGISTRY, COMMON} or name.localname == "registry":
        yield Finding.problem(label, "is dropped: a manifest may not hold it")
        return
    for tag, address in _addresses(element):
        if not is_https(address):
            yield Finding.problem(label, f"{tag} is no https address without a fragment")
    holder = etree.Element("apis")
    holder.append(copy(element))
    if version_numbers((element.get("version") or "").strip()) is None:
        yield Finding.problem(label, "is dropped: its version is not three numbers")
    elif not read_api_entries(holder):
        yield Finding.problem(label, "is dropped: unknown namespace, or no address in it")


def _entry(entry: ApiEntry) -> Iterator[Finding]:
    label = f"{entry.api} {entry.version}"
    numbers = version_numbers(entry.version)
    if numbers and numbers[0] != entry.major and (numbers[0], entry.major) != (0, 1):
        yield Finding.warning(label, f"the namespace is of version {entry.major}")
    if entry.api == "discovery":
        return
    if not entry.usable:
        yield Finding.problem(
            label,
            "nobody can call it: no client method of today",
            "write http-security out, with httpsig",
        )
    elif ClientAuth.HTTPSIG not in entry.client_auth:
        yield Finding.warning(label, "callers cannot sign: there is no httpsig among its methods")
    if entry.api == "echo" and ClientAuth.ANONYMOUS in entry.client_auth:
        yield Finding.warning(label, "echo lets in strangers: anonymous is not for it")
    if ServerAuth.HTTPSIG not in entry.server_auth:
        yield Finding.warning(label, "its answers are not signed: no httpsig for the server")


def _others(
    entries: list[ApiEntry], url: str, hei_id: HeiId, catalogue: Catalogue
) -> Iterator[Finding]:
    """Compare with what is registered already, apart from what this manifest brought."""
    own = {
        index
        for index, host in enumerate(catalogue.hosts)
        if any(each.api == "discovery" and each.urls.get("url") == url for each in host.entries)
    }
    used: dict[str, HeiId] = {}
    for index, host in enumerate(catalogue.hosts):
        for each in host.entries if index not in own else ():
            for address in each.urls.values():
                used.update((address, hei) for hei in host.hei_ids if hei != hei_id)
    for each in entries:
        if each.api in MAY_REPEAT:
            continue
        label = f"{each.api} {each.version}"
        for there in catalogue.entries(hei_id, each.api, each.major):
            if there.host not in own:
                provider = catalogue.host(there).admin_provider or "another provider"
                yield Finding.problem(
                    label,
                    f"is dropped: {hei_id} has version {there.version} of it at {provider}",
                    "agree with that provider who registers it",
                )
        for address in each.urls.values():
            if address in used:
                words = f"is dropped: {address} is an address of {used[address]}"
                yield Finding.problem(label, words)


def _refused(words: str) -> Finding:
    return Finding.problem(
        "manifest", words, "the registry refuses all of it and keeps the last good copy"
    )
