"""Mail over SMTP, always encrypted but on this machine; the words lie in `texts/`."""

import asyncio
import smtplib
import ssl
import tomllib
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from erasmus_app.errors import MailFailed, SettingsInvalid
from erasmus_app.kit.languages import choose
from erasmus_app.settings import LOOPBACK_NAMES

SECONDS = 20  # for the server to answer each step
LANGUAGES = ("en", "de", "pt")
_TEXTS = Path(__file__).parent / "texts"


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
        SettingsInvalid: it is no such address. The message does not repeat it: it has a secret.
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
    text = texts(kind, choose(language, LANGUAGES) or "en")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, text["subject"]
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text["body"].format_map(values))
    return message


@cache
def texts(kind: str, language: str) -> dict[str, str]:
    """Return the words of a kind of mail in one of `LANGUAGES`."""
    path = _TEXTS / f"{kind}.{language}.toml"
    content: dict[str, str] = tomllib.loads(path.read_text(encoding="utf-8"))
    return content
