"""The registry's catalogue as an index: who serves what, whose key is whose (guide §1.2).

Public data only. A catalogue never changes; a newer document makes a new one. `catalogue_xml` reads
the document, `registry` fetches it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache

import msgspec

from ewp.errors import KeyInvalid
from ewp.ids import HeiId, KeyId
from ewp.keys import PublicKey

LONGEST_TAG = 64  # of a language


class ClientAuth(StrEnum):
    """How a caller shows who it is (guide §2.1)."""

    HTTPSIG = "httpsig"
    ANONYMOUS = "anonymous"
    TLSCERT = "tlscert"  # obsolete; what counts when an entry says nothing


class ServerAuth(StrEnum):
    """How a server shows who it is (guide §2.1)."""

    HTTPSIG = "httpsig"
    TLSCERT = "tlscert"


class ApiEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One API of one host in one major version."""

    api: str  # the manifest's element: `omobilities`, `organizational-units`, ...
    version: str  # `x.y.z` as sent; its first number may differ from `major`
    major: int  # from the namespace: what the messages are in
    urls: dict[str, str]  # by element: `url`, `get-url`, `index-url`, `update-url`, `stats-url`
    limits: dict[str, int] = {}  # by element: `max-omobility-ids`, ...; 1 when absent
    client_auth: frozenset[ClientAuth] = frozenset({ClientAuth.TLSCERT})
    server_auth: frozenset[ServerAuth] = frozenset({ServerAuth.TLSCERT})
    tls_suffices: bool = True  # False: it wants requests or responses encrypted beyond TLS
    host: int = 0  # index in `Catalogue.hosts`

    @property
    def usable(self) -> bool:
        """Whether a caller of today can meet its security: signed or anonymous, over TLS."""
        return self.tls_suffices and not self.client_auth.isdisjoint(_USABLE)

    @property
    def signs_responses(self) -> bool:
        """Whether its answers must carry a signature to be believed."""
        return ServerAuth.HTTPSIG in self.server_auth


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """One host: endpoints and keys of, since Discovery 6, at most one HEI."""

    admin_emails: tuple[str, ...] = ()
    admin_provider: str | None = None
    admin_notes: str | None = None
    entries: tuple[ApiEntry, ...] = ()
    hei_ids: tuple[HeiId, ...] = ()
    client_keys: frozenset[KeyId] = frozenset()
    server_keys: frozenset[KeyId] = frozenset()


class ListedHei(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalogue, or a manifest, tells about an HEI: names and other ids."""

    hei_id: HeiId
    names: tuple[tuple[str | None, str], ...] = ()  # language (BCP 47) and name, as listed
    other_ids: tuple[tuple[str, str], ...] = ()  # type and value; a type may be there repeatedly


class Catalogue:
    """Everything one asks of the registry, each answer from a hash map."""

    __slots__ = (
        "_apis",
        "_by_other_id",
        "_client_keys",
        "_heis_with",
        "_hosts_of",
        "_keys",
        "_listed",
        "hei_ids",
        "hosts",
    )

    def __init__(
        self,
        hosts: Iterable[Host],
        *,
        heis: Iterable[ListedHei] = (),
        keys: Mapping[KeyId, str] | None = None,
    ) -> None:
        """Index hosts whose entries know their place; `keys` are bodies in base64 by their id."""
        self.hosts: tuple[Host, ...] = tuple(hosts)
        self._keys = _Keys(keys or {})
        self._listed = {each.hei_id: each for each in heis}
        self._hosts_of: defaultdict[HeiId, list[int]] = defaultdict(list)
        self._client_keys: defaultdict[KeyId, set[HeiId]] = defaultdict(set)
        for index, host in enumerate(self.hosts):
            for hei_id in dict.fromkeys(host.hei_ids):
                self._hosts_of[hei_id].append(index)
            for key_id in host.client_keys:
                self._client_keys[key_id].update(host.hei_ids)
        self.hei_ids: frozenset[HeiId] = frozenset(self._hosts_of)
        self._apis = [_by_api(host) for host in self.hosts]
        self._heis_with: dict[str, frozenset[HeiId]] = {}
        self._by_other_id: defaultdict[tuple[str, str], list[HeiId]] = defaultdict(list)
        for each in self._listed.values():
            for type_, value in dict.fromkeys(each.other_ids):
                self._by_other_id[type_, _without_runs(value)].append(each.hei_id)

    def entries(self, hei_id: HeiId, api: str, major: int | None = None) -> tuple[ApiEntry, ...]:
        """Return the HEI's entries of an API over all its hosts, usable or not, highest first."""
        found = [
            entry
            for index in self._hosts_of.get(hei_id, ())
            for entry in self._apis[index].get(api, ())
            if major is None or entry.major == major
        ]
        if len(found) > 1:
            found.sort(key=_rank, reverse=True)
        return tuple(found)

    def entry(self, hei_id: HeiId, api: str, major: int) -> ApiEntry | None:
        """Return the usable entry of the highest version, None when the HEI serves none."""
        return next((each for each in self.entries(hei_id, api, major) if each.usable), None)

    def majors(self, hei_id: HeiId, api: str) -> frozenset[int]:
        """Return the major versions that the HEI serves in a usable way."""
        return frozenset(each.major for each in self.entries(hei_id, api) if each.usable)

    def covers(self, hei_id: HeiId) -> bool:
        """Return whether the HEI is in the network at all."""
        return hei_id in self._hosts_of

    def heis_with(self, api: str) -> frozenset[HeiId]:
        """Return the HEIs that serve an API, of any major version, in a usable way."""
        found = self._heis_with.get(api)
        if found is None:
            found = frozenset(
                hei_id
                for host, apis in zip(self.hosts, self._apis, strict=True)
                if any(each.usable for each in apis.get(api, ()))
                for hei_id in host.hei_ids
            )
            if found:  # so that names of no API do not pile up
                self._heis_with[api] = found
        return found

    def host(self, entry: ApiEntry) -> Host:
        """Return the host that an entry of this catalogue belongs to."""
        return self.hosts[entry.host]

    def heis_of_client_key(self, key_id: KeyId) -> frozenset[HeiId]:
        """Return the HEIs that a client key speaks for; a key of no HEI is legal."""
        return frozenset(self._client_keys.get(key_id, ()))

    def client_key(self, key_id: KeyId) -> PublicKey | None:
        """Return a key that may sign requests; None for an unknown one or only a server key."""
        return self._keys.key(key_id) if key_id in self._client_keys else None

    def server_keys(self, entry: ApiEntry) -> frozenset[KeyId]:
        """Return the keys that may sign answers of an entry: those of its own host alone."""
        return self.hosts[entry.host].server_keys

    def server_key(self, entry: ApiEntry, key_id: KeyId) -> PublicKey | None:
        """Return the key when it may sign answers of the entry."""
        return self._keys.key(key_id) if key_id in self.server_keys(entry) else None

    def listed(self, hei_id: HeiId) -> ListedHei | None:
        """Return names and other ids of an HEI."""
        return self._listed.get(hei_id)

    def name(self, hei_id: HeiId, language: str) -> str | None:
        """Return an HEI's name: in the language, its base language, English, none, or any."""
        listed = self._listed.get(hei_id)
        if listed is None or not listed.names:
            return None
        return _in_language(listed.names, language[:LONGEST_TAG].lower())

    def find_by_other_id(self, type_: str, value: str) -> tuple[HeiId, ...]:
        """Return the HEIs listed with that id, e.g. of type `erasmus`; there may be several.

        Runs of blanks count as one.
        """
        return tuple(self._by_other_id.get((type_, _without_runs(value)), ()))


@lru_cache(maxsize=10_000)  # nobody lists more, and languages may come from outside
def _in_language(names: tuple[tuple[str | None, str], ...], wanted: str) -> str:
    known: dict[str, str] = {}
    for lang, name in names:
        known.setdefault((lang or "").lower(), name)
    for lang in (wanted, wanted.partition("-")[0], "en", ""):
        if lang in known:
            return known[lang]
    return names[0][1]


def of_hosts(
    hosts: Iterable[Host], *, heis: Iterable[ListedHei] = (), keys: Iterable[PublicKey] = ()
) -> Catalogue:
    """Make a catalogue of hosts that come from elsewhere, such as one manifest.

    Their entries' `host` is set here. `keys` are the bodies of the keys that the hosts name.
    """
    return Catalogue(
        (
            msgspec.structs.replace(
                host,
                entries=tuple(msgspec.structs.replace(each, host=index) for each in host.entries),
            )
            for index, host in enumerate(hosts)
        ),
        heis=heis,
        keys={key.key_id: key.to_base64_der() for key in keys},
    )


_USABLE = frozenset({ClientAuth.HTTPSIG, ClientAuth.ANONYMOUS})
_VERSION = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})")


def version_numbers(version: str) -> tuple[int, int, int] | None:
    """Return the three numbers by which versions compare; None for anything else."""
    match = _VERSION.fullmatch(version)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def _rank(entry: ApiEntry) -> tuple[int, tuple[int, int, int]]:
    return entry.major, version_numbers(entry.version) or (0, 0, 0)


def _by_api(host: Host) -> dict[str, list[ApiEntry]]:
    found: dict[str, list[ApiEntry]] = {}
    for entry in host.entries:
        found.setdefault(entry.api, []).append(entry)
    return found


def _without_runs(value: str) -> str:
    return " ".join(value.split())


class _Keys:
    """Bodies of keys, each read once and only when somebody asks for it."""

    __slots__ = ("_read", "_texts")

    def __init__(self, texts: Mapping[KeyId, str]) -> None:
        self._texts = texts
        self._read: dict[KeyId, PublicKey | None] = {}

    def key(self, key_id: KeyId) -> PublicKey | None:
        """Return the key, None when its body is absent, unusable or not of that fingerprint."""
        if key_id not in self._read:
            text = self._texts.get(key_id)
            if text is None:
                return None
            self._read[key_id] = _read_key(key_id, text)
        return self._read[key_id]


def _read_key(key_id: KeyId, text: str) -> PublicKey | None:
    try:
        key = PublicKey.from_base64_der(text)
        key.check()
    except KeyInvalid:
        return None
    return key if key.key_id == key_id else None
