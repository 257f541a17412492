"""Matrix: an application service, to which a homeserver pushes what happens in its bot's rooms.

https://spec.matrix.org: Application Service API (`hs_token` as a bearer token, transactions that
come again until they are answered 200), Client-Server API (`as_token`; a message is sent by PUT
with an id of ours, so that sent again it is the same one). A room whose messages are encrypted
brings nothing readable: bots of application services have no keys.
"""

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from erasmus_app.chat.layout import Limits, laid_out
from erasmus_app.chat.messengers import (
    Delivered,
    Heard,
    Incoming,
    Messenger,
    NotAnswered,
    Outcome,
    Said,
)
from erasmus_app.push.messengers.calls import (
    TOO_LARGE,
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

LIMITS = Limits(text=10_000, text_with_buttons=10_000, buttons=0, label=0, choice=0)
MOST_EVENTS = 500  # of a transaction that are looked at; servers send a hundred


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """See `chat.messengers.Gateway`."""

    calls: Calls
    as_token: str
    hs_token: str
    user: str  # our bot's whole id
    address: str | None
    messenger: Messenger = field(default=Messenger.MATRIX, init=False)

    def admits(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Whether it is the homeserver that has our token."""
        del body, now
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return same(token.strip(), self.hs_token) and scheme.lower() == "bearer"

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Heard:
        """Read a transaction. What is not said to us in words brings nothing."""
        del headers, now
        events = parts(read_json(body), "events")[:MOST_EVENTS]
        return Heard(
            messages=tuple(self._messages(events)), rooms=tuple(dict.fromkeys(self._rooms(events)))
        )

    def _messages(self, events: list[Any]) -> Iterator[Incoming]:
        for event in events:
            content = part(event, "content")
            sender, room, id_ = (id_in(event, each) for each in ("sender", "room_id", "event_id"))
            at, text = (
                moment_in(event, "origin_server_ts", per_second=1000),
                text_in(content, "body"),
            )
            if text_in(event, "type") != "m.room.message" or "state_key" in event:
                continue
            if content.get("msgtype") != "m.text" or sender == self.user:
                continue  # notices are of bots, which would answer each other for ever
            if part(content, "m.relates_to").get("rel_type") == "m.replace":
                continue
            if sender and room and id_ and at is not None and text:
                yield Incoming(
                    messenger=self.messenger,
                    sender=sender,
                    chat=room,
                    message=id_,
                    text=text,
                    at=at,
                )

    def _rooms(self, events: list[Any]) -> Iterator[str]:
        for event in events:
            if text_in(event, "type") != "m.room.member":
                continue
            invited = part(event, "content").get("membership") == "invite"
            room = id_in(event, "room_id")
            if invited and text_in(event, "state_key") == self.user and room:
                yield room

    async def is_private(self, incoming: Incoming) -> bool:
        """Whether nobody but the sender and our bot is in the room, or invited to it.

        Raises:
            NotAnswered: the homeserver does not say now.
        """
        path = f"/_matrix/client/v3/rooms/{_quoted(incoming.chat)}/members"
        reply = await self.calls.call(
            "GET", f"{path}?not_membership=leave", None, self.as_token, _asked_to_wait
        )
        if isinstance(reply, Delivered) and reply.code == TOO_LARGE:
            return False  # so many are there
        if isinstance(reply, Delivered):
            raise NotAnswered(reply)
        if reply.status >= 300:
            return False
        there = {
            text_in(event, "state_key")
            for event in parts(reply.told, "chunk")
            if part(event, "content").get("membership") in {"join", "invite", "knock"}
        }
        return there == {self.user, incoming.sender}

    async def send(self, incoming: Incoming, said: Said, key: str) -> Delivered:
        """Send the messages one after the other; sent again, they are the same ones."""
        room = _quoted(incoming.chat)
        shown = laid_out(said, LIMITS)

        async def send(number: int) -> Delivered:
            text = shown[number].text
            reply = await self.calls.call(
                "PUT",
                f"/_matrix/client/v3/rooms/{room}/send/m.room.message/{key}.{number}",
                {
                    "msgtype": "m.notice",
                    "body": text,
                    "format": "org.matrix.custom.html",
                    "formatted_body": html.escape(text).replace("\n", "<br>"),
                },
                self.as_token,
                _asked_to_wait,
            )
            if isinstance(reply, Delivered):
                return reply
            if reply.status >= 300:
                return refused(reply, reply.told.get("errcode"))
            return Delivered(outcome=Outcome.SENT)

        return await self.calls.in_order(key, shown, send)

    async def join(self, room: str) -> Delivered:
        """Join a room that we were invited to."""
        path = f"/_matrix/client/v3/rooms/{_quoted(room)}/join"
        reply = await self.calls.call("POST", path, {}, self.as_token, _asked_to_wait)
        if isinstance(reply, Delivered):
            return reply
        return Delivered(outcome=Outcome.SENT) if reply.status < 300 else refused(reply)


def _quoted(id_: str) -> str:
    return quote(id_, safe="")


def _asked_to_wait(reply: Reply) -> float | None:
    """Return for how long to wait: a header by now, milliseconds in the body before."""
    if reply.retry_after is not None:
        return reply.retry_after
    told = reply.told.get("retry_after_ms")
    return told / 1000 if isinstance(told, int) and told > 0 else None
