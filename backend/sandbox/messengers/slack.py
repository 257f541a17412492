"""A double of Slack's Web API and of what it sends (docs.slack.dev)."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from sandbox.clock import utc_now
from sandbox.messengers.api import Asked, MessengerApi, Refused, Reply, Sent, length, only

_FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True, kw_only=True)
class SlackApi(MessengerApi):
    """Takes `chat.postMessage`; makes events and taps. `secret` signs them."""

    team: str = "T0PLAY"
    number: int = 0

    def signed(
        self, body: bytes, *, at: datetime | None = None, kind: str = "application/json"
    ) -> dict[str, str]:
        """Return the headers of a request."""
        stamp = str(int((at or utc_now()).timestamp()))
        mac = hmac.digest(
            self.secret.encode(), b"v0:%s:%s" % (stamp.encode(), body), hashlib.sha256
        )
        return {
            "content-type": kind,
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": f"v0={mac.hex()}",
        }

    def event(
        self, user: str, text: str, *, kind: str = "im", at: datetime | None = None, **more: Any
    ) -> bytes:
        """Make the event for a message."""
        self.number += 1
        event = {
            "type": "message",
            "channel": f"{'D' if kind == 'im' else 'C'}{user}",
            "user": user,
            "text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
            "ts": f"{int((at or utc_now()).timestamp())}.{self.number:06}",
            "channel_type": kind,
        }
        told = {
            "token": "deprecated",
            "team_id": self.team,
            "api_app_id": "A0PLAY",
            "type": "event_callback",
            "event_id": f"Ev{self.number}",
            "event_time": 0,
            "event": event | more,
        }
        return msgspec.json.encode(told)

    def tap(self, user: str, value: str) -> tuple[bytes, str]:
        """Make the request for a tapped button; return it with its content type."""
        self.number += 1
        stamp = f"{int(utc_now().timestamp())}.{self.number:06}"
        payload = {
            "type": "block_actions",
            "team": {"id": self.team, "domain": "play"},
            "user": {"id": user, "team_id": self.team},
            "channel": {"id": f"D{user}", "name": "directmessage"},
            "actions": [{"type": "button", "value": value, "action_ts": stamp}],
        }
        body = urlencode({"payload": msgspec.json.encode(payload).decode()}).encode()
        return body, _FORM

    def answer(self, asked: Asked) -> Reply:
        """Answer one request."""
        asked.bearer(self.token)
        if (asked.method, asked.path) != ("POST", "/chat.postMessage"):
            raise Refused(200, "unknown_method")
        body = asked.json()
        only(body, "channel", "text", "blocks", "unfurl_links", "unfurl_media")
        channel = length(body.get("channel"), 40, "channel")
        length(body.get("text"), 40_000, "text")
        text, buttons = "", []
        for block in body.get("blocks", []):
            if block.get("type") == "section":
                only(block, "type", "text")
                only(block["text"], "type", "text")
                text += length(block["text"]["text"], 3000, "a section's text")
            elif block.get("type") == "actions":
                only(block, "type", "elements")
                buttons += [_button(each) for each in block["elements"]]
            else:
                raise Refused(200, "invalid_blocks")
        if len(buttons) > 25:
            raise Refused(200, "invalid_blocks")
        self.deliver(Sent(chat=channel, text=text, buttons=tuple(buttons), raw=body))
        return Reply(body={"ok": True, "channel": channel, "ts": "1.000001"})

    def error(self, refused: Refused) -> Reply:
        """Write a refusal: 200 with `ok: false`."""
        known = {401: "invalid_auth", 400: "invalid_arguments"}
        return Reply(body={"ok": False, "error": known.get(refused.status, refused.why)})


def _button(told: dict[str, Any]) -> tuple[str, str]:
    only(told, "type", "action_id", "text", "value")
    only(told["text"], "type", "text", "emoji")
    if told["type"] != "button" or told["text"]["type"] != "plain_text":
        raise Refused(200, "invalid_blocks")
    length(told["action_id"], 255, "action_id")
    return length(told["text"]["text"], 75, "text"), length(told["value"], 2000, "value")
