"""The words of archives and consents, read once from `notifications/` and held against English."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.languages import choose
from erasmus_app.kit.tables import read_toml
from erasmus_app.privacy.consents import Purpose, PurposeText

SOURCE_LANGUAGE = "en"
T = TypeVar("T")


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An area's heading, and a sentence about it, which may be empty."""

    title: str
    text: str


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something, and why it is so."""

    what: str
    why: str


class ArchiveWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of an archive's page in one language."""

    title: str
    intro: str
    made: str  # with {when}
    keep_safe: str
    nothing: str
    said_by: str  # with {who} and {when}
    yes: str
    no: str
    contents: str
    left_out_title: str
    purposes_title: str
    recipients_title: str
    sections: dict[str, Section]  # by table, in the order of the page
    fields: dict[str, str]  # labels; what has none is not on the page
    values: dict[str, str]
    left_out: dict[str, Reason]
    purposes: list[Reason]
    recipients: list[Reason]


class _Version(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: int


def load_archive_words(folder: Path) -> Mapping[str, ArchiveWords]:
    """Read the words of archives by language.

    Raises:
        SettingsInvalid: a file is not what it must be, or has other words than the English one.
    """
    found = _by_language(folder / "archive", ArchiveWords)
    source = found[SOURCE_LANGUAGE]
    for language, words in found.items():
        for name in ("sections", "fields", "values", "left_out"):
            if odd := getattr(words, name).keys() ^ getattr(source, name).keys():
                raise SettingsInvalid(
                    f"{folder / 'archive' / language}.toml: {name}: differ in: "
                    f"{', '.join(sorted(odd))}"
                )
    return found


def load_purposes(folder: Path) -> Mapping[str, Purpose]:
    """Read what may be consented to, by name.

    Raises:
        SettingsInvalid: a file is not what it must be, or a text is missing in a language.
    """
    folder = folder / "consents"
    versions = _table(folder / "purposes.toml", dict[str, _Version])
    texts = _by_language(folder, dict[str, PurposeText], leave="purposes")
    for language, given in texts.items():
        if odd := given.keys() ^ versions.keys():
            raise SettingsInvalid(f"{folder / language}.toml: differs in: {', '.join(sorted(odd))}")
    return {
        name: Purpose(
            name=name,
            version=each.version,
            texts={language: given[name] for language, given in texts.items()},
        )
        for name, each in versions.items()
    }


def words_in(words: Mapping[str, ArchiveWords], language: str) -> tuple[str, ArchiveWords]:
    """Return the words in the nearest language, and which that is."""
    chosen = choose(language, words) or SOURCE_LANGUAGE
    return chosen, words[chosen]


def _by_language(folder: Path, kind: type[T], leave: str = "") -> dict[str, T]:
    paths = [each for each in sorted(folder.glob("*.toml")) if each.stem != leave]
    found = {path.stem: _table(path, kind) for path in paths}
    if SOURCE_LANGUAGE not in found:
        raise SettingsInvalid(f"{folder}: there is no {SOURCE_LANGUAGE}.toml")
    return found


def _table(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.convert(read_toml(path), kind)
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{path}: {error}") from error
