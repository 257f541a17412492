"""How long apps and partners have to wait, as apis tell workers through Valkey."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

KEY = "crowded"
LASTS = 1000  # ms; whoever is late for longer tells again


@dataclass(frozen=True, slots=True)
class Crowding:
    """A word in Valkey that lasts for a moment. Nobody waits for it, and it may be lost."""

    redis: Redis

    async def tell(self, times: float) -> None:
        """Say that an api is so many times later than it should be."""
        with suppress(RedisError, OSError):  # then nobody hears of it, as before there was a word
            await self.redis.set(KEY, times, px=LASTS)
        _end_if_cancelled()

    async def told(self) -> float:
        """Return what some api has said a moment ago; 1 where none is late."""
        try:
            return float(await self.redis.get(KEY) or 1)
        except (RedisError, OSError, ValueError):  # or somebody else has written there
            return 1
        finally:
            _end_if_cancelled()


def _end_if_cancelled() -> None:
    """Raise the CancelledError that the client's own time limits may have taken for theirs.

    Who asks again and again would else never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
