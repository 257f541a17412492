"""What categories are called, and the push of what was gathered, in every language."""

import re
import shutil
from pathlib import Path

import pytest
from unit.notifications.test_catalogue import LANGUAGES

from erasmus_app.errors import SettingsInvalid
from erasmus_app.notifications.catalogue import LONGEST, catalogue_folder, load_catalogue
from erasmus_app.notifications.models import Text
from erasmus_app.notifications.preference_words import PreferenceWords, load_preference_words

CATALOGUE = load_catalogue(catalogue_folder())
WORDS = load_preference_words(catalogue_folder(), CATALOGUE.categories, CATALOGUE.languages)
TO_COME = {"ga", "hr", "lt", "lv", "mk", "mt", "ro", "sr"}


def test_all_languages_of_the_eu_and_six_more_have_them():
    assert set(WORDS.languages) == set(LANGUAGES) | TO_COME
    assert len(WORDS.languages) == 30


@pytest.mark.parametrize("language", WORDS.languages)
def test_no_language_borrows_from_english_or_says_two_things_alike(language: str):
    labels = [WORDS.category(each, language) for each in CATALOGUE.categories]
    text = WORDS.gathered(3, language)

    assert text.language == language
    assert len(set(labels)) == len(labels)
    assert re.findall(r"\d+", text.title) == ["3"]
    if language != "en":
        english = WORDS.gathered(3, "en")
        assert text.title != english.title
        assert text.body != english.body
        assert labels[0] != WORDS.category(CATALOGUE.categories[0], "en")


@pytest.mark.parametrize("language", WORDS.languages)
def test_a_lock_screen_has_room_for_many(language: str):
    text = WORDS.gathered(9999, language)

    assert len(text.title) <= LONGEST["push_title"]
    assert len(text.body) <= LONGEST["push_body"]


def test_the_nearest_language_is_found_and_english_otherwise():
    german = Text(
        language="de", title="Neue Nachrichten: 2", body="Sie liegen alle im Posteingang der App."
    )

    assert WORDS.gathered(2, "de-AT") == german
    assert WORDS.gathered(2, "ja").language == "en"
    assert WORDS.category("stay", "ja") == "Arrival, stay and return"


def loaded(folder: Path) -> PreferenceWords:
    return load_preference_words(folder, CATALOGUE.categories, CATALOGUE.languages)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{count}", "many", "title: must have {count} once and nothing else"),
        ("{count}", "{count} {name}", "title: must have {count} once and nothing else"),
        ("{count}", "{count", "title: "),
        ("liegen", "{count} liegen", "body: has no placeholders"),
        ("Neue", "Neue" * 30, "title: 1 to 50 characters"),
        ("stay =", "holiday =", "categories: differ in: holiday, stay"),
        ('"Learning Agreement"', '" "', "agreement: 1 to 60 characters"),
        ("[categories]", "[kinds]", "de.toml: "),
        ("[categories]", "[categories", "de.toml: "),
    ],
)
def test_a_file_that_cannot_be_right_stops_the_start(tmp_path: Path, old: str, new: str, said: str):
    folder = tmp_path / "notifications"
    shutil.copytree(catalogue_folder() / "preferences", folder / "preferences")
    file = folder / "preferences" / "de.toml"
    assert loaded(folder) == WORDS
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    with pytest.raises(SettingsInvalid, match=re.escape(said)):
        loaded(folder)


def test_so_does_a_language_without_any(tmp_path: Path):
    folder = tmp_path / "notifications"
    shutil.copytree(catalogue_folder() / "preferences", folder / "preferences")
    (folder / "preferences" / "fi.toml").unlink()

    with pytest.raises(SettingsInvalid, match=r"there is no fi\.toml"):
        loaded(folder)
