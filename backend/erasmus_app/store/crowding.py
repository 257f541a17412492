"""Whether apps and partners have to wait, as apis tell workers through Valkey."""

from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

KEY = "crowded"
LASTS = 600  # ms; whoever is late for longer tells again


@dataclass(frozen=True, slots=True)
class Crowding:
    """A word in Valkey that lasts for a moment. Nobody waits for it, and it may be lost."""

    redis: Redis

    async def tell(self) -> None:
        """Say that there is a crowd."""
        try:
            await self.redis.set(KEY, 1, px=LASTS)
        except (RedisError, OSError):  # then nobody hears of it, as before there was a word
            return

    async def is_told(self) -> bool:
        """Return whether some api has said so a moment ago."""
        try:
            return bool(await self.redis.exists(KEY))
        except (RedisError, OSError):
            return False
