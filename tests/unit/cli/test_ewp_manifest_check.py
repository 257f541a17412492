"""A manifest against the registry's rules (guide §1.3): one thing wrong at a time."""

import pytest
from unit.ewp.stranger import Stranger

from erasmus_app.cli.ewp_findings import Level
from erasmus_app.cli.ewp_manifest import check_manifest
from ewp.catalogue import Catalogue, of_hosts
from ewp.keys import PublicKey
from ewp.manifest import Manifest, Offer, read_manifest, write_manifest

OWN = "https://ewp.lindental.example/ewp/lindental.example"
URL = f"{OWN}/manifest.xml"
KEY, OTHER_KEY = (PublicKey.from_base64_der(Stranger().base64_der) for _ in range(2))


def offer(api: str, version: str, address: str = "") -> Offer:
    url = address or f"{OWN}/{api}"
    return Offer(api=api, version=version, major=int(version[0]), children=(("url", url),))


def manifest(hei_id: str = "lindental.example", url: str = URL, **more) -> Manifest:
    about = {
        "url": url,
        "hei_id": hei_id,
        "names": {"en": "Lindental"},
        "admin_emails": ("ewp@lindental.example",),
        "admin_provider": "Provider (Software)",
        "offers": (offer("echo", "2.0.1"), offer("factsheet", "1.2.0")),
        "client_keys": (KEY,),
        "server_keys": (KEY,),
    }
    return Manifest(**about | more)


GOOD = write_manifest(manifest()).decode()
ITSELF = read_manifest(GOOD.encode())


def catalogue(*manifests: Manifest) -> Catalogue:
    read = [read_manifest(write_manifest(each)) for each in (manifest(), *manifests)]
    return of_hosts([host for each in read for host in each.hosts])


def said(xml: str, known: Catalogue = ITSELF) -> list[tuple[Level, str]]:
    found = check_manifest(xml.encode(), URL, known)
    return [(each.level, f"{each.about}: {each.words}") for each in found]


def without(text: str, start: str, end: str) -> str:
    head, _, rest = text.partition(start)
    return head + rest.partition(end)[2]


def test_a_good_manifest_that_is_listed_already_has_nothing_to_refuse():
    assert said(GOOD) == [(Level.OK, "manifest: nothing that the registry would refuse")]


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        ("<a", "manifest: not XML that can be read: "),
        ("<a/>", "manifest: not a manifest of Discovery 6, but a"),
        (GOOD.replace("</host>", "</host><host/>"), "manifest: 2 hosts; a manifest has one"),
        (without(GOOD, "<ewp:admin-email>", "email>"), "manifest: admin-email is missing"),
        (
            GOOD.replace("</r:hei>", '</r:hei><r:hei id="b.example"/>'),
            "manifest: 2 HEIs; a host covers one at most",
        ),
        (without(GOOD, "<r:name", "r:name>"), "manifest: lindental.example has no name"),
        (
            GOOD.replace("<rsa-public-key>MII", "<rsa-public-key>MI", 1),
            "keys: client key 1 is dropped: not",
        ),
        (
            GOOD.replace('version="2.0.1"', 'version="2.0"'),
            "echo 2.0: is dropped: its version is not three numbers",
        ),
        (
            GOOD.replace("stable-v1/manifest-entry", "stable-vX/manifest-entry"),
            "factsheet 1.2.0: is dropped: unknown namespace, or no address in it",
        ),
        (
            GOOD.replace(f"{OWN}/factsheet", f"{OWN}/factsheet#here"),
            "factsheet 1.2.0: url is no https address without a fragment",
        ),
        (
            without(GOOD, "<http-security>", "</http-security>"),
            "echo 2.0.1: nobody can call it: no client method of today",
        ),
        (
            GOOD.replace("</r:apis-implemented>", "<r:catalogue/></r:apis-implemented>"),
            "catalogue: is dropped: a manifest may not hold it",
        ),
    ],
)
def test_what_the_registry_would_refuse_is_a_problem(xml: str, words: str):
    level, found = said(xml)[0]

    assert (level, found[: len(words)]) == (Level.PROBLEM, words)


def test_an_entry_that_is_there_twice_is_kept_once_but_echo_may_be():
    start, end = GOOD.index("<echo"), GOOD.index("</r:apis-implemented>")
    twice = GOOD.replace(GOOD[start:end], 2 * GOOD[start:end])

    assert said(twice) == [(Level.PROBLEM, "factsheet 1: is there 2 times; one is kept")]


def test_what_it_only_frowns_at_is_a_warning():
    moved = GOOD.replace(URL, f"{OWN}/elsewhere.xml").replace('"1.2.0"', '"2.2.0"')
    keyless = without(moved, "<server-credentials-in-use>", "</server-credentials-in-use>")

    assert said(keyless, of_hosts([])) == [
        (Level.WARNING, "keys: there is no server key"),
        (Level.WARNING, f"discovery: its url is not where it was read: {URL}"),
        (Level.WARNING, "factsheet 2.2.0: the namespace is of version 1"),
    ]


def test_what_others_have_registered_is_dropped():
    theirs = manifest(url="https://other.example/m.xml", admin_provider="Other", client_keys=())
    stranger = manifest(
        "clairval.example",
        "https://c.example/m.xml",
        offers=(offer("omobility-la-cnr", "1.1.0", f"{OWN}/factsheet"),),
    )

    assert said(GOOD, catalogue(theirs, stranger)) == [
        (
            Level.PROBLEM,
            f"keys: client key {KEY.key_id} is dropped: it is registered for clairval.example",
        ),
        (
            Level.PROBLEM,
            "factsheet 1.2.0: is dropped: lindental.example has version 1.2.0 of it at Other",
        ),
        (
            Level.PROBLEM,
            f"factsheet 1.2.0: is dropped: {OWN}/factsheet is an address of clairval.example",
        ),
    ]
