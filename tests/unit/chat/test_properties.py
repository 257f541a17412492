"""Whatever is asked, of whatever record: an answer, and nothing of anybody else."""

import asyncio
from datetime import date, timedelta
from uuid import UUID

import msgspec
from factories import (
    LINDENTAL,
    a_factsheet,
    a_proposal,
    a_transcript,
    a_version,
    an_agreement,
    an_old_nomination,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.chat.asking import (
    ACCOUNT,
    LANGUAGES,
    NOW,
    TORRES,
    VERSION,
    a_chat,
    a_mobility,
    an_asker,
    mobility_id,
)
from unit.chat.records import INSTITUTIONS, a_rich_factsheet
from unit.chat.test_safety import a_marked_student, replace_id

from erasmus_app.chat.answers.subjects import OF_ANYBODY, OF_STAY
from erasmus_app.chat.models import Answer, Question
from erasmus_app.chat.ports import Band, Understood
from erasmus_app.chat.service import ChatService
from erasmus_app.identity.roles import HeiRole
from erasmus_app.ids import AccountId, MobilityId
from erasmus_app.mobilities.models import (
    NominationStatus,
    Reception,
    ReceptionStatus,
    Returned,
    SentBack,
)

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
INTENTS = sorted({*OF_STAY, *OF_ANYBODY, "ambiguous", "out_of_scope", "never heard of"})
SPECIAL = ["urgent", "ambiguous", "other_person", "prompt_injection", "out_of_scope"]
DAYS = st.dates(date(2025, 1, 1), date(2028, 12, 31)) | st.sampled_from([date.min, date.max])
PLANNED = DAYS.map(str) | st.sampled_from(["2026-09", "9999-99", "", "2027-02-30", "x"])
VERSIONS = st.none() | st.builds(a_version, at=st.none() | st.just(NOW))


@st.composite
def agreements(draw: st.DrawFn):
    return an_agreement(
        first=draw(VERSIONS),
        approved=draw(VERSIONS),
        proposal=draw(st.none() | st.builds(a_proposal)),
        planned_start=draw(PLANNED),
        planned_end=draw(PLANNED),
        language=draw(st.none() | st.sampled_from(["de", "xx-YY", "", "../etc"])),
        cefr_level=draw(st.none() | st.text(max_size=5)),
    )


@st.composite
def mobilities(draw: st.DrawFn, number: int = 1):
    facts = {
        "nomination": draw(
            st.none()
            | st.builds(
                an_old_nomination,
                st.sampled_from(NominationStatus),
                planned_arrival=st.none() | DAYS,
                planned_departure=st.none() | DAYS,
                activity_type=st.sampled_from(["student-studies", "student-traineeships", "x"]),
                receiving_academic_year_id=st.sampled_from(["2026/2027", "2026/2026", "x"]),
            )
        ),
        "reception": draw(
            st.none()
            | st.builds(
                Reception,
                status=st.none() | st.sampled_from(ReceptionStatus),
                actual_arrival=st.none() | DAYS,
                actual_departure=st.none() | DAYS,
            )
        ),
        "agreement": draw(st.none() | agreements()),
        "transcript": draw(st.none() | st.builds(a_transcript, issued_at=st.none() | st.just(NOW))),
    }
    there = {name: fact for name, fact in facts.items() if fact is not None or draw(st.booleans())}
    if "agreement" in there and draw(st.booleans()):
        there["sent_back"] = SentBack(
            what=draw(st.sampled_from(Returned)), at=NOW, comment=draw(st.none() | st.text())
        )
    return a_mobility(number, host=draw(st.sampled_from([LINDENTAL, TORRES])), **there)


class Guessing:
    """Takes every question for what the test says."""

    version = VERSION

    def __init__(self, understood: Understood) -> None:
        self.understood = understood

    async def understand(self, question: str, _locale: str) -> Understood:
        return msgspec.structs.replace(self.understood, question=question[:300])


UNDERSTOOD = st.builds(
    Understood,
    question=st.just(""),
    language=st.sampled_from([*LANGUAGES, "xx", "", "no", "zh-Hant"]),
    band=st.sampled_from(Band),
    intents=st.lists(
        st.sampled_from(INTENTS) | st.sampled_from(SPECIAL), max_size=3, unique=True
    ).map(tuple),
    version=st.just(VERSION),
)
CHOICES = (
    st.none()
    | st.text(max_size=60)
    | st.builds(
        "mobility:{}:{}".format,
        st.sampled_from([str(mobility_id(each)) for each in (1, 2, 77)]),
        st.sampled_from(INTENTS),
    )
    | st.sampled_from([f"intent:{each}" for each in INTENTS] + ["none"])
)
QUESTIONS = st.builds(
    Question,
    text=st.text(max_size=400) | st.sampled_from(["until 31 February", "on 5.4.", "and Torres?"]),
    choice=CHOICES,
    conversation=st.none() | st.text(max_size=20) | st.just("a-conversation-1"),
    mobility=st.none() | st.sampled_from([mobility_id(each) for each in (1, 2, 77)]),
)
ASKERS = st.builds(
    an_asker,
    role=st.none() | st.sampled_from(HeiRole),
    language=st.sampled_from([*LANGUAGES, "xx", ""]),
    zone=st.sampled_from(["Europe/Lisbon", "Pacific/Kiritimati", "UTC"]),
)


def answered(chat: ChatService, asker, questions: list[Question]) -> list[Answer]:
    async def ask() -> list[Answer]:
        return [await chat.ask(asker, each) for each in questions]

    return asyncio.run(ask())


def with_understanding(chat: ChatService, understood: Understood) -> ChatService:
    return ChatService(
        understanding=Guessing(understood),
        knowledge=chat.knowledge,
        wording=chat.wording,
        conversations=chat.conversations,
        clock=chat.clock,
    )


@given(
    st.lists(st.integers(1, 3), max_size=3, unique=True).flatmap(
        lambda numbers: st.tuples(*(mobilities(each) for each in numbers))
    ),
    UNDERSTOOD,
    st.lists(QUESTIONS, min_size=1, max_size=3),
    ASKERS,
    st.sampled_from([None, a_factsheet(), a_rich_factsheet()]),
    st.integers(-400, 400),
)
@QUICK
def test_whatever_is_asked_is_answered(known, understood, questions, asker, factsheet, days: int):
    chat = a_chat(
        *known, factsheet=factsheet, institutions=INSTITUTIONS, now=NOW + timedelta(days=days)
    )
    for answer in answered(with_understanding(chat, understood), asker, questions):
        assert answer.version == VERSION
        assert answer.language in LANGUAGES
        assert answer.text
        assert answer.conversation
        assert "{" not in answer.text.replace(answer.question, "")
        assert len({each.id for each in answer.choices}) == len(answer.choices)


OTHER = AccountId(UUID(int=8))
THEIRS = [replace_id(a_marked_student("-THEIRS"), 77), replace_id(a_marked_student("-THEIRS"), 78)]
THEIR_IDS = [str(each.mobility_id) for each in THEIRS]


@given(
    mobilities(1),
    UNDERSTOOD,
    st.lists(QUESTIONS, min_size=1, max_size=3),
    st.sampled_from([*THEIR_IDS, ""]),
)
@QUICK
def test_no_answer_has_anything_of_another_student(mine, understood, questions, named: str):
    chat = with_understanding(
        a_chat(mine, others={OTHER: THEIRS}, institutions=INSTITUTIONS), understood
    )
    answered(chat, an_asker(OTHER), [Question(text="x", conversation="a-conversation-1")])
    if named:
        asked = Question(choice=f"mobility:{named}:la_status", mobility=MobilityId(UUID(named)))
        questions = [asked, *questions]
    for answer in answered(chat, an_asker(ACCOUNT), questions):
        said = msgspec.json.encode(msgspec.structs.replace(answer, question="")).decode()
        assert "THEIRS" not in said
        assert [each for each in THEIR_IDS if each in said] == []
        assert str(OTHER) not in said
