"""What a question names."""

from datetime import date
from enum import StrEnum

import msgspec

from erasmus_app.ids import AcademicYearId, HeiId
from erasmus_app.institutions.models import Term
from erasmus_app.mobilities.steps import StepCode


class Document(StrEnum):
    """The papers that students ask about."""

    LEARNING_AGREEMENT = "learning-agreement"
    TRANSCRIPT = "transcript"
    NOMINATION = "nomination"
    ACCEPTANCE_LETTER = "acceptance-letter"
    CERTIFICATE_OF_ARRIVAL = "certificate-of-arrival"
    CERTIFICATE_OF_ATTENDANCE = "certificate-of-attendance"
    TRAINEESHIP_CERTIFICATE = "traineeship-certificate"
    GRANT_AGREEMENT = "grant-agreement"
    PARTICIPANT_REPORT = "participant-report"
    EUROPEAN_STUDENT_CARD = "european-student-card"
    LANGUAGE_CERTIFICATE = "language-certificate"
    MOTIVATION_LETTER = "motivation-letter"
    REFERENCE_LETTER = "reference-letter"
    HEALTH_INSURANCE_CARD = "health-insurance-card"


class End(StrEnum):
    """Which of the two universities of a mobility."""

    HOME = "home"
    HOST = "host"


class FoundDate(msgspec.Struct, frozen=True, kw_only=True):
    """A day, or a week, month or year, as a question names it.

    `on` is given where there is one reading only. Where there are two, both are in `alternatives`;
    a day that contradicts the weekday beside it stands there alone. The 31st of April is
    `impossible`, and nothing else is given.
    """

    text: str  # as written
    on: date | None = None
    first: date | None = None  # of a week, month or year; both days are part of it
    last: date | None = None
    alternatives: tuple[date, ...] = ()
    is_relative: bool = False  # counted from today
    is_year_assumed: bool = False  # none was written
    impossible: bool = False


class FoundTerm(msgspec.Struct, frozen=True, kw_only=True):
    """A term, and the academic year where that is said or follows from today."""

    text: str
    term: Term
    year: AcademicYearId | None = None
    is_relative: bool = False


class Slots(msgspec.Struct, frozen=True, kw_only=True):
    """What a question names, each in the order of the question."""

    dates: tuple[FoundDate, ...] = ()
    documents: tuple[Document, ...] = ()
    steps: tuple[StepCode, ...] = ()
    heis: tuple[HeiId, ...] = ()  # the student's own partners; several where it may be either
    ends: tuple[End, ...] = ()
    terms: tuple[FoundTerm, ...] = ()
    years: tuple[AcademicYearId, ...] = ()
