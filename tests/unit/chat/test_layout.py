"""An answer in a messenger's form: within its limits, and nothing in it that a partner orders."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.chat.layout import (
    Button,
    Limits,
    Part,
    given_back,
    laid_out,
    name_of,
    said_of,
    units,
    unmarked,
)
from erasmus_app.chat.messengers import Said
from erasmus_app.chat.models import (
    Answer,
    AnswerKind,
    Card,
    CardKind,
    Choice,
    Contact,
    Source,
    SourceKind,
)
from erasmus_app.push.messengers.slack import escaped

LIMITS = Limits(text=100, text_with_buttons=60, buttons=3, label=12, choice=40)
NOW = datetime(2026, 11, 26, 5, tzinfo=UTC)


def an_answer(text: str, **more: object) -> Answer:
    return Answer(
        **{
            "kind": AnswerKind.ANSWER,
            "text": text,
            "language": "en",
            "conversation": "c",
            "version": "1",
            "answered_at": NOW,
        }
        | more  # type: ignore[arg-type]
    )


def choices(*labels: str) -> tuple[Choice, ...]:
    return tuple(Choice(id=f"intent:{n}", label=each) for n, each in enumerate(labels))


def test_what_cards_and_sources_say_beyond_the_text_is_told_as_text():
    answer = an_answer(
        "The host university must sign.",
        cards=(
            Card(kind=CardKind.STEP, title="The host university must sign."),
            Card(
                kind=CardKind.CONTACT,
                title="Nora Fuchs",
                contact=Contact(name="Nora Fuchs", email="nora@lindental.example"),
                url="javascript:alert(1)",
            ),
            Card(kind=CardKind.LINK, title="Sign", url="https://lindental.example/sign"),
        ),
        sources=(Source(kind=SourceKind.RECORD, text="Lindental, today"),),
        choices=choices("Yes\u202e", ""),
    )

    assert said_of(answer, "Choose") == Said(
        text="The host university must sign.\n\n• Nora Fuchs\nNora Fuchs, nora@lindental.example\n"
        "• Sign\nhttps://lindental.example/sign\n– Lindental, today",
        choices=(Choice(id="intent:0", label="Yes"),),
        choose="Choose",
    )


def test_choices_that_fit_are_buttons_as_they_are():
    said = Said(text="Which?", choices=choices("Porto", "Vienna"))

    assert laid_out(said, LIMITS) == [
        Part(
            text="Which?",
            buttons=(
                Button(id="intent:0", label="Porto"),
                Button(id="intent:1", label="Vienna"),
            ),
        )
    ]


def test_labels_that_do_not_fit_or_are_alike_are_numbered_and_stand_in_the_text():
    said = Said(text="Which?", choices=choices("Porto, autumn 2026", "Porto", "Porto"))

    (part,) = laid_out(said, LIMITS)

    assert part.text == "Which?\n\n1. Porto, autumn 2026\n2. Porto\n3. Porto"
    assert [each.label for each in part.buttons] == ["1. Porto, a…", "2. Porto", "3. Porto"]


def test_more_choices_than_buttons_are_a_numbered_list():
    said = Said(text="Which?", choices=choices("a", "b", "c", "d"))

    assert laid_out(said, LIMITS) == [Part(text="Which?\n\n1. a\n2. b\n3. c\n4. d")]


def test_a_choice_that_is_too_long_to_give_back_goes_by_a_name():
    long = "mobility:0b1f7a52-6b65-4f39-9f07-3c5dbb1fd1aa:la_status"

    assert given_back("intent:x", LIMITS) == "intent:x"
    assert given_back(long, LIMITS) == name_of(long)
    assert len(name_of(long)) == 25


def test_a_long_text_is_broken_where_a_paragraph_a_line_or_a_word_ends():
    said = Said(text="a" * 70 + "\n\n" + "b " * 40 + "\n" + "c" * 50)

    parts = laid_out(said, LIMITS)

    assert [each.text for each in parts] == ["a" * 70, ("b " * 40).strip(), "c" * 50]


@given(
    text=st.text(max_size=2000),
    labels=st.lists(st.text(min_size=1, max_size=60), max_size=6),
)
def test_whatever_is_said_keeps_within_the_limits(text: str, labels: list[str]):
    said = Said(text=text or "-", choices=choices(*labels))

    parts = laid_out(said, LIMITS)

    assert len(parts) <= 4
    for each in parts:
        assert units(each.text) <= (60 if each.buttons else 100)
        assert len(each.buttons) <= 3
        names = [button.label for button in each.buttons]
        assert len({*names}) == len(names)
        assert all(units(name) <= 12 for name in names)
        each.text.encode()  # no sign is taken apart


@pytest.mark.parametrize(
    "text", ["<!channel> <@U1>", "<https://evil.example|your university>", "&lt;"]
)
def test_in_slack_nothing_is_a_mention_or_a_link_of_another_name(text: str):
    written = escaped(text)

    assert not {"<", ">"} & set(written)
    assert written.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


def test_marks_mean_nothing_and_addresses_stay_as_they_are():
    assert unmarked("*now* https://x.example/a_b_c a_b@x.example", "*_") == (
        "\u2060*\u2060now\u2060*\u2060 https://x.example/a_b_c a_b@x.example"
    )
