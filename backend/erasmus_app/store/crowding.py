"""How long apps and partners have to wait, as apis tell workers through Valkey."""

from contextlib import suppress
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

KEY = "crowded"
LONGEST = 1.0  # seconds that a word may stand


@dataclass(frozen=True, slots=True)
class Crowding:
    """A word in Valkey that lasts for a moment. Nobody waits for it, and it may be lost."""

    redis: Redis

    async def tell(self, times: float, seconds: float) -> None:
        """Say that an api is so many times later than it should be; that stands for so long."""
        with suppress(RedisError, OSError):  # then nobody hears of it, as before there was a word
            await self.redis.set(KEY, times, px=int(min(seconds, LONGEST) * 1000))

    async def told(self) -> float:
        """Return what some api has said a moment ago; 1 where none is late."""
        try:
            return float(await self.redis.get(KEY) or 1)
        except (RedisError, OSError, ValueError):  # or somebody else has written there
            return 1
