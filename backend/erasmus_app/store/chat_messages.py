"""Messages of messengers on their way to an answer: sealed, each with a job, known afterwards."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg
import msgspec

from erasmus_app.chat.messengers import LONGEST_KEPT, Incoming, Kept, Messenger
from erasmus_app.store import jobs
from erasmus_app.store.chat_links import sender_key
from erasmus_app.store.database import Database

CHAT_MESSAGE = "chat-message"
"""The job that answers a message."""
CHAT_ROOM = "chat-room"
"""The job that follows an invitation."""


@dataclass(frozen=True, slots=True)
class ChatMessageTable:
    """See `chat.messengers.MessageStore`."""

    database: Database

    async def take(self, incoming: Incoming, now: datetime) -> bool:
        """Keep a message and the job for it in one step; False where it has come before."""
        vault = self.database.vault
        key = vault.hashed(f"chat message {incoming.messenger.value}", incoming.message)
        kept = msgspec.structs.replace(incoming, text=incoming.text[:LONGEST_KEPT])
        async with self.database.transaction() as connection:
            new = await connection.fetchval(
                """insert into chat_message (message_key, sender_key, content, seen_at)
                   values ($1, $2, $3, $4) on conflict do nothing returning 1""",
                key,
                sender_key(vault, incoming.messenger, incoming.sender),
                vault.seal(msgspec.json.encode(kept), "chat_message.content", key),
                now,
            )
            if new is None:
                return False
            await jobs.enqueue(
                connection, CHAT_MESSAGE, {"message_key": key}, dedupe_key=f"{CHAT_MESSAGE} {key}"
            )
        return True

    async def take_invitation(self, messenger: Messenger, room: str) -> None:
        """Write the job for an invitation."""
        key = self.database.vault.hashed(f"chat room {messenger.value}", room)
        async with self.database.transaction() as connection:
            await jobs.enqueue(
                connection,
                CHAT_ROOM,
                {"messenger": messenger.value, "room": room},
                dedupe_key=f"{CHAT_ROOM} {key}",
            )

    async def kept(self, key: str) -> Kept | None:
        """Return a message that waits for its answer; None where it is answered, or erased."""
        row = await self.database.fetchrow(
            """select content, seen_at from chat_message
               where message_key = $1 and content is not null""",
            key,
        )
        if row is None:
            return None
        content = self.database.vault.open(row["content"], "chat_message.content", key)
        return Kept(incoming=msgspec.json.decode(content, type=Incoming), seen_at=row["seen_at"])

    async def done(self, connection: asyncpg.Connection, key: str) -> None:
        """Forget what a message said, in the caller's transaction."""
        await connection.execute(
            "update chat_message set content = null where message_key = $1", key
        )
