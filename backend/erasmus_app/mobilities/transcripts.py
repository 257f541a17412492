"""Transcripts of records: what a student reads of them. Grades are personal."""

from collections.abc import Iterator
from decimal import Decimal

from erasmus_app.mobilities.credits import per_scheme
from erasmus_app.mobilities.models import CourseResult, ResultStatus, Transcript


def all_courses(transcript: Transcript) -> Iterator[CourseResult]:
    """Yield every course that stands for itself: of a module with parts, the parts."""
    for each in transcript.courses:
        yield from _leaves(each)


def _leaves(course: CourseResult) -> Iterator[CourseResult]:
    if not course.parts:
        yield course
    for each in course.parts:
        yield from _leaves(each)


def passed(transcript: Transcript) -> tuple[CourseResult, ...]:
    """Return the courses that were passed; a course without a status and with a grade counts."""
    return tuple(each for each in all_courses(transcript) if status_of(each) is ResultStatus.PASSED)


def status_of(course: CourseResult) -> ResultStatus | None:
    """Return how a course ended; a grade without a status counts as passed.

    A module that says neither ended as all of its parts did.
    """
    if course.status is not None or course.grade is not None:
        return course.status or ResultStatus.PASSED
    ends = {status_of(each) for each in course.parts}
    return ends.pop() if len(ends) == 1 else None


def credits_gained(transcript: Transcript) -> dict[str, Decimal]:
    """Sum the credits of what was passed, per scheme in lower case."""
    return per_scheme(each.credits for each in passed(transcript))


def results(transcript: Transcript) -> tuple[tuple[object, ...], ...]:
    """Return what a correction would change: not the day on which the document was made again."""
    return tuple(
        (each.code or each.title, each.status, each.grade, each.credits)
        for each in all_courses(transcript)
    )
