"""What the entries of a calendar are called, in the reader's language: `notifications/agenda/`."""

import string
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.languages import choose
from erasmus_app.kit.tables import read_toml
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.notifications.agenda import STAY, Entry
from erasmus_app.notifications.catalogue import SOURCE_LANGUAGE, NameOf

_WHATS = frozenset({STAY, *(each.value for each in DeadlineKind)})
_ENDS = {"sending", "receiving"}


class AgendaWords(msgspec.Struct, frozen=True, kw_only=True):
    """The titles by language and by what an entry is about."""

    titles: Mapping[str, Mapping[str, str]]

    def title(self, entry: Entry, language: str, name_of: NameOf) -> str:
        """Return an entry's title in the nearest language."""
        chosen = choose(language, self.titles) or SOURCE_LANGUAGE
        return self.titles[chosen][entry.what].format_map(
            {
                "sending": name_of(entry.sending_hei_id, chosen),
                "receiving": name_of(entry.receiving_hei_id, chosen),
            }
        )


def load_agenda_words(folder: Path, languages: Collection[str]) -> AgendaWords:
    """Read the titles of every language that messages have.

    Raises:
        SettingsInvalid: a file is missing, or a title, or it names what English does not name.
    """
    titles = {each: _read(folder / "agenda" / f"{each}.toml") for each in languages}
    for language, words in titles.items():
        for what, title in words.items():
            if _holes(title) != _holes(titles[SOURCE_LANGUAGE][what]):
                raise SettingsInvalid(
                    f"{folder / 'agenda' / language}.toml: {what}: names other universities than "
                    "the English text"
                )
    return AgendaWords(titles=titles)


def _read(path: Path) -> dict[str, str]:
    try:
        words = msgspec.convert(read_toml(path), dict[str, str])
        holes = {hole for title in words.values() for hole in _holes(title)}
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{path}: {error}") from error
    if odd := (words.keys() ^ _WHATS) | (holes - _ENDS):
        raise SettingsInvalid(f"{path}: differs from what there is in: {', '.join(sorted(odd))}")
    return words


def _holes(title: str) -> set[str]:
    return {hole for _, hole, _, _ in string.Formatter().parse(title) if hole is not None}
