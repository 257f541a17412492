"""An answer in pieces, without a socket: what comes when, and what happens where nothing does."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from chatting import ChatDouble, Understanding, answering_at_once, understood

from erasmus_app.api.rest import chat_events
from erasmus_app.api.rest.chat_events import COMMENT, events
from erasmus_app.chat.models import Asker, Question
from erasmus_app.chat.ports import Understood
from erasmus_app.errors import EngineFailed
from erasmus_app.identity.roles import Standing
from erasmus_app.ids import AccountId

ASKER = Asker(
    account_id=AccountId(UUID(int=1)),
    standing=Standing(account_id=AccountId(UUID(int=1))),
    language="en",
    zone="Europe/Lisbon",
)
QUESTION = Question(text="who?")


def names(found: list[bytes]) -> list[str]:
    return [
        "" if each == COMMENT else each.split(b"\n")[0].removeprefix(b"event: ").decode()
        for each in found
    ]


async def collected(chat: Any, heartbeat: float = 5) -> list[bytes]:
    return [each async for each in events(chat, ASKER, QUESTION, heartbeat)]


async def test_a_comment_comes_at_once_and_while_there_is_nothing_to_say():
    chat = ChatDouble()
    stream = events(chat, ASKER, QUESTION, 0.01)
    found = [await anext(stream) for _ in range(4)]
    chat.may.set()
    found += [each async for each in stream]

    assert names(found[:4]) == ["", "understood", "", ""]
    assert names(found)[-1] == "done"


async def test_who_closes_the_stream_has_the_work_stopped():
    chat = ChatDouble()
    stream = events(chat, ASKER, QUESTION, 0.01)
    await anext(stream)
    await anext(stream)
    await stream.aclose()
    await asyncio.sleep(0)

    assert chat.broken_off == [QUESTION]


async def test_who_is_cancelled_while_waiting_has_the_work_stopped():
    chat = ChatDouble()
    reading = asyncio.create_task(collected(chat))
    for _ in range(10):
        await asyncio.sleep(0)  # until it waits for the answer
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await asyncio.sleep(0)

    assert chat.broken_off == [QUESTION]


async def test_what_takes_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chat_events, "LONGEST_SECONDS", 0.02)
    chat = ChatDouble()
    found = await collected(chat, 0.01)
    await asyncio.sleep(0)

    assert names(found)[-1] == "error"
    assert chat.broken_off == [QUESTION]


async def test_what_we_may_tell_of_an_error_is_told():
    def away() -> Any:
        raise EngineFailed("Valkey cannot be reached")

    [*_, last] = await collected(answering_at_once(answer=away))

    assert json.loads(last.split(b"data: ")[1]) == {
        "code": "engine_failed",
        "detail": "Valkey cannot be reached",
        "status": 503,
    }


class Slow(Understanding):
    """Understands twice, the second time something else."""

    async def understand(self, question: str, locale: str) -> Understood:
        await asyncio.sleep(0)
        return understood(question)


async def test_whoever_reads_late_hears_what_was_understood_all_the_same():
    chat = ChatDouble()
    stream = events(chat, ASKER, QUESTION, 0.01)
    found = [await anext(stream)]
    chat.may.set()
    for _ in range(10):
        await asyncio.sleep(0)  # it is answered meanwhile
    found += [each async for each in stream]

    assert names(found)[:3] == ["", "understood", "text"]
    assert b'"band":"answer"' in found[1]


async def test_what_is_understood_comes_once_however_often_it_is_asked():
    class Twice(ChatDouble):
        async def ask(self, asker: Asker, question: Question) -> Any:
            await self.understanding.understand("x", "en")
            return await super().ask(asker, question)

    chat = Twice(understanding=Slow())
    chat.may.set()
    found = await collected(chat)

    assert names(found).count("understood") == 1
    assert names(found)[-1] == "done"
