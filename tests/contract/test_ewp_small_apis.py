"""The smaller APIs' readers and writers against the published examples and schemas."""

from collections import Counter
from collections.abc import Callable

import pytest
from contract.test_ewp_messages import EWP, leaves, name_of, valid, values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace
from unit.ewp.messages import strategies as made

from ewp.messages import (
    course_replication,
    courses,
    institutions,
    monitoring,
    omobilities,
    omobility_stats,
    organizational_units,
)

Reader, Writer = Callable[[bytes], tuple[object, ...]], Callable[..., bytes]
MESSAGES: dict[str, tuple[Reader, Writer]] = {
    "ounits-response": (organizational_units.read_response, organizational_units.write_response),
    "courses-response": (courses.read_response, courses.write_response),
    "course-replication-response": (
        course_replication.read_response,
        course_replication.write_response,
    ),
    "omobilities-get-response": (omobilities.read_get_response, omobilities.write_get_response),
    "omobilities-index-response": (
        omobilities.read_index_response,
        omobilities.write_index_response,
    ),
    "institutions-response": (institutions.read_response, institutions.write_response),
    "las-outgoing-stats-response": (
        omobility_stats.read_outgoing_las,
        omobility_stats.write_outgoing_las,
    ),
    "las-incoming-stats-response": (
        omobility_stats.read_incoming_las,
        omobility_stats.write_incoming_las,
    ),
}
SPECS = (
    "ewp-specs-api-ounits-v1",
    "ewp-specs-api-ounits-v2",
    "ewp-specs-api-courses-v0",
    "ewp-specs-api-course-replication-v1",
    "ewp-specs-api-omobilities-v1",
    "ewp-specs-api-institutions-v1",
)
EXAMPLES = [
    path
    for path in sorted((EWP / "examples").glob("*/*.xml"))
    if (path.parent.name.startswith(SPECS) and not path.name.startswith("manifest-"))
    or (path.parent.name.startswith("ewp-specs-api-omobility-la") and "stats-" in path.name)
]

modest = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_a_published_example_loses_nothing_and_is_written_as_a_valid_document(path):
    xml = path.read_bytes()
    root = etree.fromstring(xml)
    name = etree.QName(root)
    read, write = MESSAGES[name.localname]

    message = read(xml)

    assert leaves(root) - Counter(values(message)) == Counter()
    written = write(message, major=int(name.namespace.partition("stable-v")[2][0]))
    assert etree.fromstring(written).tag == root.tag
    assert valid(written)
    assert read(written) == message


def test_there_are_examples_of_every_kind():
    kinds = {etree.QName(etree.parse(path).getroot()).localname for path in EXAMPLES}

    assert kinds == set(MESSAGES)


@modest
@given(made.lists_of(organizational_units.OrganizationalUnit))
def test_any_units_are_valid_when_written(units):
    for major in organizational_units.NAMESPACE:
        assert valid(organizational_units.write_response(units, major=major))


@modest
@given(made.lists_of(courses.Course))
def test_any_courses_are_valid_when_written(found):
    assert valid(courses.write_response(found))
    assert valid(course_replication.write_response(each.los_id for each in found))


@modest
@given(made.lists_of(omobilities.StudentMobilityV2), made.INDEXES)
def test_any_nominations_of_version_1_are_valid_when_written(mobilities, ids):
    newer = {"activity_type": None, "activity_attributes": None, "additional_requirements": ()}
    older = [replace(each, **newer) for each in mobilities]
    unknown = [replace(each, student=replace(each.student, global_id=None)) for each in older]

    assert valid(omobilities.write_get_response(older + unknown, major=1))
    assert valid(omobilities.write_index_response(ids, major=1))


@modest
@given(made.HEIS)
def test_any_institutions_of_version_1_are_valid_when_written(heis):
    older = [replace(each, course_catalogue_urls=()) for each in heis]

    assert valid(institutions.write_response(older, major=1))


@modest
@given(st.lists(st.integers(0, 999_999_999), min_size=7, max_size=7), made.YEARS)
def test_any_statistics_are_valid_when_written(numbers, year):
    for struct, write in (
        (omobility_stats.MobilityStats, omobility_stats.write_response),
        (omobility_stats.OutgoingLaStats, omobility_stats.write_outgoing_las),
        (omobility_stats.IncomingLaStats, omobility_stats.write_incoming_las),
    ):
        figures = dict(zip(struct.__struct_fields__, numbers, strict=False))
        stats = struct(**(figures | {"receiving_academic_year_id": year}))
        assert valid(write([stats]))
        assert valid(write([]))


def test_the_answer_to_a_report_is_valid():
    assert valid(monitoring.write_response())
