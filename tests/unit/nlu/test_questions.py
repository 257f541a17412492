"""The set by which understanding is measured: whole, and taught to nobody."""

import tomllib
from pathlib import Path

import msgspec
import pytest

from erasmus_nlu.phrasebook import SOURCE, read_phrases, same
from erasmus_nlu.text import clean

FOLDER = Path(__file__).parents[3] / "bench" / "questions"
OTHERS = Path(__file__).parents[4] / "shared" / "product" / "questions.jsonl"
QUESTIONS = {path.stem: tomllib.loads(path.read_text()) for path in FOLDER.glob("*.toml")}


def test_every_intent_is_asked_in_each_of_twenty_languages():
    intents = set(read_phrases()[SOURCE])

    assert len(QUESTIONS) == 20
    assert {language: set(asked) for language, asked in QUESTIONS.items()} == dict.fromkeys(
        QUESTIONS, intents
    )
    assert all(texts for asked in QUESTIONS.values() for texts in asked.values())


def test_what_the_app_knows_nothing_about_is_asked_often_enough_to_tell():
    assert {
        language for language, asked in QUESTIONS.items() if len(asked["out_of_scope"]) < 8
    } == set()


def test_questions_are_as_they_are_read():
    texts = [text for asked in QUESTIONS.values() for said in asked.values() for text in said]

    assert [text for text in texts if clean(text) != text] == []


def test_none_of_the_phrases_is_one_of_the_questions():
    asked = [text for said in QUESTIONS.values() for texts in said.values() for text in texts]

    assert phrases_among(asked) == []


@pytest.mark.skipif(not OTHERS.is_file(), reason=f"{OTHERS} is not there")
def test_none_of_the_phrases_is_one_of_the_questions_of_others():
    asked = [msgspec.json.decode(line)["question"] for line in OTHERS.read_bytes().splitlines()]

    assert phrases_among(asked) == []


def phrases_among(asked: list[str]) -> list[str]:
    alike = {same(text) for text in asked}
    return [
        wording
        for intents in read_phrases().values()
        for wordings in intents.values()
        for wording in wordings
        if same(wording) in alike
    ]
