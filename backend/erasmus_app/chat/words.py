"""What the chat says, sentence by sentence, in the reader's language: `notifications/chat/`."""

from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.cldr import written_day, written_number
from erasmus_app.kit.icu import Message, message
from erasmus_app.kit.languages import choose
from erasmus_app.kit.tables import read_toml
from erasmus_app.notifications.catalogue import SOURCE_LANGUAGE

Value = str | int | date
"""What goes into braces: a text as it is, a number or a day as the language writes it."""


class ChatWords(msgspec.Struct, frozen=True, kw_only=True):
    """The sentences by language, and by `table.name`."""

    sentences: Mapping[str, Mapping[str, Message]]

    def language(self, wanted: str) -> str:
        """Return the nearest language that there is."""
        return choose(wanted, self.sentences) or SOURCE_LANGUAGE

    def say(self, name: str, language: str, /, **values: Value) -> str:
        """Return a sentence in a language that there is, with values put in."""
        said = {each: _written(value, language) for each, value in values.items()}
        return self.sentences[language][name].filled(said)


def load_chat_words(folder: Path, languages: Collection[str]) -> ChatWords:
    """Read the sentences of every language that messages have.

    Raises:
        SettingsInvalid: a file is missing, or a sentence, or it names what English does not name.
    """
    sentences = {each: _read(folder / "chat" / f"{each}.toml", each) for each in languages}
    pattern = {name: each.holes for name, each in sentences[SOURCE_LANGUAGE].items()}
    for language, ours in sentences.items():
        for name in sorted(pattern.keys() | ours.keys()):
            if name not in ours or name not in pattern or ours[name].holes != pattern[name]:
                raise SettingsInvalid(f"{folder}/chat/{language}.toml: {name}: not as in English")
    return ChatWords(sentences=sentences)


def _read(path: Path, language: str) -> dict[str, Message]:
    try:
        tables = msgspec.convert(read_toml(path), dict[str, dict[str, str]])
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{path}: {error}") from error
    found: dict[str, Message] = {}
    for table, texts in tables.items():
        for name, text in texts.items():
            try:
                found[f"{table}.{name}"] = message(text, language)
            except ValueError as error:
                raise SettingsInvalid(f"{path}: {table}.{name}: {error}") from error
    return found


def _written(value: Any, language: str) -> str:
    if isinstance(value, date):
        return written_day(value.isoformat(), language)
    return written_number(str(value), language) if isinstance(value, int) else value
