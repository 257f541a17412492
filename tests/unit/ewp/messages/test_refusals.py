"""What readers refuse, and that a refusal says the rule and the place, never the value."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ewp.errors import MessageInvalid, XmlRefused
from ewp.messages import (
    courses,
    factsheet,
    iias,
    iias_approval,
    imobilities,
    omobilities,
    omobility_las,
    organizational_units,
)

SAMPLES = Path(__file__).parents[3] / "samples/ewp"


def sample(name: str, *changes: tuple[str, str]) -> bytes:
    """A sample, with words of it replaced."""
    xml = (SAMPLES / f"{name}.xml").read_bytes()
    for old, new in changes:
        assert old.encode() in xml
        xml = xml.replace(old.encode(), new.encode())
    return xml


def refusal(read: Callable[[bytes], object], xml: bytes) -> str:
    with pytest.raises(MessageInvalid) as refused:
        read(xml)
    return str(refused.value)


def refusal_or_none(read: Callable[[bytes], object], xml: bytes) -> MessageInvalid | None:
    try:
        read(xml)
    except MessageInvalid as refused:
        return refused
    return None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("<omobility-id>om-2026-0117</omobility-id>", ""), "omobility-id: is missing"),
        (("<omobility-id>om-2026-0117<", "<omobility-id> <"), "omobility-id: is missing"),
        (
            ("<omobility-id>om-2026-0117<", "<omobility-id>om 2026<"),
            "omobility-id: must be 1 to 64 printable ASCII characters",
        ),
        (
            ("</omobility-id>", "</omobility-id><omobility-id>om-2</omobility-id>"),
            "omobility-id: is there twice",
        ),
        (
            ("<status>pending<", "<status>live<"),
            "status: must be one of pending, approved, rejected, cancelled",
        ),
        (("<status>pending</status>", ""), "status: is missing"),
        ((' proposal-id="om-2026-0117/1"', ""), "nomination/@proposal-id: is missing"),
        (
            ("<hei-id>ribeira.example<", "<hei-id>ribeira example<"),
            "nomination/sending-hei/hei-id: must be a SCHAC identifier, a domain",
        ),
        (
            ("<birth-date>2004-03-09<", "<birth-date>9.3.2004<"),
            "student/birth-date: must be a date, YYYY-MM-DD",
        ),
        (
            ("<birth-date>2004-03-09<", "<birth-date>2004-02-30<"),
            "student/birth-date: must be a date, YYYY-MM-DD",
        ),
        (
            ("<receiving-academic-year-id>2026/2027<", "<receiving-academic-year-id>2026<"),
            "nomination/receiving-academic-year-id: must be YYYY/YYYY",
        ),
        (("<family-name>Duarte</family-name>", ""), "student/family-name: is missing"),
    ],
)
def test_a_nomination_is_refused_with_the_rule_and_its_place(change, words):
    xml = sample("omobilities-3-get-response", change)

    assert (
        refusal(omobilities.read_get_response, xml)
        == f"omobilities-get-response/student-mobility/{words}"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("<start-date>2027-02-15</start-date>", ""), "needs a start-date or a start-year-month"),
        (("<end-year-month>2027-07+01:00<", "<end-year-month>2027-13<"), "must be a month"),
        (("<value>7.5<", "<value>7,5<"), "credit/value: must be a decimal number"),
        (("<value>7.5<", "<value>NaN<"), "credit/value: must be a decimal number"),
        (("<value>7.5<", "<value>1e9<"), "credit/value: must be a decimal number"),
        (('status="deleted"', 'status="moved"'), "@status: must be one of inserted, deleted"),
        (("<title>Fotografia</title>", ""), "component/title: is missing"),
        (('id="JZ/2026/44-b"', ""), "changes-proposal/@id: is missing"),
        (
            ("<timestamp>2026-11-03T10:00:00<", "<timestamp>2026-11-03 10:00<"),
            "receiving-hei-signature/timestamp: must be a date and time with a zone",
        ),
        (
            ("<timestamp>2026-11-03T10:00:00<", "<timestamp>2026-11-03T10:00:00+99:00<"),
            "receiving-hei-signature/timestamp: must be a date and time with a zone",
        ),
        (
            ("<timestamp>2027-02-21T24:00:00Z<", "<timestamp>9999-12-31T24:00:00Z<"),
            "sending-hei-signature/timestamp: must be a date and time with a zone",
        ),
    ],
)
def test_a_learning_agreement_is_refused_with_the_rule_and_its_place(change, words):
    xml = sample("omobility-las-1-get-response", change)

    assert words in refusal(omobility_las.read_get_response, xml)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("reject-proposal-v1", "postpone-proposal-v1"), "is missing"),
        (("</reject-proposal-v1>", "</reject-proposal-v1><approve-proposal-v1/>"), "is missing"),
        (
            (
                "</reject-proposal-v1>",
                (
                    "</reject-proposal-v1><approve-proposal-v1><omobility-id>o</omobility-id>"
                    "<proposal-id>p</proposal-id></approve-proposal-v1>"
                ),
            ),
            "approve-proposal-v1: is there twice",
        ),
        (("<proposal-id>om-2026-0117/1</proposal-id>", ""), "proposal-id: is missing"),
    ],
)
def test_a_decision_must_be_one_that_we_know(change, words):
    xml = sample("omobilities-3-update-request", change)

    assert refusal(omobilities.read_update_request, xml).endswith(words)


def test_a_factsheet_without_its_deadlines_is_refused():
    xml = sample("factsheet-1-response", ("<autumn-term>--05-15</autumn-term>", ""))

    assert refusal(factsheet.read_response, xml) == (
        "factsheet-response/factsheet/calendar/student-nominations/autumn-term: is missing"
    )


def test_an_empty_item_is_refused_as_it_does_not_say_which_one_it_is():
    xml = f'<omobility-las-get-response xmlns="{omobility_las.GET_NAMESPACE[1]}"><la/>'
    xml += "</omobility-las-get-response>"

    assert refusal(omobility_las.read_get_response, xml.encode()) == (
        "omobility-las-get-response/la/omobility-id: is missing"
    )


def test_a_document_of_another_kind_or_version_is_refused():
    assert refusal(omobilities.read_get_response, sample("echo-2-response")) == (
        "is no omobilities-get-response of version 1, 2, 3"
    )
    another = sample("imobilities-2-get-response", ("stable-v2", "stable-v9"))
    assert refusal(imobilities.read_get_response, another) == (
        "is no imobilities-get-response of version 1, 2"
    )


def test_what_is_no_xml_is_refused_at_the_door():
    with pytest.raises(XmlRefused):
        omobilities.read_get_response(b"<html><body>502 Bad Gateway")


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("omobilities-3-get-response", omobilities.read_get_response),
        ("omobilities-2-get-response", omobilities.read_get_response),
        ("omobilities-1-get-response", omobilities.read_get_response),
        ("ounits-2-response", organizational_units.read_response),
        ("courses-1-response", courses.read_response),
        ("iias-6-get-response", iias.read_get_response),
        ("iias-7-get-response", iias.read_get_response),
        ("iias-approval-1-response", iias_approval.read_response),
    ],
)
def test_no_refusal_repeats_a_value(name, read):
    """Each text in turn becomes one that fits nothing; whatever is said, the text is not."""
    secret = "Sílvia Segredo 1.1."
    parts = sample(name).decode().split("<")
    for at, part in enumerate(parts):
        tag, closed, text = part.partition(">")
        if not closed or not text.strip():
            continue
        broken = "<".join([*parts[:at], f"{tag}>{secret}", *parts[at + 1 :]])
        refused = refusal_or_none(read, broken.encode())
        if refused is not None:
            assert "Segredo" not in str(refused)
            assert refused.__cause__ is None
            assert refused.__suppress_context__
