"""What the network says about one mobility, as values of ours, free of XML and of the network.

A `Mobility` holds facts per source side by side. State, steps, whose move it is and deadlines are
computed from them (`steps.py`, `deadlines.py`) and never stored alone.
"""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from erasmus_app.ids import (
    AcademicYearId,
    EuropeanStudentId,
    HeiId,
    IiaId,
    LoiId,
    LosId,
    OmobilityId,
    OunitId,
    ProposalId,
)


class Api(StrEnum):
    """The EWP APIs that facts about a mobility come from, by their manifest element."""

    OMOBILITIES = "omobilities"
    IMOBILITIES = "imobilities"
    OMOBILITY_LAS = "omobility-las"
    IMOBILITY_TORS = "imobility-tors"


OF_RECEIVING = frozenset({Api.IMOBILITIES, Api.IMOBILITY_TORS})
"""The APIs in which the receiving HEI answers; in the others it is the sending one."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a fact comes from and how fresh it is. Times are UTC."""

    api: Api
    major: int
    hei_id: HeiId  # who answered
    asked_as: HeiId  # whose key asked: the tenant that the fact belongs to
    fetched_at: datetime  # when the present content was first read
    last_confirmed_at: datetime  # when the latest answer that said the same was asked for
    revision: int = 1  # grows with each change of content; discriminates events
    missing_since: datetime | None = None  # first successful answer without it; None while there
    last_attempt_at: datetime | None = None  # the latest that did not confirm it; None: it did
    last_error: str | None = None  # stable code of the last failed attempt; None after a success


T = TypeVar("T")


class Sourced(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A fact with its source.

    `value` is None once its absence is confirmed: withdrawn, sent back, or no longer shown. A
    learning agreement that all three have signed stays, whatever a partner shows.
    """

    value: T | None
    source: Source


class NominationStatus(StrEnum):
    """A nomination's status as sent; `family` of the nomination says which words are possible."""

    # omobilities 1 and 2
    NOMINATION = "nomination"
    LIVE = "live"
    RECOGNIZED = "recognized"
    # omobilities 3
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    # both
    CANCELLED = "cancelled"


class ReceptionStatus(StrEnum):
    """The receiving HEI's view in imobilities 1; imobilities 2 carries none."""

    PENDING = "pending"
    VERIFIED = "verified"
    REJECTED = "rejected"


class HeiEnd(msgspec.Struct, frozen=True, kw_only=True):
    """One university's end of a nomination."""

    hei_id: HeiId
    ounit_id: OunitId | None = None
    iia_id: IiaId | None = None


class StudentData(msgspec.Struct, frozen=True, kw_only=True):
    """What a university wrote about the student. Personal: never in logs or payloads."""

    given_names: str
    family_name: str
    esi: EuropeanStudentId | None = None  # `global-id` as sent, also when it is no ESI
    birth_date: date | None = None
    nationality: str | None = None  # ISO 3166-1 alpha-2
    gender: int | None = None  # ISO 5218
    email: str | None = None


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """A paper that the receiving HEI wants."""

    name: str
    url: str | None = None


class Nomination(msgspec.Struct, frozen=True, kw_only=True):
    """The sending HEI's nomination (omobilities 2 or 3). The offices' comment is not part of it."""

    status: NominationStatus
    sending: HeiEnd
    receiving: HeiEnd
    student: StudentData
    receiving_academic_year_id: AcademicYearId
    sending_term: str | None = None  # `YYYY/YYYY-t/n`; None: a non-standard period
    proposal_id: ProposalId | None = None  # omobilities 3 only
    activity_type: str = "student-studies"
    activity_attributes: str | None = None  # long-term, short-term-blended, short-term-doctoral
    planned_arrival: date | None = None
    planned_departure: date | None = None
    eqf_level_at_departure: int | None = None
    isced_f_code: str | None = None
    requirements: tuple[Requirement, ...] = ()


class Reception(msgspec.Struct, frozen=True, kw_only=True):
    """The receiving HEI's side (imobilities 1 or 2). The offices' comment is not part of it."""

    status: ReceptionStatus | None = None
    actual_arrival: date | None = None
    actual_departure: date | None = None


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """The person whom a learning agreement names for one university; may be shown."""

    given_names: str
    family_name: str
    email: str
    phone: str | None = None


class AgreementEnd(msgspec.Struct, frozen=True, kw_only=True):
    """One university's end of a learning agreement."""

    hei_id: HeiId
    ounit_name: str | None = None
    ounit_id: OunitId | None = None
    contact: Contact | None = None


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """Credits under one scheme, `ects` as a rule; sum per scheme only."""

    scheme: str
    value: Decimal


class ComponentList(StrEnum):
    """The tables of a learning agreement, by their XML names."""

    STUDIED = "components-studied"
    RECOGNIZED = "components-recognized"
    VIRTUAL = "virtual-components"
    BLENDED = "blended-mobility-components"
    DOCTORAL = "short-term-doctoral-components"


class ComponentChange(StrEnum):
    """What a change set does with a component."""

    INSERTED = "inserted"
    DELETED = "deleted"


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """A course or other part of a learning agreement."""

    table: ComponentList
    title: str
    los_id: LosId | None = None
    los_code: str | None = None
    loi_id: LoiId | None = None
    term: tuple[int, int] | None = None  # term t of n at the receiving HEI
    credits: tuple[Credit, ...] = ()
    short_description: str | None = None
    recognition_conditions: str | None = None  # its presence: recognition is not automatic
    change: ComponentChange | None = None  # None in a first version
    reason_code: str | None = None  # as sent: not-available, timetable-conflict, ...
    reason_text: str | None = None


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """A signature under a learning agreement."""

    signed_at: datetime
    name: str | None = None
    position: str | None = None
    email: str | None = None
    app: str | None = None


class AgreementVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A first version, approved changes, or a changes proposal.

    A change set holds the whole difference to the first version, so two of them are never added.
    """

    components: tuple[Component, ...]
    student_signature: Signature
    sending_signature: Signature
    receiving_signature: Signature | None = None  # None in a proposal: the receiving HEI must sign
    proposal_id: ProposalId | None = None  # a proposal's only
    student_changes: StudentData | None = None  # a proposal's only: changed personal data


class LearningAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """The sending HEI's learning agreement of one mobility (omobility-las 1)."""

    sending: AgreementEnd
    receiving: AgreementEnd
    receiving_academic_year_id: AcademicYearId
    student: StudentData
    planned_start: str  # `YYYY-MM-DD` or `YYYY-MM`, as sent without its zone
    planned_end: str
    first_version: AgreementVersion | None = None
    approved_changes: AgreementVersion | None = None
    changes_proposal: AgreementVersion | None = None
    isced_f_code: str | None = None
    eqf_level_at_departure: int | None = None
    language: str | None = None  # BCP 47
    cefr_level: str | None = None
    learning_outcomes_url: str | None = None
    provisions_url: str | None = None


class Returned(StrEnum):
    """Which part of a learning agreement is not there any more."""

    FIRST_VERSION = "first-version"  # all of it: a proposal that not all had signed
    CHANGES = "changes"  # of one that stays in force as it was
    IN_FORCE = "in-force"  # all had signed it, and the sending HEI itself has taken it out


class SentBack(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a learning agreement, or a part of it, that came back or was withdrawn.

    EWP shows only that it is gone. Why, the receiving HEI tells the sending HEI's system alone
    (`comment-proposal-v1`, guide §4.5.5), for the student: known where that system is ours.
    """

    what: Returned
    at: datetime  # UTC; when it was first missed, or the receiving HEI's word came
    comment: str | None = None  # the receiving HEI's, as sent
    sending_contact: Contact | None = None  # whom the agreement named then
    receiving_contact: Contact | None = None


class ResultStatus(StrEnum):
    """How a course ended, as the transcript says."""

    PASSED = "passed"
    FAILED = "failed"
    IN_PROGRESS = "in-progress"


class GradeShare(msgspec.Struct, frozen=True, kw_only=True):
    """A grade, and how many students of the course got it."""

    grade: str
    count: int | None = None


class CourseResult(msgspec.Struct, frozen=True, kw_only=True):
    """A course or module of a transcript, with its result and its parts."""

    title: str
    other_titles: tuple[str, ...] = ()  # the same in other languages
    code: str | None = None
    los_id: LosId | None = None
    loi_id: LoiId | None = None
    type: str | None = None  # as sent: Degree Programme, Module, Course, Class
    status: ResultStatus | None = None
    grade: str | None = None  # as the HEI writes it; not always a number
    grading_scheme: str | None = None  # what its grades mean, in the HEI's words
    distribution: tuple[GradeShare, ...] = ()
    credits: tuple[Credit, ...] = ()
    language: str | None = None
    result_date: date | None = None
    parts: tuple["CourseResult", ...] = ()


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """The receiving HEI's transcript of records (imobility-tors). Personal: grades above all."""

    student: StudentData
    courses: tuple[CourseResult, ...]
    issued_at: datetime | None = None
    is_final: bool = True  # False: the HEI says that more is to come
    has_document: bool = False  # the printed one comes along as a file
    recognition: str | None = None  # as sent since ELMO 2: Positive, Negative, Partially Positive
    recognition_decided: date | None = None


class Mobility(msgspec.Struct, frozen=True, kw_only=True):
    """One stay of one student at one receiving HEI, as one tenant's sources tell it."""

    tenant: HeiId
    sending_hei_id: HeiId
    receiving_hei_id: HeiId
    omobility_id: OmobilityId
    nomination: Sourced[Nomination] | None = None
    reception: Sourced[Reception] | None = None
    agreement: Sourced[LearningAgreement] | None = None
    transcript: Sourced[Transcript] | None = None
    change_returned_at: datetime | None = None
    """When a change proposal was seen to have gone unsigned; None once there is another, or a
    signature. The agreement itself does not show it (guide §4.5.4)."""
    sent_back: SentBack | None = None
    """What came back last, and why; None once there is a proposal or a signature again."""

    def sources(self) -> Iterator[Source]:
        """Yield the source of every fact there is or was."""
        for fact in (self.nomination, self.reception, self.agreement, self.transcript):
            if fact is not None:
                yield fact.source


Fact = Nomination | Reception | LearningAgreement | Transcript
"""What one answer of one API says about one mobility."""
