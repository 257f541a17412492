"""Days in answers: their echo, what has passed, times with zones, rules that disagree, no day."""

from datetime import UTC, datetime, time

import pytest
from factories import AT, LINDENTAL, RIBEIRA, a_factsheet, an_old_nomination
from unit.chat.asking import NOW, a_chat, a_mobility, asked
from unit.chat.records import ABROAD, NEXT_YEAR, known
from unit.mobilities.local import a_rule

from erasmus_app.chat.models import Card, CardKind, SourceKind
from erasmus_app.institutions.models import KnownFactsheet
from erasmus_app.mobilities.basis import Annual
from erasmus_app.mobilities.local_rules import Role, RuleBook
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.mobilities.steps import Party

NOMINATED = a_mobility(nomination=an_old_nomination(**NEXT_YEAR))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            "Is 15 November still fine?",
            (
                "Your date, as I read it: 15 November 2026. Your date is in time: the last day is "
                "30 November 2026."
            ),
        ),
        (
            "Can I apply on 1 December 2026?",
            (
                "Your date, as I read it: 1 December 2026. Your date is too late: the last day is "
                "30 November 2026. Ask the contact below whether it is still possible."
            ),
        ),
        (
            "Is next week fine?",
            (
                "Your date, as I read it: 9 November 2026 – 15 November 2026. Your date is in "
                "time: the last day is 30 November 2026."
            ),
        ),
    ],
)
def test_a_day_that_is_asked_about_is_echoed_and_compared(words: str, says: str):
    answer = asked(known(NOMINATED), f"application_deadline|{words}")

    assert answer.text.startswith(says)


def listed(words: str) -> list[str]:
    """The days of an answer, without how far off they are."""
    answer = asked(known(NOMINATED), f"deadlines_all|{words}")
    return [each.partition(" (in ")[0] for each in answer.text.splitlines() if " (in " in each]


def test_what_is_due_within_some_days_is_listed_alone():
    apply, decide = (
        "Apply to Hochschule Lindental: 30 November 2026",
        "Decision expected from Hochschule Lindental: 30 November 2026",
    )

    assert listed("What is due this month?") == [apply, decide]
    assert listed("What is due until 1 December 2026?") == [apply, decide]
    assert listed("What is due in May 2030?") == listed("What is due?")


def test_a_day_is_echoed_where_there_is_nothing_to_compare_it_with():
    answer = asked(known(NOMINATED), "grant_first|Is it paid on 3 March 2027?")

    assert "Your date, as I read it: 3 March 2027." in answer.text


def test_a_day_cannot_be_compared_with_none():
    answer = asked(a_chat(NOMINATED), "application_deadline|Is 15 November still fine?")

    assert answer.text.startswith(
        "Your date, as I read it: 15 November 2026. We know no last day to compare your date with. "
        "Apply to Hochschule Lindental: no date. Not published by the host university"
    )


def test_two_rules_that_disagree_are_both_told_the_earlier_first():
    book = RuleBook.of(
        [
            a_rule(basis=Annual("--11-20"), name="Home *call*", url="https://ribeira.example/r"),
            a_rule(2, role=Role.INCOMING, basis=Annual("--11-25"), name="Host rule"),
        ],
        1,
    )
    answer = asked(known(NOMINATED, book=book), "application_deadline")
    lines = answer.text.splitlines()

    assert [each.partition(" (in")[0] for each in lines[:3]] == [
        "Apply to Hochschule Lindental: 20 November 2026",
        "Apply to Hochschule Lindental: 25 November 2026",
        "Apply to Hochschule Lindental: 30 November 2026",
    ]
    assert "This is the earliest, so it counts first." in lines[0]
    assert all("Another day is named for this step" in each for each in lines[1:3])
    assert [(each.kind, each.hei_id, each.url) for each in answer.sources[:3]] == [
        (SourceKind.LOCAL_RULE, RIBEIRA, "https://ribeira.example/r"),
        (SourceKind.LOCAL_RULE, LINDENTAL, None),
        (SourceKind.FACTSHEET, LINDENTAL, None),
    ]
    assert "Home call" in answer.sources[0].text


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (NOW, "20 November 2026, 15:00 (Atlantic/Azores) (in 18 days)."),
        (datetime(2026, 11, 20, 15, 30, tzinfo=UTC), "15:00 (Atlantic/Azores) (today)."),
        (datetime(2026, 11, 20, 16, 30, tzinfo=UTC), "That time has passed."),
    ],
)
def test_a_time_is_told_with_its_zone(now: datetime, says: str):
    book = RuleBook.of([a_rule(basis=Annual("--11-20"), at=time(15), zone="Atlantic/Azores")], 1)
    answer = asked(known(NOMINATED, book=book, now=now), "application_deadline")

    assert says in answer.text.splitlines()[0]
    assert (answer.cards[0].at, answer.cards[0].zone) == (time(15), "Atlantic/Azores")


def test_a_deadline_is_a_card_too():
    answer = asked(a_chat(NOMINATED, factsheet=a_factsheet()), "application_deadline")

    assert answer.cards[0] == Card(
        kind=CardKind.DEADLINE,
        title="Apply to Hochschule Lindental",
        text="Hochschule Lindental publishes this. It is published without a year, and was "
        "resolved for 2026/2027.",
        on=datetime(2026, 11, 30, tzinfo=UTC).date(),
        who_must_act=Party.STUDENT,
        mobility_id=NOMINATED.mobility_id,
    )


def test_a_day_whose_year_cannot_be_told_is_told_without_one():
    unknown = an_old_nomination(sending_term=None, planned_arrival=None)
    answer = asked(
        a_chat(a_mobility(nomination=unknown), factsheet=a_factsheet()), "application_deadline"
    )

    assert [each.partition(".")[0] for each in answer.text.splitlines()[:2]] == [
        "Apply to Hochschule Lindental: 31 May",
        "Apply to Hochschule Lindental: 30 November",
    ]


def test_a_rule_for_changes_is_told_before_the_stay_begins():
    book = RuleBook.of(
        [
            a_rule(
                kind=DeadlineKind.CHANGE_REQUEST,
                role=Role.INCOMING,
                basis=Annual("--04-15"),
                name="Add and drop",
            )
        ],
        1,
    )
    answer = asked(known(NOMINATED, book=book), "la_change_deadline")

    assert answer.text.startswith(
        "Last day to ask for changes of the learning agreement (Hochschule Lindental): "
        "15 April 2027 (in 164 days). A rule of Hochschule Lindental: Add and drop."
    )


NEVER = {
    "nobody has asked": (None, "We have not been able to read a factsheet"),
    "it gave no answer": (KnownFactsheet(value=None), "We have not been able to read a factsheet"),
    "it publishes none": (
        KnownFactsheet(value=None, fetched_at=AT, last_confirmed_at=AT, revision=1),
        "The host university (Hochschule Lindental) has published no factsheet",
    ),
}


@pytest.mark.parametrize("why", NEVER)
def test_who_has_not_published_a_day_is_named(why: str):
    factsheet, says = NEVER[why]
    answer = asked(known(NOMINATED, factsheet=factsheet), "application_deadline")

    assert "Not published by the host university (Hochschule Lindental)." in answer.text
    assert says in answer.text
    assert "Contact at the host university (Hochschule Lindental): International Office" in (
        answer.text
    )
    assert [each for each in answer.cards if each.kind is CardKind.DEADLINE] == []


def test_what_has_passed_is_said_to_have_passed():
    answer = asked(known(a_mobility(**ABROAD)), "la_change_deadline")

    assert "10 October 2026. That day has passed (23 days ago)." in answer.text
