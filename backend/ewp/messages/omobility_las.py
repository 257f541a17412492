"""Learning agreements, version 1 (1.0 to 1.2 read alike; guide §4.5).

What the schema requires but readers can live without is optional here: absent when a partner left
it out, asked for when we write.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from ewp.ids import (
    AcademicYearId,
    EuropeanStudentId,
    HeiId,
    LoiId,
    LosId,
    OmobilityId,
    OunitId,
    ProposalId,
)
from ewp.messages import values
from ewp.messages.common import PHONE_NUMBER, SUCCESS_MESSAGES, Phone, Text
from ewp.messages.documents import Items, Versions, Xml, listing
from ewp.messages.shapes import Need, attribute, either, listed, maybe, one, shape, wanted
from ewp.messages.writing import PHONE, TERM_V2

_SPEC = "https://github.com/erasmus-without-paper/ewp-specs-api-omobility-las/blob/stable-v1"
GET_NAMESPACE = {1: f"{_SPEC}/endpoints/get-response.xsd"}
INDEX_NAMESPACE = {1: f"{_SPEC}/endpoints/index-response.xsd"}
UPDATE_REQUEST_NAMESPACE = {1: f"{_SPEC}/endpoints/update-request.xsd"}
UPDATE_RESPONSE_NAMESPACE = {1: f"{_SPEC}/endpoints/update-response.xsd"}


class ContactPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the student and the other university may write to."""

    given_names: str | None = None
    family_name: str | None = None
    email: str | None = None
    phone_number: Phone | None = None


class MobilityInstitution(msgspec.Struct, frozen=True, kw_only=True):
    """One university's end of a learning agreement."""

    hei_id: HeiId
    ounit_name: str | None = None
    ounit_id: OunitId | None = None
    contact_person: ContactPerson | None = None


class Student(msgspec.Struct, frozen=True, kw_only=True):
    """The student; in a changes proposal only what is to change."""

    given_names: str | None = None
    family_name: str | None = None
    global_id: EuropeanStudentId | None = None
    birth_date: date | None = None
    citizenship: str | None = None  # ISO 3166-1 alpha-2
    gender: int | None = None  # ISO 5218
    email: str | None = None


class LanguageSkill(msgspec.Struct, frozen=True, kw_only=True):
    """The level in the main language of instruction that the student agrees to have."""

    language: str | None = None  # BCP 47
    cefr_level: str | None = None  # A1 to C2, or NS: native speaker


class TermId(msgspec.Struct, frozen=True, kw_only=True):
    """Term `term_number` of the `total_terms` of a year at the receiving HEI."""

    term_number: int
    total_terms: int


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """Credits under one scheme, `ects` as a rule."""

    scheme: str
    value: Decimal


class ComponentStatus(StrEnum):
    """What a change set does with a component."""

    INSERTED = "inserted"
    DELETED = "deleted"


REASON_CODES = (
    # for what is deleted
    "not-available",
    "language-mismatch",
    "timetable-conflict",
    # for what is inserted
    "substituting-deleted",
    "extending-mobility",
    "adding-virtual-component",
)


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """A course or another part of a learning agreement."""

    los_id: LosId | None = None
    los_code: str | None = None
    title: str
    loi_id: LoiId | None = None
    term_id: TermId | None = None
    credits: tuple[Credit, ...] = ()
    recognition_conditions: str | None = None  # its presence: recognition is not automatic
    short_description: str | None = None
    status: ComponentStatus | None = None  # in change sets only
    reason_code: str | None = None  # as sent; partners write other words than the schema's too
    reason_text: str | None = None


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """A signature; name, position and e-mail are left out for the student."""

    signer_name: str | None = None
    signer_position: str | None = None
    signer_email: str | None = None
    timestamp: datetime  # aware; UTC when the partner wrote no zone
    signer_app: str | None = None


class ListOfComponents(msgspec.Struct, frozen=True, kw_only=True):
    """A first version or approved changes: tables of components and the signatures under them."""

    components_studied: tuple[Component, ...] = ()  # table A
    components_recognized: tuple[Component, ...] = ()  # table B
    virtual_components: tuple[Component, ...] = ()  # table C
    blended_mobility_components: tuple[Component, ...] = ()
    short_term_doctoral_components: tuple[Component, ...] = ()
    student_signature: Signature
    sending_hei_signature: Signature
    receiving_hei_signature: Signature | None = None


class ChangesProposal(ListOfComponents, frozen=True, kw_only=True):
    """What waits for the receiving HEI; the whole difference to the first version, if one is."""

    id: ProposalId
    student: Student | None = None  # changed personal data only


class LearningAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """An `la`: one learning agreement with its first version, changes and proposal."""

    omobility_id: OmobilityId
    sending_hei: MobilityInstitution
    receiving_hei: MobilityInstitution
    receiving_academic_year_id: AcademicYearId
    student: Student
    start_date: date | None = None  # one of the two is given
    start_year_month: str | None = None  # `YYYY-MM`
    end_date: date | None = None  # one of the two is given
    end_year_month: str | None = None
    eqf_level_studied_at_departure: int | None = None
    isced_f_code: str | None = None
    isced_clarification: str | None = None
    student_language_skill: LanguageSkill | None = None
    first_version: ListOfComponents | None = None
    approved_changes: ListOfComponents | None = None
    changes_proposal: ChangesProposal | None = None
    learning_outcomes_url: str | None = None
    provisions_url: str | None = None


class ApproveProposal(msgspec.Struct, frozen=True, kw_only=True):
    """The receiving HEI signs (`approve-proposal-v1`)."""

    omobility_id: OmobilityId
    changes_proposal_id: ProposalId
    signature: Signature


class CommentProposal(msgspec.Struct, frozen=True, kw_only=True):
    """The receiving HEI refuses and says why (`comment-proposal-v1`)."""

    omobility_id: OmobilityId
    changes_proposal_id: ProposalId
    comment: str
    signature: Signature


class UpdateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the receiving HEI asks the sending HEI to store."""

    sending_hei_id: HeiId
    operation: ApproveProposal | CommentProposal


_INSTITUTION = shape(
    MobilityInstitution,
    one("hei-id", values.HEI_ID),
    maybe("ounit-name", values.STRING),
    maybe("ounit-id", values.ID),
    wanted(
        "contact-person",
        shape(
            ContactPerson,
            wanted("given-names", values.STRING),
            wanted("family-name", values.STRING),
            wanted("email", values.EMAIL),
            maybe("phone-number", PHONE_NUMBER, namespace=PHONE),
        ),
    ),
)
_STUDENT = shape(
    Student,
    maybe("given-names", values.STRING),
    maybe("family-name", values.STRING),
    maybe("global-id", values.STRING),
    maybe("birth-date", values.DATE),
    maybe("citizenship", values.COUNTRY),
    maybe("gender", values.GENDER),
    maybe("email", values.EMAIL),
)
_COMPONENT = shape(
    Component,
    attribute("status", values.word(ComponentStatus)),
    # Published samples have `reason` (guide §4.5.2): read, never written.
    attribute("reason-code", values.words_as_sent(*REASON_CODES), aliases=("reason",)),
    attribute("reason-text", values.STRING),
    maybe("los-id", values.LOS_ID),
    maybe("los-code", values.STRING),
    one("title", values.STRING),
    maybe("loi-id", values.LOI_ID),
    maybe(
        "term-id",
        shape(
            TermId,
            one("term-number", values.NUMBER),
            one("total-terms", values.NUMBER),
            lenient=True,
        ),
        inner=TERM_V2,
    ),
    maybe(
        "credit",
        shape(Credit, one("scheme", values.STRING), one("value", values.DECIMAL)),
        many="credits",
    ),
    maybe("recognition-conditions", values.STRING),
    maybe("short-description", values.STRING),
)
_SIGNATURE = shape(
    Signature,
    maybe("signer-name", values.STRING),
    maybe("signer-position", values.STRING),
    maybe("signer-email", values.STRING),
    one("timestamp", values.DATE_TIME),
    maybe("signer-app", values.STRING),
)
_LIST_OF_COMPONENTS = (
    listed("components-studied", "component", _COMPONENT),
    listed("components-recognized", "component", _COMPONENT),
    listed("virtual-components", "component", _COMPONENT),
    listed("blended-mobility-components", "component", _COMPONENT),
    listed("short-term-doctoral-components", "component", _COMPONENT),
    one("student-signature", _SIGNATURE),
    one("sending-hei-signature", _SIGNATURE),
    maybe("receiving-hei-signature", _SIGNATURE),
)


def _check_period(agreement: LearningAgreement) -> None:
    if agreement.start_date is None and agreement.start_year_month is None:
        raise ValueError("needs a start-date or a start-year-month")
    if agreement.end_date is None and agreement.end_year_month is None:
        raise ValueError("needs an end-date or an end-year-month")


def _check_written_period(agreement: LearningAgreement) -> None:
    _check_period(agreement)
    if agreement.start_date is not None and agreement.start_year_month is not None:
        raise ValueError("needs either a start-date or a start-year-month")
    if agreement.end_date is not None and agreement.end_year_month is not None:
        raise ValueError("needs either an end-date or an end-year-month")


_AGREEMENT = shape(
    LearningAgreement,
    one("omobility-id", values.ID),
    one("sending-hei", _INSTITUTION),
    one("receiving-hei", _INSTITUTION),
    one("receiving-academic-year-id", values.ACADEMIC_YEAR),
    one("student", _STUDENT),
    maybe("start-date", values.DATE),
    maybe("start-year-month", values.YEAR_MONTH),
    maybe("end-date", values.DATE),
    maybe("end-year-month", values.YEAR_MONTH),
    wanted("eqf-level-studied-at-departure", values.EQF_LEVEL),
    wanted("isced-f-code", values.STRING),
    maybe("isced-clarification", values.STRING),
    wanted(
        "student-language-skill",
        shape(
            LanguageSkill,
            wanted("language", values.LANGUAGE),
            wanted("cefr-level", values.CEFR_LEVEL),
        ),
    ),
    maybe("first-version", shape(ListOfComponents, *_LIST_OF_COMPONENTS)),
    maybe("approved-changes", shape(ListOfComponents, *_LIST_OF_COMPONENTS)),
    maybe(
        "changes-proposal",
        shape(
            ChangesProposal,
            attribute("id", values.STRING, need=Need.ALWAYS),
            *_LIST_OF_COMPONENTS,
            maybe("student", _STUDENT),
        ),
    ),
    maybe("learning-outcomes-url", values.HTTP),
    maybe("provisions-url", values.HTTP),
    check_read=_check_period,
    check_write=_check_written_period,
)
_REQUEST_SIGNATURE = one("signature", _SIGNATURE, inner=GET_NAMESPACE[1])  # guide §8.1, 5
_REQUEST = shape(
    UpdateRequest,
    one("sending-hei-id", values.HEI_ID),
    either(
        "operation",
        approve_proposal_v1=shape(
            ApproveProposal,
            one("omobility-id", values.ID),
            one("changes-proposal-id", values.STRING),
            _REQUEST_SIGNATURE,
        ),
        comment_proposal_v1=shape(
            CommentProposal,
            one("omobility-id", values.ID),
            one("changes-proposal-id", values.STRING),
            one("comment", values.STRING),
            _REQUEST_SIGNATURE,
        ),
    ),
)

_GET: Versions[Items[LearningAgreement]] = Versions(
    "omobility-las-get-response", GET_NAMESPACE, listing("la", _AGREEMENT)
)
_INDEX: Versions[Items[OmobilityId]] = Versions(
    "omobility-las-index-response", INDEX_NAMESPACE, listing("omobility-id", values.ID)
)
_UPDATE_REQUEST = Versions("omobility-las-update-request", UPDATE_REQUEST_NAMESPACE, _REQUEST)
_UPDATE_RESPONSE: Versions[Items[Text]] = Versions(
    "omobility-las-update-response", UPDATE_RESPONSE_NAMESPACE, SUCCESS_MESSAGES
)


def read_get_response(xml: Xml) -> tuple[LearningAgreement, ...]:
    """Read an `omobility-las-get-response`, keeping its order."""
    return _GET.read(xml).items


def write_get_response(agreements: Iterable[LearningAgreement], *, major: int = 1) -> bytes:
    """Write an `omobility-las-get-response`."""
    return _GET.write(Items(items=tuple(agreements)), major)


def read_index_response(xml: bytes) -> tuple[OmobilityId, ...]:
    """Read an `omobility-las-index-response`."""
    return _INDEX.read(xml).items


def write_index_response(omobility_ids: Iterable[OmobilityId], *, major: int = 1) -> bytes:
    """Write an `omobility-las-index-response`."""
    return _INDEX.write(Items(items=tuple(omobility_ids)), major)


def read_update_request(xml: bytes) -> UpdateRequest:
    """Read an `omobility-las-update-request`: what the receiving HEI decided."""
    return _UPDATE_REQUEST.read(xml)


def write_update_request(request: UpdateRequest, *, major: int = 1) -> bytes:
    """Write an `omobility-las-update-request`."""
    return _UPDATE_REQUEST.write(request, major)


def read_update_response(xml: bytes) -> tuple[Text, ...]:
    """Read an `omobility-las-update-response`: messages to show the user after success."""
    return _UPDATE_RESPONSE.read(xml).items


def write_update_response(messages: Iterable[Text] = (), *, major: int = 1) -> bytes:
    """Write an `omobility-las-update-response`."""
    return _UPDATE_RESPONSE.write(Items(items=tuple(messages)), major)
