"""What lives in Redis: written once here, with its lifetime and the reason for it.

Only what may be lost. Losing all of it sends students who are logging in back to the start.
"""

from dataclasses import dataclass
from datetime import timedelta

import msgspec
from redis.asyncio import Redis

from erasmus_app.identity.models import CODE_LIFETIME, CodeForApp, LoginUnderWay

LOGIN_LIFETIME = timedelta(minutes=10)  # a student who wanders off starts again


def login(state: str) -> str:
    """The nonce and PKCE verifier of a login under way."""
    return f"login:{state}"


def app_code(code: str) -> str:
    """A one-time code on its way through the phone's browser."""
    return f"app-code:{code}"


@dataclass(frozen=True, slots=True)
class RedisLoginStates:
    """Logins under way and one-time codes; taking one forgets it in the same step."""

    redis: Redis

    async def keep_login(self, under_way: LoginUnderWay) -> None:
        """Keep a login for ten minutes."""
        await self.redis.set(
            login(under_way.state), msgspec.json.encode(under_way), ex=LOGIN_LIFETIME
        )

    async def take_login(self, state: str) -> LoginUnderWay | None:
        """Return a login and forget it."""
        found = await self.redis.getdel(login(state))
        return msgspec.json.decode(found, type=LoginUnderWay) if found else None

    async def keep_code(self, code: str, what: CodeForApp) -> None:
        """Keep a one-time code for a minute."""
        await self.redis.set(app_code(code), msgspec.json.encode(what), ex=CODE_LIFETIME)

    async def take_code(self, code: str) -> CodeForApp | None:
        """Return what a code stands for and forget it."""
        found = await self.redis.getdel(app_code(code))
        return msgspec.json.decode(found, type=CodeForApp) if found else None
