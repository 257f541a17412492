"""The words of each language: all kinds of them, none that means two things."""

import tomllib
from collections import Counter

import pytest

from erasmus_app.chat.slots import Document, End, words
from erasmus_app.chat.slots.phrases import Book
from erasmus_app.chat.slots.reading import fold, tokens
from erasmus_app.chat.slots.words import EVERY, LANGUAGES, PLACE, words_of
from erasmus_app.mobilities.steps import StepCode

OWN = {"numbers", "units", "when", "terms", "years", "documents", "steps", "ends", "fillers"}
WHEN = {"+0d", "+1d", "+2d", "-1d", "-2d", "week-1", "week+0", "week+1", "weekend+0"}
WHEN |= {"month-1", "month+0", "month+1", "year-1", "year+0", "year+1", "month-end"}
WHEN |= {"weekday-1", "weekday+0", "weekday+1", "ahead", "ago"}
NAMED_BY_DOCUMENTS = {StepCode.DEPARTED, StepCode.TRANSCRIPT}
TABLES = {
    each: tomllib.loads((PLACE / f"{each}.toml").read_text(encoding="utf-8"))
    for each in (*LANGUAGES, EVERY)
}


def test_every_language_has_every_kind_of_word():
    missing = {
        each: {
            *(OWN - set(table)),
            *(WHEN - set(table["when"])),
            *(set(Document) - set(table["documents"])),
            *(set(StepCode) - NAMED_BY_DOCUMENTS - set(table["steps"])),
            *(set(End) - set(table["ends"])),
            *({"autumn", "spring", "this", "next"} - set(table["terms"])),
            *({"this", "next"} - set(table["years"])),
        }
        for each, table in TABLES.items()
        if each != EVERY
    }
    # What a whole lexicon leaves out, it leaves out on purpose.
    assert {each: words for each, words in missing.items() if words} == {}
    assert {each: len(TABLES[each]["numbers"]) for each in LANGUAGES} == dict.fromkeys(
        LANGUAGES, 12
    )


def test_no_phrase_means_two_things():
    doubled = {}
    for language, table in TABLES.items():
        for kind in ("when", "terms", "years", "documents", "steps", "ends"):
            phrases = [
                (" ".join(each.text for each in tokens(phrase)), code)
                for code, listed in table.get(kind, {}).items()
                for phrase in listed
            ]
            count = Counter(phrase for phrase, _ in set(phrases))
            if twice := [phrase for phrase, times in count.items() if times > 1]:
                doubled[language, kind] = twice
    assert doubled == {}


def test_every_phrase_is_found_by_itself():
    lost = []
    for language in LANGUAGES:
        known = words_of(language)
        books = {"documents": known.documents, "steps": known.steps, "ends": known.ends}
        for kind, book in books.items():
            for code, listed in TABLES[language][kind].items():
                for phrase in listed:
                    read = tokens(phrase.replace("*", ""))
                    match = book.match(read, 0)
                    if match is None or (match.value, match.end) != (code, len(read)):
                        lost.append((language, kind, code, phrase))
    assert lost == []


def test_serbian_and_macedonian_are_read_in_both_alphabets():
    assert fold("Уговор о учењу") == fold("Ugovor o učenju") == "ugovor o ucenju"
    assert fold("договор за учење") == "dogovor za ucenje"


def test_a_stem_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match="stem of under 3 letters"):
        Book([("la*", 1)])


def test_a_phrase_that_says_no_day_is_refused():
    with pytest.raises(ValueError, match="«someday» says no day"):
        words._when("someday")
