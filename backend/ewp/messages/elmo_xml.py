"""How ELMO is read and written: the shapes of its versions, 1 (1.6, 1.7, 2.0) and 2 (2.1)."""

import base64
import binascii
import re
from dataclasses import replace
from functools import lru_cache, partial
from urllib.parse import unquote, unquote_to_bytes

from ewp.messages import elmo, values
from ewp.messages.common import POSTAL_ADDRESS, TEXT, Text
from ewp.messages.documents import Versions
from ewp.messages.elmo import LARGEST_ATTACHMENT, AttachedFile, Content, Elmo, LeftOut
from ewp.messages.shapes import (
    XML_LANG,
    Again,
    Field,
    Need,
    Shape,
    attribute,
    content,
    listed,
    maybe,
    shape,
    wanted,
    within,
)
from ewp.messages.values import TOKEN, Value
from ewp.messages.writing import ADDRESS, ELMO_1, ELMO_2

NAMESPACE = {1: ELMO_1, 2: ELMO_2}
"""By the major version of the namespace: the schemas are 1.6 and 2.1."""

_COURSE = "learningOpportunitySpecification"
_DOCUMENT_TYPES = ("Diploma", "Certificate", "Enrolment", "Admission")
_ATTACHMENT_TYPES = (
    "Diploma",
    "Diploma Supplement",
    "Transcript of Records",
    "EMREX transcript",
    "Micro Credential",
    "Letter of Nomination",
    "Certificate of Training",
    "Learning Agreement",
    "Other",
)


def read(xml: bytes, *, largest_attachment: int = LARGEST_ATTACHMENT) -> Elmo:
    """Read a transcript that stands alone. Files of more bytes than that are left out."""
    return _documents(largest_attachment).read(xml)


def write(transcript: Elmo, *, major: int) -> bytes:
    """Write a transcript alone. What the version has no place for is left out."""
    return _documents(LARGEST_ATTACHMENT).write(transcript, major)


@lru_cache(maxsize=4)
def _documents(largest_attachment: int) -> Versions[Elmo]:
    shapes = {major: elmo_shape(major, largest_attachment) for major in NAMESPACE}
    return Versions("elmo", NAMESPACE, shapes)


# -- Values --


def _status(text: str) -> elmo.ResultStatus:
    return elmo.ResultStatus(text.lower())


def _count(number: int) -> str:
    if number < 0:
        raise ValueError("negative")
    return str(number)


_STATUS = replace(values.lenient_word(elmo.ResultStatus), read=_status)
_COUNT = replace(values.COUNT, rule="must be an integer from 0", write=_count)
_MOMENT = replace(values.DATE_TIME, lenient=True)
_DAY = values.LENIENT_DATE
_DECIMAL = values.LENIENT_DECIMAL
_LANG = attribute(XML_LANG, values.LANGUAGE, name="lang")
_LINE = shape(Text, content("value", TOKEN), _LANG)  # a text without line breaks
_TYPE = attribute("type", TOKEN, need=Need.ALWAYS)
_TITLES = maybe("title", _LINE, many="titles")
_DESCRIPTIONS = maybe("description", TEXT, many="descriptions")
_IDENTIFIER = shape(elmo.Identifier, content("value", TOKEN), _TYPE, lenient=True)
_IDENTIFIERS = maybe("identifier", _IDENTIFIER, many="identifiers")
_REFS = listed("attachments", "ref", values.STRING, name="attachment_refs")


def _required(field: Field) -> Field:
    """The schema insists on it, readers do not."""
    return replace(field, need=Need.WRITING)


# -- Files --

_DATA_URI = re.compile(r"data:([^,]*),", re.IGNORECASE)


def _read_uri(text: str, largest: int) -> AttachedFile:
    """Decode a data URI within the limit; what cannot be had says why."""
    start = _DATA_URI.match(text)
    if start is None:
        return AttachedFile(left_out=LeftOut.UNREADABLE)
    kind, *parameters = "".join(start[1].split()).lower().split(";")
    media_type, payload = kind or "text/plain", text[start.end() :]
    try:
        if "base64" not in parameters:
            data = unquote_to_bytes(payload)
        else:
            digits = "".join(unquote(payload).split()).rstrip("=")
            if len(digits) * 3 // 4 > largest:  # not even decoded
                return AttachedFile(media_type=media_type, left_out=LeftOut.TOO_LARGE)
            data = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        return AttachedFile(media_type=media_type, left_out=LeftOut.UNREADABLE)
    if len(data) > largest:
        return AttachedFile(media_type=media_type, left_out=LeftOut.TOO_LARGE)
    return AttachedFile(media_type=media_type, data=data)


def _write_uri(file: AttachedFile) -> str:
    if not file.data or not file.media_type or _MEDIA_TYPE.fullmatch(file.media_type) is None:
        raise ValueError("nothing to write")
    return f"data:{file.media_type};base64,{base64.b64encode(file.data).decode()}"


_MEDIA_TYPE = re.compile(r"[^\s,;/]+/[^\s,;/]+")


def _attachment(major: int, largest: int) -> Shape[elmo.Attachment]:
    types = _ATTACHMENT_TYPES if major == 1 else (*_ATTACHMENT_TYPES, "Certificate of Enrolment")
    uri = Value(
        rule="must have a media type and bytes",
        read=partial(_read_uri, largest=largest),
        write=_write_uri,
    )
    return shape(
        elmo.Attachment,
        _IDENTIFIERS,
        _TITLES,
        maybe("type", values.words_as_sent(*types)),
        _DESCRIPTIONS,
        maybe("content", shape(Content, content("file", uri), _LANG), many="contents"),
    )


# -- Courses and results --


def _percentages() -> Shape[elmo.ShortenedGrading]:
    names = ("percentageLower", "percentageEqual", "percentageHigher")
    return shape(elmo.ShortenedGrading, *(wanted(name, _DECIMAL) for name in names))


_TERM = shape(elmo.AcademicTerm, _required(_TITLES), wanted("start", _DAY), wanted("end", _DAY))
_DISTRIBUTION = shape(
    elmo.ResultDistribution,
    wanted(
        "category",
        shape(
            elmo.ResultCategory,
            attribute("label", TOKEN, need=Need.ALWAYS),
            attribute("count", _COUNT, need=Need.WRITING),
            lenient=True,
        ),
        many="categories",
    ),
    _DESCRIPTIONS,
)
_LEVEL = shape(elmo.Level, wanted("type", TOKEN), maybe("description", TEXT), maybe("value", TOKEN))
_GROUPING = shape(
    elmo.Grouping, attribute("typeref", values.STRING), attribute("idref", values.STRING)
)
_GRADING_SCHEME = shape(
    elmo.GradingScheme,
    attribute("localId", TOKEN, need=Need.ALWAYS),
    _DESCRIPTIONS,
    lenient=True,
)
_REPORT_STATUS = shape(
    elmo.ReportStatus,
    wanted("code", values.lenient_word(elmo.ReportCode)),
    maybe("message", TEXT, many="messages"),
)
_MAPPING = shape(
    elmo.RecognitionMapping,
    within("fromMapping", "ref", values.STRING, many="from_refs"),
    within("toMapping", "ref", values.STRING, many="to_refs"),
)


def elmo_shape(major: int, largest_attachment: int = LARGEST_ATTACHMENT) -> Shape[Elmo]:
    """Say how a transcript is written in that version; larger files are left out when reading."""

    def only(version: int, field: Field) -> Field:
        """Of one version; written there alone, read everywhere."""
        return field if version == major else replace(field, need=Need.NEVER, written=False)

    country = shape(
        elmo.CountryCode,
        content("value", values.COUNTRY if major == 1 else TOKEN),
        only(2, attribute("type", TOKEN, need=Need.WRITING)),
    )
    attachments = maybe("attachment", _attachment(major, largest_attachment), many="attachments")
    credit = shape(
        elmo.Credit,
        wanted("scheme", TOKEN),
        only(1, maybe("level", values.words_as_sent("Bachelor", "Master", "PhD"))),
        maybe("value", _DECIMAL),
    )
    instance = shape(
        elmo.LearningOpportunityInstance,
        _IDENTIFIERS,
        maybe("start", _DAY),
        maybe("date", _DAY, name="result_date"),
        maybe("academicTerm", _TERM),
        only(2, maybe("duration", values.DURATION)),
        maybe("status", _STATUS),
        maybe("gradingSchemeLocalId", TOKEN),
        only(2, maybe("gradingSchemeExternalId", TOKEN)),
        maybe("resultLabel", TOKEN),
        maybe("shortenedGrading", _percentages()),
        maybe("resultDistribution", _DISTRIBUTION),
        maybe("credit", credit, many="credits"),
        maybe("level", _LEVEL, many="levels"),
        maybe("languageOfInstruction", TOKEN),
        maybe("engagementHours", _DECIMAL),
        _REFS,
        maybe("grouping", _GROUPING),
    )
    course: Shape[elmo.LearningOpportunitySpecification] = shape(
        elmo.LearningOpportunitySpecification,
        only(1, _IDENTIFIERS),
        only(2, _required(_IDENTIFIERS)),
        _required(_TITLES),
        maybe("type", values.words_as_sent("Degree Programme", "Module", "Course", "Class")),
        maybe("subjectArea", TOKEN),
        maybe("iscedCode", TOKEN),
        maybe("url", values.HTTP),
        _DESCRIPTIONS,
        maybe("descriptionHtml", TEXT, many="html_descriptions"),
        only(2, maybe("documentType", values.words_as_sent(*_DOCUMENT_TYPES))),
        within("specifies", "learningOpportunityInstance", instance, name="instance"),
        within("hasPart", _COURSE, Again(lambda: course), many="parts"),
    )
    courses = maybe(_COURSE, course, many="courses")
    recognition = shape(
        elmo.ResultOfRecognition,
        _IDENTIFIERS,
        _TITLES,
        _DESCRIPTIONS,
        maybe("subjectArea", TOKEN),
        maybe("iscedCode", TOKEN),
        wanted("status", values.words_as_sent("Positive", "Negative", "Partially Positive")),
        maybe("decisionDate", _DAY),
        within("recognitionResult", _COURSE, course, many="results"),
        within("recognitionMapping", "mapping", _MAPPING, many="mappings"),
        _REFS,
    )
    issuer = shape(
        elmo.Issuer,
        maybe("country", country),
        _required(_IDENTIFIERS),
        _required(_TITLES),
        wanted("url", values.HTTP),
    )
    report = shape(
        elmo.Report,
        wanted("issuer", issuer),
        courses,
        only(2, maybe("resultOfRecognition", recognition, many="recognitions")),
        wanted("issueDate", _MOMENT),
        maybe("gradingScheme", _GRADING_SCHEME, many="grading_schemes"),
        only(2, maybe("status", _REPORT_STATUS)),
        attachments,
    )
    learner = shape(
        elmo.Learner,
        maybe("citizenship", country),
        _IDENTIFIERS,
        wanted("givenNames", TOKEN),
        wanted("familyName", TOKEN),
        only(2, wanted("alternativeName", TEXT)),
        only(2, maybe("dateOfBirth", _DAY)),
        only(1, maybe("bday", _DAY, name="date_of_birth")),
        maybe("placeOfBirth", TOKEN),
        only(2, maybe("countryOfBirth", country)),
        maybe("birthName", TOKEN),
        maybe("currentAddress", POSTAL_ADDRESS, inner=ADDRESS),
        maybe("gender", values.GENDER),
    )
    return shape(
        Elmo,
        wanted("generatedDate", _MOMENT),
        wanted("learner", learner),
        wanted("report", report, many="reports"),
        attachments,
        listed("groups", "groupType", _group_type(major)),
    )


def _group_type(major: int) -> Shape[elmo.GroupType]:
    def check(titled: elmo.Group | elmo.GroupType) -> None:
        if major == 1 and len(titled.titles) > 1:  # 1.7 lets them repeat, EWP uses 1.6
            raise ValueError("may have one title")

    id_ = attribute("id", values.STRING)
    titles = _required(_TITLES)
    key = attribute("sortingKey", values.STRING)
    group = shape(elmo.Group, id_, key, titles, check_write=check)
    groups = maybe("group", group, many="groups")
    return shape(elmo.GroupType, id_, titles, groups, check_write=check)
