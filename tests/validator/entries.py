"""A manifest as the validator reads it, from the guide alone (§1.3, §4.1)."""

import base64
import hashlib
import re
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.serialization import load_der_public_key
from lxml import etree

SPECS = "https://github.com/erasmus-without-paper/ewp-specs-"
_ENTRY = re.compile(re.escape(SPECS) + r"api-[a-z-]+/blob/stable-v([0-9]+)/manifest-entry\.xsd")


@dataclass(frozen=True)
class Entry:
    """One API in one major version."""

    api: str
    major: int
    urls: dict = field(default_factory=dict)  # by element: `get-url`, `url`, ...
    limits: dict = field(default_factory=dict)  # by element: `max-omobility-ids`
    anonymous: bool = False
    version: str = ""
    element: object = None

    @property
    def key(self):
        return self.api, self.major

    @property
    def name(self):
        return f"{self.api}-{self.major}"

    def most(self, limit):
        return self.limits.get(limit, 1)

    def url(self, endpoint):
        """Where `get`, `index`, ... is; the API's only address where it has one."""
        return self.urls.get(f"{endpoint}-url") or self.urls["url"]


@dataclass(frozen=True)
class Manifest:
    url: str
    content: bytes
    root: object
    hei_ids: tuple
    entries: tuple
    client_keys: dict  # public keys by key id
    server_keys: dict

    def entry(self, key):
        return next(each for each in self.entries if each.key == key)


def read(url, content):
    root = etree.fromstring(content)
    entries = root.findall(".//{*}apis-implemented/*")
    return Manifest(
        url=url,
        content=content,
        root=root,
        hei_ids=tuple(each.get("id") for each in root.findall(".//{*}institutions-covered/{*}hei")),
        entries=tuple(filter(None, map(_entry, entries))),
        client_keys=_keys(root, "client-credentials-in-use"),
        server_keys=_keys(root, "server-credentials-in-use"),
    )


def _entry(element):
    name = etree.QName(element)
    known = _ENTRY.fullmatch(name.namespace)
    if known is None:
        return None
    texts = {etree.QName(each).localname: (each.text or "").strip() for each in element}
    methods = element.findall(".//{*}client-auth-methods/*")
    return Entry(
        api=name.localname,
        major=int(known[1]),
        version=element.get("version"),
        urls={tag: text for tag, text in texts.items() if tag == "url" or tag.endswith("-url")},
        limits={tag: int(text) for tag, text in texts.items() if tag.startswith("max-")},
        anonymous="anonymous" in {etree.QName(each).localname for each in methods},
        element=element,
    )


def _keys(root, credentials):
    found = {}
    for each in root.findall(f".//{{*}}{credentials}/{{*}}rsa-public-key"):
        der = base64.b64decode("".join((each.text or "").split()))
        found[_fingerprint(der)] = load_der_public_key(der)
    return found


def _fingerprint(der):
    return hashlib.sha256(der).hexdigest()
