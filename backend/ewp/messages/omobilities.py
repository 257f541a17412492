"""Outgoing mobilities 1 to 3: nominations, as the sending HEI holds them (guide §4.2).

What the schema requires but readers can live without is optional here: absent when a partner left
it out, asked for when we write.
"""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

import msgspec

from ewp.ids import (
    AcademicYearId,
    EuropeanStudentId,
    HeiId,
    IiaId,
    OmobilityId,
    OunitId,
    ProposalId,
)
from ewp.messages import values
from ewp.messages.common import (
    MAILING_ADDRESS,
    PHONE_NUMBERS,
    STREET_ADDRESS,
    SUCCESS_MESSAGES,
    TEXT,
    Address,
    Phone,
    Text,
)
from ewp.messages.documents import Items, Versions, Xml, listing
from ewp.messages.omobilities_1 import ITEM, version_1_of
from ewp.messages.shapes import Need, attribute, content, either, flag, maybe, one, shape, wanted

_Date = date  # for the struct with a field of that name

_SPEC = "https://github.com/erasmus-without-paper/ewp-specs-api-omobilities/blob"
GET_NAMESPACE = {n: f"{_SPEC}/stable-v{n}/endpoints/get-response.xsd" for n in (1, 2, 3)}
INDEX_NAMESPACE = {n: f"{_SPEC}/stable-v{n}/endpoints/index-response.xsd" for n in (1, 2, 3)}
UPDATE_REQUEST_NAMESPACE = {3: f"{_SPEC}/stable-v3/endpoints/update-request.xsd"}
UPDATE_RESPONSE_NAMESPACE = {3: f"{_SPEC}/stable-v3/endpoints/update-response.xsd"}


class StatusV2(StrEnum):
    """The sending HEI's status, version 2 (guide §4.2.3)."""

    NOMINATION = "nomination"
    LIVE = "live"
    RECOGNIZED = "recognized"
    CANCELLED = "cancelled"


class StatusV3(StrEnum):
    """The status of the proposal, version 3 (guide §4.2.2)."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class MobilityHei(msgspec.Struct, frozen=True, kw_only=True):
    """One university's end of a nomination; the ids are that university's own."""

    hei_id: HeiId
    ounit_id: OunitId | None = None
    iia_id: IiaId | None = None


class PhotoUrl(msgspec.Struct, frozen=True, kw_only=True):
    """Where a photo of the student is; private unless `public`."""

    value: str
    size_px: str | None = None  # `WIDTHxHEIGHT`
    public: bool = False
    date: _Date | None = None


class StudentV2(msgspec.Struct, frozen=True, kw_only=True):
    """The student in a nomination of version 2."""

    given_names: tuple[Text, ...]
    family_names: tuple[Text, ...]
    global_id: EuropeanStudentId | None = None
    birth_date: date | None = None
    citizenship: str | None = None  # ISO 3166-1 alpha-2
    gender: int | None = None  # ISO 5218
    email: str | None = None
    photo_urls: tuple[PhotoUrl, ...] = ()
    street_address: Address | None = None
    mailing_address: Address | None = None
    phone_numbers: tuple[Phone, ...] = ()


class LanguageSkill(msgspec.Struct, frozen=True, kw_only=True):
    """How well the student speaks a language."""

    language: str  # BCP 47
    cefr_level: str | None = None  # A1 to C2, or NS: native speaker


class AdditionalRequirement(msgspec.Struct, frozen=True, kw_only=True):
    """A paper that the receiving HEI wants, and where to get it: a file id or an address."""

    name: str
    file: str | None = None
    url: str | None = None


class StudentMobilityV2(msgspec.Struct, frozen=True, kw_only=True):
    """A nomination of version 2, or of version 1, which knows no activity or requirements."""

    omobility_id: OmobilityId
    sending_hei: MobilityHei
    receiving_hei: MobilityHei
    sending_academic_term_ewp_id: str | None = None  # `YYYY/YYYY-t/n`
    non_standard_mobility_period: bool = False  # outside any term
    receiving_academic_year_id: AcademicYearId
    student: StudentV2
    status: StatusV2
    activity_type: str | None = None  # student-studies, student-traineeships
    activity_attributes: str | None = None  # long-term, short-term-blended, short-term-doctoral
    planned_arrival_date: date | None = None
    planned_departure_date: date | None = None
    eqf_level_studied_at_nomination: int | None = None
    eqf_level_studied_at_departure: int | None = None
    nominee_isced_f_code: str | None = None
    nominee_language_skills: tuple[LanguageSkill, ...] = ()
    additional_requirements: tuple[AdditionalRequirement, ...] = ()


class StudentV3(msgspec.Struct, frozen=True, kw_only=True):
    """The student in a nomination of version 3."""

    given_names: tuple[Text, ...]
    family_names: tuple[Text, ...]
    global_id: EuropeanStudentId | None = None
    birth_date: date | None = None
    nationality: str | None = None  # ISO 3166-1 alpha-2
    gender: int | None = None  # ISO 5218
    email: str | None = None


class NominationV3(msgspec.Struct, frozen=True, kw_only=True):
    """The content that the receiving HEI decides on, named by its proposal id."""

    proposal_id: ProposalId
    sending_hei: MobilityHei
    receiving_hei: MobilityHei
    sending_academic_term_ewp_id: str | None = None  # `YYYY/YYYY-t/n`
    non_standard_mobility_period: bool = False  # outside any term
    receiving_academic_year_id: AcademicYearId
    activity_type: str | None = None  # student-studies
    activity_attributes: str | None = None  # long-term, short-term-blended, short-term-doctoral
    agreement_isced_f_code: str | None = None  # four digits
    eqf_level_studied_at_departure: int | None = None
    nominee_isced_f_code: str | None = None  # four digits
    comment: str | None = None  # between the offices; never for the student


class StudentMobilityV3(msgspec.Struct, frozen=True, kw_only=True):
    """A nomination of version 3."""

    omobility_id: OmobilityId
    student: StudentV3
    nomination: NominationV3
    status: StatusV3


StudentMobility = StudentMobilityV2 | StudentMobilityV3


class ApproveProposal(msgspec.Struct, frozen=True, kw_only=True):
    """The receiving HEI accepts (`approve-proposal-v1`)."""

    omobility_id: OmobilityId
    proposal_id: ProposalId


class RejectProposal(msgspec.Struct, frozen=True, kw_only=True):
    """The receiving HEI refuses (`reject-proposal-v1`)."""

    omobility_id: OmobilityId
    proposal_id: ProposalId
    comment: str  # for the sending HEI's office


UpdateRequest = ApproveProposal | RejectProposal


_MOBILITY_HEI = shape(
    MobilityHei,
    one("hei-id", values.HEI_ID),
    maybe("ounit-id", values.ID),
    maybe("iia-id", values.ID),
)
_SENDING_HEI = one("sending-hei", _MOBILITY_HEI)
_RECEIVING_HEI = one("receiving-hei", _MOBILITY_HEI)
_SENDING_TERM = maybe("sending-academic-term-ewp-id", values.ACADEMIC_TERM)
_NON_STANDARD_PERIOD = flag("non-standard-mobility-period")
_RECEIVING_YEAR = one("receiving-academic-year-id", values.ACADEMIC_YEAR)
_GIVEN_NAMES = one("given-names", TEXT, many="given_names")
_FAMILY_NAMES = one("family-name", TEXT, many="family_names")
_ACTIVITY_ATTRIBUTES = wanted(
    "activity-attributes",
    values.words_as_sent("long-term", "short-term-blended", "short-term-doctoral"),
)


def _check_term(mobility: StudentMobilityV2 | NominationV3) -> None:
    if (mobility.sending_academic_term_ewp_id is None) != mobility.non_standard_mobility_period:
        raise ValueError("needs either a sending academic term or a non-standard period")


def _check_requirement(requirement: AdditionalRequirement) -> None:
    if (requirement.file is None) == (requirement.url is None):
        raise ValueError("needs either a file or an address")


_STUDENT_V2 = shape(
    StudentV2,
    _GIVEN_NAMES,
    _FAMILY_NAMES,
    wanted("global-id", values.STRING),
    maybe("birth-date", values.DATE),
    maybe("citizenship", values.COUNTRY),
    maybe("gender", values.GENDER),
    maybe("email", values.EMAIL),
    maybe(
        "photo-url",
        shape(
            PhotoUrl,
            content("value", values.HTTPS),
            attribute("size-px", values.PHOTO_SIZE),
            attribute("public", values.BOOLEAN),
            attribute("date", values.LENIENT_DATE),
        ),
        many="photo_urls",
    ),
    STREET_ADDRESS,
    MAILING_ADDRESS,
    PHONE_NUMBERS,
)
_MOBILITY_V2 = shape(
    StudentMobilityV2,
    one("omobility-id", values.ID),
    _SENDING_HEI,
    _RECEIVING_HEI,
    _SENDING_TERM,
    _NON_STANDARD_PERIOD,
    _RECEIVING_YEAR,
    one("student", _STUDENT_V2),
    one("status", values.word(StatusV2)),
    wanted("activity-type", values.words_as_sent("student-studies", "student-traineeships")),
    _ACTIVITY_ATTRIBUTES,
    maybe("planned-arrival-date", values.DATE),
    maybe("planned-departure-date", values.DATE),
    maybe("eqf-level-studied-at-nomination", values.EQF_LEVEL),
    maybe("eqf-level-studied-at-departure", values.EQF_LEVEL),
    maybe("nominee-isced-f-code", values.STRING),
    maybe(
        "nominee-language-skill",
        shape(
            LanguageSkill, one("language", values.LANGUAGE), maybe("cefr-level", values.CEFR_LEVEL)
        ),
        many="nominee_language_skills",
    ),
    maybe(
        "additional-requirement",
        shape(
            AdditionalRequirement,
            one("name", values.STRING),
            maybe("file", values.STRING),
            maybe("url", values.HTTP),
            check_write=_check_requirement,
        ),
        many="additional_requirements",
    ),
    check_write=_check_term,
)
MOBILITY_V3 = shape(
    StudentMobilityV3,
    one("omobility-id", values.ID),
    one(
        "student",
        shape(
            StudentV3,
            _GIVEN_NAMES,
            _FAMILY_NAMES,
            wanted("global-id", values.STRING),
            wanted("birth-date", values.DATE),
            wanted("nationality", values.COUNTRY),
            wanted("gender", values.GENDER),
            wanted("email", values.EMAIL),
        ),
    ),
    one(
        "nomination",
        shape(
            NominationV3,
            attribute("proposal-id", values.STRING, need=Need.ALWAYS),
            _SENDING_HEI,
            _RECEIVING_HEI,
            _SENDING_TERM,
            _NON_STANDARD_PERIOD,
            _RECEIVING_YEAR,
            wanted("activity-type", values.words_as_sent("student-studies")),
            _ACTIVITY_ATTRIBUTES,
            wanted("agreement-isced-f-code", values.ISCED_F),
            wanted("eqf-level-studied-at-departure", values.EQF_LEVEL),
            wanted("nominee-isced-f-code", values.ISCED_F),
            maybe("comment", values.STRING),
            check_write=_check_term,
        ),
    ),
    one("status", values.word(StatusV3)),
)
_GET: Versions[Items[StudentMobility]] = Versions(
    "omobilities-get-response",
    GET_NAMESPACE,
    {
        1: listing(ITEM, version_1_of(_MOBILITY_V2)),
        2: listing("student-mobility", _MOBILITY_V2),
        3: listing("student-mobility", MOBILITY_V3),
    },
)
_INDEX: Versions[Items[OmobilityId]] = Versions(
    "omobilities-index-response", INDEX_NAMESPACE, listing("omobility-id", values.ID)
)


class _Request(msgspec.Struct, frozen=True, kw_only=True):
    operation: UpdateRequest


_UPDATE_REQUEST = Versions(
    "omobilities-update-request",
    UPDATE_REQUEST_NAMESPACE,
    shape(
        _Request,
        either(
            "operation",
            approve_proposal_v1=shape(
                ApproveProposal, one("omobility-id", values.ID), one("proposal-id", values.STRING)
            ),
            reject_proposal_v1=shape(
                RejectProposal,
                one("omobility-id", values.ID),
                one("proposal-id", values.STRING),
                one("comment", values.STRING),
            ),
        ),
    ),
)
_UPDATE_RESPONSE: Versions[Items[Text]] = Versions(
    "omobilities-update-response", UPDATE_RESPONSE_NAMESPACE, SUCCESS_MESSAGES
)


def read_get_response(xml: Xml) -> tuple[StudentMobility, ...]:
    """Read an `omobilities-get-response`, keeping its order; all of one version."""
    return _GET.read(xml).items


def write_get_response(mobilities: Iterable[StudentMobility], *, major: int) -> bytes:
    """Write an `omobilities-get-response`; the mobilities are of that version."""
    return _GET.write(Items(items=tuple(mobilities)), major)


def read_index_response(xml: bytes) -> tuple[OmobilityId, ...]:
    """Read an `omobilities-index-response`."""
    return _INDEX.read(xml).items


def write_index_response(omobility_ids: Iterable[OmobilityId], *, major: int) -> bytes:
    """Write an `omobilities-index-response`."""
    return _INDEX.write(Items(items=tuple(omobility_ids)), major)


def read_update_request(xml: bytes) -> UpdateRequest:
    """Read an `omobilities-update-request`: what the receiving HEI decided."""
    return _UPDATE_REQUEST.read(xml).operation


def write_update_request(request: UpdateRequest, *, major: int = 3) -> bytes:
    """Write an `omobilities-update-request`."""
    return _UPDATE_REQUEST.write(_Request(operation=request), major)


def read_update_response(xml: bytes) -> tuple[Text, ...]:
    """Read an `omobilities-update-response`: messages to show the user after success."""
    return _UPDATE_RESPONSE.read(xml).items


def write_update_response(messages: Iterable[Text] = (), *, major: int = 3) -> bytes:
    """Write an `omobilities-update-response`."""
    return _UPDATE_RESPONSE.write(Items(items=tuple(messages)), major)
