"""Agreements, their hashes and approvals against the published examples, schemas and code."""

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from contract.test_ewp_messages import EWP, leaves, name_of, valid, values
from hypothesis import HealthCheck, given, settings
from lxml import etree
from msgspec.structs import replace
from unit.ewp.messages import strategies as made

from ewp.messages import iia_hash, iias, iias_approval

Reader, Writer = Callable[[bytes], Any], Callable[..., bytes]
MESSAGES: dict[str, tuple[Reader, Writer]] = {
    "iias-get-response": (iias.read_get_response, iias.write_get_response),
    "iias-index-response": (iias.read_index_response, iias.write_index_response),
    "iias-stats-response": (iias.read_stats_response, iias.write_stats_response),
    "iias-approval-response": (iias_approval.read_response, iias_approval.write_response),
}
SPECS = (
    "ewp-specs-api-iias-v6",
    "ewp-specs-api-iias-v7",
    "ewp-specs-api-iias-approval-v1",
    "ewp-specs-api-iias-approval-v2",
)
EXAMPLES = [
    path
    for path in sorted((EWP / "examples").glob("*/*.xml"))
    if path.parent.name.startswith(SPECS)
]
GETS = [path for path in EXAMPLES if path.name.startswith("get-response")]
HASHED = EWP / "examples/ewp-specs-api-iias-v7.0.0/get-response-hash-example.xml"
OLDER = EWP / "examples/ewp-specs-api-iias-v6.3.0/get-response-hash-example.xml"

modest = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def said(message: object) -> Iterator[str]:
    """Every value of a message; a PDF as the text that it is in XML."""
    for iia in message if isinstance(message, tuple) else ():
        if isinstance(iia, iias.IiaV6) and iia.pdf:
            yield base64.b64encode(iia.pdf).decode()
    yield from values(
        tuple(replace(each, pdf=None) if isinstance(each, iias.IiaV6) else each for each in message)
        if isinstance(message, tuple)
        else message
    )


def unfolded(texts: Counter[str]) -> Counter[str]:
    """With what is broken into lines, as base64 is, in one piece."""
    return Counter("".join(each.split()) if "\n" in each else each for each in texts.elements())


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_a_published_example_loses_nothing_and_is_written_as_a_valid_document(path):
    xml = path.read_bytes()
    root = etree.fromstring(xml)
    name = etree.QName(root)
    read, write = MESSAGES[name.localname]

    message = read(xml)

    unfinished = Counter(root.xpath("//@not-yet-defined"))
    assert unfolded(leaves(root)) - Counter(said(message)) - unfinished == Counter()
    written = write(message, major=int(name.namespace.partition("stable-v")[2][0]))
    assert etree.fromstring(written).tag == root.tag
    assert valid(written)
    assert read(written) == message


def test_there_are_examples_of_every_kind():
    kinds = Counter(etree.QName(etree.parse(path).getroot()).localname for path in EXAMPLES)

    assert set(kinds) == set(MESSAGES)
    assert kinds["iias-get-response"] >= 5
    assert len(GETS) == kinds["iias-get-response"]


# -- Hashes --


def test_both_versions_of_the_published_example_give_the_published_text():
    text = HASHED.with_suffix(".text-to-hash.txt").read_text()

    assert iia_hash.text_to_hash(iia_hash.only_agreement(HASHED.read_bytes())) == text
    assert iia_hash.text_to_hash(iia_hash.only_agreement(OLDER.read_bytes())) == text


@pytest.mark.parametrize("path", GETS, ids=name_of)
def test_the_hash_of_a_published_example_fits_but_where_it_is_meant_not_to(path):
    checked = iia_hash.read_checked(path.read_bytes())

    assert [each.fits for each in checked] == ["wrong" not in path.name] * len(checked)
    assert bool(checked) is ("empty" not in path.name)


def test_what_is_left_over_from_version_6_cannot_be_approved():
    unfinished = (
        "mobilities-per-year has not-yet-defined",
        "recommended-language-skill has not-yet-defined",
        "isced-f-code has v6-value",
    )
    wrong = HASHED.with_name("get-response-wrong-hash.xml")
    whole = HASHED.with_name("get-response-example.xml")

    assert obstacles(HASHED) == unfinished
    assert obstacles(wrong) == (*unfinished, "its hash does not fit")
    assert obstacles(whole) == ()
    assert obstacles(OLDER) == ()


def obstacles(path):
    return iia_hash.obstacles_to_approval(iia_hash.only_agreement(path.read_bytes()))


@pytest.fixture(scope="module")
def of_the_guide() -> Callable[[etree._Element], str]:
    """The guide's own function, which was checked against the published example."""
    guide = (EWP / "GUIDE.md").read_text()
    [code] = re.findall(r"(def iia_hash_v7\(iia\).*?\n)```", guide, re.DOTALL)
    defined: dict[str, Any] = {}
    exec(compile(f"import hashlib\nfrom lxml import etree\n{code}", "GUIDE.md", "exec"), defined)
    return defined["iia_hash_v7"]


@modest
@given(made.structs(iias.IiaV7))
def test_any_agreement_has_the_hash_that_the_guides_code_gives(of_the_guide, iia):
    xml = iias.write_get_response([iia], major=7)
    [element] = etree.fromstring(xml)

    assert iia_hash.iia_hash(xml) == of_the_guide(element)


# -- Whatever we write is valid --


@modest
@given(made.structs(iias.IiaV6), made.structs(iias.IiaV7))
def test_any_agreements_are_valid_when_written_and_sealed(of_version_6, of_version_7):
    for major, iia in ((6, of_version_6), (7, of_version_7)):
        sealed = iia_hash.sealed(iia)
        assert valid(iias.write_get_response([iia, sealed], major=major))
        xml = iias.write_get_response([sealed], major=major)
        [checked] = iia_hash.read_checked(xml)
        assert (checked.fits, checked.iia) == (True, sealed)


@modest
@given(
    made.lists_of(iias_approval.ApprovalV1), made.lists_of(iias_approval.ApprovalV2), made.INDEXES
)
def test_any_approvals_and_indexes_are_valid_when_written(of_version_1, of_version_2, ids):
    assert valid(iias_approval.write_response(of_version_1, major=1))
    assert valid(iias_approval.write_response(of_version_2, major=2))
    for major in (6, 7):
        assert valid(iias.write_index_response(ids, major=major))
