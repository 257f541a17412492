"""The words: kinds and their texts, read once from `notifications/` and checked as a whole."""

import string
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.languages import choose
from erasmus_app.notifications.models import Kind, Text

LONGEST = {"title": 60, "body": 320, "push_title": 50, "push_body": 140}
INSTITUTIONS = ("sending_hei", "receiving_hei")  # arguments that are HEI ids
DATES = ("date", "start", "end")  # arguments that are ISO dates
IN_PUSH: frozenset[str] = frozenset()  # a lock screen shows no placeholder's value
SOURCE_LANGUAGE = "en"

NameOf = Callable[[str, str], str]
"""(HEI id, language) → the HEI's name."""


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The texts of one kind in one language. Push texts pass third parties and lock screens."""

    title: str
    body: str
    push_title: str
    push_body: str


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """Every kind, and its words in every language."""

    kinds: Mapping[str, Kind]
    words: Mapping[str, Mapping[str, Words]]  # language → kind → words
    formats: Mapping[str, str]  # language → how a date is written

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages on offer."""
        return tuple(sorted(self.words))

    def render(
        self, kind: str, language: str, arguments: Mapping[str, str], name_of: NameOf
    ) -> Text:
        """Write a message in full, for the app."""
        chosen = choose(language, self.words) or SOURCE_LANGUAGE
        words = self.words[chosen][kind]
        shown = {key: self._shown(key, value, chosen, name_of) for key, value in arguments.items()}
        return Text(
            language=chosen,
            title=words.title.format_map(shown),
            body=words.body.format_map(shown),
        )

    def render_push(self, kind: str, language: str) -> Text:
        """Write what a lock screen may show: which step moved, and nothing about anybody."""
        chosen = choose(language, self.words) or SOURCE_LANGUAGE
        words = self.words[chosen][kind]
        return Text(language=chosen, title=words.push_title, body=words.push_body)

    def _shown(self, key: str, value: str, language: str, name_of: NameOf) -> str:
        if key in INSTITUTIONS:
            return name_of(value, language)
        if key in DATES:
            year, month, day = value.split("-")
            return self.formats[language].format(
                year=year, month=month, day=day, d=int(day), m=int(month)
            )
        return value


def catalogue_folder() -> Path:
    """Return where the words lie: in a checkout, or in an installed wheel."""
    here = Path(__file__).resolve()
    checkout = here.parents[3] / "notifications"
    return checkout if (checkout / "catalogue.toml").is_file() else here.parent / "data"


def load_catalogue(folder: Path) -> Catalogue:
    """Read and check everything in `folder`.

    Raises:
        SettingsInvalid: a kind lacks a text, a text has another placeholder than English has, is
            too long, or shows something on the lock screen; the message names file and kind.
    """
    kinds = _table(folder / "catalogue.toml", dict[str, Kind])
    words: dict[str, dict[str, Words]] = {}
    formats: dict[str, str] = {}
    for path in sorted((folder / "locales").glob("*.toml")):
        content = _table(path, dict[str, Any])
        formats[path.stem] = str(content.pop("date_format", "{year}-{month}-{day}"))
        try:
            words[path.stem] = msgspec.convert(content, dict[str, Words])
        except msgspec.ValidationError as error:
            raise SettingsInvalid(f"{path}: {error}") from error
    if SOURCE_LANGUAGE not in words:
        raise SettingsInvalid(f"{folder / 'locales'}: there is no {SOURCE_LANGUAGE}.toml")
    for language, texts in words.items():
        if texts.keys() != kinds.keys():
            odd = ", ".join(sorted(texts.keys() ^ kinds.keys()))
            raise SettingsInvalid(f"{folder}: {language} and the kinds differ in: {odd}")
        for kind, text in texts.items():
            _check(f"{folder}: {language}: {kind}", text, words[SOURCE_LANGUAGE][kind])
    return Catalogue(kinds=kinds, words=words, formats=formats)


def _check(where: str, text: Words, source: Words) -> None:
    for part, longest in LONGEST.items():
        value, original = getattr(text, part), getattr(source, part)
        if not value.strip() or len(value) > longest:
            raise SettingsInvalid(f"{where}: {part}: 1 to {longest} characters, not {len(value)}")
        allowed = IN_PUSH if part.startswith("push") else _placeholders(where, original)
        if not _placeholders(where, value) <= allowed:
            odd = ", ".join(sorted(_placeholders(where, value) - allowed))
            raise SettingsInvalid(f"{where}: {part}: placeholder {odd} has no place here")


def _placeholders(where: str, text: str) -> frozenset[str]:
    try:
        return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name)
    except ValueError as error:
        raise SettingsInvalid(f"{where}: {error}") from error


def _table(path: Path, kind: type[Any]) -> Any:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), kind)
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{path}: {error}") from error
