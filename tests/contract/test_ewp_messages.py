"""Our readers and writers against the published examples and schemas."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree
from unit.ewp.messages import strategies as made

from ewp.messages import (
    cnr,
    common,
    echo,
    ewpmobility,
    factsheet,
    imobilities,
    institutions,
    omobilities,
    omobility_las,
)

EWP = Path(__file__).parents[2] / "../shared/ewp"
if not EWP.is_dir():
    pytest.skip(
        "../shared is not here: published examples and schemas to compare with",
        allow_module_level=True,
    )

READERS: dict[str, Callable[[bytes], object]] = {
    "omobilities-get-response": omobilities.read_get_response,
    "omobilities-index-response": omobilities.read_index_response,
    "omobilities-update-request": omobilities.read_update_request,
    "omobilities-update-response": omobilities.read_update_response,
    "omobility-las-get-response": omobility_las.read_get_response,
    "omobility-las-index-response": omobility_las.read_index_response,
    "omobility-las-update-request": omobility_las.read_update_request,
    "omobility-las-update-response": omobility_las.read_update_response,
    "imobilities-get-response": imobilities.read_get_response,
    "institutions-response": institutions.read_response,
    "factsheet-response": factsheet.read_response,
}
WRITERS: dict[str, Callable[..., bytes]] = {
    "omobilities-get-response": omobilities.write_get_response,
    "omobilities-index-response": omobilities.write_index_response,
    "omobilities-update-request": omobilities.write_update_request,
    "omobilities-update-response": omobilities.write_update_response,
    "omobility-las-get-response": omobility_las.write_get_response,
    "omobility-las-index-response": omobility_las.write_index_response,
    "omobility-las-update-request": omobility_las.write_update_request,
    "omobility-las-update-response": omobility_las.write_update_response,
    "imobilities-get-response": imobilities.write_get_response,
    "institutions-response": institutions.write_response,
    "factsheet-response": factsheet.write_response,
}
SPECS = (
    "ewp-specs-api-omobilities-v2",
    "ewp-specs-api-omobilities-v3",
    "ewp-specs-api-omobility-las-v1",
    "ewp-specs-api-imobilities-v1",
    "ewp-specs-api-imobilities-v2",
    "ewp-specs-api-institutions-v2",
    "ewp-specs-api-factsheet-v1",
)
EXAMPLES = [
    path
    for path in sorted((EWP / "examples").glob("*/*.xml"))
    if path.parent.name.startswith(SPECS) and not path.name.startswith(("stats-", "manifest-"))
]
DASHBOARD = [
    path
    for path in sorted(
        (EWP / "examples/ewp-specs-api-omobility-las-v1.2.0/fragments").glob("dashboard-*.xml")
    )
    if path.name != "dashboard-example-16.xml"  # "a proposal to be tested", without a period
]

modest = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_nothing_of_a_published_example_is_lost(path):
    xml = path.read_bytes()
    root = etree.fromstring(xml)

    message = READERS[etree.QName(root).localname](xml)

    assert leaves(root) - Counter(values(message)) == Counter()


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_a_published_example_is_written_as_a_valid_document_of_the_same_content(path):
    xml = path.read_bytes()
    root = etree.QName(etree.fromstring(xml))
    message = READERS[root.localname](xml)

    major = int(root.namespace.partition("stable-v")[2][0])
    written = WRITERS[root.localname](message, major=major)

    assert valid(written)
    assert READERS[root.localname](written) == message


def test_there_are_examples_of_every_kind():
    kinds = {etree.QName(etree.parse(path).getroot()).localname for path in EXAMPLES}

    assert kinds == set(READERS)
    assert len([path for path in EXAMPLES if path.name.endswith("-empty.xml")]) >= 4


@pytest.mark.parametrize("path", DASHBOARD, ids=name_of)
def test_the_scenarios_of_learning_agreements_are_read(path):
    """They are parts without namespaces, so those are added; their content is kept."""
    parser = etree.XMLParser(remove_comments=True)
    fragments = etree.fromstring(b"<all>" + path.read_bytes() + b"</all>", parser)
    for fragment in fragments:
        xml = as_document(fragment)
        root = etree.fromstring(xml)

        message = READERS[etree.QName(root).localname](xml)

        for student in root.iterfind(".//{*}approved-changes/{*}student"):
            student.getparent().remove(student)  # not in the schema, and no field of ours
        assert leaves(root) - Counter(values(message)) == Counter()


@modest
@given(made.lists_of(omobilities.StudentMobilityV2))
def test_any_nominations_of_version_2_are_valid_when_written(mobilities):
    assert valid(omobilities.write_get_response(mobilities, major=2))


@modest
@given(made.lists_of(omobilities.StudentMobilityV3))
def test_any_nominations_of_version_3_are_valid_when_written(mobilities):
    assert valid(omobilities.write_get_response(mobilities, major=3))


@modest
@given(made.lists_of(omobility_las.LearningAgreement))
def test_any_learning_agreements_are_valid_when_written(agreements):
    assert valid(omobility_las.write_get_response(agreements))


@modest
@given(
    made.structs(omobilities.ApproveProposal) | made.structs(omobilities.RejectProposal),
    made.structs(omobility_las.UpdateRequest),
)
def test_any_decisions_are_valid_when_written(on_nomination, on_agreement):
    assert valid(omobilities.write_update_request(on_nomination))
    assert valid(omobility_las.write_update_request(on_agreement))


@modest
@given(made.lists_of(imobilities.IncomingMobilityV1), made.lists_of(imobilities.IncomingMobilityV2))
def test_any_incoming_mobilities_are_valid_when_written(of_version_1, of_version_2):
    assert valid(imobilities.write_get_response(of_version_1, major=1))
    assert valid(imobilities.write_get_response(of_version_2, major=2))


@modest
@given(made.lists_of(omobilities.StudentMobilityV3), made.lists_of(imobilities.IncomingMobilityV2))
def test_any_exchange_file_is_valid_when_written(going, coming):
    file = ewpmobility.MobilityFile(omobilities=going, imobilities=coming)
    assert valid(ewpmobility.write_file(file))


@modest
@given(made.INDEXES, made.TEXTS)
def test_any_indexes_and_messages_are_valid_when_written(ids, messages):
    assert valid(omobilities.write_index_response(ids, major=2))
    assert valid(omobilities.write_index_response(ids, major=3))
    assert valid(omobility_las.write_index_response(ids))
    assert valid(omobilities.write_update_response(messages))
    assert valid(omobility_las.write_update_response(messages))


@modest
@given(made.HEIS, made.FACTSHEETS)
def test_any_institutions_and_factsheets_are_valid_when_written(heis, factsheets):
    assert valid(institutions.write_response(heis))
    assert valid(factsheet.write_response(factsheets))


@modest
@given(made.structs(echo.EchoResponse), made.structs(common.ErrorResponse))
def test_any_echoes_and_errors_are_valid_when_written(response, error):
    assert valid(echo.write_response(response))
    assert valid(common.write_error_response(error))


@pytest.mark.parametrize(("api", "major"), cnr.NAMESPACE)
def test_the_response_to_a_cnr_is_valid(api, major):
    assert valid(cnr.write_cnr_response(api, major))


# -- The schemas --


@cache
def schema(namespace: str, root: str) -> etree.XMLSchema:
    catalog = json.loads((EWP / "catalog.json").read_text())
    [entry] = (
        each
        for each in catalog
        if each["namespace"] == namespace and root in each["roots"] and each["default"]
    )
    return etree.XMLSchema(file=str(EWP / entry["xsd"]))


def valid(xml: bytes) -> bool:
    """Always true: a document that is not valid raises, and says why."""
    document = etree.fromstring(xml)
    root = etree.QName(document)
    schema(root.namespace, root.localname).assertValid(document)
    return True


# -- All that a document says, and all that a message holds, as comparable texts --

XSI = "{http://www.w3.org/2001/XMLSchema-instance}"


def leaves(root: etree._Element) -> Counter[str]:
    """Every text of an element without children, and every attribute, found with XPath."""
    texts = [str(text) for text in root.xpath("//*[not(*)]/text()[normalize-space()]")]
    attributes = [str(text) for text in root.xpath(f"//@*[namespace-uri() != '{XSI[1:-1]}']")]
    return Counter(comparable(text.strip()) for text in texts + attributes)


def values(message: object) -> Iterator[str]:
    match message:
        case None:
            return
        case bool():
            yield str(message).lower()
        case StrEnum() | str() | int() | Decimal():
            yield comparable(str(message))
        case datetime():
            yield comparable(message.isoformat())
        case date():
            yield message.isoformat()
        case tuple():
            for item in message:
                yield from values(item)
        case msgspec.Struct():
            for name in message.__struct_fields__:
                yield from values(getattr(message, name))


def comparable(text: str) -> str:
    """A moment in UTC, so that zones do not matter; all else as it is."""
    if "T" in text and text[:4].isdigit() and text[4:5] == "-":
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    return text


# -- Fragments --

LA_SPEC = omobility_las.GET_NAMESPACE[1].removesuffix("get-response.xsd")
TERM = "https://github.com/erasmus-without-paper/ewp-specs-types-academic-term/tree/stable-v2"


def as_document(fragment: etree._Element) -> bytes:
    """A document with namespaces, made from a fragment without."""
    kind = "get-response" if fragment.tag == "la" else fragment.tag.removeprefix("omobility-las-")
    for element in fragment.iter():
        namespace = f"{LA_SPEC}{kind}.xsd"
        if element.tag in {"term-number", "total-terms"}:
            namespace = TERM
        elif element.getparent().tag == f"{{{namespace}}}signature":
            namespace = omobility_las.GET_NAMESPACE[1]
        elif element.tag == "success-user-message":
            namespace = (
                "https://github.com/erasmus-without-paper/ewp-specs-architecture"
                "/blob/stable-v1/common-types.xsd"
            )
        element.tag = f"{{{namespace}}}{element.tag}"
    if kind == "get-response" and etree.QName(fragment).localname == "la":
        root = etree.Element(f"{{{omobility_las.GET_NAMESPACE[1]}}}omobility-las-get-response")
        root.append(fragment)
        return etree.tostring(root)
    return etree.tostring(fragment)
