"""What the chat says is the same in each language, and stops the start where it is not."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from erasmus_app.chat import words
from erasmus_app.chat.words import load_chat_words
from erasmus_app.errors import SettingsInvalid
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue

ROOT = catalogue_folder()
LANGUAGES = load_catalogue(ROOT).languages
WORDS = load_chat_words(ROOT, LANGUAGES)
CODE = Path(words.__file__).parent
ON_PAPER = (
    *("Learning Agreement", "Transcript of Records", "Certificate of Attendance"),
    *("Confirmation of Arrival", "Grant Agreement", "Traineeship Certificate"),
)


def sentence(language: str, name: str) -> str:
    """The text of a sentence with nothing put in, all branches of its choices included."""
    return str(WORDS.sentences[language][name].parts)


def test_days_and_numbers_are_written_as_the_language_has_them():
    said = WORDS.say("dates.ahead", "en", what="Apply", date=date(2027, 5, 15), days=12)

    assert said == "Apply: 15 May 2027 (in 12 days)."


def test_what_comes_from_outside_fills_no_braces():
    said = WORDS.say("talk.stay", "en", hei="{date} {0.__class__}")

    assert said == "Exchange: {date} {0.__class__}."


@pytest.mark.parametrize("language", LANGUAGES)
def test_documents_have_their_english_names_in_each_language(language: str):
    lacking = {
        f"{name}: {document}"
        for name in WORDS.sentences["en"]
        for document in ON_PAPER
        if document in sentence("en", name)
        and not name.startswith(("documents.", "intents."))
        and document.casefold() not in sentence(language, name).casefold()
    }

    assert lacking == set()


BY_STATE = ("sources.", "agreement.", "step_states.", "documents.", "intents.")
BY_WORD = {
    *("talk.menu", "talk.out_of_scope", "talk.choice_over"),
    *("next.sending-hei", "next.receiving-hei", "next.contact_home", "next.contact_host"),
    *("stay.arrived", "stay.arrives", "life.published", "life.not_published"),
    *("app.login", "app.esi", "app.password"),
}
"""Names that the code puts together."""


def test_each_sentence_is_said_somewhere():
    source = "".join(each.read_text(encoding="utf-8") for each in CODE.rglob("*.py"))
    silent = {
        name
        for name in WORDS.sentences["en"]
        if f'"{name}"' not in source and name not in BY_WORD and not name.startswith(BY_STATE)
    }

    assert silent == set()


BROKEN = {
    "a sentence is missing": ('person = "Please', 'other = "Please'),
    "another hole": ("Exchange: {hei}.", "Exchange: {date}."),
    "no hole": ("Exchange: {hei}.", "Exchange."),
    "a plural lacks a form": ("one {in # day} other", "other"),
    "no table": ("[urgent]", "urgent = 1\n[urgently]"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_differs_stops_the_start(what: str, tmp_path: Path):
    was, now = BROKEN[what]
    (tmp_path / "chat").mkdir()
    text = (ROOT / "chat" / "en.toml").read_text(encoding="utf-8")
    shutil.copy(ROOT / "chat" / "en.toml", tmp_path / "chat" / "en.toml")
    broken = text.replace(was, now)
    assert broken != text
    (tmp_path / "chat" / "en-GB.toml").write_text(broken, encoding="utf-8")

    with pytest.raises(SettingsInvalid, match=r"en-GB\.toml"):
        load_chat_words(tmp_path, ["en", "en-GB"])


def test_all_languages_must_be_there(tmp_path: Path):
    (tmp_path / "chat").mkdir()
    shutil.copy(ROOT / "chat" / "en.toml", tmp_path / "chat" / "en.toml")
    with pytest.raises(SettingsInvalid, match=r"de\.toml"):
        load_chat_words(tmp_path, ["en", "de", "pt"])

    shutil.copy(ROOT / "chat" / "en.toml", tmp_path / "chat" / "de.toml")
    with pytest.raises(SettingsInvalid, match=r"pt\.toml"):
        load_chat_words(tmp_path, ["en", "de", "pt"])


def test_a_language_without_a_file_stops_the_start(tmp_path: Path):
    with pytest.raises(SettingsInvalid, match=r"en\.toml"):
        load_chat_words(tmp_path, ["en"])
