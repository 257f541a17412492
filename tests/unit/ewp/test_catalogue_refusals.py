"""Documents that are not let in as a catalogue."""

import pytest
from unit.ewp.catalogues import a_catalogue, a_host

from ewp.catalogue_xml import CatalogueLimits, read_catalogue
from ewp.errors import MessageInvalid, XmlRefused

FINE = a_catalogue(a_host())
PROLOG = FINE[: FINE.index(b"<catalogue")]


def refusal(chunks, error=XmlRefused, **more):
    with pytest.raises(error) as refused:
        read_catalogue([chunks] if isinstance(chunks, bytes) else chunks, **more)
    return str(refused.value)


@pytest.mark.parametrize(
    "data",
    [
        FINE.replace(b"<catalogue", b"<!DOCTYPE catalogue><catalogue", 1),
        FINE.replace(b"<catalogue", b"<!-- x --><?y z?> <!DOCTYPE catalogue><catalogue", 1),
        b"<!DOCTYPE a [<!ENTITY b 'bb'><!ENTITY c '&b;&b;&b;'>]>" + FINE[len(PROLOG) :],
    ],
    ids=["plain", "behind a comment", "entities"],
)
@pytest.mark.parametrize("size", [1, 20, 10_000])
def test_a_doctype_is_refused_before_anything_is_parsed(data, size):
    pieces = [data[at : at + size] for at in range(0, len(data), size)]

    assert refusal(pieces) == "has a DOCTYPE"


def test_a_comment_that_only_speaks_of_a_doctype_is_let_in():
    data = FINE.replace(b"<catalogue", b"<!-- no <!DOCTYPE here --><catalogue", 1)

    assert len(read_catalogue([data]).hosts) == 1


@pytest.mark.parametrize(
    "data",
    [
        FINE[:-1],
        FINE[: len(FINE) // 2],
        FINE + b"<more/>",
        FINE.replace(b"<institutions>", b"<institutions>&unheard;"),
        FINE.replace(b"<institutions>", b"<institutions>\xff"),
        FINE.replace(b"<institutions>", b"<institutions>\0"),
        FINE.decode().encode("utf-16"),
        b"<html><body>Bad gateway",
    ],
    ids=["cut", "half", "two roots", "entity", "not utf-8", "nul", "utf-16", "html"],
)
def test_what_is_not_well_formed_is_refused(data):
    assert refusal(data).startswith("not well-formed")


@pytest.mark.parametrize("chunks", [[], [b""], [b"   \n"], [PROLOG], [b"{}"]])
def test_nothing_is_no_catalogue(chunks):
    assert refusal(chunks) == "empty, or without a root element"


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"<html/>", "catalogue: another root element"),
        (b"<catalogue/>", "catalogue: another root element"),
        (a_catalogue(), "catalogue: no host"),
    ],
)
def test_another_document_or_an_empty_one_is_refused(data, rule):
    assert refusal(data, MessageInvalid) == rule


def test_too_many_bytes_are_refused_before_they_are_all_there():
    def endless():
        yield FINE[:-12]
        while True:
            yield b"<!-- and so on -->"

    assert refusal(endless(), limits=CatalogueLimits(bytes=5_000)) == "larger than 5000 bytes"


def test_too_many_elements_are_refused():
    data = a_catalogue(a_host(), more="<x/>" * 500)

    assert refusal(data, limits=CatalogueLimits(elements=100)) == "more than 100 elements"


@pytest.mark.parametrize("place", ["host", "hei"])
def test_deep_nesting_is_refused(place):
    deep = "<x>" * 20 + "</x>" * 20
    data = (
        a_catalogue(a_host(before=deep))
        if place == "host"
        else a_catalogue(a_host(), heis=f'<hei id="a.example">{deep}</hei>')
    )

    assert refusal(data) == "nested deeper than 16"


def test_nesting_without_end_is_refused_wherever_it_is():
    data = a_catalogue(a_host(), more="<x>" * 5_000 + "</x>" * 5_000)

    assert refusal(data).startswith("not well-formed")


def test_a_long_prolog_is_refused():
    data = b"<!--" + b"x" * 5_000 + b"-->" + FINE[len(PROLOG) :]

    assert (
        refusal([data[:3_000], data[3_000:]], limits=CatalogueLimits(prolog=2_000))
        == "more than 2000 bytes before its root element"
    )
