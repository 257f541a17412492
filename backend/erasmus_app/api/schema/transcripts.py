"""Transcripts of records."""

from datetime import date, datetime

import strawberry

from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import PART
from erasmus_app.api.schema.agreements import Credits
from erasmus_app.mobilities import models, transcripts
from erasmus_app.mobilities.models import ResultStatus

strawberry.enum(ResultStatus, name="ResultStatus", description="How a course ended.")


@access.rule(PART)
@strawberry.type(description="A grade, and how many students of the course got it.")
class GradeShare:
    """One row of a distribution of grades."""

    grade: str = strawberry.field(description="The grade.")
    count: int | None = strawberry.field(description="How many students.")


@access.rule(PART)
@strawberry.type(description="A course or module of a transcript, with its result.")
class CourseResult:
    """A result."""

    title: str = strawberry.field(description="Its title, in English where the university has it.")
    code: str | None = strawberry.field(description="The course's code at the university.")
    type: str | None = strawberry.field(description="`Course`, `Module`, ..., as sent.")
    status: ResultStatus | None = strawberry.field(description="Passed, failed, or in progress.")
    grade: str | None = strawberry.field(
        description="As the university writes it; not always a number."
    )
    grading_scheme: str | None = strawberry.field(
        description="What its grades mean, in the university's words."
    )
    distribution: list[GradeShare] = strawberry.field(
        description="How all students of the course did, for the conversion of the grade."
    )
    credits: list[Credits] = strawberry.field(description="Its credits.")
    language: str | None = strawberry.field(description="In which it was taught.")
    result_date: date | None = strawberry.field(description="When the result was reached.")
    parts: list["CourseResult"] = strawberry.field(description="What a module consists of.")

    @classmethod
    def of(cls, course: models.CourseResult) -> "CourseResult":
        """Make it from ours."""
        return cls(
            title=course.title,
            code=course.code,
            type=course.type,
            status=course.status,
            grade=course.grade,
            grading_scheme=course.grading_scheme,
            distribution=[
                GradeShare(grade=each.grade, count=each.count) for each in course.distribution
            ],
            credits=Credits.of(course.credits),
            language=course.language,
            result_date=course.result_date,
            parts=[cls.of(each) for each in course.parts],
        )


@access.rule(PART)
@strawberry.type(description="The receiving university's transcript of records.")
class Transcript:
    """A transcript."""

    issued_at: datetime | None = strawberry.field(description="When the university issued it.")
    is_final: bool = strawberry.field(
        description="False where the university says that more is to come."
    )
    has_document: bool = strawberry.field(description="Whether a printed one comes along.")
    courses: list[CourseResult] = strawberry.field(description="What was taken.")
    gained_credits: list[Credits] = strawberry.field(
        description="Credits of what was passed, per scheme."
    )
    recognition: str | None = strawberry.field(
        description="What it says of the recognition at home, where anybody filled that in."
    )

    @classmethod
    def of(cls, known: models.Sourced[models.Transcript] | None) -> "Transcript | None":
        """Make it from ours."""
        if known is None or known.value is None:
            return None
        return cls(
            issued_at=known.value.issued_at,
            is_final=known.value.is_final,
            has_document=known.value.has_document,
            courses=[CourseResult.of(each) for each in known.value.courses],
            gained_credits=Credits.sums(transcripts.credits_gained(known.value)),
            recognition=known.value.recognition,
        )
