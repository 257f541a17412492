"""A double of Telegram's Bot API (core.telegram.org/bots/api)."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.clock import utc_now
from sandbox.messengers.api import Asked, MessengerApi, Refused, Reply, Sent, length, only

MOST_BUTTONS = 100


@dataclass(slots=True, kw_only=True)
class TelegramApi(MessengerApi):
    """Takes `sendMessage` and `answerCallbackQuery`; makes updates."""

    answered: list[str] = field(default_factory=list)  # taps that were heard
    chats: set[int] = field(default_factory=set)  # who has written to the bot
    blocked: set[int] = field(default_factory=set)
    _taps: set[str] = field(default_factory=set)
    _updates: int = 700_000_000

    def update(
        self,
        sender: int,
        text: str,
        *,
        language: str = "en",
        kind: str = "private",
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Make the update for a message."""
        self._updates += 1
        chat = sender if kind == "private" else -1_000_000_000 - sender
        self.chats.add(chat)
        person = {"id": sender, "is_bot": False, "first_name": "A", "language_code": language}
        named = {"first_name": "A"} if kind == "private" else {"title": "A group"}
        message = {
            "message_id": self._updates - 700_000_000,
            "from": person,
            "chat": {"id": chat, "type": kind} | named,
            "date": int((at or utc_now()).timestamp()),
            "text": text,
        }
        return {"update_id": self._updates, "message": message}

    def tap(self, sender: int, data: str) -> dict[str, Any]:
        """Make the update for a tapped button."""
        self._updates += 1
        tap = f"tap{self._updates}"
        self._taps.add(tap)
        person = {"id": sender, "is_bot": False, "first_name": "A", "language_code": "en"}
        query = {
            "id": tap,
            "from": person,
            "chat_instance": "1",
            "data": data,
            "message": {"message_id": 1, "date": 0, "chat": {"id": sender, "type": "private"}},
        }
        return {"update_id": self._updates, "callback_query": query}

    def answer(self, asked: Asked) -> Reply:
        """Answer one request."""
        known, _, method = asked.path.rpartition("/")
        if known != f"/bot{self.token}" or asked.method != "POST":
            raise Refused(404 if not known.startswith("/bot") else 401, "Unauthorized")
        body = asked.json()
        if method == "answerCallbackQuery":
            only(body, "callback_query_id", "text", "show_alert", "url", "cache_time")
            tap = body.get("callback_query_id")
            if tap not in self._taps:
                raise Refused(400, "query is too old and response timeout expired")
            self._taps.discard(tap)
            self.answered.append(tap)
            return Reply(body={"ok": True, "result": True})
        if method != "sendMessage":
            raise Refused(404, "Not Found")
        return self._message(body)

    def _message(self, body: dict[str, Any]) -> Reply:
        only(body, "chat_id", "text", "link_preview_options", "reply_markup")
        chat = body.get("chat_id")
        if not isinstance(chat, int) or chat not in self.chats:
            raise Refused(400, "chat not found")
        if chat in self.blocked:
            raise Refused(403, "bot was blocked by the user")
        text = length(body.get("text"), 4096, "message text")
        if not text.strip():
            raise Refused(400, "message text is empty")
        only(body.get("link_preview_options", {}), "is_disabled")
        buttons = tuple(_buttons(body.get("reply_markup")))
        self.deliver(Sent(chat=str(chat), text=text, buttons=buttons, raw=body))
        message = {"message_id": len(self.received), "date": 0, "chat": {"id": chat}, "text": text}
        return Reply(body={"ok": True, "result": message})

    def error(self, refused: Refused) -> Reply:
        """Write a refusal."""
        told = f"Bad Request: {refused.why}" if refused.status == 400 else refused.why
        body = {"ok": False, "error_code": refused.status, "description": told}
        return Reply(status=refused.status, body=body)

    def wait_for(self, seconds: int) -> Reply:
        """Write that it is too much; the time stands in the body alone."""
        told = f"Too Many Requests: retry after {seconds}"
        body = {"ok": False, "error_code": 429, "description": told}
        return Reply(status=429, body=body | {"parameters": {"retry_after": seconds}})


def _buttons(markup: Any) -> list[tuple[str, str]]:
    if markup is None:
        return []
    only(markup, "inline_keyboard")
    found = []
    for row in markup["inline_keyboard"]:
        for each in row:
            only(each, "text", "callback_data")
            data = each.get("callback_data")
            if not isinstance(data, str) or not 1 <= len(data.encode()) <= 64:
                raise Refused(400, "BUTTON_DATA_INVALID")
            found.append((length(each.get("text"), 64, "a button's text"), data))
    if len(found) > MOST_BUTTONS:
        raise Refused(400, "reply markup is too long")
    return found
