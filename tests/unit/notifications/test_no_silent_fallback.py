"""Whoever reads a language reads that language: no text of it is missing, or is English unseen."""

import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from erasmus_app.kit.icu import Message, message
from erasmus_app.notifications.catalogue import FRACTIONS, catalogue_folder, load_catalogue
from erasmus_app.notifications.explanations import load_explanations
from erasmus_app.notifications.guidance import load_guidance
from erasmus_app.push import mail

CATALOGUE = load_catalogue(catalogue_folder())
ENGLISH = "en"
ROOT = catalogue_folder()

# Each set of texts is a folder with a file for each language; a new one is found by its English.
SETS = {each.parent.name: each.parent for each in ROOT.glob("*/en.toml")}
# ISCED-F names are not messages: a reader without a name is shown the nearest, and told so.
SOME_LANGUAGES_ONLY = {"fields"}
# Codes of their own beside the languages.
NO_LANGUAGES = {"purposes"}

# Words that other languages have as English has them, or of which they use the English name.
SHARED = {
    *("app", "browser", "Code", "Contact", "CV", "E-mail", "File", "Name", "no", "Nomination"),
    *("nomination ({hei})", "Portfolio", "positive", "sent", "Status", "Text", "Traineeship"),
    *("Transcript of records", "Version", "Website"),
    *("learning agreement ({hei})", "nomination ({hei})"),
}
LETTERS = {"bg": "[а-я]", "el": "[α-ω]", "mk": "[а-ш]", "sr": "[а-ш]"}


def flat(table: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text with its place."""
    if isinstance(table, str):
        yield place, table
    elif isinstance(table, dict | list):
        items = table.items() if isinstance(table, dict) else enumerate(table)
        for name, each in items:
            yield from flat(each, f"{place}.{name}" if place else str(name))


def texts(path: Path) -> dict[str, str]:
    return dict(flat(tomllib.loads(path.read_text(encoding="utf-8"))))


ALL = {
    (name, path.stem): texts(path)
    for name, folder in SETS.items()
    for path in folder.glob("*.toml")
    if path.stem not in NO_LANGUAGES
}
MAILS = Path(mail.__file__).parent / "texts"
for path in MAILS.glob("*.toml"):
    kind, _, language = path.stem.partition(".")
    ALL[f"mail {kind}", language] = texts(path)
NAMES = sorted({name for name, _ in ALL} - SOME_LANGUAGES_ONLY)
OTHERS = [each for each in CATALOGUE.languages if each != ENGLISH]


def names_in(language: str) -> list[str]:
    """The sets of texts that a language has."""
    return sorted(name for name, other in ALL if other == language)


def words_of(text: str) -> str:
    """What is left of a text without what is put into it, its signs and its numbers."""
    return re.sub(r"\{[^{}]*\}|[^\w\s]|\d", "", text).strip()


@pytest.mark.parametrize("name", NAMES)
def test_each_set_of_texts_is_there_in_each_language(name: str):
    assert {language for other, language in ALL if other == name} == {*CATALOGUE.languages}


def test_there_is_no_file_of_a_language_that_we_do_not_speak():
    assert {language for _, language in ALL} == {*CATALOGUE.languages}


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_is_missing_and_none_is_more(language: str):
    places = {name: ALL[name, language].keys() for name in names_in(language)}

    assert places == {name: ALL[name, ENGLISH].keys() for name in places}


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_is_english_but_for_words_that_languages_share(language: str):
    same = {
        f"{name}: {place}: {text}"
        for name in names_in(language)
        for place, text in ALL[name, language].items()
        if text == ALL[name, ENGLISH][place] and words_of(text) and text not in SHARED
    }

    assert same == set()


@pytest.mark.parametrize("language", LETTERS)
def test_each_text_is_in_its_languages_letters(language: str):
    names = {"app", "fields"}  # of products, and codes
    strange = {
        f"{name}: {place}: {text}"
        for name in names_in(language)
        for place, text in ALL[name, language].items()
        if len(words_of(text).split()) > 1
        and not re.search(LETTERS[language], text, re.IGNORECASE)
        and place.partition(".")[0] not in names
        and text not in SHARED
    }

    assert strange == set()


@pytest.mark.parametrize("name", NAMES)
def test_no_languages_texts_are_all_anothers(name: str):
    contents = [(language, ALL[name, language]) for language in CATALOGUE.languages]
    sentences = sorted(
        (sorted(text for text in content.values() if len(text.split()) > 2), language)
        for language, content in contents
    )

    assert [b for (one, _), (two, b) in pairwise(sentences) if one == two and one] == []


@pytest.mark.parametrize("language", CATALOGUE.languages)
def test_who_asks_for_a_language_is_answered_in_it(language: str):
    guidance = load_guidance(ROOT, CATALOGUE.languages, lambda hei, _language: hei)
    ends = {"sending_hei": "a.example", "receiving_hei": "b.example"}

    assert load_explanations(ROOT, CATALOGUE.languages).words[language]
    assert guidance.language(language) == language
    assert CATALOGUE.render_push("nominated", language).language == language
    said = CATALOGUE.render("nominated", language, ends, lambda hei, _language: hei)
    assert said.language == language
    if language != ENGLISH:
        assert said.title != CATALOGUE.render("nominated", ENGLISH, ends, lambda h, _l: h).title


def plurals(found: Message) -> Iterator[frozenset[str]]:
    """The names that the plurals of a text go by."""
    yield from (frozenset({each.name}) for each in found.choices() if each.is_plural)


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_counted_in_english_is_counted_in_each_language(language: str):
    for name in names_in(language):
        for place, text in ALL[name, ENGLISH].items():
            if ", plural," in text:
                ours = message(ALL[name, language][place], language, fractions=FRACTIONS)
                theirs = message(text, ENGLISH, fractions=FRACTIONS)
                assert set(plurals(ours)) == set(plurals(theirs)), f"{name}: {place}"
