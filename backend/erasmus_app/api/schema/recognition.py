"""Recognition: what the learning agreement promises, beside what the transcript shows."""

from collections.abc import Iterable, Iterator
from datetime import date

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, PART
from erasmus_app.api.schema.agreements import Component, Credits
from erasmus_app.api.schema.records import OfRecord
from erasmus_app.api.schema.transcripts import CourseResult
from erasmus_app.mobilities import models, recognition
from erasmus_app.mobilities.models import ResultStatus
from erasmus_app.mobilities.recognition import MatchedBy, Outcome

strawberry.enum(
    MatchedBy,
    name="MatchedBy",
    description="What joins a line of the agreement to the transcript; the surest counts. NOTHING: "
    "no course of the transcript has its id, code or title.",
)
strawberry.enum(
    Outcome,
    name="RecognitionOutcome",
    description="What a transcript says of the recognition, in ELMO's words.",
)


@access.rule(PART)
@strawberry.type(
    description="A line of the agreement in force, with the courses of the transcript that bear "
    "its name. EWP does not join the two: see `matchedBy`."
)
class RecognitionLine:
    """A line."""

    component: Component = strawberry.field(description="The line of the agreement.")
    is_promise: bool = strawberry.field(
        description="Whether home is to recognise it. False of what the agreement says is studied "
        "abroad: no line of the one table is joined to a line of the other."
    )
    is_automatic: bool | None = strawberry.field(
        description="Whether home recognises it without conditions; null where it is no promise. "
        "The conditions are the component's."
    )
    results: list[CourseResult] = strawberry.field(
        description="The courses with their grades; several where the transcript has the name "
        "more than once, five at most."
    )
    matched_by: MatchedBy = strawberry.field(description="What they were found by.")
    is_ambiguous: bool = strawberry.field(
        description="Whether several lines or several courses bear the name, so that nobody can "
        "tell which is meant."
    )
    status: ResultStatus | None = strawberry.field(
        description="How it ended; null where that is not told, or hangs on which course is meant."
    )
    explanation: str = strawberry.field(
        description="How it was found, or that it was not, in the request's language."
    )


@access.rule(PART)
@strawberry.type(
    description="Line by line, what was agreed beside what was achieved. What home decides is not "
    "in EWP, but for `isRecognised` and `outcome`."
)
class Recognition:
    """The comparison; sums are per scheme."""

    lines: list[RecognitionLine] = strawberry.field(
        description="The agreement in force, in the order of its tables; empty where none is known."
    )
    not_agreed: list[CourseResult] = strawberry.field(
        description="Courses of the transcript that no line of the agreement bears the name of."
    )
    studied_credits: list[Credits] = strawberry.field(
        description="What was agreed to be done abroad, all tables but that of home."
    )
    studied_passed_credits: list[Credits] = strawberry.field(
        description="Of these, those of lines that the transcript shows as passed."
    )
    promised_credits: list[Credits] = strawberry.field(
        description="What home is to recognise, by the agreement."
    )
    automatic_credits: list[Credits] = strawberry.field(
        description="Of the promised credits, those without conditions."
    )
    promised_passed_credits: list[Credits] = strawberry.field(
        description="Of the promised credits, those of lines that the transcript shows as passed."
    )
    gained_credits: list[Credits] = strawberry.field(
        description="Credits of all that the transcript shows as passed."
    )
    is_recognised: bool | None = strawberry.field(
        description="Whether home says that the stay is recognised; null where the generation of "
        "the nomination does not carry that."
    )
    outcome: Outcome | None = strawberry.field(
        description="What the transcript says of the recognition as a whole, where it says it."
    )
    outcome_as_sent: str | None = strawberry.field(
        description="The same as it was sent, also where it is no word of ELMO's."
    )
    decided_on: date | None = strawberry.field(description="The day of that decision.")

    @classmethod
    def of(cls, mobility: models.Mobility, info: Info) -> "Recognition | None":
        """Compare; None where there is neither agreement nor transcript."""
        found = recognition.recognition(mobility)
        if found is None:
            return None
        transcript = mobility.transcript.value if mobility.transcript else None
        guidance, language = info.context.services.guidance, info.context.language
        courses = transcript.courses if transcript else ()
        shown = dict(_shown(courses, [CourseResult.of(each) for each in courses]))
        lines = [
            RecognitionLine(
                component=Component.of(each.component),
                is_promise=each.is_promise,
                is_automatic=each.is_automatic if each.is_promise else None,
                results=[shown[id(course)] for course in each.results],
                matched_by=each.matched_by,
                is_ambiguous=each.is_ambiguous,
                status=each.status,
                explanation=guidance.match(each, language, is_there=transcript is not None),
            )
            for each in found.lines
        ]
        return cls(
            lines=lines,
            not_agreed=[shown[id(course)] for course in found.not_agreed],
            studied_credits=Credits.sums(found.studied),
            studied_passed_credits=Credits.sums(found.studied_passed),
            promised_credits=Credits.sums(found.promised),
            automatic_credits=Credits.sums(found.automatic),
            promised_passed_credits=Credits.sums(found.promised_passed),
            gained_credits=Credits.sums(found.gained),
            is_recognised=recognition.is_recognised(mobility),
            outcome=recognition.outcome(transcript),
            outcome_as_sent=transcript.recognition if transcript else None,
            decided_on=transcript.recognition_decided if transcript else None,
        )


def _shown(
    courses: Iterable[models.CourseResult], made: Iterable[CourseResult]
) -> Iterator[tuple[int, CourseResult]]:
    """Yield each course, parts too, as it is shown: a module is made once, however often asked."""
    for course, each in zip(courses, made, strict=True):
        yield id(course), each
        yield from _shown(course.parts, each.parts)


@strawberry.type
class Recognised(OfRecord):
    """What a mobility tells of recognition."""

    @access.field(
        OWNER,
        description="What the learning agreement promises to recognise, beside what the "
        "transcript shows; null while there is neither.",
    )
    def recognition(self, info: Info) -> Recognition | None:
        """Compare them."""
        return Recognition.of(self.stored.mobility, info)
