"""WhatsApp and Messenger: one platform's webhooks and Graph API, with messages of their own.

https://developers.facebook.com/docs: webhooks (`hub.challenge`, `X-Hub-Signature-256` over the raw
body), WhatsApp Cloud API (text up to 4096 characters, interactive bodies up to 1024, three reply
buttons with titles of 20 characters, lists of ten rows with titles of 24; free text within 24 hours
of the student's last message, which our answers always are), Messenger Platform (text up to 2000,
thirteen quick replies with titles of 20 characters and payloads of 1000).
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from erasmus_app.chat.layout import Limits, Part, laid_out, unmarked
from erasmus_app.chat.messengers import Delivered, Heard, Incoming, Messenger, Outcome, Said
from erasmus_app.push.messengers.calls import (
    Calls,
    id_in,
    moment_in,
    part,
    parts,
    read_json,
    refused,
    same,
    text_in,
)

SIGNATURE = "x-hub-signature-256"
MARKS = "*_~`"
REPLY_BUTTONS = 3
WHATSAPP = Limits(text=4096, text_with_buttons=1024, buttons=10, label=20, choice=200)
MESSENGER = Limits(text=2000, text_with_buttons=2000, buttons=13, label=20, choice=1000)
_THROTTLED = frozenset({4, 17, 32, 613, 80007, 130429, 131048, 131056})
"""The platform's codes for too many calls, which come with 400 as well."""
_LATER = 30.0  # seconds, where it names none


def _written(text: str) -> str:
    return unmarked(text, MARKS)


def challenge_of(query: Mapping[str, str], verify_token: str) -> str | None:
    """Return what a subscription's check wants to hear; None where it is not the platform's."""
    token, challenge = query.get("hub.verify_token", ""), query.get("hub.challenge", "")
    if query.get("hub.mode") != "subscribe" or not same(token, verify_token):
        return None
    return challenge if challenge.isascii() and 0 < len(challenge) <= 200 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Meta:
    """What both have in common."""

    calls: Calls
    token: str
    app_secret: str
    verify_token: str
    address: str | None

    def admits(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Whether the body has the app's signature."""
        del now
        kind, _, given = headers.get(SIGNATURE, "").partition("=")
        expected = hmac.digest(self.app_secret.encode(), body, hashlib.sha256).hex()
        return same(given, expected) and kind == "sha256"

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """Return what a subscription's check wants to hear."""
        return challenge_of(query, self.verify_token)

    async def is_private(self, incoming: Incoming) -> bool:
        """Whether the chat is the sender's own; what came has said so already."""
        return not incoming.is_group

    async def join(self, room: str) -> Delivered:
        """Nothing: there are no invitations."""
        del room
        return Delivered(outcome=Outcome.SENT)

    async def _send(self, path: str, body: Mapping[str, Any]) -> Delivered:
        reply = await self.calls.call("POST", path, body, self.token)
        if isinstance(reply, Delivered):
            return reply
        if reply.status < 300:
            return Delivered(outcome=Outcome.SENT)
        error = part(reply.told, "error")
        if error.get("code") in _THROTTLED:
            wait = reply.retry_after or _LATER
            return Delivered(outcome=Outcome.WAIT, code="THROTTLED", retry_after=wait)
        return refused(reply, error.get("code"))


@dataclass(frozen=True, kw_only=True, slots=True)
class WhatsApp(_Meta):
    """See `chat.messengers.Gateway`."""

    phone_id: str
    messenger: Messenger = field(default=Messenger.WHATSAPP, init=False)

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Heard:
        """Read messages to our number; what is told of others', and of deliveries, brings none."""
        del headers, now
        return Heard(messages=tuple(self._messages(read_json(body))))

    def _messages(self, told: dict[str, Any]) -> Iterator[Incoming]:
        for entry in parts(told, "entry"):
            for change in parts(entry, "changes"):
                value = part(change, "value")
                ours = id_in(part(value, "metadata"), "phone_number_id") == self.phone_id
                for message in parts(value, "messages") if ours else ():
                    if (found := self._message(message)) is not None:
                        yield found

    def _message(self, message: Any) -> Incoming | None:
        sender, id_, at = (
            id_in(message, "from"),
            id_in(message, "id"),
            moment_in(message, "timestamp"),
        )
        interactive = part(message, "interactive")
        tapped = part(interactive, "button_reply") or part(interactive, "list_reply")
        text, choice = text_in(part(message, "text"), "body"), text_in(tapped, "id")
        if not sender or not id_ or at is None or not (text or choice):
            return None
        return Incoming(
            messenger=self.messenger,
            sender=sender,
            chat=sender,
            message=id_,
            text=text,
            choice=choice or None,
            is_group=bool(id_in(message, "group_id")),
            at=at,
        )

    async def send(self, incoming: Incoming, said: Said, key: str) -> Delivered:
        """Send the messages one after the other; the first that is not taken ends it.

        A group is answered to the one who wrote: what is said there is nothing personal.
        """
        shown = laid_out(said, WHATSAPP, _written)

        async def send(number: int) -> Delivered:
            body = {
                "messaging_product": "whatsapp",
                "recipient_type": "individual",
                "to": incoming.sender,
                **_whatsapp(shown[number], said.choose),
            }
            return await self._send(f"/{quote(self.phone_id, safe='')}/messages", body)

        return await self.calls.in_order(key, shown, send)


def _whatsapp(shown: Part, choose: str) -> dict[str, Any]:
    text = shown.text
    if not shown.buttons:
        return {"type": "text", "text": {"body": text, "preview_url": False}}
    action: dict[str, Any]
    if len(shown.buttons) <= REPLY_BUTTONS:
        replies = [
            {"type": "reply", "reply": {"id": each.id, "title": each.label}}
            for each in shown.buttons
        ]
        kind, action = "button", {"buttons": replies}
    else:
        rows = [{"id": each.id, "title": each.label} for each in shown.buttons]
        kind, action = "list", {"button": choose, "sections": [{"rows": rows}]}
    return {
        "type": "interactive",
        "interactive": {"type": kind, "body": {"text": text}, "action": action},
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class FacebookMessenger(_Meta):
    """See `chat.messengers.Gateway`."""

    page_id: str
    messenger: Messenger = field(default=Messenger.MESSENGER, init=False)

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Heard:
        """Read messages to our page; echoes of our own, and of deliveries, bring none."""
        del headers, now
        told = read_json(body)
        if told.get("object") != "page":
            return Heard()
        return Heard(messages=tuple(self._messages(told)))

    def _messages(self, told: dict[str, Any]) -> Iterator[Incoming]:
        for entry in parts(told, "entry"):
            ours = id_in(entry, "id") == self.page_id
            for event in parts(entry, "messaging") if ours else ():
                if (found := self._message(event)) is not None:
                    yield found

    def _message(self, event: Any) -> Incoming | None:
        message, postback = part(event, "message"), part(event, "postback")
        sender, at = (
            id_in(part(event, "sender"), "id"),
            moment_in(event, "timestamp", per_second=1000),
        )
        id_ = id_in(message, "mid") or id_in(postback, "mid")
        choice = text_in(part(message, "quick_reply"), "payload") or text_in(postback, "payload")
        text = text_in(message, "text")
        if message.get("is_echo") is True or sender == self.page_id:
            return None
        if not sender or not id_ or at is None or not (text or choice):
            return None
        return Incoming(
            messenger=self.messenger,
            sender=sender,
            chat=sender,
            message=id_,
            text=text,
            choice=choice or None,
            at=at,
        )

    async def send(self, incoming: Incoming, said: Said, key: str) -> Delivered:
        """Send the messages one after the other; the first that is not taken ends it."""
        shown = laid_out(said, MESSENGER, _written)

        async def send(number: int) -> Delivered:
            message: dict[str, Any] = {"text": shown[number].text}
            if shown[number].buttons:
                message["quick_replies"] = [
                    {"content_type": "text", "title": each.label, "payload": each.id}
                    for each in shown[number].buttons
                ]
            body = {
                "recipient": {"id": incoming.sender},
                "messaging_type": "RESPONSE",
                "message": message,
            }
            return await self._send("/me/messages", body)

        return await self.calls.in_order(key, shown, send)
