"""ELMO: the transcript of records inside an `imobility-tor` (guide §4.6).

One set of structs for all versions: 1.6, 1.7 and 2.0 share a namespace, 2.1 has its own. What a
version has no place for is left out when it is written. Diploma supplements, enrolments, the
reports behind a recognition, extensions and XML signatures are skipped.

Whatever stands in a transcript is the receiving HEI's word: texts may be long, HTML may be
hostile, and files may be other ones than they say.
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from ewp.ids import HeiId
from ewp.messages.common import Address, Text

LARGEST_ATTACHMENT = 7_000_000  # bytes; the XML door's limit on one text is little above it


class Identifier(msgspec.Struct, frozen=True, kw_only=True):
    """One of the names by which a thing is known: `esi`, `schac`, `ewp-los-id`, `local`, ..."""

    type: str
    value: str


def _identifier(identifiers: tuple[Identifier, ...], kind: str) -> str | None:
    return next((each.value for each in identifiers if each.type.lower() == kind), None)


class CountryCode(msgspec.Struct, frozen=True, kw_only=True):
    """A country, as ISO 3166-1 alpha-2 or, since ELMO 2.1, as an address in the EU vocabulary."""

    value: str
    type: str | None = None  # since 2.1: `ISO` or `URI`


class Learner(msgspec.Struct, frozen=True, kw_only=True):
    """Whose results these are."""

    identifiers: tuple[Identifier, ...] = ()
    given_names: str | None = None
    family_name: str | None = None
    alternative_name: Text | None = None  # since 2.0: the name in another script
    date_of_birth: date | None = None  # `bday` in version 1
    citizenship: CountryCode | None = None
    place_of_birth: str | None = None
    country_of_birth: CountryCode | None = None  # since 2.1
    birth_name: str | None = None
    current_address: Address | None = None
    gender: int | None = None  # ISO 5218

    @property
    def esi(self) -> str | None:
        """The European Student Identifier as sent; compare it without regard to case."""
        return _identifier(self.identifiers, "esi")


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """The institution that answers for a report."""

    identifiers: tuple[Identifier, ...] = ()
    titles: tuple[Text, ...] = ()
    url: str | None = None
    country: CountryCode | None = None

    @property
    def hei_id(self) -> HeiId | None:
        """Its SCHAC identifier."""
        found = _identifier(self.identifiers, "schac")
        return HeiId(found.lower()) if found else None


class LeftOut(StrEnum):
    """Why the bytes of a file are not there."""

    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"  # no data URI, or one that is broken


class AttachedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file inside the transcript. That it is what `media_type` says is the sender's word."""

    media_type: str | None = None  # in lower case
    data: bytes | None = None
    left_out: LeftOut | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment in one language."""

    file: AttachedFile
    lang: str | None = None


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A document for people: the printed transcript above all."""

    identifiers: tuple[Identifier, ...] = ()
    titles: tuple[Text, ...] = ()
    type: str | None = None  # `Transcript of Records`, `Diploma`, ..., `Other`
    descriptions: tuple[Text, ...] = ()
    contents: tuple[Content, ...] = ()


class ResultStatus(StrEnum):
    """How a course ended."""

    PASSED = "passed"
    FAILED = "failed"
    IN_PROGRESS = "in-progress"


class AcademicTerm(msgspec.Struct, frozen=True, kw_only=True):
    """The term a course was taken in."""

    titles: tuple[Text, ...] = ()
    start: date | None = None
    end: date | None = None


class ShortenedGrading(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the others did worse, the same, and better, in per cent."""

    percentage_lower: Decimal | None = None
    percentage_equal: Decimal | None = None
    percentage_higher: Decimal | None = None


class ResultCategory(msgspec.Struct, frozen=True, kw_only=True):
    """A grade and how many students got it."""

    label: str
    count: int | None = None


class ResultDistribution(msgspec.Struct, frozen=True, kw_only=True):
    """How all students of the course did: what a conversion of grades needs."""

    categories: tuple[ResultCategory, ...] = ()
    descriptions: tuple[Text, ...] = ()


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """Credits in one scheme."""

    scheme: str | None = None  # `ects`, in any case
    value: Decimal | None = None
    level: str | None = None  # version 1 only: `Bachelor`, `Master`, `PhD`


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """The level of a course in one framework."""

    type: str | None = None  # `EQF`, `NQF`, ...
    description: Text | None = None
    value: str | None = None


class Grouping(msgspec.Struct, frozen=True, kw_only=True):
    """The group of `Elmo.groups` that a course belongs to."""

    typeref: str | None = None
    idref: str | None = None


class LearningOpportunityInstance(msgspec.Struct, frozen=True, kw_only=True):
    """A course as this student took it: the result."""

    identifiers: tuple[Identifier, ...] = ()
    start: date | None = None
    result_date: date | None = None  # `date`: when the result was reached
    academic_term: AcademicTerm | None = None
    duration: str | None = None  # since 2.1, as xs:duration: `P6M`
    status: ResultStatus | None = None
    grading_scheme_local_id: str | None = None  # a `Report.grading_schemes`
    grading_scheme_external_id: str | None = None  # since 2.0
    result_label: str | None = None  # the grade as the HEI writes it; not always a number
    shortened_grading: ShortenedGrading | None = None
    result_distribution: ResultDistribution | None = None
    credits: tuple[Credit, ...] = ()
    levels: tuple[Level, ...] = ()
    language_of_instruction: str | None = None
    engagement_hours: Decimal | None = None
    attachment_refs: tuple[str, ...] = ()  # identifiers of attachments
    grouping: Grouping | None = None

    @property
    def loi_id(self) -> str | None:
        """Its id in the Courses API."""
        return _identifier(self.identifiers, "ewp-loi-id")

    @property
    def ects(self) -> Decimal | None:
        """Its credits in ECTS; None where they are not said in ECTS."""
        in_ects = (each.value for each in self.credits if (each.scheme or "").lower() == "ects")
        return next((value for value in in_ects if value is not None), None)


class LearningOpportunitySpecification(msgspec.Struct, frozen=True, kw_only=True):
    """A course, module, programme or class, with its result and its parts."""

    identifiers: tuple[Identifier, ...] = ()
    titles: tuple[Text, ...] = ()
    type: str | None = None  # `Degree Programme`, `Module`, `Course`, `Class`
    subject_area: str | None = None
    isced_code: str | None = None
    url: str | None = None
    descriptions: tuple[Text, ...] = ()
    html_descriptions: tuple[Text, ...] = ()  # a stranger's HTML: never to be shown as it is
    document_type: str | None = None  # since 2.1: `Diploma`, `Certificate`, ...
    instance: LearningOpportunityInstance = LearningOpportunityInstance()
    parts: tuple["LearningOpportunitySpecification", ...] = ()

    @property
    def los_id(self) -> str | None:
        """Its id in the Courses API."""
        return _identifier(self.identifiers, "ewp-los-id")


class RecognitionMapping(msgspec.Struct, frozen=True, kw_only=True):
    """Which courses were recognized as which, by their identifiers."""

    from_refs: tuple[str, ...] = ()
    to_refs: tuple[str, ...] = ()


class ResultOfRecognition(msgspec.Struct, frozen=True, kw_only=True):
    """What became of results elsewhere, since version 2.0; hardly anybody fills it."""

    identifiers: tuple[Identifier, ...] = ()  # since 2.1
    titles: tuple[Text, ...] = ()
    descriptions: tuple[Text, ...] = ()
    subject_area: str | None = None
    isced_code: str | None = None
    status: str | None = None  # `Positive`, `Negative`, `Partially Positive`
    decision_date: date | None = None
    results: tuple[LearningOpportunitySpecification, ...] = ()
    mappings: tuple[RecognitionMapping, ...] = ()
    attachment_refs: tuple[str, ...] = ()


class GradingScheme(msgspec.Struct, frozen=True, kw_only=True):
    """What the grades of a scheme mean, in words."""

    local_id: str
    descriptions: tuple[Text, ...] = ()


class ReportCode(StrEnum):
    """How much of a student's results a report holds."""

    FULL = "FULL"
    SELECTION = "SELECTION"
    PARTIAL_TEMPORARY = "PARTIAL_TEMPORARY"
    PARTIAL_PERMANENT = "PARTIAL_PERMANENT"
    ERROR_TEMPORARY = "ERROR_TEMPORARY"
    ERROR_PERMANENT = "ERROR_PERMANENT"


class ReportStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Whether more is to come."""

    code: ReportCode | None = None
    messages: tuple[Text, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The results that one institution answers for."""

    issuer: Issuer = Issuer()
    courses: tuple[LearningOpportunitySpecification, ...] = ()
    recognitions: tuple[ResultOfRecognition, ...] = ()
    issue_date: datetime | None = None
    grading_schemes: tuple[GradingScheme, ...] = ()
    status: ReportStatus | None = None  # since 2.1
    attachments: tuple[Attachment, ...] = ()


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A heading under which courses may be shown."""

    id: str | None = None
    sorting_key: str | None = None
    titles: tuple[Text, ...] = ()


class GroupType(msgspec.Struct, frozen=True, kw_only=True):
    """One way to group courses."""

    id: str | None = None
    titles: tuple[Text, ...] = ()
    groups: tuple[Group, ...] = ()


class Elmo(msgspec.Struct, frozen=True, kw_only=True):
    """A transcript of records."""

    generated_date: datetime | None = None
    learner: Learner = Learner()
    reports: tuple[Report, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    groups: tuple[GroupType, ...] = ()
