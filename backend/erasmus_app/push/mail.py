"""Mail over SMTP, always encrypted but on this machine; the words lie in `texts/`."""

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from erasmus_app.errors import MailFailed, SettingsInvalid
from erasmus_app.kit.cldr import written_number
from erasmus_app.kit.icu import Message, message
from erasmus_app.kit.languages import choose
from erasmus_app.kit.tables import read_toml
from erasmus_app.settings import LOOPBACK_NAMES

SECONDS = 20  # for the server to answer each step
KINDS: dict[str, frozenset[str]] = {
    "claim": frozenset({"code", "minutes"}),
    "linked": frozenset({"days"}),
}
"""Each kind of mail, and the values that its body has."""

_TEXTS = Path(__file__).parent / "texts"


class MailWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of mail in one language."""

    subject: str
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpSender:
    """Sends mail by one server; see `notifications.ports.MailSender`."""

    host: str
    port: int
    tls: bool  # from the first byte; else STARTTLS, without which nothing is said
    sender: str
    context: ssl.SSLContext
    user: str | None = None
    secret: str | None = None

    async def send(self, to: str, kind: str, language: str, **values: str) -> None:
        """Send one mail of a kind in the nearest language, in a thread of its own.

        Raises:
            MailFailed: the server could not be reached, or did not take it; `retry` says whether
                another time may do.
        """
        message = written(to, self.sender, kind, language, values)
        try:
            await asyncio.to_thread(self._send, message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            raise MailFailed("recipient_refused", retry=all(code < 500 for code in codes)) from None
        except smtplib.SMTPResponseException as error:
            raise MailFailed(f"smtp_{error.smtp_code}", retry=error.smtp_code < 500) from None
        except (OSError, smtplib.SMTPException) as error:  # of TLS as well
            raise MailFailed(type(error).__name__, retry=True) from None

    @property
    def envelope(self) -> str:
        """The address alone, which servers are told."""
        return parseaddr(self.sender)[1]

    def connect(self) -> smtplib.SMTP:
        """Return a connection that is ready for mail. Blocks.

        Raises:
            OSError, smtplib.SMTPException: the server is not there, or does not want us.
        """
        if self.tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=SECONDS, context=self.context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        try:
            if not self.tls and self.host not in LOOPBACK_NAMES:
                server.starttls(context=self.context)
            if self.user is not None:
                server.login(self.user, self.secret or "")
            server.ehlo_or_helo_if_needed()
        except BaseException:
            server.close()
            raise
        return server

    def _send(self, message: EmailMessage) -> None:
        with self.connect() as server:
            server.send_message(message)


def smtp_sender(url: str, sender: str, context: ssl.SSLContext) -> SmtpSender:
    """Read `smtps://user:secret@host:port`, or `smtp://` for STARTTLS.

    Raises:
        SettingsInvalid: it is no such address, which the message does not repeat: it has a secret;
            or a text of a mail is wrong.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"smtps": 465, "smtp": 587}[parts.scheme]
    except (ValueError, KeyError):
        parts, port = urlsplit(""), 0
    if not parts.hostname or "@" not in sender:
        raise SettingsInvalid(
            "ERASMUS_APP_SMTP_URL and ERASMUS_APP_MAIL_FROM: want smtps://user:secret@host, "
            "or smtp:// for STARTTLS, and an address"
        )
    load_texts()  # what is wrong with them is said at the start, not at the first mail
    return SmtpSender(
        host=parts.hostname,
        port=port,
        tls=parts.scheme == "smtps",
        sender=sender,
        context=context,
        user=unquote(parts.username) if parts.username else None,
        secret=unquote(parts.password) if parts.password else None,
    )


def written(to: str, sender: str, kind: str, language: str, values: dict[str, str]) -> EmailMessage:
    """Write one mail. `to` is one plain address."""
    texts = load_texts()[kind]
    chosen = choose(language, texts) or "en"
    subject, body = texts[chosen]
    counted = {each.name for each in body.choices()}
    shown = {
        key: written_number(value, chosen) if key in counted else value
        for key, value in values.items()
    }
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(body.filled(shown))
    mail["Content-Language"] = chosen  # after the content, whose coming clears these headers
    return mail


@lru_cache(maxsize=4)
def load_texts(folder: Path = _TEXTS) -> dict[str, dict[str, tuple[str, Message]]]:
    """Read and check the words: kind → language → subject and body.

    Raises:
        SettingsInvalid: a language lacks a kind, or a text is not what it must be.
    """
    found: dict[str, dict[str, tuple[str, Message]]] = {each: {} for each in KINDS}
    for path in sorted(folder.glob("*.toml")):
        kind, _, language = path.stem.partition(".")
        if kind not in KINDS:
            raise SettingsInvalid(f"{path}: there is no such kind of mail")
        try:
            words = msgspec.convert(read_toml(path), MailWords)
            body = message(words.body, language)
        except (OSError, ValueError) as error:
            raise SettingsInvalid(f"{path}: {error}") from error
        if body.holes != KINDS[kind]:
            odd = ", ".join(sorted(body.holes ^ KINDS[kind]))
            raise SettingsInvalid(f"{path}: body: must have its values and no other: {odd}")
        if not words.subject.strip() or "{" in words.subject or "\n" in words.subject:
            raise SettingsInvalid(f"{path}: subject: one line without braces")
        found[kind][language] = (words.subject, body)
    languages = set[str]().union(*found.values()) | {"en"}
    for kind, texts in found.items():
        if missing := languages - texts.keys():
            raise SettingsInvalid(f"{folder}: {kind}: lacks: {', '.join(sorted(missing))}")
    return found
