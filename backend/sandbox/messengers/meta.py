"""Doubles of Meta's Graph API: the WhatsApp Cloud API, and the Messenger Platform's Send API."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from sandbox.clock import utc_now
from sandbox.messengers.api import Asked, MessengerApi, Refused, Reply, Sent, length, only

VERSION = "/v25.0"
_INVALID = 100  # the platform's code for a parameter that is wrong


@dataclass(slots=True, kw_only=True)
class GraphApi(MessengerApi):
    """What both have in common: `secret` is the app's, which signs what is brought."""

    number: int = 0

    def signed(self, body: bytes) -> dict[str, str]:
        """Return the headers of a webhook."""
        mac = hmac.digest(self.secret.encode(), body, hashlib.sha256).hex()
        return {"content-type": "application/json", "x-hub-signature-256": f"sha256={mac}"}

    def error(self, refused: Refused) -> Reply:
        """Write a refusal."""
        code = 190 if refused.status == 401 else refused.code or _INVALID
        told = {"message": refused.why, "type": "OAuthException", "code": code, "fbtrace_id": "x"}
        return Reply(status=refused.status, body={"error": told})

    def wait_for(self, seconds: int) -> Reply:
        """Write that it is too much: a code of theirs, with 400."""
        told = {"message": "Too many calls", "type": "OAuthException", "code": 80007}
        return Reply(status=400, body={"error": told}, headers=(("retry-after", str(seconds)),))


@dataclass(slots=True, kw_only=True)
class WhatsAppApi(GraphApi):
    """Takes messages to who has written within 24 hours; makes webhooks."""

    phone_id: str = "106540352242922"

    def message(self, sender: str, text: str, *, at: datetime | None = None) -> dict[str, Any]:
        """Make the webhook for a text."""
        return self._webhook(sender, {"type": "text", "text": {"body": text}}, at)

    def tap(self, sender: str, id_: str, title: str, *, is_list: bool = False) -> dict[str, Any]:
        """Make the webhook for a tapped button or row."""
        kind = "list_reply" if is_list else "button_reply"
        reply = {"type": kind, kind: {"id": id_, "title": title}}
        return self._webhook(sender, {"type": "interactive", "interactive": reply}, None)

    def _webhook(self, sender: str, content: dict[str, Any], at: datetime | None) -> dict[str, Any]:
        self.number += 1
        stamp = str(int((at or utc_now()).timestamp()))
        message = {"from": sender, "id": f"wamid.{self.number}", "timestamp": stamp} | content
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "15550000", "phone_number_id": self.phone_id},
            "contacts": [{"profile": {"name": "A"}, "wa_id": sender}],
            "messages": [message],
        }
        entry = {"id": "1", "changes": [{"value": value, "field": "messages"}]}
        return {"object": "whatsapp_business_account", "entry": [entry]}

    def answer(self, asked: Asked) -> Reply:
        """Answer one request."""
        asked.bearer(self.token)
        if (asked.method, asked.path) != ("POST", f"{VERSION}/{self.phone_id}/messages"):
            raise Refused(404, "Unknown path components")
        body = asked.json()
        kind = body.get("type")
        only(body, "messaging_product", "recipient_type", "to", "type", str(kind))
        if body.get("messaging_product") != "whatsapp":
            raise Refused(400, "messaging_product must be whatsapp")
        if body.get("recipient_type") != "individual":
            raise Refused(400, "recipient_type must be individual")
        to = length(body.get("to"), 40, "to")
        buttons: tuple[tuple[str, str], ...] = ()
        if kind == "text":
            only(body["text"], "body", "preview_url")
            text = length(body["text"].get("body"), 4096, "body")
        elif kind == "interactive":
            text, buttons = _interactive(body["interactive"])
        else:
            raise Refused(400, "type must be text or interactive")
        self.deliver(Sent(chat=to, text=text, buttons=buttons, raw=body))
        return Reply(
            body={
                "messaging_product": "whatsapp",
                "contacts": [{"input": to, "wa_id": to}],
                "messages": [{"id": f"wamid.sent{len(self.received)}"}],
            }
        )


def _interactive(told: dict[str, Any]) -> tuple[str, tuple[tuple[str, str], ...]]:
    only(told, "type", "body", "action")
    only(told["body"], "text")
    text, action = length(told["body"].get("text"), 1024, "body"), told["action"]
    if told["type"] == "button":
        only(action, "buttons")
        found = []
        for each in action["buttons"]:
            only(each, "type", "reply")
            only(each["reply"], "id", "title")
            length(each["reply"]["id"], 256, "id")
            found.append((length(each["reply"]["title"], 20, "title"), each["reply"]["id"]))
        _see(found, 3)
        return text, tuple(found)
    if told["type"] != "list":
        raise Refused(400, "type must be button or list")
    only(action, "button", "sections")
    length(action["button"], 20, "button")
    if len(action["sections"]) != 1:
        raise Refused(400, "one section needs no title, several do")
    only(action["sections"][0], "rows")
    found = []
    for each in action["sections"][0]["rows"]:
        only(each, "id", "title")
        length(each["id"], 200, "id")
        found.append((length(each["title"], 24, "title"), each["id"]))
    _see(found, 10)
    return text, tuple(found)


def _see(found: list[tuple[str, str]], most: int) -> None:
    titles, ids = {title for title, _ in found}, {id_ for _, id_ in found}
    if not 1 <= len(found) <= most or len(titles) < len(found) or len(ids) < len(found):
        raise Refused(400, f"1 to {most} buttons, each with an id and a title of its own")


@dataclass(slots=True, kw_only=True)
class MessengerPlatformApi(GraphApi):
    """Takes messages to who has written to the page; makes webhooks."""

    page_id: str = "104201234567890"

    def message(
        self, sender: str, text: str, *, payload: str | None = None, at: datetime | None = None
    ) -> dict[str, Any]:
        """Make the webhook for a text, or for a quick reply that was tapped."""
        self.number += 1
        message: dict[str, Any] = {"mid": f"m_{self.number}", "text": text}
        if payload is not None:
            message["quick_reply"] = {"payload": payload}
        event = {
            "sender": {"id": sender},
            "recipient": {"id": self.page_id},
            "timestamp": int((at or utc_now()).timestamp() * 1000),
            "message": message,
        }
        entry = {"id": self.page_id, "time": event["timestamp"], "messaging": [event]}
        return {"object": "page", "entry": [entry]}

    def answer(self, asked: Asked) -> Reply:
        """Answer one request."""
        asked.bearer(self.token)
        if (asked.method, asked.path) != ("POST", f"{VERSION}/me/messages"):
            raise Refused(404, "Unknown path components")
        body = asked.json()
        only(body, "recipient", "messaging_type", "message")
        only(body["recipient"], "id")
        only(body["message"], "text", "quick_replies")
        if body.get("messaging_type") != "RESPONSE":
            raise Refused(400, "messaging_type must be RESPONSE")
        to = length(body["recipient"].get("id"), 40, "recipient")
        text = length(body["message"].get("text"), 2000, "text")
        found = []
        for each in body["message"].get("quick_replies", []):
            only(each, "content_type", "title", "payload")
            if each.get("content_type") != "text":
                raise Refused(400, "content_type must be text")
            payload = length(each.get("payload"), 1000, "payload")
            found.append((length(each.get("title"), 20, "title"), payload))
        if found:
            _see(found, 13)
        self.deliver(Sent(chat=to, text=text, buttons=tuple(found), raw=body))
        return Reply(body={"recipient_id": to, "message_id": f"m_sent{len(self.received)}"})


def body_of(told: dict[str, Any]) -> bytes:
    """Return a webhook's body, whose bytes are signed."""
    return msgspec.json.encode(told)
