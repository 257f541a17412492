"""What coordinators found to be phrases, as the phrase book takes it."""

import tomllib
from datetime import date
from uuid import UUID

from erasmus_app.chat.learning import KeptQuestion, Verdict
from erasmus_app.cli.chat import phrases_of, written
from erasmus_app.ids import HeiId

PHRASE = Verdict.PHRASE


def a_question(text: str, language: str, verdict: Verdict | None, intent: str | None, *few: str):
    return KeptQuestion(
        tenant=HeiId("ribeira.example"),
        question_id=UUID(int=1),
        text=text,
        language=language,
        band="menu",
        intents=(),
        version="v-1",
        month=date(2026, 11, 1),
        students=1,
        verdict=verdict,
        intent=intent,
        unsure=few,
    )


FOUND = [
    a_question("wo ist meine ⟨kaution⟩", "de", PHRASE, "housing"),
    a_question('das "Wohnheim" \\ fehlt', "de-AT", PHRASE, "housing"),
    a_question("wo ist meine ⟨geheimnis⟩", "de", PHRASE, "housing", "geheimnis"),
    a_question("does [name] sign", "en", PHRASE, "la_status"),
    a_question("who signs", "en", PHRASE, "la_status"),
    a_question("who signs", "en", PHRASE, "la_status"),
    a_question("what is love", "en", Verdict.OFF_TOPIC, None),
    a_question("can I bring a dog", "en", Verdict.NEW_INTENT, "pets"),
]


def test_whole_wordings_are_phrases_and_nothing_hidden_is():
    assert phrases_of(FOUND) == {
        "de": {"housing": ["wo ist meine kaution", 'das "Wohnheim" \\ fehlt']},
        "en": {"la_status": ["who signs"]},
    }


def test_what_is_printed_is_toml():
    text = written(phrases_of(FOUND))

    assert text.startswith("# de.toml\n")
    assert tomllib.loads(text) == {
        "housing": ['das "Wohnheim" \\ fehlt', "wo ist meine kaution"],
        "la_status": ["who signs"],
    }
    assert written({}) == ""
