"""A letter as a mail: two forms of the same words, and the headers that servers ask for.

RFC 5322 (form), 2047 (words that are not ASCII), 8058 (one click to stop), 3834 (no answering
machine is to answer). No pictures, nothing from elsewhere, nothing that tells who opened it.
"""

import html
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from typing import Any
from uuid import UUID

from erasmus_app.notifications.letters import Letter

LONGEST_LINE = 998  # bytes without the end, RFC 5322 §2.1.1

_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{subject}</title>
</head>
<body style="margin:0;padding:24px 16px;font-family:sans-serif;font-size:16px;line-height:1.5">
<div style="max-width:36em;margin:0 auto">
{content}
</div>
</body>
</html>
"""
_TITLE = '<h1 style="font-size:20px;line-height:1.3;margin:24px 0 4px">{}</h1>'
_TEXT = '<p style="margin:0 0 16px">{}</p>'
_LINK = """<p style="margin:24px 0"><a href="{}" style="display:inline-block;padding:12px 20px;\
border:2px solid;border-radius:6px;font-weight:bold">{}</a></p>"""
_SMALL = '<p style="margin:24px 0 0;font-size:14px">{}</p>'


class _OnTheWire(EmailPolicy):
    """How a mail is written for a server: 7 bits, whole subjects, addresses in one piece.

    The library would cut a long address and write it in the form for words that are not ASCII,
    which nobody reads as an address.
    """

    def fold(self, name: str, value: Any) -> str:
        return self._whole(name, value) or super().fold(name, value)

    def fold_binary(self, name: str, value: Any) -> bytes:
        whole = self._whole(name, value)
        return whole.encode("ascii") if whole else super().fold_binary(name, value)

    def _whole(self, name: str, value: Any) -> str | None:
        if name.lower() == "subject" and not str(value).isascii():
            # The library's newer way loses a blank between two words that it encodes.
            written = Header(str(value), "utf-8", header_name=name).encode(linesep=self.linesep)
            return f"{name}: {written}{self.linesep}"
        if name.lower() not in {"list-unsubscribe", "message-id"}:
            return None
        line = f"{name}: {value}"
        return f"{line}{self.linesep}" if line.isascii() and len(line) <= LONGEST_LINE else None


ON_THE_WIRE = _OnTheWire(linesep="\r\n", cte_type="7bit", utf8=False)


def message_of(letter: Letter, sender: str, now: datetime) -> EmailMessage:
    """Write a letter as a mail. `sender` is an address, perhaps with a name before it."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = Address(addr_spec=letter.to)
    message["Subject"] = _plain(letter.subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id(letter.mail_id, sender)
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = letter.language
    if letter.stop is not None:
        message["List-Unsubscribe"] = f"<{letter.stop[1]}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(_text(letter), cte="quoted-printable")
    message.add_alternative(_html(letter), subtype="html", cte="quoted-printable")
    return message


def wire(message: EmailMessage) -> bytes:
    """Return a mail as a server is given it."""
    return message.as_bytes(policy=ON_THE_WIRE)


def message_id(mail: UUID, sender: str) -> str:
    """Return the id of a mail's message: the same mail, the same id, so that a double is known."""
    domain = sender.rpartition("@")[2].strip(" >")
    return f"<{mail}@{domain}>"


def _plain(text: str) -> str:
    """Return a text as one line, without what would turn the direction of what follows."""
    return " ".join("".join(" " if _is_odd(each) else each for each in text).split())


def _is_odd(character: str) -> bool:
    code = ord(character)
    return code < 32 or 0x7F <= code < 0xA0 or 0x2028 <= code <= 0x202E or 0x2066 <= code <= 0x2069


def _text(letter: Letter) -> str:
    paragraphs = []
    for title, text in letter.parts:
        paragraphs += [_plain(each) for each in (title, text) if each]
    if letter.link is not None:
        paragraphs.append(f"{_plain(letter.link[0])}:\n{letter.link[1]}")
    small = [] if letter.why is None else [_plain(letter.why)]
    if letter.stop is not None:
        small.append(f"{_plain(letter.stop[0])}:\n{letter.stop[1]}")
    ending = ["-- \n" + "\n".join(small)] if small else []
    return "\n\n".join([*paragraphs, *ending]) + "\n"


def _html(letter: Letter) -> str:
    content = []
    for title, text in letter.parts:
        content += [_TITLE.format(_safe(title))] if title else []
        content.append(_TEXT.format(_safe(text)))
    if letter.link is not None:
        words, url = letter.link
        content.append(_LINK.format(html.escape(url), _safe(words)))
    if letter.why is not None:
        content.append(_SMALL.format(_safe(letter.why)))
    if letter.stop is not None:
        words, url = letter.stop
        content.append(_SMALL.format(f'<a href="{html.escape(url)}">{_safe(words)}</a>'))
    return _PAGE.format(
        language=html.escape(letter.language),
        subject=_safe(letter.subject),
        content="\n".join(content),
    )


def _safe(text: str) -> str:
    return html.escape(_plain(text))
