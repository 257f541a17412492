"""What is answered, word for word, in many states: tests/samples/chat/answers.toml has the texts.

After a wording has changed on purpose: `python tests/unit/chat/golden.py`, and read the difference.
"""

import pytest
from unit.chat.asking import LANGUAGES, VERSION, a_chat, an_asker, asked
from unit.chat.golden import CASES, read
from unit.chat.records import records

from erasmus_app.chat.answers.subjects import OF_ANYBODY, OF_STAY
from erasmus_app.chat.models import AnswerKind

RECORDS = records()
TEXTS = read()
EVERY = sorted({*OF_STAY, *OF_ANYBODY})


@pytest.mark.parametrize(("record", "intent"), CASES, ids=str)
def test_what_is_answered(record: str, intent: str):
    assert asked(RECORDS[record], intent).text.splitlines() == TEXTS[record, intent].splitlines()


def test_each_intent_has_an_answer_that_somebody_has_read():
    assert {intent for _, intent in CASES} == {*EVERY, "ambiguous", "out_of_scope"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("record", RECORDS)
def test_everything_is_answered_in_every_language(record: str, language: str):
    for intent in EVERY:
        answer = asked(RECORDS[record], intent, asker=an_asker(language=language))

        assert (answer.language, answer.version) == (language, VERSION)
        assert answer.text
        assert "{" not in answer.text


@pytest.mark.parametrize("record", [each for each in RECORDS if each != "nobody"])
@pytest.mark.parametrize("intent", sorted(set(OF_STAY) - {"contact"}))
def test_what_is_said_of_an_exchange_names_where_it_is_from(record: str, intent: str):
    answer = asked(RECORDS[record], intent)

    if answer.kind is AnswerKind.ANSWER and record != "nominated, nothing published":
        assert answer.sources
        assert answer.sources[0].text in answer.text
        assert answer.text.splitlines()[-1].startswith("Source: ")


def test_a_language_that_we_do_not_have_is_answered_in_the_accounts():

    answer = asked(a_chat(language="ja"), "login")

    assert answer.language == "en"
