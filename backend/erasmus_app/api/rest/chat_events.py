"""An answer in pieces, as server-sent events: what is known first is sent first.

`understood` comes while the record is still being read, then `text`, each `card`, `choice` and
`source`, and `done`. Where something goes wrong on the way, `error` is the last.
"""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec
import structlog

from erasmus_app.api.requests import named
from erasmus_app.api.rest.chat_answer import (
    ChatCard,
    ChatChoice,
    ChatDone,
    ChatEvent,
    ChatSource,
    ChatText,
    ChatUnderstood,
    mobility_id,
)
from erasmus_app.chat.models import Answer, Asker, Question
from erasmus_app.chat.ports import Understanding, Understood
from erasmus_app.chat.service import ChatService
from erasmus_app.errors import AppError
from erasmus_app.telemetry.traces import OFF, Span

HEARTBEAT_SECONDS = 5.0
LONGEST_SECONDS = 60.0  # after which nobody waits any more; an answer takes some milliseconds
COMMENT = b":\n\n"

log = structlog.get_logger(__name__)

_encode = msgspec.json.Encoder().encode


class Heard:
    """An understanding that tells at once what it has understood."""

    def __init__(self, inner: Understanding, tell: Callable[[Understood], None]) -> None:
        self._inner, self._tell = inner, tell

    @property
    def version(self) -> str:
        """Return which weights, phrases and code these are."""
        return self._inner.version

    async def understand(self, question: str, locale: str) -> Understood:
        """Say what a question is about, and tell it."""
        found = await self._inner.understand(question, locale)
        self._tell(found)
        return found


async def events(
    chat: ChatService, asker: Asker, question: Question, heartbeat: float = HEARTBEAT_SECONDS
) -> AsyncGenerator[bytes, None]:
    """Yield the events. Closed before the end, as when the client has gone, the work stops."""
    heard: asyncio.Future[Understood] = asyncio.get_running_loop().create_future()

    def tell(found: Understood) -> None:
        if not heard.done():
            heard.set_result(found)

    listening = dataclasses.replace(chat, understanding=Heard(chat.understanding, tell))
    answering = asyncio.create_task(listening.ask(asker, question))
    try:
        yield COMMENT  # so that the client knows at once that it is heard
        is_told, waited = False, 0.0
        while not answering.done():
            ends: set[asyncio.Future[Any]] = {answering} if is_told else {answering, heard}
            await asyncio.wait(ends, timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED)
            if heard.done() and not is_told:
                yield event(ChatEvent.UNDERSTOOD, understood(heard.result()))
                is_told = True
            elif not answering.done():
                waited += heartbeat
                if waited >= LONGEST_SECONDS:
                    raise TimeoutError
                yield COMMENT
        answer = answering.result()
        if not is_told:
            first = understood(heard.result()) if heard.done() else of_choice(answer)
            yield event(ChatEvent.UNDERSTOOD, first)
        for each in pieces(answer):
            yield each
    except Exception as error:  # noqa: BLE001 - what went wrong inside of us stays inside
        yield event(ChatEvent.ERROR, _problem(error))
    finally:
        if not answering.cancel() and not answering.cancelled():
            answering.exception()  # told above, or nobody is there to be told


def traced(chat: ChatService, span: Span) -> ChatService:
    """Return the service, which tells a span how sure it was of what was asked."""
    if span is OFF:
        return chat
    heard = Heard(chat.understanding, lambda found: span.note(band=found.band))
    return dataclasses.replace(chat, understanding=heard)


def pieces(answer: Answer) -> list[bytes]:
    """Return the events of a whole answer."""
    text = ChatText(
        kind=answer.kind, text=answer.text, language=answer.language, intent=answer.intent
    )
    done = ChatDone(
        conversation=answer.conversation,
        mobility_id=mobility_id(answer.mobility_id),
        answered_at=answer.answered_at,
    )
    return [
        event(ChatEvent.TEXT, text),
        *(event(ChatEvent.CARD, ChatCard.of(each)) for each in answer.cards),
        *(
            event(ChatEvent.CHOICE, ChatChoice(id=each.id, label=each.label))
            for each in answer.choices
        ),
        *(event(ChatEvent.SOURCE, ChatSource.of(each)) for each in answer.sources),
        event(ChatEvent.DONE, done),
    ]


def understood(found: Understood) -> ChatUnderstood:
    """Return the first event's content."""
    return ChatUnderstood(
        version=found.version,
        language=found.language,
        question=found.question,
        band=found.band,
        intents=list(found.intents),
    )


def of_choice(answer: Answer) -> ChatUnderstood:
    """Return the same of an answer for which no words had to be read."""
    return ChatUnderstood(
        version=answer.version,
        language=answer.language,
        question=answer.question,
        band=None,
        intents=[answer.intent] if answer.intent else [],
    )


def event(name: ChatEvent, content: object) -> bytes:
    """Write one: JSON has no line breaks, so that its data is one line."""
    return b"event: " + name.value.encode() + b"\ndata: " + _encode(content) + b"\n\n"


def _problem(error: Exception) -> dict[str, object]:
    if isinstance(error, AppError):
        return {"code": error.code, "detail": str(error), "status": int(error.status)} | named()
    log.error("chat.failed", error=type(error).__name__)
    return {"code": "internal_error", "detail": "an error of ours", "status": 500} | named()
