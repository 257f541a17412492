"""Transcripts of records against the published examples and schemas."""

from collections import Counter
from pathlib import Path

import pytest
from contract.test_ewp_messages import EWP, leaves, valid, values
from hypothesis import HealthCheck, given, settings
from lxml import etree
from unit.ewp.messages import strategies as made
from unit.ewp.messages import transcripts

from ewp.messages import elmo_xml, imobility_tors

SKIPPED = ("diplomaSupplement", "extension", "{http://www.w3.org/2000/09/xmldsig#}Signature")
ELMO = [EWP / f"examples/elmo-schemas-v{each}/example.xml" for each in ("1.6.0", "1.7.0", "2.0.0")]
OLDER = sorted((EWP / "examples").glob("elmo-schemas-v1.[0-5]*/*.xml"))
TORS = sorted((EWP / "examples").glob("ewp-specs-api-imobility-tors-v*/get-response*.xml"))
INDEXES = sorted((EWP / "examples").glob("ewp-specs-api-imobility-tors-v*/index-response*.xml"))

modest = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def read(xml: bytes) -> object:
    is_alone = etree.QName(etree.fromstring(xml)).localname == "elmo"
    return elmo_xml.read(xml) if is_alone else imobility_tors.read_get_response(xml)


def without_what_is_skipped(xml: bytes) -> etree._Element:
    root = etree.fromstring(xml)
    for name in SKIPPED:
        for element in list(root.iter(name if name[0] == "{" else f"{{*}}{name}")):
            element.getparent().remove(element)
    return root


def said(xml: bytes) -> Counter[str]:
    """All that a document says, but for what readers skip and for the bytes of files."""
    root = without_what_is_skipped(xml)
    for content in root.iter("{*}content"):
        content.text = content.text.partition(";")[0].removeprefix("data:")
    return on_one_line(leaves(root))


def on_one_line(texts: Counter[str]) -> Counter[str]:
    return Counter(" ".join(text.split()) for text in texts.elements())


def test_there_are_examples_to_read():
    assert [len(each) for each in (ELMO, OLDER, TORS, INDEXES)] == [3, len(OLDER), 4, 2]
    assert len(OLDER) >= 5


@pytest.mark.parametrize("path", [*ELMO, *TORS], ids=name_of)
def test_nothing_of_a_published_example_is_lost(path):
    xml = path.read_bytes()

    assert said(xml) - on_one_line(Counter(values(read(xml)))) == Counter()


@pytest.mark.parametrize("path", OLDER, ids=name_of)
def test_the_courses_and_results_of_older_versions_are_read(path):
    xml = path.read_bytes()
    root = without_what_is_skipped(xml)

    read_here = set(on_one_line(Counter(values(elmo_xml.read(xml)))))
    for name in ("title", "resultLabel", "identifier", "givenNames", "status", "bday", "value"):
        texts = [each.text for each in root.iter(f"{{*}}{name}") if each.text and not len(each)]
        assert {" ".join(text.split()) for text in texts} <= read_here, name


@pytest.mark.parametrize("path", ELMO, ids=name_of)
def test_an_example_is_written_as_a_valid_transcript_of_the_same_content(path):
    transcript = transcripts.readable(elmo_xml.read(path.read_bytes()))

    written = elmo_xml.write(transcript, major=1)

    assert valid(written)
    assert elmo_xml.read(written) == transcript


@pytest.mark.parametrize("path", TORS, ids=name_of)
def test_an_example_is_written_as_a_valid_answer_of_the_same_content(path):
    issued = transcripts.readable(imobility_tors.read_get_response(path.read_bytes()))

    for major in (1, 2):
        written = imobility_tors.write_get_response(issued, major=major)
        assert valid(written)
        assert imobility_tors.read_get_response(written) == issued


@pytest.mark.parametrize("path", INDEXES, ids=name_of)
def test_an_index_is_read_and_written(path):
    ids = imobility_tors.read_index_response(path.read_bytes())

    assert len(ids) == 3
    for major in imobility_tors.MAJORS:
        assert valid(imobility_tors.write_index_response(ids, major=major))


def test_our_own_sample_of_version_3_is_valid():
    sample = Path(__file__).parents[1] / "samples/ewp/imobility-tors-3-get-response.xml"

    assert valid(sample.read_bytes())


@pytest.mark.parametrize("major", elmo_xml.NAMESPACE)
def test_any_transcript_is_valid_when_written(major):
    @modest
    @given(transcripts.elmos(major))
    def is_valid(transcript):
        assert valid(elmo_xml.write(transcript, major=major))

    is_valid()


@modest
@given(transcripts.elmos(2))
def test_what_is_left_out_of_version_1_leaves_it_valid(transcript):
    if any(len(each.titles) > 1 for of in transcript.groups for each in (of, *of.groups)):
        return  # refused, and tested there
    assert valid(elmo_xml.write(transcript, major=1))


@pytest.mark.parametrize("major", imobility_tors.MAJORS)
def test_any_answer_is_valid_when_written(major):
    @modest
    @given(transcripts.tors(major))
    def is_valid(issued):
        assert valid(imobility_tors.write_get_response(issued, major=major))

    is_valid()


@given(made.YEARS)
def test_statistics_are_valid_when_written(year):
    years = [imobility_tors.YearStats(receiving_academic_year_id=year, imobility_tor_total=7)]

    assert valid(imobility_tors.write_stats_response(years))
