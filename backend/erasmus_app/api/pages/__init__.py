"""The words of the pages that a browser shows without an app, one file for each language."""

import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.languages import choose
from erasmus_app.kit.tables import read_toml

PAGES = ("consent", "doctor", "status")
SOURCE_LANGUAGE = "en"
_FOLDER = Path(__file__).parent


@cache
def languages(page: str) -> tuple[str, ...]:
    """Return the languages that a page is there in."""
    return tuple(sorted(_language(each) for each in _FOLDER.glob(f"{page}.*.toml")))


@cache
def words(page: str, language: str) -> dict[str, Any]:
    """Return a page's words in the nearest language that it is there in."""
    chosen = choose(language, languages(page)) or SOURCE_LANGUAGE
    return read_toml(_FOLDER / f"{page}.{chosen}.toml")


def check_pages(folder: Path = _FOLDER) -> None:
    """Read every page in every language.

    Raises:
        SettingsInvalid: a text is missing, is empty where English says something, or has other
            braces than the English one.
    """
    for page in PAGES:
        source = _texts(folder / f"{page}.{SOURCE_LANGUAGE}.toml")
        for path in sorted(folder.glob(f"{page}.*.toml")):
            found = _texts(path)
            if odd := sorted(found.keys() ^ source.keys()):
                raise SettingsInvalid(f"{path}: the English file and this one differ in {odd[0]}")
            for place, text in found.items():
                if bool(text.strip()) is not bool(source[place].strip()):
                    raise SettingsInvalid(f"{path}: {place}: is empty, or is so in English")
                if _holes(path, place, text) != _holes(path, place, source[place]):
                    raise SettingsInvalid(f"{path}: {place}: has other braces than in English")


def _language(path: Path) -> str:
    return path.stem.partition(".")[2]


def _texts(path: Path) -> dict[str, str]:
    try:
        return dict(_walk(read_toml(path), ""))
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{path}: {error}") from error


def _walk(table: dict[str, Any], place: str) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _walk(value, f"{place}{name}.")
        else:
            yield f"{place}{name}", str(value)


def _holes(path: Path, place: str, text: str) -> set[str | None]:
    try:
        return {hole for _, hole, _, _ in string.Formatter().parse(text) if hole is not None}
    except ValueError as error:
        raise SettingsInvalid(f"{path}: {place}: {error}") from error
