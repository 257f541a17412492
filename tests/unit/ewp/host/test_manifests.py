"""The manifests that a host serves: all that is declared answers, and nothing is shared."""

from urllib.parse import urlsplit

import pytest
from lxml import etree
from unit.ewp.host.world import LINDENTAL, NAME, NORDFJORD, OWN, SERVER, SPECS

from ewp.manifest import read_manifest

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def manifest(world, hei_id):
    headers = {"host": NAME}
    answer = await world.send("GET", f"/ewp/{hei_id}/manifest.xml", headers)
    assert answer.status_code == 200
    return answer.content


async def test_anybody_may_read_who_is_hosted_and_how(world):
    catalogue = read_manifest(await manifest(world, LINDENTAL))

    [host] = catalogue.hosts
    assert host.hei_ids == (LINDENTAL,)
    assert catalogue.name(LINDENTAL, "en") == "Lindental & Daughters University"
    assert (host.client_keys, host.server_keys) == ({OWN.key_id}, {SERVER.key_id})
    assert [(each.api, each.version, sorted(each.urls), each.limits) for each in host.entries] == [
        ("discovery", "6.0.0", ["url"], {}),
        ("echo", "2.0.1", ["url"], {}),
        ("omobilities", "2.0.0", ["get-url", "index-url"], {"max-omobility-ids": 3}),
        ("omobilities", "3.0.0", ["get-url", "index-url", "update-url"], {"max-omobility-ids": 3}),
        (
            "omobility-las",
            "1.2.0",
            ["get-url", "index-url", "stats-url", "update-url"],
            {"max-omobility-ids": 3},
        ),
        ("imobilities", "1.0.0", ["get-url"], {"max-omobility-ids": 3}),
        ("imobilities", "2.0.0", ["get-url"], {"max-omobility-ids": 3}),
        ("institutions", "2.2.0", ["url"], {"max-hei-ids": 1}),
        (
            "organizational-units",
            "2.1.1",
            ["url"],
            {"max-ounit-ids": 3, "max-ounit-codes": 3},
        ),
        ("factsheet", "1.2.0", ["url"], {"max-hei-ids": 1}),
        ("omobility-cnr", "1.0.0", ["url"], {"max-omobility-ids": 3}),
        ("omobility-cnr", "2.0.0", ["url"], {"max-omobility-ids": 3}),
        ("imobility-cnr", "1.0.0", ["url"], {"max-omobility-ids": 3}),
        ("imobility-cnr", "2.0.0", ["url"], {"max-omobility-ids": 3}),
        ("omobility-la-cnr", "1.1.0", ["stats-url", "url"], {"max-omobility-ids": 3}),
        ("imobility-tors", "2.0.0", ["get-url", "index-url"], {"max-omobility-ids": 3}),
        ("imobility-tors", "3.0.0", ["get-url", "index-url"], {"max-omobility-ids": 3}),
        ("imobility-tor-cnr", "1.0.0", ["url"], {"max-omobility-ids": 3}),
        ("imobility-tor-cnr", "2.0.0", ["url"], {"max-omobility-ids": 3}),
        (
            "iias",
            "6.3.0",
            ["get-url", "index-url", "stats-url"],
            {"max-iia-ids": 3, "max-iia-codes": 3},
        ),
        ("iias", "7.0.0", ["get-url", "index-url", "stats-url"], {"max-iia-ids": 1}),
        ("iias-approval", "1.1.1", ["url"], {"max-iia-ids": 3}),
        ("iias-approval", "2.0.0", ["url"], {"max-iia-ids": 3}),
        ("iia-cnr", "2.0.3", ["url"], {}),
        ("iia-cnr", "3.0.0", ["url"], {}),
        ("iia-approval-cnr", "1.1.0", ["url"], {}),
        ("iia-approval-cnr", "2.0.0", ["url"], {}),
        ("omobility-stats", "1.0.0", ["url"], {}),
        ("imobility-tor-stats", "1.0.0", ["url"], {}),
        ("courses", "0.7.1", ["url"], {"max-los-ids": 3, "max-los-codes": 3}),
        ("simple-course-replication", "1.0.0", ["url"], {}),
        ("file", "1.0.0", ["url"], {}),
        ("monitoring", "0.2.0", ["url"], {}),
    ]


async def test_every_entry_says_how_it_is_secured(world):
    root = etree.fromstring(await manifest(world, LINDENTAL))

    public = {"institutions", "organizational-units", "factsheet"}
    public |= {"courses", "simple-course-replication"}
    for entry in root.find(".//{*}apis-implemented"):
        name = etree.QName(entry).localname
        if name == "discovery":
            continue
        assert etree.QName(entry[0]) == etree.QName(etree.QName(entry).namespace, "http-security")
        methods = [[each.tag for each in methods] for methods in entry[0]]
        signed = f"{{{SPECS}sec-cliauth-httpsig/tree/stable-v1}}httpsig"
        anonymous = f"{{{SPECS}sec-cliauth-none/tree/stable-v1}}anonymous"
        assert methods == [
            [anonymous, signed] if name in public else [signed],
            [
                f"{{{SPECS}sec-srvauth-tlscert/tree/stable-v1}}tlscert",
                f"{{{SPECS}sec-srvauth-httpsig/tree/stable-v1}}httpsig",
            ],
        ]


async def test_every_declared_address_answers(world):
    catalogue = read_manifest(await manifest(world, LINDENTAL))

    for entry in catalogue.hosts[0].entries:
        for url in entry.urls.values():
            parts = urlsplit(url)
            assert (parts.scheme, parts.netloc, parts.query) == ("https", NAME, "")
            answer = await world.ask(parts.path, method="DELETE")
            assert answer.status_code == 405


async def test_two_universities_share_neither_address_nor_client_key(world):
    one, other = [
        read_manifest(await manifest(world, each)).hosts[0] for each in (LINDENTAL, NORDFJORD)
    ]

    def urls(host):
        return {url for entry in host.entries for url in entry.urls.values()}

    assert urls(one) & urls(other) == set()
    assert one.client_keys & other.client_keys == set()
    assert set(one.hei_ids) & set(other.hei_ids) == set()
    assert [each.api for each in other.entries] == ["discovery", "echo"]
