"""What engines raise that are gone, full or read-only, and what is told of it outside."""

import asyncpg
from redis.exceptions import RedisError

from erasmus_app.errors import AppError, EngineFailed, RequestInvalid, Unavailable

OUTAGE_SECONDS = 5.0  # after which one may ask again
_OUTAGES = (
    asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.CannotConnectNowError,  # it starts or stops
    asyncpg.AdminShutdownError,
    asyncpg.TargetServerAttributeNotMatched,  # none of several hosts is the primary
)
_AWAY = (
    OSError,  # also names that are not found, and timeouts
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,  # its disk does not answer
    asyncpg.InternalClientError,  # a statement begun while the connection was ending
)


def is_outage(error: BaseException) -> bool:
    """Whether PostgreSQL says that it cannot work just now: no matter of what it was asked.

    A connection that breaks is none: what it was asked may be why its server has crashed. Nor is
    what has a type of Python's: a partner may have made that.
    """
    return isinstance(error, _OUTAGES)


def is_away(error: BaseException) -> bool:
    """Whether a statement was not done since the server is gone, or cannot work just now."""
    if isinstance(error, asyncpg.QueryCanceledError):
        return False  # it took too long, and would do so again
    if isinstance(error, asyncpg.InterfaceError):  # also what a wrong call of ours raises
        return "closed" in str(error) and not isinstance(error, ValueError)
    return isinstance(error, _OUTAGES + _AWAY)


def told_of(error: BaseException) -> AppError | None:
    """Return what an edge tells of an error that an engine made; None where it is no engine's."""
    if isinstance(error, asyncpg.CharacterNotInRepertoireError):
        return RequestInvalid("a text has U+0000 in it, which no text here can have")
    return outage(error)


def outage(error: BaseException) -> Unavailable | None:
    """Return what is told of an engine that cannot work just now; None where it is none."""
    if isinstance(error, RedisError | EngineFailed):  # of Valkey, once a process has started
        return Unavailable("valkey_away", "We cannot do this just now")
    if isinstance(error, asyncpg.DiskFullError):
        return Unavailable("database_full", "Nothing can be changed just now: there is no room")
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return Unavailable("database_read_only", "Nothing can be changed just now, only read")
    if is_away(error):
        return Unavailable("database_away", "Our data cannot be reached just now")
    return None
