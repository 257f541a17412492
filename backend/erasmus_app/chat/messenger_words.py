"""The few texts that messengers hear beside answers: how to link, linked, and what went wrong."""

from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.languages import choose
from erasmus_app.kit.tables import read_toml

SOURCE_LANGUAGE = "en"
LONGEST = 600  # characters of a text: every messenger takes that as one message
LONGEST_CHOOSE = 20  # of what a list is opened by, as WhatsApp takes it


class MessengerWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The texts of one language."""

    how_to_link: str
    linked: str
    unlinked: str
    code_wrong: str  # unknown, used, revoked or too old: nobody is told which
    group: str
    too_many: str
    went_wrong: str  # and asks to be asked again
    choose: str


class MessengerTexts(msgspec.Struct, frozen=True, kw_only=True):
    """The texts of each language."""

    words: Mapping[str, MessengerWords]

    def of(self, language: str | None) -> MessengerWords:
        """Return those of the nearest language."""
        return self.words[choose(language or SOURCE_LANGUAGE, self.words) or SOURCE_LANGUAGE]


def load_messenger_texts(folder: Path, languages: Collection[str]) -> MessengerTexts:
    """Read and check `messengers/` in `folder`.

    Raises:
        SettingsInvalid: a language is missing, or a text is none; the message names the file.
    """
    words: dict[str, MessengerWords] = {}
    for path in sorted((folder / "messengers").glob("*.toml")):
        try:
            words[path.stem] = msgspec.convert(read_toml(path), MessengerWords)
        except (OSError, ValueError) as error:
            raise SettingsInvalid(f"{path}: {error}") from error
        for name, text in msgspec.structs.asdict(words[path.stem]).items():
            longest = LONGEST_CHOOSE if name == "choose" else LONGEST
            if not 0 < len(text.strip()) <= longest:
                raise SettingsInvalid(f"{path}: {name}: 1 to {longest} characters")
    if missing := sorted(set(languages) - words.keys()):
        raise SettingsInvalid(f"{folder / 'messengers'}: there is no {missing[0]}.toml")
    return MessengerTexts(words=words)
