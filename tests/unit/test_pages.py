"""The words of our own pages: the same in every language, and for everything there is to say."""

import re

import pytest

from erasmus_app.api.pages import LANGUAGES, words
from erasmus_app.identity.doctor import Condition

PAGES = ("consent", "doctor")


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


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", LANGUAGES)
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
