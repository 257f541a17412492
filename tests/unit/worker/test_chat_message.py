"""Answering messages of messengers: what is tried anew, what is let go, and what is left of it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from unit.store.samples import NOW

from erasmus_app.chat.desk import ChatDesk
from erasmus_app.chat.messengers import (
    Delivered,
    Incoming,
    Kept,
    Messenger,
    NotAnswered,
    Outcome,
    Said,
)
from erasmus_app.errors import EngineFailed
from erasmus_app.store.chat_messages import CHAT_MESSAGE, ChatMessageTable
from erasmus_app.store.database import Database
from erasmus_app.store.jobs import Job, JobQueue, Later, Retry
from erasmus_app.worker.chat_message import GIVEN_UP, MOST_TRIES, ChatAnswerer, RoomJoiner

SENT = Delivered(outcome=Outcome.SENT)
ASKED = Incoming(
    messenger=Messenger.MATRIX, sender="@a:b", chat="!r:b", message="$1", text="when?", at=NOW
)


@dataclass
class Desk:
    """A desk whose messenger does as it is told."""

    became: Delivered = SENT
    reply_fails: Exception | None = None
    sent: list[tuple[str, str]] = field(default_factory=list)
    messenger: Messenger = Messenger.MATRIX

    @property
    def gateways(self) -> dict[Messenger, "Desk"]:
        return {Messenger.MATRIX: self}

    async def reply(self, kept: Kept) -> Said | None:
        if self.reply_fails is not None:
            raise self.reply_fails
        return Said(text=f"to {kept.incoming.text}")

    async def send(self, incoming: Incoming, said: Said, key: str) -> Delivered:
        self.sent.append((incoming.chat, said.text))
        assert key.isalnum()
        return self.became

    async def join(self, room: str) -> Delivered:
        self.sent.append((room, "join"))
        return self.became


async def claimed(database: Database) -> Job:
    """A message that came, and its job in a worker's hands."""
    assert await ChatMessageTable(database).take(ASKED, NOW)
    queue = JobQueue(database)
    (job,) = await queue.claim(1, timedelta(minutes=1), uuid4(), [CHAT_MESSAGE])
    return job


def answerer(database: Database, desk: Desk, now: datetime = NOW) -> ChatAnswerer:
    return ChatAnswerer(ChatMessageTable(database), cast("ChatDesk", desk), lambda: now)


async def left(database: Database) -> dict[str, Any]:
    return {
        "jobs": await database.fetchval("select count(*) from job"),
        "contents": await database.fetchval("select count(content) from chat_message"),
        "known": await database.fetchval("select count(*) from chat_message"),
    }


GONE = {"jobs": 0, "contents": 0, "known": 1}
WAITS = {"jobs": 1, "contents": 1, "known": 1}


@pytest.mark.parametrize("outcome", [Outcome.SENT, Outcome.NEVER])
async def test_what_was_sent_or_never_will_be_leaves_only_that_it_came(
    database: Database, outcome: Outcome
):
    job, desk = await claimed(database), Desk(became=Delivered(outcome=outcome, code="REFUSED_403"))

    await answerer(database, desk)(job)

    assert desk.sent == [("!r:b", "to when?")]
    assert await left(database) == GONE
    await answerer(database, desk)(job)  # a worker that has lost its lease
    assert len(desk.sent) == 1


async def test_what_waits_for_the_messenger_is_no_attempt_and_a_failure_is_one(database: Database):
    job = await claimed(database)
    wait = Delivered(outcome=Outcome.WAIT, code="HTTP_429", retry_after=7)
    with pytest.raises(Later) as later:
        await answerer(database, Desk(became=wait))(job)
    with pytest.raises(Later):
        await answerer(database, Desk(reply_fails=NotAnswered(wait)))(job)
    again = Delivered(outcome=Outcome.AGAIN, code="HTTP_502", retry_after=9)
    with pytest.raises(Retry) as retry:
        await answerer(database, Desk(became=again))(job)
    with pytest.raises(Retry):
        await answerer(database, Desk(reply_fails=EngineFailed("Valkey is away")))(job)

    assert (later.value.after, retry.value.code, retry.value.after) == (7, "HTTP_502", 9)
    assert await left(database) == WAITS


async def test_after_some_tries_or_some_time_it_is_let_go_unsaid(database: Database):
    job, desk = await claimed(database), Desk()
    late = answerer(database, desk, NOW + GIVEN_UP + timedelta(seconds=1))

    await late(job)

    assert desk.sent == []
    assert await left(database) == GONE
    assert MOST_TRIES < 12  # before a job would be buried, with what it is about still there


async def test_an_invitation_is_followed_or_tried_anew(database: Database):
    await ChatMessageTable(database).take_invitation(Messenger.MATRIX, "!r:b")
    await ChatMessageTable(database).take_invitation(Messenger.MATRIX, "!r:b")
    queue = JobQueue(database)
    (job,) = await queue.claim(9, timedelta(minutes=1), uuid4())
    desk = Desk()
    await RoomJoiner(cast("ChatDesk", desk))(job)
    with pytest.raises(Retry):
        await RoomJoiner(cast("ChatDesk", Desk(became=Delivered(outcome=Outcome.AGAIN))))(job)

    assert desk.sent == [("!r:b", "join")]
