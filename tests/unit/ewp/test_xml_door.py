"""The door for foreign XML: what it lets in, what it refuses, and that it tells nothing."""

import gzip
import socket
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from ewp.errors import EwpError, XmlRefused
from ewp.messages import (
    common,
    echo,
    factsheet,
    iia_hash,
    iias_approval,
    imobilities,
    institutions,
    omobilities,
    omobility_las,
)
from ewp.xml import XmlLimits, open_xml

SAMPLES = Path(__file__).parents[2] / "samples/ewp"
READERS = {
    "omobilities-3-get-response": omobilities.read_get_response,
    "omobilities-2-get-response": omobilities.read_get_response,
    "omobilities-3-update-request": omobilities.read_update_request,
    "omobility-las-1-get-response": omobility_las.read_get_response,
    "omobility-las-1-update-request": omobility_las.read_update_request,
    "imobilities-1-get-response": imobilities.read_get_response,
    "imobilities-2-get-response": imobilities.read_get_response,
    "institutions-2-response": institutions.read_response,
    "factsheet-1-response": factsheet.read_response,
    "iias-6-get-response": iia_hash.read_checked,
    "iias-7-get-response": iia_hash.read_checked,
    "iias-approval-1-response": iias_approval.read_response,
    "iias-approval-2-response": iias_approval.read_response,
    "echo-2-response": echo.read_response,
    "error-response": common.read_error_response,
}
SECRET = "Zofia-Wrona-secret"


def refusal(data: bytes, limits: XmlLimits | None = None) -> str:
    with pytest.raises(XmlRefused) as refused:
        open_xml(data, limits=limits or XmlLimits())
    return str(refused.value)


@pytest.fixture
def address() -> Iterator[str]:
    """An address on loopback that somebody listens at; the test fails if anybody calls."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/a"
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


# -- What comes in --


@pytest.mark.parametrize(
    "data",
    [
        "<a>Żółć é</a>".encode(),
        "\ufeff<a>Żółć é</a>".encode(),
        "<?xml version='1.0' encoding='utf-8' standalone='yes'?><a>Żółć é</a>".encode(),
        "<a>Żółć é</a>".encode("utf-16"),
        "\ufeff<?xml version='1.0' encoding='UTF-16'?><a>Żółć é</a>".encode("utf-16-be"),
        b"<?xml version='1.0' encoding='us-ascii'?><a>&#379;&#243;&#322;&#263; &#233;</a>",
    ],
    ids=["plain", "byte order mark", "declared", "UTF-16", "UTF-16 BE, declared", "ASCII"],
)
def test_every_usual_encoding_gives_the_same_text(data):
    assert open_xml(data).text == "Żółć é"


def test_iso_8859_1_is_read_when_it_is_declared():
    data = "<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>".encode("iso-8859-1")

    assert open_xml(data).text == "é"


def test_the_text_of_an_element_is_one_piece_over_comments_and_cdata():
    assert open_xml(b"<a>b<!-- - -->c<![CDATA[<&>]]><?php d?>e</a>").text == "bc<&>e"


def test_comments_and_instructions_may_stand_before_the_root():
    data = b"<?xml version='1.0'?>\n<!-- <!DOCTYPE a> --><?x <!DOCTYPE a> ?>\n<a/><!-- end -->"

    assert open_xml(data).tag == "a"


def test_the_word_doctype_may_stand_in_a_text():
    assert open_xml(b"<a><![CDATA[<!DOCTYPE html>]]></a>").text == "<!DOCTYPE html>"


def test_a_transcript_with_a_pdf_of_7_mb_comes_in():
    pdf = b"QUJD" * 2_400_000

    assert len(open_xml(b"<tor><content>" + pdf + b"</content></tor>")[0].text) == 9_600_000


# -- DTDs, entities, and what they would fetch --

BILLION_LAUGHS = (
    b"<!DOCTYPE a [<!ENTITY l0 'ha'>"
    + b"".join(b"<!ENTITY l%d '%s'>" % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    + b"]><a>&l9;</a>"
)


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE a><a/>",
        b"<?xml version='1.0'?><!-- c --><!DOCTYPE a SYSTEM 'ADDRESS'><a/>",
        b"<!DOCTYPE a PUBLIC '-//X' 'file:///etc/passwd'><a/>",
        b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        b"<!DOCTYPE a [<!ENTITY % x SYSTEM 'ADDRESS'> %x;]><a/>",
        b"<!DOCTYPE a [<!ENTITY x 'y'>]><a b='&x;'/>",
        b"<!DOCTYPE a [<!ATTLIST a b CDATA 'default'>]><a/>",
        BILLION_LAUGHS,
        b"<!DOCTYPE a [<!ENTITY x '" + b"y" * 50_000 + b"'>]><a>" + b"&x;" * 50_000 + b"</a>",
        "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>".encode("utf-16"),
        "\ufeff<!DOCTYPE a><a/>".encode(),
    ],
    ids=[
        "plain",
        "external DTD",
        "public DTD",
        "external entity",
        "parameter entity",
        "entity in attribute",
        "attribute default",
        "billion laughs",
        "quadratic blowup",
        "in UTF-16",
        "behind a byte order mark",
    ],
)
def test_a_doctype_is_refused_before_anything_in_it_counts(data, address):
    assert refusal(data.replace(b"ADDRESS", address.encode())) == "has a DOCTYPE"


def test_a_doctype_after_the_root_begins_is_no_xml():
    assert refusal(b"<a><!DOCTYPE a></a>").startswith("not well-formed")


def test_an_entity_of_its_own_is_refused_without_a_dtd_too():
    assert refusal(b"<a>&unknown;</a>").startswith("not well-formed")


def test_xinclude_is_an_element_like_any_other(address):
    data = (
        f'<a xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="{address}"'
        ' parse="text"/></a>'
    ).encode()

    assert etree.tostring(open_xml(data)) == data


def test_a_stylesheet_and_a_schema_are_not_fetched(address):
    data = (
        f"<?xml-stylesheet href='{address}'?><a"
        " xmlns:x='http://www.w3.org/2001/XMLSchema-instance'"
        f" x:schemaLocation='a {address}'/>"
    )

    assert open_xml(data.encode()).tag == "a"


# -- Limits --


def test_a_body_over_the_limit_is_refused_before_it_is_parsed():
    assert refusal(b"no XML at all", XmlLimits(bytes=12)) == "larger than 12 bytes"
    assert open_xml(b"<a>12345</a>", limits=XmlLimits(bytes=12)).text == "12345"


def test_the_usual_limit_is_20_mb():
    assert refusal(b" " * 20_000_001) == "larger than 20000000 bytes"


def test_nesting_is_refused_from_one_level_too_many():
    assert open_xml(b"<a>" * 64 + b"</a>" * 64).tag == "a"
    assert refusal(b"<a>" * 65 + b"</a>" * 65) == "nested deeper than 64"


def test_ten_thousand_levels_are_refused_by_the_parser():
    assert refusal(b"<a>" * 10_000 + b"</a>" * 10_000).startswith("nested too deep")


def test_too_many_elements_are_refused_by_counting():
    limits = XmlLimits(elements=4)

    assert len(open_xml(b"<a><b/><b></b><b/></a>", limits=limits)) == 3
    assert refusal(b"<a><b/><b></b><b/><b/></a>", limits) == "more than 4 elements"


def test_too_many_attributes_are_refused_by_counting():
    limits = XmlLimits(attributes=2)

    assert open_xml(b"<a b='' c=''/>", limits=limits).get("b") == ""
    assert refusal(b"<a b='' c='' d=''/>", limits) == "more than 2 attributes"


def test_a_text_over_10_mb_is_refused():
    assert refusal(b"<a>" + b"x" * 12_000_000 + b"</a>").startswith(
        "nested too deep or a text too long"
    )


def test_a_parse_that_takes_too_long_is_given_up():
    seconds = count(0, 3)

    with pytest.raises(XmlRefused, match=r"^not read within 5\.0 seconds$"):
        open_xml(b"<a>" + b"x" * 200_000 + b"</a>", clock=lambda: next(seconds))


# -- Bytes that are no XML, or pretend --


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \r\n\t ", "empty"),
        (b"\xef\xbb\xbf", "does not begin with markup"),
        (b"not XML", "does not begin with markup"),
        (b'{"a": 1}', "does not begin with markup"),
        (gzip.compress(b"<a/>", mtime=0), "does not begin with markup"),
        (zlib.compress(b"<a/>"), "does not begin with markup"),
        (b"<", "not well-formed"),
        (b"<a><b></a>", "not well-formed"),
        (b"<a", "not well-formed"),
        (b"<a>text", "not well-formed"),
        (b"<a/><b/>", "not well-formed"),
        (b"<x:a/>", "not well-formed"),
        (b"<a b='1' b='2'/>", "not well-formed"),
        (b"<a>\xff</a>", "not well-formed"),
        (b"<a>\x01</a>", "not well-formed"),
        (b"<!-- never closed", "not well-formed before its root element"),
        (b"<?never closed", "not well-formed before its root element"),
        (b"<a>b\0c</a>", "has NUL bytes"),
        ("<a/>".encode("utf-16-le"), "has NUL bytes"),
        ("<a/>".encode("utf-32"), "in UTF-32"),
        ("<a/>".encode("cp037"), "does not begin with markup"),
        (b"\xff\xfe<\0a", "not well-formed UTF-16"),
        (b"\xff\xfe<\0\0\xd8", "not well-formed"),
        (b"<?xml version='1.0' encoding='UTF-7'?><a>+ADw-b/+AD4-</a>", "declares an encoding"),
        (b"<?xml version='1.0' encoding='UTF-16'?><a/>", "declares an encoding"),
        (b"<?xml version='1.0' encoding='windows-1252'?><a/>", "declares an encoding"),
        (b"<?xml version='1.0' encoding='\xff'?><a/>", "declares an encoding"),
        ("\ufeff<?xml version='1.0' encoding='utf-8'?><a/>".encode("utf-16-le"), "declares"),
        ("\ufeff<?xml version='1.0' encoding='iso-8859-1'?><a/>".encode(), "declares"),
    ],
)
def test_what_is_no_xml_of_ours_is_refused(data, words):
    assert refusal(data).startswith(words)


def test_utf_7_that_is_not_declared_is_text_and_no_markup():
    assert open_xml(b"<a>+ADw-b/+AD4-</a>").text == "+ADw-b/+AD4-"


def test_a_declaration_cannot_hide_an_encoding_behind_blanks():
    data = b"<?xml version='1.0'" + b" " * 400 + b"encoding='UTF-7'?><a>+ADw-b/+AD4-</a>"

    assert open_xml(data).text == "+ADw-b/+AD4-"


@pytest.mark.parametrize(
    "data",
    [
        f"<a>{SECRET}",
        f"<a><{SECRET}></b></a>",
        f"<a {SECRET}></a>",
        f"<a>&{SECRET};</a>",
        f"<{SECRET}:a/>",
        f"<!DOCTYPE {SECRET}><a/>",
        f"<?xml version='1.0' encoding='{SECRET}'?><a/>",
    ],
)
def test_a_refusal_never_repeats_what_the_document_said(data):
    with pytest.raises(XmlRefused) as refused:
        open_xml(data.encode())

    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


# -- Whatever comes, only our errors go out --

MUTATIONS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["drop", "double", "flip", "put"]),
        st.one_of(
            st.binary(max_size=6),
            st.sampled_from(
                [b"<", b">", b"&", b"]]>", b"<!--", b"<![CDATA[", b"&#0;", b"\0", b"\xff\xfe"]
            ),
        ),
        st.integers(1, 40),
    ),
    min_size=1,
    max_size=4,
)


def mutated(data: bytes, mutations: list[tuple[float, str, bytes, int]]) -> bytes:
    for where, what, piece, length in mutations:
        at = int(where * len(data))
        part = data[at : at + length]
        middle = {"drop": b"", "double": part * 2, "flip": bytes(b ^ 1 for b in part)}
        data = data[:at] + middle.get(what, piece + part) + data[at + length :]
    return data


@pytest.mark.parametrize("sample", READERS)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
@given(mutations=MUTATIONS)
def test_a_damaged_sample_is_read_or_refused_in_our_words(sample, mutations):
    data = mutated((SAMPLES / f"{sample}.xml").read_bytes(), mutations)

    with suppress(EwpError):
        assert READERS[sample](data) is not None


@settings(max_examples=100, deadline=None, database=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_or_read(data):
    with suppress(XmlRefused):
        assert open_xml(data) is not None


def test_every_sample_is_read():
    assert {path.stem for path in SAMPLES.glob("*.xml")} >= set(READERS)
    for sample, read in READERS.items():
        assert read((SAMPLES / f"{sample}.xml").read_bytes())
