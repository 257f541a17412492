"""A double of a Matrix homeserver, as an application service sees it (spec.matrix.org)."""

from dataclasses import dataclass, field
from datetime import datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

import msgspec

from sandbox.clock import utc_now
from sandbox.messengers.api import Asked, MessengerApi, Refused, Reply, Sent, length, only

LARGEST_EVENT = 65_536  # bytes
CLIENT = "/_matrix/client/v3/rooms/"
BOT = "@erasmus:play.example"


class _Tags(HTMLParser):
    """Finds tags that were not meant."""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        del attrs
        if tag != "br":
            raise Refused(400, f"the tag {tag} is in a message", "M_INVALID_PARAM")


@dataclass(slots=True, kw_only=True)
class MatrixApi(MessengerApi):
    """Rooms with members. `token` is the service's `as_token`, `secret` its `hs_token`."""

    rooms: dict[str, dict[str, str]] = field(default_factory=dict)  # membership by user
    number: int = 0
    _sent: dict[str, str] = field(default_factory=dict)  # event ids by path

    def room(self, *users: str, bot: str = "join") -> str:
        """Make a room."""
        self.number += 1
        name = f"!room{self.number}:play.example"
        self.rooms[name] = dict.fromkeys(users, "join") | {BOT: bot}
        return name

    def event(
        self, room: str, sender: str, text: str, *, at: datetime | None = None, **more: Any
    ) -> dict[str, Any]:
        """Make the event for a text."""
        self.number += 1
        return {
            "type": "m.room.message",
            "event_id": f"$event{self.number}",
            "room_id": room,
            "sender": sender,
            "origin_server_ts": int((at or utc_now()).timestamp() * 1000),
            "content": {"msgtype": "m.text", "body": text} | more,
        }

    def invitation(self, room: str, sender: str) -> dict[str, Any]:
        """Make the event by which our bot is invited."""
        self.number += 1
        return {
            "type": "m.room.member",
            "event_id": f"$event{self.number}",
            "room_id": room,
            "sender": sender,
            "state_key": BOT,
            "origin_server_ts": int(utc_now().timestamp() * 1000),
            "content": {"membership": "invite", "is_direct": True},
        }

    def answer(self, asked: Asked) -> Reply:
        """Answer one request."""
        asked.bearer(self.token)
        if not asked.path.startswith(CLIENT):
            raise Refused(404, "Unrecognized request", "M_UNRECOGNIZED")
        room, _, rest = asked.path.removeprefix(CLIENT).partition("/")
        name = unquote(room)
        members = self.rooms.get(name)
        if members is None or BOT not in members:
            raise Refused(403, "You are not in this room", "M_FORBIDDEN")
        if (asked.method, rest) == ("POST", "join"):
            asked.json()
            members[BOT] = "join"
            return Reply(body={"room_id": name})
        if members[BOT] != "join":
            raise Refused(403, "You are not in this room", "M_FORBIDDEN")
        if (asked.method, rest) == ("GET", "members"):
            return Reply(body={"chunk": [_member(*each) for each in members.items()]})
        if asked.method == "PUT" and rest.startswith("send/m.room.message/"):
            return self._message(name, asked)
        raise Refused(404, "Unrecognized request", "M_UNRECOGNIZED")

    def _message(self, room: str, asked: Asked) -> Reply:
        content = asked.json()
        if len(asked.body) > LARGEST_EVENT:
            raise Refused(413, "event too large", "M_TOO_LARGE")
        only(content, "msgtype", "body", "format", "formatted_body")
        if content.get("msgtype") != "m.notice":
            raise Refused(400, "a bot sends notices", "M_INVALID_PARAM")
        if content.get("format") != "org.matrix.custom.html":
            raise Refused(400, "unknown format", "M_INVALID_PARAM")
        _Tags().feed(length(content.get("formatted_body"), LARGEST_EVENT, "formatted_body"))
        if asked.path not in self._sent:  # the same transaction is the same message
            self._sent[asked.path] = f"$sent{len(self._sent)}"
            text = length(content.get("body"), LARGEST_EVENT, "body")
            self.deliver(Sent(chat=room, text=text, raw=content))
        return Reply(body={"event_id": self._sent[asked.path]})

    def error(self, refused: Refused) -> Reply:
        """Write a refusal."""
        code = "M_UNKNOWN_TOKEN" if refused.status == 401 else refused.code or "M_BAD_JSON"
        return Reply(status=refused.status, body={"errcode": code, "error": refused.why})

    def wait_for(self, seconds: int) -> Reply:
        """Write that it is too much; the time stands in the body alone, as older servers do it."""
        told = {"errcode": "M_LIMIT_EXCEEDED", "error": "Too many requests"}
        return Reply(status=429, body=told | {"retry_after_ms": seconds * 1000})


def _member(user: str, membership: str) -> dict[str, Any]:
    return {
        "type": "m.room.member",
        "state_key": user,
        "content": {"membership": membership},
        "sender": user,
        "event_id": f"$member-{user}",
    }


def transaction(*events: dict[str, Any]) -> bytes:
    """Return a transaction's body."""
    return msgspec.json.encode({"events": list(events)})
