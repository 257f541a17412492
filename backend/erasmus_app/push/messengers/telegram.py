"""Telegram: updates by a webhook with a secret token, answers by `sendMessage`.

https://core.telegram.org/bots/api: update, setWebhook (`secret_token`), sendMessage,
InlineKeyboardButton (`callback_data` has at most 64 bytes), answerCallbackQuery, ResponseParameters
(`retry_after`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from erasmus_app.chat.layout import Limits, Part, laid_out
from erasmus_app.chat.messengers import Delivered, Heard, Incoming, Messenger, Outcome, Said
from erasmus_app.push.messengers.calls import (
    Calls,
    Reply,
    id_in,
    moment_in,
    part,
    read_json,
    refused,
    same,
    text_in,
)

SECRET = "x-telegram-bot-api-secret-token"  # noqa: S105 - a header's name
LIMITS = Limits(text=4096, text_with_buttons=4096, buttons=10, label=60, choice=64)


@dataclass(frozen=True, kw_only=True, slots=True)
class Telegram:
    """See `chat.messengers.Gateway`."""

    calls: Calls
    token: str
    secret: str
    address: str | None
    messenger: Messenger = field(default=Messenger.TELEGRAM, init=False)

    def admits(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Whether the secret is the one that the webhook was set with."""
        del body, now
        return same(headers.get(SECRET, ""), self.secret)

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Heard:
        """Read an update: a message, or a button that was tapped. Others bring nothing."""
        del headers
        update = read_json(body)
        number = id_in(update, "update_id")
        if not number:
            return Heard()
        if tapped := part(update, "callback_query"):
            found = self._tapped(tapped, number, now)
        else:
            found = self._message(part(update, "message"), number)
        return Heard(messages=(found,) if found else ())

    def _message(self, message: dict[str, Any], number: str) -> Incoming | None:
        sender, chat, at = part(message, "from"), part(message, "chat"), moment_in(message, "date")
        text = text_in(message, "text")
        if not id_in(sender, "id") or at is None or not text:
            return None
        if sender.get("is_bot") is True or not _is_number(id_in(chat, "id")):
            return None
        return Incoming(
            messenger=self.messenger,
            sender=id_in(sender, "id"),
            chat=id_in(chat, "id"),
            message=number,
            text=text,
            is_group=chat.get("type") != "private",
            at=at,
            language=text_in(sender, "language_code")[:35] or None,
        )

    def _tapped(self, tapped: dict[str, Any], number: str, now: datetime) -> Incoming | None:
        sender, chat = part(tapped, "from"), part(part(tapped, "message"), "chat")
        choice = text_in(tapped, "data")
        if not id_in(sender, "id") or not _is_number(id_in(chat, "id")) or not choice:
            return None
        return Incoming(
            messenger=self.messenger,
            sender=id_in(sender, "id"),
            chat=id_in(chat, "id"),
            message=number,
            choice=choice,
            is_group=chat.get("type") != "private",
            at=now,  # a tap has no time of its own; sent again, it has the same number
            language=text_in(sender, "language_code")[:35] or None,
            tap=id_in(tapped, "id") or None,
        )

    async def is_private(self, incoming: Incoming) -> bool:
        """Whether the chat is the sender's own; its type has said so already."""
        return not incoming.is_group

    async def send(self, incoming: Incoming, said: Said, key: str) -> Delivered:
        """Send the messages one after the other; the first that is not taken ends it."""
        if incoming.tap is not None:  # or the button goes on turning; nothing hangs on it
            await self._call("answerCallbackQuery", {"callback_query_id": incoming.tap})
        shown = laid_out(said, LIMITS)

        async def send(number: int) -> Delivered:
            reply = await self._call("sendMessage", _message(incoming.chat, shown[number]))
            if isinstance(reply, Delivered):
                return reply
            return (
                Delivered(outcome=Outcome.SENT) if reply.told.get("ok") is True else refused(reply)
            )

        return await self.calls.in_order(key, shown, send)

    async def join(self, room: str) -> Delivered:
        """Nothing: Telegram invites nobody."""
        del room
        return Delivered(outcome=Outcome.SENT)

    async def _call(self, method: str, body: Mapping[str, Any]) -> Reply | Delivered:
        path = f"/bot{self.token}/{method}"
        return await self.calls.call("POST", path, body, asked_to_wait=_asked_to_wait)


def _message(chat: str, shown: Part) -> dict[str, Any]:
    """Return a message without any `parse_mode`: all of it is text."""
    body: dict[str, Any] = {
        "chat_id": int(chat),
        "text": shown.text,
        "link_preview_options": {"is_disabled": True},
    }
    if shown.buttons:
        rows = [[{"text": each.label, "callback_data": each.id}] for each in shown.buttons]
        body["reply_markup"] = {"inline_keyboard": rows}
    return body


def _is_number(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit()


def _asked_to_wait(reply: Reply) -> float | None:
    seconds = part(reply.told, "parameters").get("retry_after")
    return float(seconds) if isinstance(seconds, int) and seconds > 0 else reply.retry_after
