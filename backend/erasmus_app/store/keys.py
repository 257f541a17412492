"""What lives in Redis: written once here, with its lifetime and the reason for it.

Only what may be lost. Losing all of it sends students who are logging in back to the start, and
forgets what a chat was about. How often who has come is beside it, see `store.limits`; and how
late apis are, see `store.crowding`.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from erasmus_app.chat.ports import MOST_TURNS, REMEMBERED, Turn
from erasmus_app.errors import EngineFailed, SettingsInvalid
from erasmus_app.identity.authorization import CodeForClient, Waiting
from erasmus_app.identity.models import (
    CODE_LIFETIME,
    LOGIN_LIFETIME,
    WISH_LIFETIME,
    CodeForApp,
    LoginUnderWay,
)
from erasmus_app.ids import AccountId

PATIENCE = 1  # seconds; chats do not wait for a server that has fallen silent
ANSWER_SECONDS = 2.0  # a login does not either: whoever waits for longer has gone by then


def login(state: str) -> str:
    """The nonce and PKCE verifier of a login under way."""
    return f"login:{state}"


def wish(state: str) -> str:
    """Where a login was to lead, for one that comes back too late or once more."""
    return f"login-wish:{state}"


def authorization_request(name: str) -> str:
    """A client's request whose student is looking at the consent page."""
    return f"authorization-request:{name}"


def authorization_code(code: str) -> str:
    """An authorization code on its way to a client."""
    return f"authorization-code:{code}"


def given_code(code: str) -> str:
    """Which session an authorization code leads to, used or not."""
    return f"given-code:{code}"


def replayed_code(code: str) -> str:
    """That a used authorization code came again."""
    return f"replayed-code:{code}"


def app_code(code: str) -> str:
    """A one-time code on its way through the phone's browser."""
    return f"app-code:{code}"


def chat(account: AccountId, conversation: str) -> str:
    """What the last turns of a conversation were about; for half an hour, no words of anybody's."""
    return f"chat:{account}:{conversation}"


def open_redis(url: str) -> Redis:
    """Return a client that has connected to nothing yet, and waits for no answer for long.

    Raises:
        SettingsInvalid: it is no address of one.
    """
    try:
        return Redis.from_url(
            url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS
        )
    except ValueError as error:  # whose words may hold the password
        raise SettingsInvalid(
            "ERASMUS_APP_REDIS_URL: it is no address; write it as redis://:password@host:6379/0"
        ) from error


@contextmanager
def reaching() -> Iterator[None]:
    """Raise EngineFailed where Redis cannot be reached."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise EngineFailed(
            f"Valkey cannot be reached: {type(error).__name__}; look at ERASMUS_APP_REDIS_URL"
        ) from error


@dataclass(frozen=True, slots=True)
class RedisLoginStates:
    """Logins under way and one-time codes; taking one forgets it in the same step.

    Each call raises EngineFailed where Redis cannot be reached.
    """

    redis: Redis

    async def keep_login(self, under_way: LoginUnderWay) -> None:
        """Keep a login for ten minutes, and what it was for a little longer."""
        left = msgspec.structs.replace(under_way, nonce="", verifier="")
        with reaching():
            async with self.redis.pipeline() as pipe:
                pipe.set(login(under_way.state), msgspec.json.encode(under_way), ex=LOGIN_LIFETIME)
                pipe.set(wish(under_way.state), msgspec.json.encode(left), ex=WISH_LIFETIME)
                await pipe.execute()

    async def take_login(self, state: str) -> LoginUnderWay | None:
        """Return a login and forget it."""
        with reaching():
            found = await self.redis.getdel(login(state))
        return msgspec.json.decode(found, type=LoginUnderWay) if found else None

    async def begun(self, state: str) -> LoginUnderWay | None:
        """Return a login that was begun within the hour, be it over or used; no nonce, verifier."""
        with reaching():
            found = await self.redis.get(wish(state))
        return msgspec.json.decode(found, type=LoginUnderWay) if found else None

    async def keep_code(self, code: str, what: CodeForApp) -> None:
        """Keep a one-time code for a minute."""
        with reaching():
            await self.redis.set(app_code(code), msgspec.json.encode(what), ex=CODE_LIFETIME)

    async def take_code(self, code: str) -> CodeForApp | None:
        """Return what a code stands for and forget it."""
        with reaching():
            found = await self.redis.getdel(app_code(code))
        return msgspec.json.decode(found, type=CodeForApp) if found else None


@dataclass(frozen=True, slots=True)
class RedisAuthorizations:
    """Requests and codes of our authorisation server, see `identity.authorization.Authorizations`.

    Each call raises EngineFailed where Redis cannot be reached.
    """

    redis: Redis

    async def keep_waiting(self, name: str, what: Waiting) -> None:
        """Keep a request for ten minutes."""
        with reaching():
            await self.redis.set(
                authorization_request(name), msgspec.json.encode(what), ex=LOGIN_LIFETIME
            )

    async def take_waiting(self, name: str) -> Waiting | None:
        """Return a request and forget it."""
        with reaching():
            found = await self.redis.getdel(authorization_request(name))
        return msgspec.json.decode(found, type=Waiting) if found else None

    async def keep_authorization(self, code: str, what: CodeForClient) -> None:
        """Keep a code for a minute, and for ten which session it leads to."""
        session = msgspec.json.encode(what.session_id)
        with reaching():
            async with self.redis.pipeline(transaction=True) as both:
                both.set(authorization_code(code), msgspec.json.encode(what), ex=CODE_LIFETIME)
                both.set(given_code(code), session, ex=LOGIN_LIFETIME)
                await both.execute()

    async def take_authorization(self, code: str) -> CodeForClient | None:
        """Return what a code stands for and forget it."""
        with reaching():
            found = await self.redis.getdel(authorization_code(code))
        return msgspec.json.decode(found, type=CodeForClient) if found else None

    async def replayed(self, code: str) -> UUID | None:
        """Note that a used code came again; return which session it leads to, None for no code."""
        with reaching():
            found = await self.redis.get(given_code(code))
            if found is None:  # nothing is kept of what was never given
                return None
            await self.redis.set(replayed_code(code), 1, ex=LOGIN_LIFETIME)
        return msgspec.json.decode(found, type=UUID)

    async def was_replayed(self, code: str) -> bool:
        """Return whether a used code came again meanwhile."""
        with reaching():
            return bool(await self.redis.exists(replayed_code(code)))


@dataclass(frozen=True, slots=True)
class RedisConversations:
    """Turns of conversations, see `chat.ports.Conversations`. Without Redis none is known."""

    redis: Redis

    async def turns(self, account: AccountId, conversation: str) -> Sequence[Turn]:
        """Return a conversation's turns, the latest last."""
        with suppress(RedisError, OSError, TimeoutError, msgspec.DecodeError):
            async with asyncio.timeout(PATIENCE):
                found = await self.redis.lrange(chat(account, conversation), 0, -1)
            return [msgspec.json.decode(each, type=Turn) for each in found]
        return ()

    async def add(self, account: AccountId, conversation: str, turn: Turn) -> None:
        """Remember a turn, and half an hour more the few before it."""
        name = chat(account, conversation)
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE), self.redis.pipeline(transaction=True) as commands:
                commands.rpush(name, msgspec.json.encode(turn))
                commands.ltrim(name, -MOST_TURNS, -1)
                commands.expire(name, REMEMBERED)
                await commands.execute()
