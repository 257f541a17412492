"""What stands in a mail: the words of `notifications/mails/`, around what a push would show.

A mail passes servers that are not ours and lies there for years, so it says no more than a lock
screen may: which step moved, and nothing about anybody. The app has the rest.
"""

import string
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.ids import global_id
from erasmus_app.kit.languages import choose
from erasmus_app.kit.tables import read_toml, stamp
from erasmus_app.notifications.catalogue import SOURCE_LANGUAGE, Catalogue
from erasmus_app.notifications.mail_addresses import CODE_LIFETIME
from erasmus_app.notifications.mailing import Reader, Unseen

LONGEST = {"open": 40, "stop": 60, "code_subject": 70, "page_title": 60}
LONGEST_TEXT = 400  # characters, of any other
_PLACEHOLDERS = {"code_body": {"code", "minutes"}}


class MailWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of mails, and of the page that stops them, in one language."""

    open: str  # on the link to the app
    why: str  # at the end of each mail
    stop: str  # on the link, and on the button of the page
    code_subject: str
    code_body: str  # of the mail with {code}, good for {minutes}
    page_title: str
    page_ask: str  # above the button
    page_done: str  # when it was pressed


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One mail, before it has the form of one. Personal by whom it goes to."""

    mail_id: UUID  # the same letter, the same id: who gets it twice may show it once
    to: str
    language: str
    subject: str
    parts: tuple[tuple[str, str], ...]  # title and text of each message; a title may be empty
    link: tuple[str, str] | None = None  # words and address
    why: str | None = None
    stop: tuple[str, str] | None = None  # words and address


class Letters(msgspec.Struct, frozen=True, kw_only=True):
    """Writes mails."""

    words: Mapping[str, MailWords]
    catalogue: Catalogue
    app_url: str  # without a slash at the end
    public_url: str  # likewise

    def of(self, mail_id: UUID, reader: Reader, messages: Sequence[Unseen]) -> Letter:
        """Write one mail about some messages, the first one first."""
        kinds = list(dict.fromkeys(each.kind for each in messages))
        texts = [self.catalogue.render_push(each, reader.language) for each in kinds]
        language, words = self.words_in(reader.language)
        subject = self.catalogue.render_push(kinds[0], reader.language, kinds[1:]).title
        only = global_id("Message", messages[0].entry_id) if len(messages) == 1 else None
        return Letter(
            mail_id=mail_id,
            to=reader.address,
            language=language,
            subject=subject,
            parts=tuple((each.title, each.body) for each in texts),
            link=(words.open, f"{self.app_url}/?message={only}" if only else f"{self.app_url}/"),
            why=words.why,
            stop=(words.stop, self.stop_url(reader.stop_token)),
        )

    def with_code(self, mail_id: UUID, to: str, language: str, code: str) -> Letter:
        """Write the mail that asks whether an address is its account's."""
        language, words = self.words_in(language)
        minutes = str(int(CODE_LIFETIME.total_seconds()) // 60)
        return Letter(
            mail_id=mail_id,
            to=to,
            language=language,
            subject=words.code_subject,
            parts=(("", words.code_body.format_map({"code": code, "minutes": minutes})),),
        )

    def words_in(self, language: str) -> tuple[str, MailWords]:
        """Return the words in the nearest language, and which that is."""
        chosen = choose(language, self.catalogue.words) or SOURCE_LANGUAGE
        return chosen, self.words[chosen]

    def stop_url(self, token: str) -> str:
        """Return the address that stops mails."""
        return f"{self.public_url}/mail/stop/{token}"


def load_mail_words(folder: Path, languages: Collection[str]) -> dict[str, MailWords]:
    """Read `mails/` in `folder` and check it: at least these languages, and each of them whole.

    Raises:
        SettingsInvalid: a language or a text is missing, is too long, or has other placeholders
            than it must; the message names file and text.
    """
    return _load(folder / "mails", tuple(languages), stamp(folder / "mails"))


@lru_cache(maxsize=4)
def _load(folder: Path, languages: tuple[str, ...], _of: object) -> dict[str, MailWords]:
    found = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            found[path.stem] = msgspec.convert(read_toml(path), MailWords)
        except (OSError, ValueError) as error:
            raise SettingsInvalid(f"{path}: {error}") from error
        for name, text in msgspec.structs.asdict(found[path.stem]).items():
            _check(f"{path}: {name}", name, text)
    if missing := sorted(set(languages) - found.keys()):
        raise SettingsInvalid(f"{folder}: there is no {missing[0]}.toml")
    return found


def _check(where: str, name: str, text: str) -> None:
    longest = LONGEST.get(name, LONGEST_TEXT)
    if not text.strip() or len(text) > longest or "\n" in text:
        raise SettingsInvalid(f"{where}: one line of 1 to {longest} characters")
    try:
        parsed: list[Any] = [each for each in string.Formatter().parse(text) if each[1] is not None]
    except ValueError as error:
        raise SettingsInvalid(f"{where}: {error}") from error
    if {each[1] for each in parsed} != _PLACEHOLDERS.get(name, set()):
        wanted = ", ".join(f"{{{each}}}" for each in sorted(_PLACEHOLDERS.get(name, ())))
        raise SettingsInvalid(f"{where}: wants the placeholders: {wanted or 'none'}")
