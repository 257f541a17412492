"""The words of archives and consents fit the program, and each other."""

import shutil
from pathlib import Path

import pytest

from erasmus_app.errors import SettingsInvalid
from erasmus_app.notifications.catalogue import catalogue_folder
from erasmus_app.privacy.words import load_archive_words, load_purposes, words_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the words that a test may spoil."""
    return shutil.copytree(catalogue_folder(), tmp_path / "notifications")


def spoil(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_reader_gets_the_nearest_language_and_else_english():
    words = load_archive_words(catalogue_folder())

    found = {wanted: words_in(words, wanted)[0] for wanted in ("pt-BR", "de", "fr-BE", "ja", "")}

    assert found == {"pt-BR": "pt", "de": "de", "fr-BE": "fr", "ja": "en", "": "en"}


def test_a_label_that_a_translation_lacks_stops_the_start(folder: Path):
    spoil(folder / "archive" / "de.toml", 'grade = "Note"', 'grad = "Note"')

    with pytest.raises(SettingsInvalid, match=r"de\.toml: fields: differ in: grad, grade"):
        load_archive_words(folder)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("archive/en.toml", 'yes = "yes"', "yes = 1"),
        ("archive/en.toml", "[values]", "[values"),
        ("consents/purposes.toml", "version = 1", 'version = "one"'),
        ("consents/pt.toml", "[news]", "[novidades]"),
        ("consents/purposes.toml", "chat =", "chats ="),
    ],
)
def test_a_file_that_does_not_fit_stops_the_start_and_is_named(
    folder: Path, file: str, old: str, new: str
):
    spoil(folder / file, old, new)

    load = load_archive_words if file.startswith("archive") else load_purposes
    with pytest.raises(SettingsInvalid, match=str(folder)):
        load(folder)


def test_a_text_has_another_hash_in_another_language():
    for purpose in load_purposes(catalogue_folder()).values():
        hashes = {purpose.sha256(language) for language in purpose.texts}
        assert len(hashes) == len(purpose.texts) >= 3
