"""The catalogue's document, read in one streaming pass (guide §1.2), and the API entries in it.

As safe as `xml.open_xml`, for a document that may be larger: no DTD, no entities of its own,
nothing fetched, limits on size, elements and nesting. UTF-8 only, which is what the registry sends.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec
from lxml import etree

from ewp.catalogue import (
    ApiEntry,
    Catalogue,
    ClientAuth,
    Host,
    ListedHei,
    ServerAuth,
    version_numbers,
)
from ewp.errors import MessageInvalid, XmlRefused
from ewp.ids import HeiId, KeyId
from ewp.messages.values import HEI_ID
from ewp.xml import Element

NAMESPACE = "https://github.com/erasmus-without-paper/ewp-specs-api-registry/tree/stable-v1"
COMMON_NAMESPACE = (
    "https://github.com/erasmus-without-paper/ewp-specs-architecture/blob/stable-v1/"
    "common-types.xsd"
)


class CatalogueLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a catalogue; the production one has some 15 MB."""

    bytes: int = 100_000_000
    elements: int = 2_000_000  # tags, comments and instructions, counted before parsing
    depth: int = 16  # of a host, an HEI or a key; elsewhere libxml2's own limit holds
    prolog: int = 65_536  # bytes before the root element


DEFAULT = CatalogueLimits()

_R = f"{{{NAMESPACE}}}"
_C = f"{{{COMMON_NAMESPACE}}}"
_HOST, _HEI, _KEY, _BINARIES = f"{_R}host", f"{_R}hei", f"{_R}rsa-public-key", f"{_R}binaries"
CHUNK = 65_536  # bytes that the parser is fed at once; `prolog` is no less
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

_SPECS = "https://github.com/erasmus-without-paper/ewp-specs-"
_ENTRY = re.compile(
    re.escape(f"{{{_SPECS}api-")
    + r"([a-z0-9-]+)/blob/stable-v([0-9]{1,4})/manifest-entry\.xsd\}([a-z0-9-]+)"
)
_ELEMENTS = {"ounits": "organizational-units", "course-replication": "simple-course-replication"}
_OPEN_APIS = frozenset({"discovery", "registry"})  # anonymous by nature, without `http-security`
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_DIGITS = re.compile(r"[0-9]{1,9}")

_SEC = f"{{{_SPECS}sec-intro/tree/stable-v2}}"
_CLIENT_AUTH = {
    f"{{{_SPECS}sec-cliauth-httpsig/tree/stable-v1}}httpsig": ClientAuth.HTTPSIG,
    f"{{{_SPECS}sec-cliauth-none/tree/stable-v1}}anonymous": ClientAuth.ANONYMOUS,
    f"{{{_SPECS}sec-cliauth-tlscert/tree/stable-v1}}tlscert": ClientAuth.TLSCERT,
}
_SERVER_AUTH = {
    f"{{{_SPECS}sec-srvauth-httpsig/tree/stable-v1}}httpsig": ServerAuth.HTTPSIG,
    f"{{{_SPECS}sec-srvauth-tlscert/tree/stable-v1}}tlscert": ServerAuth.TLSCERT,
}
_TLS = frozenset(
    {
        f"{{{_SPECS}sec-reqencr-tls/tree/stable-v1}}tls",
        f"{{{_SPECS}sec-resencr-tls/tree/stable-v1}}tls",
    }
)


def read_catalogue(chunks: Iterable[bytes], *, limits: CatalogueLimits = DEFAULT) -> Catalogue:
    """Read a catalogue's document from its bytes in pieces of any size.

    Entries of unknown namespaces, certificates, keys without a fingerprint and HEI ids that are no
    domain are skipped. Raises XmlRefused for bytes that are not let in, MessageInvalid for a
    document that is no catalogue or has no host.
    """
    hosts: list[Host] = []
    heis: dict[HeiId, ListedHei] = {}
    keys: dict[KeyId, str] = {}
    for element in _parts(_within(chunks, limits), limits):
        if element.tag == _HOST:
            hosts.append(_host(element, len(hosts)))
        elif element.tag == _HEI:
            listed = read_listed_hei(element)
            if listed is not None:
                heis.setdefault(listed.hei_id, listed)
        elif (key_id := _fingerprint(element)) and element.text:
            keys.setdefault(key_id, element.text)
    if not hosts:
        raise MessageInvalid("catalogue: no host")
    return Catalogue(hosts, heis=heis.values(), keys=keys)


def read_api_entries(apis: Element, *, host: int = 0) -> tuple[ApiEntry, ...]:
    """Read the children of `apis-implemented`, of a catalogue or a manifest.

    Left out is what nobody can use: an unknown namespace, a version that is not three numbers, no
    URL.
    """
    return tuple(entry for each in apis if (entry := _entry(each, host)) is not None)


def read_listed_hei(hei: Element) -> ListedHei | None:
    """Read an `hei` element, of a catalogue or a manifest; None when its id is none."""
    hei_id = _hei_id(hei.get("id") or "")
    if hei_id is None:
        return None
    return ListedHei(
        hei_id=hei_id,
        names=tuple(
            (each.get(_LANG), text) for each in hei.iterfind(f"{_R}name") if (text := _text(each))
        ),
        other_ids=tuple(
            (each.get("type") or "", text)
            for each in hei.iterfind(f"{_R}other-id")
            if (text := _text(each))
        ),
    )


def _parts(chunks: Iterable[bytes], limits: CatalogueLimits) -> Iterator[Element]:
    """Yield each host, HEI and key's body once it is complete; it is emptied afterwards."""
    parser = etree.XMLPullParser(
        events=("end",),
        tag=(_HOST, _HEI, _KEY),
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        remove_blank_text=True,
        remove_comments=True,
        remove_pis=True,
    )
    too_deep = etree.XPath("boolean(." + "/*" * limits.depth + ")")
    try:
        for chunk in chunks:
            parser.feed(chunk)
            for _, element in parser.read_events():
                assert isinstance(element, Element)  # other events were not asked for
                parent = element.getparent()
                if parent is None or (element.tag == _KEY and parent.tag != _BINARIES):
                    continue
                if too_deep(element):
                    raise XmlRefused(f"nested deeper than {limits.depth}")
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del parent[0]
        root = parser.close()
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise XmlRefused(f"not well-formed (line {line}, column {column})") from None
    if root.getroottree().docinfo.internalDTD is not None:  # the scan before should have seen it
        raise XmlRefused("has a DOCTYPE")
    if root.tag != f"{_R}catalogue":
        raise MessageInvalid("catalogue: another root element")


def _cut(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Make long pieces short: libxml2 refuses to be fed 10 MB at once."""
    for piece in pieces:
        for start in range(0, len(piece), CHUNK):
            yield piece[start : start + CHUNK]


def _within(pieces: Iterable[bytes], limits: CatalogueLimits) -> Iterator[bytes]:
    """Pass bytes on: the whole prolog in the first chunk, and no more than the limits allow."""
    length = elements = 0
    head: bytes | None = b""
    for chunk in _cut(pieces):
        length += len(chunk)
        elements += chunk.count(b"<")
        if length > limits.bytes:
            raise XmlRefused(f"larger than {limits.bytes} bytes")
        if elements > 2 * limits.elements:  # an end tag has its `<` too
            raise XmlRefused(f"more than {limits.elements} elements")
        if head is None:
            yield chunk
            continue
        head += chunk
        if _prolog_is_over(head):
            yield head
            head = None
        elif len(head) > limits.prolog:
            raise XmlRefused(f"more than {limits.prolog} bytes before its root element")
    if head is not None:
        raise XmlRefused("empty, or without a root element")


def _prolog_is_over(head: bytes) -> bool:
    """Return whether the root element has begun. Raises XmlRefused for a DOCTYPE before it."""
    at = head.find(b"<")
    while at >= 0:
        if head.startswith(b"<?", at):
            end = head.find(b"?>", at + 2)
        elif head.startswith(b"<!--", at):
            end = head.find(b"-->", at + 4)
        elif head.startswith(b"<!D", at):
            raise XmlRefused("has a DOCTYPE")
        else:
            return len(head) > at + 3 and not head.startswith(b"<!", at)
        if end < 0:
            return False
        at = head.find(b"<", end + 2)
    return False


def _host(host: Element, index: int) -> Host:
    entries: tuple[ApiEntry, ...] = ()
    emails: list[str] = []
    provider = notes = None
    covered: list[HeiId] = []
    keys: dict[str, frozenset[KeyId]] = {}
    for child in host:
        tag = child.tag
        if tag == f"{_R}apis-implemented":
            entries += read_api_entries(child, host=index)
        elif tag == f"{_R}institutions-covered":
            found_ids = (_hei_id(_text(each)) for each in child.iterfind(f"{_R}hei-id"))
            covered += [each for each in found_ids if each is not None]
        elif tag in (f"{_R}client-credentials-in-use", f"{_R}server-credentials-in-use"):
            found = (_fingerprint(each) for each in child.iterfind(_KEY))
            keys[tag] = keys.get(tag, frozenset()) | {each for each in found if each}
        elif tag == f"{_C}admin-email":
            emails.append(_text(child))
        elif tag == f"{_C}admin-provider":
            provider = _text(child) or None
        elif tag == f"{_C}admin-notes":
            notes = _text(child) or None
    return Host(
        admin_emails=tuple(filter(None, emails)),
        admin_provider=provider,
        admin_notes=notes,
        entries=entries,
        hei_ids=tuple(dict.fromkeys(covered)),
        client_keys=keys.get(f"{_R}client-credentials-in-use", frozenset()),
        server_keys=keys.get(f"{_R}server-credentials-in-use", frozenset()),
    )


def _entry(element: Element, host: int) -> ApiEntry | None:
    match = _ENTRY.fullmatch(element.tag)
    version = (element.get("version") or "").strip()
    if match is None or version_numbers(version) is None:
        return None
    tail, major, api = match.groups()
    if api != _ELEMENTS.get(tail, tail):
        return None
    ours = element.tag[: -len(api)]  # the namespace in braces
    urls: dict[str, str] = {}
    limits: dict[str, int] = {}
    security: Element | None = None
    for child in element:
        if not child.tag.startswith(ours):
            continue
        name, text = child.tag[len(ours) :], _text(child)
        if name == "http-security":
            security = child
        elif name == "url" or name.endswith("-url"):
            if text.startswith(("https://", "http://")):
                urls.setdefault(name, text)
        elif name.startswith("max-") and _DIGITS.fullmatch(text) and int(text):
            limits.setdefault(name, int(text))
    if not urls:
        return None
    client, server, tls = _security(security, open_to_all=api in _OPEN_APIS)
    return ApiEntry(
        api=api,
        version=version,
        major=int(major),
        urls=urls,
        limits=limits,
        client_auth=client,
        server_auth=server,
        tls_suffices=tls,
        host=host,
    )


def _security(
    security: Element | None, *, open_to_all: bool
) -> tuple[frozenset[ClientAuth], frozenset[ServerAuth], bool]:
    """Read `http-security`; each list has the default of the guide (§1.3) when it is absent."""
    client = frozenset({ClientAuth.ANONYMOUS if open_to_all else ClientAuth.TLSCERT})
    server = frozenset({ServerAuth.TLSCERT})
    tls = True
    for methods in () if security is None else security:
        tags = [each.tag for each in methods]
        if methods.tag == f"{_SEC}client-auth-methods":
            client = frozenset(_CLIENT_AUTH[tag] for tag in tags if tag in _CLIENT_AUTH)
        elif methods.tag == f"{_SEC}server-auth-methods":
            server = frozenset(_SERVER_AUTH[tag] for tag in tags if tag in _SERVER_AUTH)
        elif methods.tag in (
            f"{_SEC}request-encryption-methods",
            f"{_SEC}response-encryption-methods",
        ):
            tls = tls and not _TLS.isdisjoint(tags)
    return client, server, tls


def _hei_id(text: str) -> HeiId | None:
    """Return it in lower case; None for what is no domain and would be no path or key of ours."""
    assert HEI_ID.read is not None
    try:
        return HeiId(HEI_ID.read(text.strip()))
    except ValueError:
        return None


def _fingerprint(element: Element) -> KeyId | None:
    text = (element.get("sha-256") or "").strip().lower()
    return KeyId(text) if _FINGERPRINT.fullmatch(text) else None


def _text(element: Element) -> str:
    return (element.text or "").strip()
