"""What only makes sense after another question, and which exchange is meant."""

import asyncio
from datetime import date

import pytest
from factories import LINDENTAL, an_old_nomination
from unit.chat.asking import (
    ACCOUNT,
    TORRES,
    Notebook,
    Told,
    a_chat,
    a_mobility,
    an_asker,
    asked,
    mobility_id,
)
from unit.chat.records import ABROAD, BACK, NEXT_YEAR, known, records

from erasmus_app.chat.models import AnswerKind, Choice, Question
from erasmus_app.chat.ports import Band, Turn
from erasmus_app.chat.service import ChatService

HERE = a_mobility(**ABROAD)
NEXT = a_mobility(2, host=TORRES, nomination=an_old_nomination(**NEXT_YEAR))
PAST = a_mobility(3, host=TORRES, **BACK)
LABEL = "Hochschule Lindental, 7 September 2026 – 31 January 2027"


def talk(chat: ChatService, *texts: str, account=ACCOUNT) -> list:
    """Ask one question after the other, in one conversation."""

    async def ask() -> list:
        found, conversation = [], None
        for text in texts:
            answer = await chat.ask(
                an_asker(account), Question(text=text, conversation=conversation)
            )
            conversation = answer.conversation
            found.append(answer)
        return found

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("first", "then", "intent"),
    [
        ("la_status|Who has to sign?", "ambiguous|And until when?", "la_before_deadline"),
        ("la_change|How do I change?", "ambiguous|until when", "la_change_deadline"),
        ("tor_wait|Where is it?", "ambiguous|how long?", "tor_wait"),
        ("la_status|Who has to sign?", "?|who?", "la_status"),
        ("grant_first|When?", "grant_topup, privacy|and more?", "grant_topup"),
        ("grant_first|When?", "privacy, grant_topup|and more?", None),
        ("la_status|Who has to sign?", "contact|Who is my contact?", "contact"),
        ("la_status|Who has to sign?", "?|hello", None),
        ("la_status|Who has to sign?", "?|who won today?", None),
        ("other_person|my friend?", "ambiguous|until when", None),
    ],
)
def test_a_question_that_says_nothing_goes_on_with_the_one_before(
    first: str, then: str, intent: str | None
):
    assert talk(known(HERE), first, then)[1].intent == intent


def test_a_conversation_keeps_to_its_exchange():
    chat = known(HERE, NEXT)
    back = asked(chat, "la_status")
    named, more = (
        asked(chat, choice=back.choices[1].id, conversation=back.conversation),
        asked(chat, "contact", conversation=back.conversation),
    )

    assert [each.mobility_id for each in (back, named, more)] == [
        None,
        mobility_id(2),
        mobility_id(2),
    ]
    assert [each.kind for each in (back, named)] == [AnswerKind.CHOICES, AnswerKind.ANSWER]
    assert back.choices[0] == Choice(id=f"mobility:{mobility_id(1)}:la_status", label=LABEL)
    assert named.text.startswith("Exchange: Torres.\n")


def test_and_there_is_the_same_question_about_the_university_that_is_named():
    first, there = talk(known(HERE, NEXT), "la_status|Who signs at Lindental?", "?|and Torres?")

    assert (first.mobility_id, first.intent) == (mobility_id(1), "la_status")
    assert (there.mobility_id, there.intent) == (mobility_id(2), "la_status")


WHICH = {
    "the one under way": ((HERE, PAST), "la_status", {}, 1),
    "the one that is over": ((PAST, NEXT), "tor_wait", {}, 3),
    "the one that is named": ((HERE, NEXT), "la_status|Who signs at Torres?", {}, 2),
    "the one on the screen": ((HERE, NEXT), "la_status", {"mobility": mobility_id(2)}, 2),
    "the named one before the screen": (
        (HERE, NEXT),
        "la_status|at Torres?",
        {"mobility": mobility_id(1)},
        2,
    ),
    "nobody knows": ((HERE, NEXT), "la_status", {}, None),
}


@pytest.mark.parametrize("case", WHICH)
def test_which_exchange_is_meant(case: str):
    mobilities, text, given, number = WHICH[case]
    answer = asked(known(*mobilities), text, **given)

    assert answer.mobility_id == (mobility_id(number) if number else None)
    assert answer.kind is (AnswerKind.ANSWER if number else AnswerKind.CHOICES)


def test_two_exchanges_at_one_host_are_told_apart_by_their_days():
    later = a_mobility(
        2, nomination=an_old_nomination(planned_arrival=date(2027, 9, 1), planned_departure=None)
    )
    asked_back = asked(known(HERE, later), "la_status|and at Lindental?")

    assert [each.label for each in asked_back.choices] == [
        LABEL,
        "Hochschule Lindental, 2026/2027",
    ]


def test_a_conversation_is_its_accounts_own():
    chat = known(HERE, NEXT, others={mobility_id(9): [HERE, NEXT]})  # type: ignore[dict-item]
    mine = asked(chat, "la_status|at Torres?")
    theirs = asked(
        chat,
        "ambiguous|until when",
        asker=an_asker(mobility_id(9)),  # type: ignore[arg-type]
        conversation=mine.conversation,
    )

    assert theirs.intent is None


@pytest.mark.parametrize("given", ["", "x", "a b", "x" * 65, "../../etc", "ü" * 12, "a\nb" * 5])
def test_what_is_no_conversation_of_ours_begins_another(given: str):
    assert asked(known(HERE), "login", conversation=given).conversation != given


def test_what_is_remembered_are_no_words():
    chat = known(HERE)
    answer = asked(chat, "la_status|My secret question about Lindental")

    assert chat.conversations.known == {  # type: ignore[attr-defined]
        (ACCOUNT, answer.conversation): [
            Turn(
                intent="la_status",
                mobility_id=mobility_id(1),
                hei_ids=(LINDENTAL,),
                language="en",
                at=answer.answered_at,
            )
        ]
    }


@pytest.mark.parametrize(
    "choice",
    [
        "",
        "x",
        "intent:",
        "intent:other_person",
        "intent:prompt_injection",
        "intent:la_status;x",
        "mobility:1:la_status",
        f"mobility:{'-' * 36}:la_status",
        "mobility::",
        "none of these",
    ],
)
def test_a_choice_that_there_is_not_is_an_answer_as_well(choice: str):
    answer = asked(known(HERE), choice=choice)

    assert (answer.kind, answer.text.splitlines()[0][:28]) == (
        AnswerKind.MENU,
        "That choice is no longer ope",
    )


def test_what_was_not_understood_is_noted_and_what_was_is_not():
    notebook = Notebook()
    chat = known(HERE, notebook=notebook)
    for text in ("la_status|a", "la_status, contact|b", "?|c", "urgent|d"):
        asked(chat, text)
    asked(chat, "e", choice="none")
    asked(chat, choice="none")

    assert notebook.notes == [("b", Band.OFFER), ("c", Band.MENU), ("e", Band.MENU)]


def test_the_answer_to_a_choice_is_in_the_language_of_the_talk():
    chat = a_chat(HERE, language="en")
    offer = asked(chat, "la_status, contact", asker=an_asker(language="xx"))
    answer = asked(chat, choice=offer.choices[0].id, conversation=offer.conversation)

    assert (answer.language, answer.intent) == ("en", "la_status")


def test_how_long_do_i_have_left_is_the_next_day_of_ones_own():
    answer = asked(records()["abroad"], "ambiguous")

    assert (answer.kind, answer.intent) == (AnswerKind.ANSWER, None)
    assert answer.text.splitlines()[1].startswith(
        "Last day to ask for an extension of the stay (Hochschule Lindental): 31 December 2026"
    )
    assert "intent:deadlines_all" in [each.id for each in answer.choices]


def test_a_paper_that_is_named_says_what_until_when_is_about():
    assert asked(known(HERE), "ambiguous|When is the transcript due?").intent == "tor_wait"


def test_a_paper_that_is_named_leads_the_menu():
    answer = asked(known(HERE), "?|learning agreement bla")

    assert answer.choices[0].id == "intent:la_before_deadline"
    assert answer.question == "learning agreement bla"
    assert Told.version == answer.version
