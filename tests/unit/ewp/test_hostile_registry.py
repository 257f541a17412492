"""A registry that has been taken over, or whoever stands in its place: the list of what it does."""

import gzip
import tracemalloc
from xml.sax.saxutils import escape, quoteattr

import pytest
from structlog.testing import capture_logs
from unit.ewp.catalogues import a_catalogue, a_host, entry
from unit.ewp.registries import FIRST, SECOND
from unit.ewp.stranger import Stranger

from ewp import registry
from ewp.catalogue_xml import read_catalogue

LIMIT = 1_000_000  # bytes, in place of 100 MB
BOMB = gzip.compress(b"<a>" * 20_000_000, 1)
PACKED = gzip.compress(SECOND)

HOSTILE = {
    "a document without end": ({"endless": b"a" * 100_000}, "catalogue_unavailable"),
    "one byte too many": ({"document": FIRST.ljust(LIMIT + 1)}, "catalogue_unavailable"),
    "a bomb": ({"document": BOMB, "encoding": "gzip"}, "catalogue_unavailable"),
    "a bomb in a bomb": (
        {"document": gzip.compress(BOMB), "encoding": "gzip, gzip"},
        "unreachable",
    ),
    "a bomb in a bomb, told once": (
        {"document": gzip.compress(BOMB), "encoding": "gzip"},
        "xml_refused",
    ),
    "many members": ({"document": PACKED * 1_000, "encoding": "gzip"}, "unreachable"),
    "garbage behind the end": ({"document": PACKED + b"?", "encoding": "gzip"}, "unreachable"),
    "gzip without an end": ({"document": PACKED[:-9], "encoding": "gzip"}, "unreachable"),
    "an encoding that nobody asked for": ({"document": PACKED, "encoding": "br"}, "unreachable"),
    "a redirect to nowhere": ({"status": 302, "location": "mailto:a@b.example"}, "unreachable"),
    "a redirect to itself": ({"status": 302, "location": "/catalogue-v1.xml"}, "http_302"),
    "no content": ({"status": 204, "document": b""}, "http_204"),
    "UTF-16": ({"document": FIRST.decode().encode("utf-16")}, "xml_refused"),
    "a declared ISO-8859-1": (
        {"document": FIRST.replace(b"UTF-8", b"ISO-8859-1").replace(b"echo", b"\xe9cho")},
        "xml_refused",
    ),
    "deep nesting": ({"document": b"<a>" * 10_000}, "xml_refused"),
    "entities": (
        {"document": b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'},
        "xml_refused",
    ),
}


@pytest.mark.parametrize(("does", "code"), HOSTILE.values(), ids=HOSTILE)
async def test_what_a_hostile_registry_does_has_a_name_and_leaves_the_good_catalogue(
    keeper, served, clock, path, monkeypatch, does, code
):
    await keeper.refresh()
    before, on_disk = keeper.current, path.read_bytes()
    monkeypatch.setattr(registry, "DEFAULT", registry.DEFAULT.__class__(bytes=LIMIT))
    served.does(**does)
    clock.pass_by(minutes=5)

    tracemalloc.start()
    with capture_logs() as logs:
        assert not await keeper.refresh()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert keeper.current is before
    assert path.read_bytes() == on_disk
    assert logs == [{"event": "catalogue.unavailable", "log_level": "warning", "code": code}]
    assert peak < 10 * LIMIT  # the partner's side of the connection is in it


@pytest.mark.parametrize(
    "hei_id",
    [
        "../../etc/passwd",
        "a.example/../b.example",
        "a b.example",
        "a.example\n{}",
        "\u0430.example",  # a Cyrillic letter that looks like a
        "a.example:443",
        "user@a.example",
        "%61.example",
        "-a.example",
        "*",
        "a" * 254,
        "<script>",
    ],
)
def test_an_hei_id_that_is_no_domain_is_no_hei(hei_id):
    key = Stranger()
    catalogue = read_catalogue(
        [
            a_catalogue(
                a_host(entry("echo", "2.0.0"), [escape(hei_id), "good.example"], [key.key_id]),
                heis=f"<hei id={quoteattr(hei_id)}><name>A</name></hei>",
                keys={key.key_id: key.base64_der},
            )
        ]
    )

    assert catalogue.hei_ids == {"good.example"}
    assert catalogue.heis_of_client_key(key.key_id) == {"good.example"}
    assert catalogue.listed(hei_id) is None


@pytest.mark.parametrize(
    "body",
    [
        Stranger().base64_der,
        "AAAA",
        "no base64!",
        "",
        "żółć",
        "A" * 100_000,
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE" + "A" * 86 + "==",
    ],
    ids=["another key", "no key", "no base64", "empty", "not ASCII", "long", "a curve"],
)
def test_a_key_that_is_not_what_its_fingerprint_says_is_no_key(body):
    key = Stranger()
    catalogue = read_catalogue(
        [
            a_catalogue(
                a_host(entry("echo", "2.0.0"), ["a.example"], [key.key_id], [key.key_id]),
                keys={key.key_id: body},
            )
        ]
    )

    assert catalogue.client_key(key.key_id) is None
    assert catalogue.server_key(catalogue.hosts[0].entries[0], key.key_id) is None


def test_entries_hosts_and_keys_without_number_are_indexed_one_by_one():
    """What is indexed by copying ends in the square of what is listed: minutes for this one."""
    key = Stranger()
    alike = [a_host("", [f"hei-{number}.example"], [key.key_id]) for number in range(20_000)]
    catalogue = read_catalogue(
        [a_catalogue(*alike, a_host(entry("echo", "2.0.0") * 20_000, ["a.example"]))]
    )

    assert len(catalogue.heis_of_client_key(key.key_id)) == 20_000
    assert len(catalogue.entries("a.example", "echo")) == 20_000
