"""What students asked the chat in vain, for an office to say what it should have been.

Nobody is named: of whom a question is, not even the office's own university knows.
"""

import base64
import binascii
import struct
from datetime import date
from typing import Annotated
from uuid import UUID

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import COORDINATOR, PART, Whose
from erasmus_app.api.schema.connections import Connection, asked, page
from erasmus_app.api.schema.enums import described_enum
from erasmus_app.api.schema.ids import global_id, uuid_of
from erasmus_app.api.schema.office_reads import hei_of
from erasmus_app.chat.learning import MANY, KeptQuestion, NotNoted, Place, Verdict
from erasmus_app.kit.languages import LONGEST_TAG

_PLACE = struct.Struct(">i16s")  # students, the id

described_enum(
    Verdict,
    name="QuestionVerdict",
    description="What an office says of a question that was not answered.",
    values={
        "PHRASE": "It belongs to an intent that there is.",
        "NEW_INTENT": "It should be answered, and nothing that there is does so.",
        "OFF_TOPIC": "It is nothing for this service.",
        "UNCLEAR": "Nobody can say what it means.",
    },
)


@access.rule(COORDINATOR)
@strawberry.type(
    description="A question to the chat that was not answered, of a student who has agreed that "
    "such are read; without anything that is personal. Alike ones are one."
)
class UnansweredQuestion:
    """A question."""

    whose: strawberry.Private[Whose]
    place: strawberry.Private[Place]
    id: strawberry.ID = strawberry.field(description="Opaque.")
    text: str = strawberry.field(
        description="The question. `[name]`, `[home]`, `[host]`, `[mail]`, `[link]` and `[number]` "
        f"stand for what was taken out, `[…]` for a word that fewer than {MANY} students have used "
        "and that no phrase has."
    )
    language: str = strawberry.field(description="Of the question, BCP 47.")
    band: str = strawberry.field(
        description="What was done with it: `offer` (two or three intents to choose from), `menu`."
    )
    intents: list[str] = strawberry.field(
        description="The intents that were offered, the likeliest first; at most three."
    )
    version: str = strawberry.field(description="Of what did not understand it.")
    last_month: date = strawberry.field(
        description="The first day of the month in which it was last asked."
    )
    students: int = strawberry.field(description="How many have asked it in these words.")
    verdict: Verdict | None = strawberry.field(description="The office's; null: not reviewed yet.")
    intent: str | None = strawberry.field(description="Which intent it belongs to, by the office.")

    @classmethod
    def of(cls, kept: KeptQuestion) -> "UnansweredQuestion":
        """Make it from ours."""
        return cls(
            whose=Whose(None, kept.tenant),
            place=Place(students=kept.students, question_id=kept.question_id),
            id=global_id("UnansweredQuestion", kept.question_id),
            text=kept.text,
            language=kept.language,
            band=kept.band,
            intents=list(kept.intents),
            version=kept.version,
            last_month=kept.month,
            students=kept.students,
            verdict=kept.verdict,
            intent=kept.intent,
        )


@strawberry.type
class QuestionsOfOffice:
    """A base of `Office`."""

    @access.field(
        COORDINATOR,
        description="Questions to the chat that were not answered, what most have asked first; in "
        "one language alone where `language` (BCP 47) names it. At most 100 a page.",
    )
    async def unanswered_questions(
        self,
        info: Info,
        first: int = 20,
        after: str | None = None,
        language: str | None = None,
        reviewed: bool = False,
    ) -> Connection[UnansweredQuestion]:
        """Read a page."""
        whose: Whose = self.whose  # type: ignore[attr-defined]  # the office's
        first, place = asked(first), place_of(after)
        found: list[KeptQuestion] = []
        if (after is None or place is not None) and "\x00" not in (language or ""):
            found = await info.context.services.learning.unanswered(
                hei_of(whose),
                first + 1,
                place,
                language=language[:LONGEST_TAG] if language else None,
                reviewed=reviewed,
            )
        nodes = [UnansweredQuestion.of(each) for each in found]
        return page(nodes, first, lambda node: cursor(node.place), after=after)


@access.rule(PART)
@strawberry.type(description="A verdict that was noted.")
class QuestionReviewed:
    """It was noted."""

    verdict: Verdict = strawberry.field(description="The verdict.")
    intent: str | None = strawberry.field(description="The intent that goes with it.")


@access.rule(PART)
@strawberry.type(description="A verdict that was not noted.")
class QuestionNotReviewed:
    """A refusal that we foresee."""

    code: str = strawberry.field(
        description="`question_unknown`: there is none such at one's university (any more); "
        "`intent_unknown`: PHRASE needs an intent that there is."
    )


ReviewQuestionResult = Annotated[
    QuestionReviewed | QuestionNotReviewed,
    strawberry.union("ReviewQuestionResult", description="Noted, or why not."),
]


@strawberry.type
class QuestionMutations:
    """What offices do about questions."""

    @access.mutation(
        COORDINATOR,
        description="Say what a question that was not answered should have been; a later word "
        "replaces an earlier one. With PHRASE goes the intent it belongs to.",
    )
    async def review_question(
        self, info: Info, id: strawberry.ID, verdict: Verdict, intent: str | None = None
    ) -> ReviewQuestionResult:
        """Note a verdict."""
        question = uuid_of(id, "UnansweredQuestion")
        if question is None:
            return QuestionNotReviewed(code="question_unknown")
        standing = await info.context.standing()
        found = await info.context.services.learning.review(
            standing.coordinated, question, verdict, intent
        )
        if isinstance(found, NotNoted):
            return QuestionNotReviewed(code=found.value)
        return QuestionReviewed(verdict=verdict, intent=intent)


def cursor(place: Place) -> str:
    """Write a place, so that a list goes on from there wherever its question has moved."""
    packed = _PLACE.pack(place.students, place.question_id.bytes)
    return base64.urlsafe_b64encode(packed).decode("ascii")


def place_of(after: str | None) -> Place | None:
    """Read a cursor of ours; None for what is none."""
    try:
        students, question = _PLACE.unpack(base64.b64decode(after or "", b"-_", validate=True))
    except (ValueError, struct.error, binascii.Error):
        return None
    return Place(students=students, question_id=UUID(bytes=question))
