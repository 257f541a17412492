"""Manifests: written as the registry wants them, read as they come (guide §1.3)."""

import pytest
from lxml import etree
from msgspec.structs import replace
from unit.ewp.catalogues import SPECS, entry
from unit.ewp.stranger import Stranger

from ewp.catalogue import ApiEntry, ClientAuth, Host, ListedHei, ServerAuth
from ewp.errors import MessageInvalid, XmlRefused
from ewp.keys import PublicKey
from ewp.manifest import Manifest, Offer, read_manifest, write_manifest

A, B, C = (PublicKey.from_base64_der(Stranger().base64_der) for _ in range(3))
OWN = "https://ewp.lindental.example/ewp/lindental.example"
MANIFEST = Manifest(
    url=f"{OWN}/manifest.xml",
    hei_id="lindental.example",
    names={"de": "Universität Lindental", "en": "Lindental <& Daughters>", "sr-Latn": "Čačak"},
    other_ids=(("erasmus", "D  LINDENT01"), ("pic", "1"), ("pic", "2")),
    admin_emails=("ewp@lindental.example", "it@lindental.example"),
    admin_provider="Provider & Söhne (Software)",
    admin_notes="Down on Sundays",
    offers=(
        Offer(
            api="omobilities",
            version="3.0.0",
            major=3,
            children=(
                ("get-url", f"{OWN}/omobilities/3/get"),
                ("index-url", f"{OWN}/omobilities/3/index?a=1&b=2"),
                ("update-url", f"{OWN}/omobilities/3/update"),
                ("max-omobility-ids", "7"),
            ),
        ),
        Offer(
            api="organizational-units",
            version="2.1.1",
            major=2,
            children=(("url", f"{OWN}/ounits"), ("max-ounit-ids", "1"), ("max-ounit-codes", "1")),
            anonymous=True,
        ),
    ),
    client_keys=(A, B),
    server_keys=(B, C),
)
SERVERS = frozenset({ServerAuth.HTTPSIG, ServerAuth.TLSCERT})


def test_a_manifest_is_read_as_it_was_written():
    catalogue = read_manifest(write_manifest(MANIFEST))

    assert catalogue.hosts == (
        Host(
            admin_emails=("ewp@lindental.example", "it@lindental.example"),
            admin_provider="Provider & Söhne (Software)",
            admin_notes="Down on Sundays",
            entries=(
                ApiEntry(
                    api="discovery",
                    version="6.0.0",
                    major=6,
                    urls={"url": f"{OWN}/manifest.xml"},
                    client_auth=frozenset({ClientAuth.ANONYMOUS}),
                ),
                ApiEntry(
                    api="omobilities",
                    version="3.0.0",
                    major=3,
                    urls={
                        "get-url": f"{OWN}/omobilities/3/get",
                        "index-url": f"{OWN}/omobilities/3/index?a=1&b=2",
                        "update-url": f"{OWN}/omobilities/3/update",
                    },
                    limits={"max-omobility-ids": 7},
                    client_auth=frozenset({ClientAuth.HTTPSIG}),
                    server_auth=SERVERS,
                ),
                ApiEntry(
                    api="organizational-units",
                    version="2.1.1",
                    major=2,
                    urls={"url": f"{OWN}/ounits"},
                    limits={"max-ounit-ids": 1, "max-ounit-codes": 1},
                    client_auth=frozenset({ClientAuth.HTTPSIG, ClientAuth.ANONYMOUS}),
                    server_auth=SERVERS,
                ),
            ),
            hei_ids=("lindental.example",),
            client_keys=frozenset({A.key_id, B.key_id}),
            server_keys=frozenset({B.key_id, C.key_id}),
        ),
    )
    assert catalogue.listed("lindental.example") == ListedHei(
        hei_id="lindental.example",
        names=tuple(MANIFEST.names.items()),
        other_ids=MANIFEST.other_ids,
    )
    assert catalogue.client_key(A.key_id) == A
    assert catalogue.client_key(C.key_id) is None
    assert catalogue.server_key(catalogue.hosts[0].entries[0], C.key_id) == C


def test_it_stands_in_the_order_of_the_schema():
    root = etree.fromstring(write_manifest(MANIFEST))
    [host] = root
    hei = host.find("{*}institutions-covered/{*}hei")

    assert [etree.QName(each).localname for each in host] == [
        "admin-email",
        "admin-email",
        "admin-provider",
        "admin-notes",
        "apis-implemented",
        "institutions-covered",
        "client-credentials-in-use",
        "server-credentials-in-use",
    ]
    assert [etree.QName(each).localname for each in hei] == ["other-id"] * 3 + ["name"] * 3
    assert [each.get("{http://www.w3.org/XML/1998/namespace}lang") for each in hei[3:]] == [
        "de",
        "en",
        "sr-Latn",
    ]


def test_without_keys_and_notes_there_are_no_empty_elements():
    bare = replace(
        MANIFEST, client_keys=(), server_keys=(), admin_notes=None, other_ids=(), offers=()
    )
    [host] = etree.fromstring(write_manifest(bare))

    assert [etree.QName(each).localname for each in host] == [
        "admin-email",
        "admin-email",
        "admin-provider",
        "apis-implemented",
        "institutions-covered",
    ]
    assert read_manifest(write_manifest(bare)).hei_ids == {"lindental.example"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"admin_emails": ()}, "admin-email: is missing"),
        ({"admin_provider": " "}, "admin-provider: is missing"),
        ({"names": {}}, "name: is missing"),
        (
            {"url": "http://ewp.lindental.example/manifest.xml"},
            "discovery/url: must be https, without a fragment",
        ),
        (
            {"offers": (replace(MANIFEST.offers[1], children=(("url", f"{OWN}/ounits#a"),)),)},
            "organizational-units/url: must be https, without a fragment",
        ),
        ({"offers": MANIFEST.offers[:1] * 2}, "omobilities 3: is there twice"),
        ({"admin_notes": "a\x00b"}, "has a character that XML cannot carry"),
    ],
)
def test_what_the_registry_would_refuse_is_not_written(changes, words):
    with pytest.raises(MessageInvalid) as refused:
        write_manifest(replace(MANIFEST, **changes))

    assert str(refused.value) == f"manifest: {words}"


# -- Strangers' manifests --


def a_manifest(inside="", *, version=6, hosts=1):
    host = f"<host>{inside}</host>" * hosts
    return (
        f'<m:manifest xmlns:m="{SPECS}api-discovery/tree/stable-v{version}"'
        f' xmlns="{SPECS}api-discovery/tree/stable-v{version}"'
        f' xmlns:ewp="{SPECS}architecture/blob/stable-v1/common-types.xsd"'
        f' xmlns:r="{SPECS}api-registry/tree/stable-v1">{host}</m:manifest>'
    ).encode()


def covering(*heis):
    return f"<institutions-covered>{''.join(heis)}</institutions-covered>"


def hei(id_, name="N"):
    return f'<r:hei id="{id_}"><r:name>{name}</r:name></r:hei>'


def credentials(side, *bodies):
    keys = "".join(f"<rsa-public-key>{each}</rsa-public-key>" for each in bodies)
    return f"<{side}-credentials-in-use>{keys}</{side}-credentials-in-use>"


def test_a_host_may_say_little():
    assert read_manifest(a_manifest()).hosts == (Host(),)


def test_a_strangers_manifest_is_read_as_far_as_it_is_of_use():
    wrapped = "\n  ".join(A.to_base64_der()[at : at + 60] for at in range(0, 400, 60))
    catalogue = read_manifest(
        a_manifest(
            " <ewp:admin-email> ops@sis.example </ewp:admin-email><ewp:admin-email/>"
            "<!-- a comment --><ewp:admin-provider> SIS </ewp:admin-provider>"
            "<admin-notes xmlns='urn:other'>not ours</admin-notes><r:apis-implemented>"
            + entry("echo", "2.0.1")
            + entry("unheard", "1.0", inner="<url>https://sis.example/a</url>")
            + entry("future", "1.0.0", namespace="urn:other")
            + "</r:apis-implemented>"
            + covering(hei(" Montfort.Example "))
            + credentials("client", wrapped, "MIIBIjANBg=", "c2hvcnQ=").replace(
                "<rsa", "<certificate>MIIB</certificate><rsa", 1
            )
            + credentials("server")
        )
    )

    [host] = catalogue.hosts
    assert replace(host, entries=()) == Host(
        admin_emails=("ops@sis.example",),
        admin_provider="SIS",
        hei_ids=("montfort.example",),
        client_keys=frozenset({A.key_id}),
    )
    assert [each.api for each in host.entries] == ["echo"]


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        (a_manifest(hosts=0), "manifest: 0 hosts, must be one"),
        (a_manifest(hosts=2), "manifest: 2 hosts, must be one"),
        (
            a_manifest(covering(hei("a.example"), hei("b.example"))),
            "manifest: 2 HEIs, may be one at most",
        ),
        (a_manifest().replace(b"manifest", b"catalogue"), "not a manifest"),
        (b"<manifest><host/></manifest>", "not a manifest"),
        (a_manifest().replace(b"api-discovery", b"api-discoverx"), "not a manifest"),
    ],
)
def test_what_is_no_manifest_of_one_hei_is_refused(xml, words):
    with pytest.raises(MessageInvalid) as refused:
        read_manifest(xml)

    assert str(refused.value) == words


def test_it_comes_in_through_the_one_door():
    with pytest.raises(XmlRefused):
        read_manifest(b"<!DOCTYPE manifest>" + a_manifest())


def test_what_stands_in_another_namespace_is_none_of_its_host():
    foreign = (
        "<x:host xmlns:x='urn:other'/>"
        f"<host><x:institutions-covered xmlns:x='urn:other'>{hei('a.example')}"
        "</x:institutions-covered></host>"
    )
    xml = a_manifest(hosts=0).replace(b"></m:", f">{foreign}</m:".encode())

    assert read_manifest(xml).hosts == (Host(),)
