"""Wishes to join logins, on their way through a browser, in Redis; each is taken once."""

from dataclasses import dataclass

import msgspec
from redis.asyncio import Redis

from erasmus_app.identity.linking import FRESH
from erasmus_app.identity.models import CODE_LIFETIME, LinkWish, Proved
from erasmus_app.store.keys import reaching


@dataclass(frozen=True, slots=True)
class RedisLinkTickets:
    """See `identity.linking.LinkTickets`. Each call raises EngineFailed without Redis."""

    redis: Redis

    async def keep_wish(self, ticket: str, wish: LinkWish) -> None:
        """Keep a wish for five minutes."""
        with reaching():
            await self.redis.set(f"link-wish:{ticket}", msgspec.json.encode(wish), ex=FRESH)

    async def take_wish(self, ticket: str) -> LinkWish | None:
        """Return a wish and forget it."""
        with reaching():
            found = await self.redis.getdel(f"link-wish:{ticket}")
        return msgspec.json.decode(found, type=LinkWish) if found else None

    async def keep_proof(self, code: str, proved: Proved) -> None:
        """Keep a proof for a minute."""
        with reaching():
            await self.redis.set(
                f"link-proof:{code}", msgspec.json.encode(proved), ex=CODE_LIFETIME
            )

    async def take_proof(self, code: str) -> Proved | None:
        """Return a proof and forget it."""
        with reaching():
            found = await self.redis.getdel(f"link-proof:{code}")
        return msgspec.json.decode(found, type=Proved) if found else None
