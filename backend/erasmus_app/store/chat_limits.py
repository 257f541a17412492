"""What is counted of senders in messengers, and what the last answer left: in Redis.

Senders stand in it by keyed hashes: a phone number is nobody's to read there. Losing all of it
forgets who wrote how often, and begins conversations anew.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import time

import msgspec
from redis.asyncio import Redis

from erasmus_app.chat.desk import FLOOD_WINDOW
from erasmus_app.chat.messengers import Incoming, Memory
from erasmus_app.store.chat_links import sender_key
from erasmus_app.store.keys import PATIENCE, reaching
from erasmus_app.store.sealed import Vault

CODES_WINDOW = timedelta(hours=1)
REMEMBERED = timedelta(minutes=30)


@asynccontextmanager
async def _patiently() -> AsyncIterator[None]:
    with reaching():
        async with asyncio.timeout(PATIENCE):
            yield


@dataclass(frozen=True, slots=True)
class RedisChatLimits:
    """See `chat.messengers.ChatLimits`. Sets of messages count: one that is tried anew is one."""

    redis: Redis
    vault: Vault

    async def place(self, incoming: Incoming) -> int:
        """Count a message; return the how manieth of its sender's it is within the window."""
        name, message = self._name("flood", incoming), self._message(incoming)
        async with _patiently(), self.redis.pipeline(transaction=True) as commands:
            commands.zadd(name, {message: time()}, nx=True)  # in the order of their coming
            commands.expire(name, FLOOD_WINDOW, nx=True)
            commands.zrank(name, message)
            *_, rank = await commands.execute()
        return int(rank) + 1

    async def wrong_codes(self, incoming: Incoming) -> int:
        """Return how many wrong codes a sender has shown within the hour.

        The message itself is not among them: tried anew, it is refused no sooner.
        """
        name, message = self._name("codes", incoming), self._message(incoming)
        async with _patiently(), self.redis.pipeline(transaction=True) as commands:
            commands.scard(name)
            commands.sismember(name, message)
            number, is_there = await commands.execute()
        return int(number) - int(is_there)

    async def wrong_code(self, incoming: Incoming) -> None:
        """Count a wrong code; the same message counts once."""
        name = self._name("codes", incoming)
        async with _patiently(), self.redis.pipeline(transaction=True) as commands:
            commands.sadd(name, self._message(incoming))
            commands.expire(name, CODES_WINDOW, nx=True)
            await commands.execute()

    async def first(self, what: str, incoming: Incoming, for_: timedelta) -> bool:
        """Whether this is the first of its kind in a chat for a while, however often asked."""
        chat = self.vault.hashed(f"chat of {incoming.messenger.value}", incoming.chat)
        name, message = f"chat-first:{what}:{chat}", self._message(incoming)
        async with _patiently():
            if await self.redis.set(name, message, ex=for_, nx=True):
                return True
            found = await self.redis.get(name)
        return found in {message, message.encode()}

    async def remember(self, incoming: Incoming, memory: Memory) -> None:
        """Remember an answer for half an hour."""
        async with _patiently():
            await self.redis.set(
                self._name("memory", incoming), msgspec.json.encode(memory), ex=REMEMBERED
            )

    async def memory(self, incoming: Incoming) -> Memory | None:
        """Return what the last answer left."""
        async with _patiently():
            found = await self.redis.get(self._name("memory", incoming))
        return msgspec.json.decode(found, type=Memory) if found else None

    async def forget(self, incoming: Incoming) -> None:
        """Forget it."""
        async with _patiently():
            await self.redis.delete(self._name("memory", incoming))

    def _name(self, what: str, incoming: Incoming) -> str:
        return f"chat-{what}:{sender_key(self.vault, incoming.messenger, incoming.sender)}"

    def _message(self, incoming: Incoming) -> str:
        return self.vault.hashed(f"chat message {incoming.messenger.value}", incoming.message)
