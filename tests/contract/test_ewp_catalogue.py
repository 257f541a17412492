"""Our index of a catalogue against the questions as the guide asks them, in XPath (§1.2)."""

from pathlib import Path

import pytest
from lxml import etree

from ewp.catalogue_xml import read_catalogue
from ewp.keys import PublicKey

EWP = Path(__file__).parents[2] / "../shared/ewp"
EXAMPLES = sorted(EWP.glob("examples/ewp-specs-api-registry-*/*.xml"))
if not EXAMPLES:
    pytest.skip("../shared is not here: published catalogues to index", allow_module_level=True)

SPECS = "https://github.com/erasmus-without-paper/ewp-specs-"
R = {"r": f"{SPECS}api-registry/tree/stable-v1"}
SECURITY_METHODS = {"httpsig", "anonymous"}


@pytest.fixture(params=EXAMPLES, ids=[each.stem for each in EXAMPLES])
def example(request):
    """An index, and the tree of the same document."""
    return read_catalogue([request.param.read_bytes()]), etree.parse(request.param)


def asked(tree, question, **values):
    return tree.xpath(question, namespaces=R, **values)


def test_every_hei_of_every_host_is_covered(example):
    catalogue, tree = example

    assert catalogue.hei_ids == set(asked(tree, "//r:institutions-covered/r:hei-id/text()"))
    assert catalogue.hei_ids


def test_every_host_is_there_with_its_contacts(example):
    catalogue, tree = example

    assert [host.admin_emails for host in catalogue.hosts] == [
        tuple(asked(host, "*[local-name()='admin-email']/text()"))
        for host in asked(tree, "/r:catalogue/r:host")
    ]


def test_the_entries_of_every_hei_and_api_are_those_of_its_hosts(example):
    catalogue, tree = example
    for hei_id in catalogue.hei_ids:
        elements = asked(
            tree,
            "//r:hei-id[text()=$hei]/../../r:apis-implemented/*"
            "[contains(namespace-uri(), '/blob/stable-v')]",
            hei=hei_id,
        )
        wanted = sorted((etree.QName(each).localname, each.get("version")) for each in elements)

        names = {api for api, _ in wanted}
        found = [entry for api in names for entry in catalogue.entries(hei_id, api)]
        assert sorted((entry.api, entry.version) for entry in found) == wanted


def test_urls_and_security_of_every_entry_are_the_documents(example):
    catalogue, tree = example
    elements = iter(
        asked(tree, "//r:apis-implemented/*[contains(namespace-uri(), '/blob/stable-v')]")
    )
    for host in catalogue.hosts:
        for entry in host.entries:
            element = next(elements)
            urls = asked(element, "*[local-name()='url' or contains(local-name(), '-url')]")
            methods = asked(element, "*/*[local-name()='client-auth-methods']/*")
            assert sorted(entry.urls.values()) == sorted(each.text.strip() for each in urls)
            assert entry.usable == (
                entry.api in {"discovery", "registry"}
                or bool(SECURITY_METHODS & {etree.QName(each).localname for each in methods})
            )
    assert next(elements, None) is None


def test_every_key_is_the_one_of_its_fingerprint(example):
    catalogue, tree = example
    listed = set(asked(tree, "//r:client-credentials-in-use/r:rsa-public-key/@sha-256"))
    bodies = {
        each.get("sha-256"): each.text for each in asked(tree, "//r:binaries/r:rsa-public-key")
    }

    found = {key_id: catalogue.client_key(key_id) for key_id in listed}

    right = {
        key_id: key
        for key_id, text in bodies.items()
        if (key := PublicKey.from_base64_der(text)).key_id == key_id and key_id in listed
    }
    assert {key_id: key for key_id, key in found.items() if key is not None} == right


def test_every_client_key_speaks_for_the_heis_of_its_hosts(example):
    catalogue, tree = example
    for key_id in asked(tree, "//r:client-credentials-in-use/r:rsa-public-key/@sha-256"):
        heis = asked(
            tree,
            "//r:client-credentials-in-use/r:rsa-public-key[@sha-256=$key]"
            "/../../r:institutions-covered/r:hei-id/text()",
            key=key_id,
        )
        assert catalogue.heis_of_client_key(key_id) == set(heis)


def test_names_and_codes_of_every_hei_are_listed(example):
    catalogue, tree = example
    for hei in asked(tree, "/r:catalogue/r:institutions/r:hei"):
        names = asked(hei, "r:name[lang('en')]/text()")
        if names:
            assert catalogue.name(hei.get("id"), "en") == names[0].strip()
        for code in asked(hei, "r:other-id[@type='erasmus']/text()"):
            assert hei.get("id") in catalogue.find_by_other_id("erasmus", code)
