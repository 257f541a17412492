"""Courses 0.7: what a `los-id` or `loi-id` of a learning agreement stands for (guide §4.9).

Nobody is obliged to serve it, and what is served is often old: an instance, credit or grade that
does not fit counts as absent, so that the rest of the course is still shown.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import msgspec

from ewp.ids import AcademicYearId, LoiId, LosId, OunitId
from ewp.messages import values
from ewp.messages.common import TEXT, WEB_ADDRESS, Text
from ewp.messages.documents import Items, Versions, listing
from ewp.messages.shapes import Need, attribute, listed, maybe, one, shape, wanted
from ewp.messages.writing import TERM_V1

# A 0.x version has the namespace of version 1; the manifest's entry too.
NAMESPACE = {1: "https://github.com/erasmus-without-paper/ewp-specs-api-courses/tree/stable-v1"}
# Taken as sent, but an empty one is none: it would name nothing.
LOS_ID = replace(values.LOS_ID, read=str)
LOI_ID = replace(values.LOI_ID, read=str)


class AcademicTerm(msgspec.Struct, frozen=True, kw_only=True):
    """A term of the receiving HEI, as that HEI calls it."""

    academic_year_id: AcademicYearId
    ewp_id: str | None = None  # `YYYY/YYYY-t/n`
    display_names: tuple[Text, ...] = ()
    start_date: date | None = None
    end_date: date | None = None


class GradingScheme(msgspec.Struct, frozen=True, kw_only=True):
    """How results are graded."""

    labels: tuple[Text, ...]
    descriptions: tuple[Text, ...] = ()


class ResultCategory(msgspec.Struct, frozen=True, kw_only=True):
    """A grade, or a range of grades, and how many students got it."""

    label: str
    count: int


class ResultDistribution(msgspec.Struct, frozen=True, kw_only=True):
    """How the results of an instance are spread."""

    categories: tuple[ResultCategory, ...] = ()
    descriptions: tuple[Text, ...] = ()


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """What a course is worth in one scheme; compare schemes without case."""

    scheme: str  # `ects`, ...
    level: str | None = None  # Bachelor, Master, PhD
    value: Decimal


class CourseInstance(msgspec.Struct, frozen=True, kw_only=True):
    """A course as it is held once, a `learningOpportunityInstance`."""

    loi_id: LoiId
    start: date | None = None
    end: date | None = None
    academic_term: AcademicTerm | None = None
    grading_scheme: GradingScheme | None = None
    result_distribution: ResultDistribution | None = None
    credits: tuple[Credit, ...] = ()
    language_of_instruction: str | None = None  # BCP 47
    engagement_hours: Decimal | None = None


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """A course, class, module or degree programme, a `learningOpportunitySpecification`."""

    los_id: LosId
    los_code: str | None = None  # for people; not always unique
    ounit_id: OunitId | None = None
    titles: tuple[Text, ...]
    type: str | None = None  # Degree Programme, Module, Course, Class
    subject_area: str | None = None
    isced_code: str | None = None
    eqf_level_provided: int | None = None
    urls: tuple[Text, ...] = ()
    descriptions: tuple[Text, ...] = ()
    instances: tuple[CourseInstance, ...] = ()
    contains: tuple[LosId, ...] = ()  # the courses of a module, the modules of a programme


_DESCRIPTIONS = maybe("description", TEXT, many="descriptions")
_TERM = shape(
    AcademicTerm,
    one("academic-year-id", values.ACADEMIC_YEAR),
    maybe("ewp-id", values.ACADEMIC_TERM),
    wanted("display-name", TEXT, many="display_names"),
    wanted("start-date", values.LENIENT_DATE),
    wanted("end-date", values.LENIENT_DATE),
    lenient=True,
)
_DISTRIBUTION = shape(
    ResultDistribution,
    wanted(
        "category",
        shape(
            ResultCategory,
            attribute("label", values.STRING, need=Need.ALWAYS),
            attribute("count", values.NATURAL, need=Need.ALWAYS),
            lenient=True,
        ),
        many="categories",
        kept=True,
    ),
    _DESCRIPTIONS,
)
_CREDIT = shape(
    Credit,
    one("scheme", values.STRING),
    maybe("level", values.words_as_sent("Bachelor", "Master", "PhD")),
    one("value", values.DECIMAL),
    lenient=True,
)
_INSTANCE = shape(
    CourseInstance,
    one("loi-id", LOI_ID),
    wanted("start", values.LENIENT_DATE),
    wanted("end", values.LENIENT_DATE),
    maybe("academic-term", _TERM, namespace=TERM_V1),
    maybe(
        "gradingScheme",
        shape(GradingScheme, one("label", TEXT, many="labels"), _DESCRIPTIONS, lenient=True),
    ),
    maybe("resultDistribution", _DISTRIBUTION),
    maybe("credit", _CREDIT, many="credits"),
    maybe("languageOfInstruction", values.LANGUAGE),
    maybe("engagementHours", values.LENIENT_DECIMAL),
    lenient=True,
)
_COURSE = shape(
    Course,
    one("los-id", LOS_ID),
    maybe("los-code", values.STRING),
    maybe("ounit-id", values.ID),
    one("title", TEXT, many="titles"),
    maybe("type", values.words_as_sent("Degree Programme", "Module", "Course", "Class")),
    maybe("subjectArea", values.STRING),
    maybe("iscedCode", values.STRING),
    maybe("eqfLevelProvided", values.EQF_LEVEL),
    maybe("url", WEB_ADDRESS, many="urls"),
    _DESCRIPTIONS,
    listed("specifies", "learningOpportunityInstance", _INSTANCE, name="instances"),
    listed("contains", "los-id", LOS_ID),
)
_RESPONSE = Versions(
    "courses-response", NAMESPACE, listing("learningOpportunitySpecification", _COURSE)
)


def read_response(xml: bytes) -> tuple[Course, ...]:
    """Read a `courses-response`; a course that is not in it is not known there."""
    return _RESPONSE.read(xml).items


def write_response(courses: Iterable[Course], *, major: int = 1) -> bytes:
    """Write a `courses-response`."""
    return _RESPONSE.write(Items(items=tuple(courses)), major)
