"""The words of our own pages: the same in every language, and for everything there is to say."""

import re
import shutil
from pathlib import Path

import pytest

from erasmus_app.api import pages
from erasmus_app.api.pages import PAGES, check_pages, languages, words
from erasmus_app.errors import SettingsInvalid
from erasmus_app.identity.doctor import Condition
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue

EACH = [(page, language) for page in PAGES for language in languages(page)]


def flat(content: dict) -> dict[str, str]:
    """Texts by their whole keys."""
    found = {}
    for key, value in content.items():
        if isinstance(value, dict):
            found |= {f"{key}.{below}": text for below, text in value.items()}
        else:
            found[key] = value
    return found


def places(text: str) -> list[str]:
    return sorted(set(re.findall(r"\{\w*\}", text)))


@pytest.mark.parametrize(("page", "language"), EACH)
def test_a_page_says_the_same_in_every_language(page: str, language: str):
    english, other = flat(words(page, "en")), flat(words(page, language))

    assert other.keys() == english.keys()
    assert {key: set(places(text)) - {"{hei}"} for key, text in other.items()} == {
        key: set(places(text)) - {"{hei}"} for key, text in english.items()
    }
    assert [key for key, text in english.items() if bool(text) != bool(other[key])] == []


def test_the_doctor_has_words_for_whatever_it_finds():
    found = {key for key, value in words("doctor", "en").items() if isinstance(value, dict)}

    assert found == {each.value for each in Condition}
    assert words("doctor", "xx") == words("doctor", "en")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_there_in_every_language_that_messages_have(page: str):
    assert languages(page) == load_catalogue(catalogue_folder()).languages


@pytest.mark.parametrize(("page", "language"), [each for each in EACH if each[1] != "en"])
def test_no_text_of_a_page_is_english_unseen(page: str, language: str):
    english, other = flat(words(page, "en")), flat(words(page, language))

    assert [key for key, text in english.items() if text and text == other[key]] == []


@pytest.mark.parametrize(
    ("file", "old", "new", "refusal"),
    [
        ("consent.de.toml", "close = ", "shut = ", "the English file and this one differ in close"),
        ("consent.de.toml", "{app} verbinden?", "Verbinden?", "title: has other braces"),
        ("consent.de.toml", "{app} verbinden?", "{app verbinden?", "title: "),
        ("consent.de.toml", '"Erlauben"', '" "', "allow: is empty"),
        ("doctor.pt.toml", 'title = "', "title = ", "doctor.pt.toml: "),
    ],
)
def test_a_page_that_is_not_whole_stops_the_start(
    tmp_path: Path, file: str, old: str, new: str, refusal: str
):
    folder = tmp_path / "pages"
    shutil.copytree(Path(pages.__file__).parent, folder)
    content = (folder / file).read_text()
    assert old in content
    (folder / file).write_text(content.replace(old, new, 1))

    with pytest.raises(SettingsInvalid, match=re.escape(refusal)):
        check_pages(folder)
