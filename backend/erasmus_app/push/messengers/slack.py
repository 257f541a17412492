"""Slack: events and taps with a signature over body and time, answers by `chat.postMessage`.

https://docs.slack.dev: verifying requests (`v0=` HMAC-SHA256 of `v0:timestamp:body`, five minutes),
Events API (an answer within three seconds, `url_verification`, `X-Slack-Retry-Num`), interactive
payloads (a form with `payload`), Block Kit (a section's text up to 3000 characters, a button's up
to 75, its value up to 2000).
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import msgspec

from erasmus_app.chat.layout import Limits, Part, laid_out, unmarked
from erasmus_app.chat.messengers import (
    Delivered,
    Heard,
    Incoming,
    Messenger,
    NotReadable,
    Outcome,
    Said,
)
from erasmus_app.push.messengers.calls import (
    Calls,
    Reply,
    id_in,
    moment_in,
    part,
    parts,
    read_json,
    refused,
    same,
    text_in,
)

WINDOW = timedelta(minutes=5)
MARKS = "*_~`"
LIMITS = Limits(text=3000, text_with_buttons=3000, buttons=10, label=75, choice=2000)
_TRY_AGAIN = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
_THROTTLED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Slack:
    """See `chat.messengers.Gateway`. One workspace: its bot has one token."""

    calls: Calls
    token: str
    signing_secret: str
    address: str | None
    messenger: Messenger = field(default=Messenger.SLACK, init=False)

    def admits(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Whether a request has Slack's signature, and is not older than five minutes."""
        stamp, given = (
            headers.get("x-slack-request-timestamp", ""),
            headers.get("x-slack-signature"),
        )
        signed = b"v0:" + stamp.encode("utf-8", "replace") + b":" + body
        expected = hmac.digest(self.signing_secret.encode(), signed, hashlib.sha256).hex()
        right = same(given or "", f"v0={expected}")
        at = moment_in({"at": stamp}, "at") if stamp.isascii() and stamp.isdigit() else None
        return right and at is not None and abs(now - at) <= WINDOW

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Heard:
        """Read a check of our address, an event, or a button that was tapped."""
        if headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
            found = _tapped(_payload(body), now)
            return Heard(messages=(found,) if found else ())
        told = read_json(body)
        if told.get("type") == "url_verification":
            answer = msgspec.json.encode({"challenge": text_in(told, "challenge")[:300]})
            return Heard(answer=answer)
        found = _message(told) if told.get("type") == "event_callback" else None
        return Heard(messages=(found,) if found else ())

    async def is_private(self, incoming: Incoming) -> bool:
        """Whether the chat is the sender's own; its kind has said so already."""
        return not incoming.is_group

    async def send(self, incoming: Incoming, said: Said, key: str) -> Delivered:
        """Send the messages one after the other; the first that is not taken ends it."""
        shown = laid_out(said, LIMITS, escaped)

        async def send(number: int) -> Delivered:
            return await self._post(_body(incoming.chat, shown[number]))

        return await self.calls.in_order(key, shown, send)

    async def join(self, room: str) -> Delivered:
        """Nothing: Slack takes its bots where they are invited to."""
        del room
        return Delivered(outcome=Outcome.SENT)

    async def _post(self, body: Mapping[str, Any]) -> Delivered:
        reply: Reply | Delivered = await self.calls.call(
            "POST", "/chat.postMessage", body, self.token
        )
        if isinstance(reply, Delivered):
            return reply
        if reply.told.get("ok") is True:
            return Delivered(outcome=Outcome.SENT)
        error = text_in(reply.told, "error")
        if error in _THROTTLED:
            return Delivered(outcome=Outcome.WAIT, code="THROTTLED", retry_after=30)
        if error in _TRY_AGAIN:
            return Delivered(outcome=Outcome.AGAIN, code=error.upper())
        return refused(reply, error or None)


def _payload(body: bytes) -> dict[str, Any]:
    try:
        found = parse_qs(body.decode(), strict_parsing=True, max_num_fields=5).get("payload", [])
    except ValueError as error:
        raise NotReadable("no form") from error
    return read_json(found[0].encode()) if found else {}


def _message(told: dict[str, Any]) -> Incoming | None:
    """Return a message of a person; none of bots', of edits, and of what else happens."""
    event = part(told, "event")
    team, user, chat = id_in(told, "team_id"), id_in(event, "user"), id_in(event, "channel")
    at, text = moment_in(event, "ts"), text_in(event, "text")
    if event.get("type") not in {"message", "app_mention"}:
        return None
    if "bot_id" in event or "subtype" in event or "bot_profile" in event:
        return None
    if not user or not chat or at is None or not text:
        return None
    return Incoming(
        messenger=Messenger.SLACK,
        sender=f"{team}:{user}",
        chat=chat,
        message=f"{team}:{chat}:{text_in(event, 'ts')}",  # the same for all events about it
        text=_clear(text),
        is_group=event.get("channel_type") != "im",
        at=at,
    )


def _tapped(told: dict[str, Any], now: datetime) -> Incoming | None:
    actions = parts(told, "actions")
    action = actions[0] if actions else None
    team, user = id_in(part(told, "team"), "id"), id_in(part(told, "user"), "id")
    channel, choice = part(told, "channel"), text_in(action, "value")
    chat, stamp = id_in(channel, "id"), text_in(action, "action_ts")
    at = moment_in(action, "action_ts") or now.astimezone(UTC)
    if told.get("type") != "block_actions" or not user or not chat or not choice or not stamp:
        return None
    return Incoming(
        messenger=Messenger.SLACK,
        sender=f"{team}:{user}",
        chat=chat,
        message=f"{team}:{chat}:tap:{stamp[:40]}",
        choice=choice,
        is_group=text_in(channel, "name") != "directmessage",
        at=at,
    )


_SIGNS = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))


def _clear(text: str) -> str:
    """Return what was typed, of which Slack writes three signs out."""
    for sign, written in reversed(_SIGNS):
        text = text.replace(written, sign)
    return text


def escaped(text: str) -> str:
    """Return a text in which nothing is a link of another name, a mention or a mark."""
    shown = unmarked(text, MARKS)
    for sign, written in _SIGNS:
        shown = shown.replace(sign, written)
    return shown


def _body(chat: str, shown: Part) -> dict[str, Any]:
    text = shown.text
    blocks: list[dict[str, Any]] = [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]
    if shown.buttons:
        elements = [
            {
                "type": "button",
                "action_id": f"choice-{number}",
                "text": {"type": "plain_text", "text": each.label, "emoji": False},
                "value": each.id,
            }
            for number, each in enumerate(shown.buttons, 1)
        ]
        blocks.append({"type": "actions", "elements": elements})
    return {
        "channel": chat,
        "text": text,
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }
