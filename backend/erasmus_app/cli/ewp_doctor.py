"""`erasmus-app ewp doctor`: is everything in place, and if not, what is to be done?

Each check is a function that gives findings; none stops another.
"""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from erasmus_app.cli.ewp_findings import Finding, span
from erasmus_app.cli.ewp_partners import clock, every_partner, known_partners, speaks
from erasmus_app.cli.ewp_tools import (
    CommandFailed,
    NotFetched,
    TooLarge,
    Tools,
    opened,
    read_key,
)
from erasmus_app.errors import SettingsInvalid
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import CNR_APIS, DATA_APIS, ApiMode, CoveredHei
from erasmus_app.partners.own_keys import own_host
from erasmus_app.settings import load_heis, load_settings
from ewp.catalogue import Catalogue, Host
from ewp.errors import (
    MessageInvalid,
    XmlRefused,
)
from ewp.ids import KeyId
from ewp.keys import PrivateKey
from ewp.manifest import read_manifest, write_manifest
from ewp.registry import LONGEST, STALE, CatalogueKeeper

CERTIFICATE_ENDS = timedelta(days=14)
READ = ("omobilities", "omobility-las", "imobilities")  # what a record is gathered from


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """A covered HEI's keys, as their files have them."""

    client: PrivateKey
    server: PrivateKey


async def doctor(
    environment: Mapping[str, str], name: str | None, partners: Sequence[str]
) -> list[Finding]:
    """Check the covered HEIs, or the one of that name, and partners. Raises CommandFailed."""
    try:
        settings = load_settings(environment)
        heis = load_heis(settings.ewp_heis)
    except SettingsInvalid as error:
        return [Finding.problem("settings", str(error), "nothing else can be looked at before")]
    async with opened(settings) as base:
        tools = replace(base, heis=heis)
        chosen = [tools.covered(name)] if name else list(heis.values())
        found = [Finding.ok("settings", f"readable; {len(heis)} covered HEIs")]
        if not heis:
            do = "name a file in ERASMUS_APP_EWP_HEIS"
            found = [Finding.warning("settings", "readable, but no HEI is covered", do)]
        keys, about_keys = read_keys(heis)
        wanted = {each.id for each in chosen}
        found += [each for each in about_keys if name is None or each.about in wanted]
        catalogue, about_registry = await registry(tools)
        found += [*about_registry, *clock(tools, "registry", tools.registry_url, ours=True)]
        for hei in chosen:
            found += await one_hei(tools, hei, keys.get(hei.id), catalogue)
        known, about_record = await known_partners(tools, wanted)
        found += about_record
        everybody = dict.fromkeys([*(HeiId(each.lower()) for each in partners), *known])
        if catalogue is not None:
            calling = {hei: keys[hei].client for hei in wanted if hei in keys}
            found += await every_partner(tools, catalogue, calling, everybody)
        return found


def read_keys(heis: Mapping[HeiId, CoveredHei]) -> tuple[dict[HeiId, Keys], list[Finding]]:
    """Read every covered HEI's key files."""
    keys, found = dict[HeiId, Keys](), list[Finding]()
    owners: dict[KeyId, HeiId] = {}
    for hei in heis.values():
        paths = {"client": hei.client_key, "server": hei.server_key or hei.client_key}
        read: dict[str, PrivateKey] = {}
        for kind, path in paths.items():
            try:
                read[kind] = read_key(path)
            except CommandFailed as error:
                do = "make one: erasmus-app ewp keys new FILE; RSA, 2048 bits or more, PEM"
                found.append(Finding.problem(hei.id, f"{kind} key: {error}", do))
                continue
            if path.stat().st_mode & 0o077:
                words = f"{kind} key: others on this machine may read {path}"
                found.append(Finding.warning(hei.id, words, f"chmod 600 {path}"))
        if len(read) < len(paths):
            continue
        keys[hei.id] = Keys(client=read["client"], server=read["server"])
        sizes = " and ".join(f"{kind} key {key.public.bits} bits" for kind, key in read.items())
        found.append(Finding.ok(hei.id, f"keys readable: {sizes}"))
        owner = owners.setdefault(read["client"].key_id, hei.id)
        if owner != hei.id:
            words = f"its client key is also that of {owner}; a key speaks for one HEI"
            found.append(Finding.problem(hei.id, words, "make one of its own"))
    return keys, found


async def registry(tools: Tools) -> tuple[Catalogue | None, list[Finding]]:
    """Ask the registry, and look at the copy that the services keep."""
    copy = CatalogueKeeper(tools.http, tools.registry_url, tools.copy_path, now=tools.now)
    has_copy = await copy.load()
    asked = CatalogueKeeper(tools.http, tools.registry_url, now=tools.now)
    if await asked.refresh(force=True):
        catalogue = asked.current
        words = f"reachable; it lists {len(catalogue.hei_ids)} HEIs"
        if copy.age is not None:
            words += f"; the services' copy is {span(copy.age)} old"
        found = [Finding.ok("registry", words)]
        if tools.clocks.of(tools.registry_url) is None:
            words = "the registry names no date: clocks were not compared"
            found.append(Finding.warning("clock", words))
        if copy.age is not None and copy.age > timedelta(seconds=LONGEST):
            do = f"is `api` or `worker` running, and may it write {tools.copy_path}?"
            words = f"the services' copy of the catalogue is {span(copy.age)} old"
            found.append(Finding.warning("registry", words, do))
        return catalogue, found
    words = f"no catalogue from {tools.registry_url}"
    try:
        await tools.fetch(tools.registry_url)
        words = f"what {tools.registry_url} answers is no catalogue"
    except TooLarge:
        words = f"what {tools.registry_url} answers is no catalogue"
    except NotFetched as error:
        words = f"{words}: {error}"
    do = "look at ERASMUS_APP_EWP_REGISTRY_URL, a firewall, ERASMUS_APP_TLS_CA_FILE"
    if not has_copy or copy.age is None:
        return None, [Finding.problem("registry", f"{words}; there is no copy either", do)]
    words = f"{words}; the copy is {span(copy.age)} old"
    if copy.age > STALE:
        return copy.current, [Finding.problem("registry", words, do)]
    return copy.current, [Finding.warning("registry", words, do)]


async def one_hei(
    tools: Tools, hei: CoveredHei, keys: Keys | None, catalogue: Catalogue | None
) -> list[Finding]:
    """Check what we serve for a covered HEI, what is listed of it, and its own system."""
    found: list[Finding] = []
    expected: bytes | None = None
    if keys is not None:
        try:
            expected = write_manifest(tools.hosted(hei, keys.client, keys.server).manifest())
        except MessageInvalid as error:
            found.append(Finding.problem(hei.id, f"the settings make no good manifest: {error}"))
    if keys is not None and expected is not None:
        found += await served(tools, hei, expected)
        if catalogue is not None:
            found += listed(tools, hei, keys, expected, catalogue)
            found += families(tools, hei, expected, catalogue)
    if catalogue is not None:
        found += change_notices(tools, hei, catalogue)
    return found + await own_system(tools, hei)


def _address(tools: Tools, hei: HeiId) -> str:
    return f"{tools.settings.public_url.rstrip('/')}/ewp/{hei}/manifest.xml"


async def served(tools: Tools, hei: CoveredHei, expected: bytes) -> list[Finding]:
    """Fetch our own manifest as the registry does."""
    url = _address(tools, hei.id)
    try:
        body, certificate = await tools.fetch(url)
    except NotFetched as error:
        do = "is `erasmus-app api` running, and does the proxy lead /ewp/ to it?"
        return [Finding.problem(hei.id, f"our manifest at {url} does not come: {error}", do)]
    found = []
    if body == expected:
        found.append(Finding.ok(hei.id, f"our manifest is at {url}"))
    else:
        do = "restart `erasmus-app api`, or look where that address leads"
        found.append(Finding.problem(hei.id, f"{url} is not what these settings make", do))
    if certificate and "notAfter" in certificate:
        ends = ssl.cert_time_to_seconds(certificate["notAfter"]) - tools.now().timestamp()
        if ends < CERTIFICATE_ENDS.total_seconds():
            words = f"the certificate of {url} ends in {span(timedelta(seconds=ends))}"
            found.append(Finding.warning(hei.id, words, "renew it"))
    return found


def _our_host(tools: Tools, hei: HeiId, catalogue: Catalogue) -> tuple[int, Host] | None:
    return own_host(catalogue, hei, _address(tools, hei))


def listed(
    tools: Tools, hei: CoveredHei, keys: Keys, expected: bytes, catalogue: Catalogue
) -> list[Finding]:
    """Compare what the catalogue lists of us with what the settings make."""
    strangers = sorted(catalogue.heis_of_client_key(keys.client.key_id) - {hei.id})
    if strangers:
        words = f"the catalogue lists its client key for {', '.join(strangers)}"
        found = [Finding.problem(hei.id, words, "is client_key the right file?")]
    else:
        found = []
    ours = _our_host(tools, hei.id, catalogue)
    if ours is None:
        url = _address(tools, hei.id)
        do = f"register {url}; what the registry has just read needs some minutes"
        return [*found, Finding.problem(hei.id, "the catalogue does not list our manifest", do)]
    index, host = ours
    wait = "after a change, partners need 20 minutes and up to 3 hours to know it"
    clean = not found
    for kind, key, there in (
        ("client", keys.client.key_id, host.client_keys),
        ("server", keys.server.key_id, host.server_keys),
    ):
        if key not in there:
            clean = False
            words = f"the catalogue does not list our {kind} key {key}"
            found.append(Finding.problem(hei.id, words, wait))
        if others := sorted(there - {key}):
            clean = False
            words = f"the catalogue lists {kind} keys that are not ours today: {', '.join(others)}"
            found.append(Finding.warning(hei.id, words, "right only while a key is replaced"))
    wanted = {(each.api, each.major): each for each in read_manifest(expected).hosts[0].entries}
    known = {(each.api, each.major): each for each in host.entries}
    for (api, major), entry in wanted.items():
        there_entry = known.get((api, major))
        if there_entry is None and hei.mode(api) is not ApiMode.FORWARDED:
            holders = [e for e in catalogue.entries(hei.id, api, major) if e.host != index]
            clean = False
            why = "another provider has registered it" if holders else wait
            found.append(Finding.problem(hei.id, f"the catalogue lacks our {api} {major}", why))
        elif there_entry is not None and there_entry.urls != entry.urls:
            clean = False
            words = f"the catalogue has other addresses of our {api} {major}"
            found.append(Finding.problem(hei.id, words, wait))
    for api, major in sorted(known.keys() - wanted.keys()):
        clean = False
        words = f"the catalogue lists {api} {major} of us, which we do not serve"
        found.append(Finding.warning(hei.id, words, wait))
    if clean:
        words = f"listed with exactly our keys and {len(wanted)} endpoints"
        found.append(Finding.ok(hei.id, words))
    return found


def change_notices(tools: Tools, hei: CoveredHei, catalogue: Catalogue) -> Iterator[Finding]:
    """Say who receives the notices of change, and whether that is what the settings say."""
    ours = _our_host(tools, hei.id, catalogue)
    for api in sorted(CNR_APIS):
        others = [
            each for each in catalogue.entries(hei.id, api) if ours is None or each.host != ours[0]
        ]
        holders = sorted({catalogue.host(e).admin_provider or "another provider" for e in others})
        mode, who = hei.mode(api), ", ".join(holders)
        if mode is ApiMode.OWN and who:
            do = f'set {api} = "forwarded" or "poll", or have {who} give it up'
            yield Finding.problem(hei.id, f"{api} is to be ours, but {who} holds it", do)
        elif mode is ApiMode.FORWARDED and not who:
            do = f'set {api} = "own" to have it ourselves, or "poll"'
            yield Finding.warning(hei.id, f"{api} is to be forwarded, but nobody holds it", do)
        else:
            holder = f"; {who} holds it" if who else ""
            yield Finding.ok(hei.id, f"{api}: {mode.value}{holder}")


FAMILIES = {  # of which the network wants all or nothing (guide §1.3)
    "nominations": (
        "omobilities",
        "omobility-cnr",
        "omobility-stats",
        "imobilities",
        "imobility-cnr",
    ),
    "learning agreements": ("omobility-las", "omobility-la-cnr"),
    "transcripts": ("imobility-tors", "imobility-tor-cnr", "imobility-tor-stats"),
}


def families(
    tools: Tools, hei: CoveredHei, expected: bytes, catalogue: Catalogue
) -> Iterator[Finding]:
    """Name what the network wants beside what we declare, and no other host of the HEI has."""
    ours = {each.api for each in read_manifest(expected).hosts[0].entries}
    here = _our_host(tools, hei.id, catalogue)

    def elsewhere(api: str) -> bool:
        entries = catalogue.entries(hei.id, api)
        return any(here is None or each.host != here[0] for each in entries)

    do = 'let that system declare them, or set them to "own" in the HEI file'
    for name, apis in FAMILIES.items():
        wanted = set(apis)
        if not any(map(hei.serves, apis)):  # statistics are of whoever serves the data
            wanted = {each for each in apis if not each.endswith("-stats")}
        missing = [e for e in apis if e in wanted and e not in ours and not elsewhere(e)]
        if missing and not ours.isdisjoint(apis):
            words = f"the network wants {name} whole; nobody serves {', '.join(missing)} of it"
            yield Finding.warning(hei.id, words, do)
    if not ours.isdisjoint(DATA_APIS) and not ("institutions" in ours or elsewhere("institutions")):
        yield Finding.warning(hei.id, "the network wants institutions of everybody", do)


async def own_system(tools: Tools, hei: CoveredHei) -> list[Finding]:
    """Read the manifest of the HEI's own host: nobody else tells us of what it changes."""
    if hei.own_system is None and hei.feed_token_sha256:
        return [Finding.ok(hei.id, "no own_system; its system feeds us")]
    if hei.own_system is None:
        do = "set own_system to its manifest's address, or let its system feed us"
        words = "no own_system: what it changes for its own students is not heard of"
        return [Finding.warning(hei.id, words, do)]
    try:
        body, _ = await tools.fetch(hei.own_system)
        found = read_manifest(body)
    except (NotFetched, XmlRefused, MessageInvalid) as error:
        do = "look at own_system, and at that system"
        return [Finding.problem(hei.id, f"its own system cannot be read: {error}", do)]
    if not found.covers(hei.id):
        words = f"own_system is about {', '.join(found.hei_ids) or 'no HEI'}"
        return [Finding.problem(hei.id, words, "set own_system to its own manifest")]
    served_there = speaks(found, hei.id)
    if not any(found.majors(hei.id, api) for api in READ):
        return [
            Finding.warning(hei.id, f"its own system serves no mobilities, only {served_there}")
        ]
    return [Finding.ok(hei.id, f"its own system serves {served_there}")]
