"""Answering what came from a messenger, and following an invitation to a room."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from erasmus_app.chat.desk import ChatDesk
from erasmus_app.chat.messengers import IN_TIME, Delivered, Messenger, NotAnswered, Outcome
from erasmus_app.errors import EngineFailed
from erasmus_app.kit.backoff import backoff
from erasmus_app.kit.clock import Clock
from erasmus_app.store.chat_messages import ChatMessageTable
from erasmus_app.store.jobs import Job, Later, Retry, complete
from erasmus_app.worker.loop import waiting

MOST_TRIES = 8  # then it is let go: a job that is buried would keep what somebody has asked
GIVEN_UP = IN_TIME + timedelta(minutes=5)  # after it came
LONGEST = 60.0  # seconds between two tries: nobody waits for longer in a chat

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ChatAnswerer:
    """Handles jobs of kind `chat-message`.

    A worker that dies between sending and writing down sends once more: a question answered twice
    is better than one that is not.
    """

    table: ChatMessageTable
    desk: ChatDesk
    clock: Clock

    async def __call__(self, job: Job) -> None:
        """Answer one message."""
        key = str(job.payload["message_key"])
        kept = await self.table.kept(key)
        if kept is None:
            return
        incoming = kept.incoming
        gateway = self.desk.gateways.get(incoming.messenger)
        if gateway is None or self.clock() - kept.seen_at > GIVEN_UP or job.attempts > MOST_TRIES:
            log.warning("messenger.given_up", messenger=incoming.messenger.value)
            await self._done(job, key)
            return
        with waiting():
            try:
                said = await self.desk.reply(kept)
            except NotAnswered as error:
                _settled(job, incoming.messenger, error.became)
                raise _again(job, "", None) from error
            except EngineFailed as error:
                raise _again(job, error.code, None) from error
            if said is not None:
                _settled(job, incoming.messenger, await gateway.send(incoming, said, key))
        await self._done(job, key)

    async def _done(self, job: Job, key: str) -> None:
        async with self.table.database.transaction() as connection:
            await self.table.done(connection, key)
            await complete(connection, job)


@dataclass(frozen=True, slots=True)
class RoomJoiner:
    """Handles jobs of kind `chat-room`."""

    desk: ChatDesk

    async def __call__(self, job: Job) -> None:
        """Follow one invitation."""
        gateway = self.desk.gateways.get(Messenger(job.payload["messenger"]))
        if gateway is None or job.attempts > MOST_TRIES:
            return
        with waiting():
            _settled(job, gateway.messenger, await gateway.join(str(job.payload["room"])))


def _settled(job: Job, messenger: Messenger, sent: Delivered) -> None:
    """Raise where it is to be tried anew."""
    log.info("messenger.sent", messenger=messenger.value, outcome=sent.outcome, code=sent.code)
    if sent.outcome is Outcome.WAIT:
        raise Later(min(sent.retry_after or 1.0, LONGEST))
    if sent.outcome is Outcome.AGAIN:
        raise _again(job, sent.code or "", sent.retry_after)


def _again(job: Job, code: str, wait: float | None) -> Retry:
    paused = backoff(job.attempts, most=LONGEST).total_seconds()
    return Retry(code, min(max(wait or 0.0, paused), LONGEST))
