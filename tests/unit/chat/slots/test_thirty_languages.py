"""What students name in each language: days, months, documents, universities, terms."""

import tomllib
from datetime import date
from pathlib import Path

from erasmus_app.chat.slots import LANGUAGES, FoundDate, Slots, find_slots

TODAY = date(2026, 11, 26)  # a Thursday
QUESTIONS = tomllib.loads(
    (Path(__file__).parents[3] / "samples/chat/slots.toml").read_text(encoding="utf-8")
)


def told_day(found: FoundDate) -> str:
    if found.impossible:
        return "none"
    days = [found.on] if found.on else list(found.alternatives)
    text = "|".join(map(str, days)) or f"{found.first}/{found.last}"
    return f"{'~' * found.is_relative}{text}{'?' * found.is_year_assumed}"


def told(slots: Slots) -> str:
    """Return what was found as the samples write it."""
    terms = [
        f"{'~' * each.is_relative}{each.term}{f'@{each.year}' if each.year else ''}"
        for each in slots.terms
    ]
    days = map(told_day, slots.dates)
    return " ".join([*days, *slots.documents, *slots.steps, *slots.ends, *terms, *slots.years])


def test_questions_in_each_language_are_read_whole():
    found = {
        language: {
            question: told(find_slots(question, language, today=TODAY, partners={}))
            for question in questions
        }
        for language, questions in QUESTIONS.items()
    }
    assert found == QUESTIONS


def test_each_of_the_thirty_languages_has_seven_questions():
    asked = {language: len(questions) for language, questions in QUESTIONS.items()}
    assert asked == dict.fromkeys(LANGUAGES, 7)
    assert len(LANGUAGES) == 30
