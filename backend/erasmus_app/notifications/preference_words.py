"""The words of preferences: what categories are called, and the push of what was gathered."""

import string
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.languages import choose
from erasmus_app.kit.tables import read_toml
from erasmus_app.notifications.catalogue import LONGEST, SOURCE_LANGUAGE, PushWords
from erasmus_app.notifications.models import Text

LONGEST_LABEL = 60


class _Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file has."""

    gathered: PushWords  # a push of several messages; {count} is how many
    categories: dict[str, str]


class PreferenceWords(msgspec.Struct, frozen=True, kw_only=True):
    """The words of each language."""

    words: Mapping[str, _Words]

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that there are words in."""
        return tuple(sorted(self.words))

    def category(self, category: str, language: str) -> str:
        """Return what a category is called, in the nearest language."""
        return self._of(language).categories[category]

    def gathered(self, count: int, language: str) -> Text:
        """Write the push of so many messages that were held and go out together."""
        chosen = choose(language, self.words) or SOURCE_LANGUAGE
        shown = self.words[chosen].gathered
        return Text(language=chosen, title=shown.title.format(count=count), body=shown.body)

    def _of(self, language: str) -> _Words:
        return self.words[choose(language, self.words) or SOURCE_LANGUAGE]


def load_preference_words(
    folder: Path, categories: Collection[str], languages: Collection[str]
) -> PreferenceWords:
    """Read and check `preferences/` in `folder`.

    Raises:
        SettingsInvalid: a language that messages have is missing, a category has no name, a text
            is too long or counts nothing; the message names the file.
    """
    words = {}
    for path in sorted((folder / "preferences").glob("*.toml")):
        try:
            words[path.stem] = msgspec.convert(read_toml(path), _Words)
        except (OSError, ValueError) as error:
            raise SettingsInvalid(f"{path}: {error}") from error
        _check(path, words[path.stem], categories)
    if missing := sorted(set(languages) - words.keys()):
        raise SettingsInvalid(f"{folder / 'preferences'}: there is no {missing[0]}.toml")
    return PreferenceWords(words=words)


def _check(path: Path, words: _Words, categories: Collection[str]) -> None:
    if odd := words.categories.keys() ^ set(categories):
        raise SettingsInvalid(f"{path}: categories: differ in: {', '.join(sorted(odd))}")
    for category, label in words.categories.items():
        if not 0 < len(label.strip()) <= LONGEST_LABEL:
            raise SettingsInvalid(f"{path}: {category}: 1 to {LONGEST_LABEL} characters")
    for part, placeholders in (("title", ["count"]), ("body", [])):
        text, longest = getattr(words.gathered, part), LONGEST[f"push_{part}"]
        if not 0 < len(text.strip()) <= longest:
            raise SettingsInvalid(f"{path}: gathered: {part}: 1 to {longest} characters")
        try:
            found = [each for _, each, _, _ in string.Formatter().parse(text) if each is not None]
        except ValueError as error:
            raise SettingsInvalid(f"{path}: gathered: {part}: {error}") from error
        if found != placeholders:
            wanted = "must have {count} once" if placeholders else "has no placeholders"
            raise SettingsInvalid(f"{path}: gathered: {part}: {wanted} and nothing else")
