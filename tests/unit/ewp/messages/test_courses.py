"""Courses and their replication: as partners write them, as they are refused, there and back."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace
from unit.ewp.messages import strategies as made

from ewp.errors import MessageInvalid
from ewp.messages import course_replication, courses
from ewp.messages.common import Text

SAMPLE = (Path(__file__).parents[3] / "samples/ewp/courses-1-response.xml").read_text()
HELD = courses.CourseInstance(
    loi_id="CRI/kart-2-w26",
    start=date(2026, 10, 12),
    end=date(2027, 2, 5),
    academic_term=courses.AcademicTerm(
        academic_year_id="2026/2027",
        ewp_id="2026/2027-1/2",
        display_names=(Text(value="Wintersemester 2026/27", lang="de"),),
        start_date=date(2026, 10, 1),
        end_date=date(2027, 3, 31),
    ),
    grading_scheme=courses.GradingScheme(
        labels=(Text(value="1,0 - 5,0"),),
        descriptions=(Text(value="4,0 is a pass", lang="en"),),
    ),
    result_distribution=courses.ResultDistribution(
        categories=(
            courses.ResultCategory(label="1,0 - 2,0", count=12),
            courses.ResultCategory(label="2,3 - 4,0", count=31),
        ),
        descriptions=(Text(value="Of three years", lang="en"),),
    ),
    credits=(courses.Credit(scheme="ects", level="Bachelor", value=Decimal("7.5")),),
    language_of_instruction="en",
    engagement_hours=Decimal(225),
)
MAPPING = courses.Course(
    los_id="CR/kart-2",
    los_code="KART 2",
    ounit_id="thl-inf",
    titles=(Text(value="Kartographie II", lang="de"), Text(value="Mapping II", lang="en")),
    type="Course",
    subject_area="07.3",
    isced_code="0532",
    eqf_level_provided=6,
    urls=(Text(value="https://lindental.example/courses/kart-2", lang="en"),),
    descriptions=(Text(value="Contours & slopes.\nBring boots.", lang="en"),),
    instances=(HELD, courses.CourseInstance(loi_id="CRI/kart-2-s26", end=date(2026, 7, 24))),
    contains=("CLS/kart-2-field",),
)
SWIMMING = courses.Course(los_id="KURS-77", titles=(Text(value="Schwimmen"),), type="Freizeit")


def test_courses_are_read_as_a_careless_partner_writes_them():
    assert courses.read_response(SAMPLE.encode()) == (MAPPING, SWIMMING)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("<los-id>KURS-77</los-id>", "", "/los-id: is missing"),
        ("<los-id>KURS-77<", "<los-id>\n<", "/los-id: is missing"),
        ("<title>Schwimmen</title>", "", "/title: is missing"),
        ("<los-id>KURS-77<", "<los-id>a</los-id><los-id>b<", "/los-id: is there twice"),
        ("<ounit-id>thl-inf<", "<ounit-id>thl inf<", "/ounit-id: must be 1 to 64 printable ASCII"),
    ],
)
def test_a_course_that_cannot_be_found_again_is_refused(old, new, words):
    assert old in SAMPLE

    with pytest.raises(MessageInvalid) as refused:
        courses.read_response(SAMPLE.replace(old, new).encode())

    start = "courses-response/learningOpportunitySpecification"
    assert str(refused.value).startswith(start + words)


def held(**changes):
    return replace(MAPPING, instances=(replace(HELD, **changes),))


@pytest.mark.parametrize(
    ("course", "words"),
    [
        (SWIMMING, "los-id: must be CR/, CLS/, MOD/ or DEP/ and an id"),
        (replace(SWIMMING, los_id="CR/1"), "type: must be one of Degree Programme, Module"),
        (replace(MAPPING, titles=()), "title: is missing"),
        (replace(MAPPING, eqf_level_provided=9), "eqfLevelProvided: must be 1 to 8"),
        (
            replace(MAPPING, instances=(), contains=("1",)),
            "contains: must be CR/, CLS/, MOD/ or DEP/ and an id",
        ),
        (held(loi_id="CR/1"), "loi-id: must be CRI/, CLSI/, MODI/, DEPI/ and an id"),
        (held(start=None), "start: is missing"),
        (
            held(credits=(courses.Credit(scheme="ects", value=Decimal("NaN")),)),
            "credit/value: must be a decimal number",
        ),
        (
            held(
                result_distribution=courses.ResultDistribution(
                    categories=(courses.ResultCategory(label="1,0", count=-1),)
                )
            ),
            "category/@count: must be an integer, 0 or more",
        ),
        (
            held(result_distribution=courses.ResultDistribution()),
            "resultDistribution/category: is missing",
        ),
        (
            held(academic_term=replace(HELD.academic_term, display_names=())),
            "academic-term/display-name: is missing",
        ),
    ],
)
def test_a_course_that_the_schema_would_refuse_is_not_written(course, words):
    with pytest.raises(MessageInvalid) as refused:
        courses.write_response([course])

    assert words in str(refused.value)


def test_a_list_of_courses_is_read_without_empty_ids():
    xml = f'<course-replication-response xmlns="{course_replication.NAMESPACE[1]}">'
    xml += "<los-id> CR/kart-2 </los-id><los-id/><los-id>KURS-77</los-id>"
    xml += "</course-replication-response>"

    assert course_replication.read_response(xml.encode()) == ("CR/kart-2", "KURS-77")


modest = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


@modest
@given(made.lists_of(courses.Course))
def test_courses_come_back_as_they_were(found):
    assert courses.read_response(courses.write_response(found)) == found

    los_ids = tuple(each.los_id for each in found)
    xml = course_replication.write_response(los_ids)
    assert course_replication.read_response(xml) == los_ids
