"""PostgreSQL through asyncpg: a pool, transactions, and ears for its notifications."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
import structlog

from erasmus_app.errors import EngineFailed
from erasmus_app.store.sealed import Connection, Vault, present
from erasmus_app.telemetry.traces import span

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 1.0  # for connections to be given back: a server that hangs gives none
WAIT_SECONDS = 15.0  # for a connection: who waits for longer has nobody left who waits for him
ROLLBACK_SECONDS = 2.0
STATEMENT_SECONDS = 60.0  # a statement that takes longer is not one of ours gone well
LISTEN_AGAIN_SECONDS = 0.5
RENEW_SECONDS = 5.0  # how often connections to a server that takes no writes are made anew
PULSE_SECONDS = 15.0  # a line that was cut without a word is found by then
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a statement begun while the connection was ending
)
"""What a server that is gone, restarting or unreachable makes asyncpg raise."""

log = structlog.get_logger(__name__)


def lock_key(name: str) -> int:
    """Return the key of the advisory lock for a name."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


@dataclass(frozen=True, slots=True)
class Database:
    """A pool of connections. Each method takes one and gives it back.

    After a restart of the server the pool connects anew by itself; a call made meanwhile raises
    one of `AWAY`. Values of `jsonb` come and go as Python values.
    """

    pool: asyncpg.Pool
    dsn: str
    keys: Vault | None = None
    direct: str | None = None  # past the pooler that `dsn` leads to; None: there is none

    @property
    def vault(self) -> Vault:
        """What seals and opens personal columns. Raises DataKeyMissing where there is none."""
        return present(self.keys)

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        """Return all rows."""
        rows: list[asyncpg.Record] = await self.pool.fetch(sql, *arguments)
        return rows

    async def fetchrow(self, sql: str, *arguments: Any) -> asyncpg.Record | None:
        """Return the first row."""
        return await self.pool.fetchrow(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        """Return the first column of the first row."""
        return await self.pool.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> None:
        """Run one statement."""
        await self.pool.execute(sql, *arguments)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """Commit on leaving, roll back on an error."""
        with span("db.transaction", "client"):
            async with self.pool.acquire() as connection, connection.transaction():
                yield connection

    @asynccontextmanager
    async def locked(
        self, name: str, *, at_leisure: bool = False, heard_at: datetime | None = None
    ) -> AsyncIterator[asyncpg.Connection]:
        """A transaction for which others with the same name wait; begun and locked in one go.

        With `at_leisure` it need not be on disk at once: a crash of the server may lose it, but
        not without whatever was committed later. `heard_at` is what the tables take for the time
        at which its cause was heard of.
        """
        begin = "begin;"
        if at_leisure:
            begin += " set local synchronous_commit = off;"
        if heard_at is not None:
            begin += f" set local erasmus.heard_at = '{heard_at.isoformat()}';"
        begin += f" select pg_advisory_xact_lock({lock_key(name)})"
        with span("db.transaction", "client"):
            async with self._locked(begin) as connection:
                yield connection

    @asynccontextmanager
    async def _locked(self, begin: str) -> AsyncIterator[asyncpg.Connection]:
        async with self.pool.acquire() as connection:
            try:
                await connection.execute(begin)
                yield connection
            except BaseException:
                await _roll_back(connection)
                raise
            await connection.execute("commit")

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[asyncio.Event]:
        """Yield an event that is set at each NOTIFY, and when one may have been missed."""
        heard = asyncio.Event()
        async with self.hearing((channel,), lambda *_: heard.set()):
            yield heard

    @asynccontextmanager
    async def hearing(
        self, channels: Sequence[str], tell: Callable[[str, str | None], None]
    ) -> AsyncIterator[None]:
        """Call `tell` with the channel and the payload of each NOTIFY while in the block.

        One connection hears them all, and is made again where the server went away. Whenever it
        has been made, `tell` is called with None for each channel: some may have been missed.
        """
        task = asyncio.create_task(self._hear(channels, tell))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _hear(self, channels: Sequence[str], tell: Callable[[str, str | None], None]) -> None:
        while True:
            gone = asyncio.Event()
            with suppress(*AWAY):
                connection = await asyncpg.connect(self.direct or self.dsn, timeout=CONNECT_SECONDS)
                try:
                    connection.add_termination_listener(lambda _, gone=gone: gone.set())
                    for channel in channels:
                        await connection.add_listener(
                            channel, lambda _c, _pid, heard, payload: tell(heard, payload)
                        )
                    for channel in channels:
                        tell(channel, None)
                    await _until_gone(connection, gone)
                finally:
                    connection.terminate()
            log.info("database.listening_again", channels=list(channels))
            await asyncio.sleep(LISTEN_AGAIN_SECONDS)


async def _roll_back(connection: asyncpg.Connection) -> None:
    """End a transaction; where that is not answered soon, its connection ends with it.

    Who is cancelled in the line before a pooler would else wait there for a server, to say so.
    """
    with suppress(asyncpg.InterfaceError):  # it has ended already
        if connection.is_closed():
            return
        try:
            await connection.execute("rollback", timeout=ROLLBACK_SECONDS)
        except TimeoutError:
            connection.terminate()


async def _until_gone(connection: asyncpg.Connection, gone: asyncio.Event) -> None:
    """Wait for the end of a connection, and see that it is not a dead one that only looks open."""
    while not gone.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(PULSE_SECONDS):
                await gone.wait()
        await connection.execute("select", timeout=PULSE_SECONDS)


class Borrowed(Connection):
    """A connection through a pooler, which may lend another server's for each transaction."""

    def _get_unique_id(self, prefix: str) -> str:
        """Return a name for a cursor's statement that no other process has left on that server."""
        return f"{super()._get_unique_id(prefix)}{secrets.token_hex(8)}"


async def _prepare(connection: asyncpg.Connection) -> None:
    """Let `jsonb` come and go as Python values."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),  # the format's version
        decoder=lambda data: msgspec.json.decode(memoryview(data)[1:]),
        format="binary",
    )


def is_read_only(connection: asyncpg.Connection) -> bool:
    """Whether the server has said that nothing can be written here; it tells whenever that changes.

    After a failover this may be the old primary, or a standby, while another takes writes.
    """
    told = connection.get_settings()
    names = ("in_hot_standby", "default_transaction_read_only")
    return any(getattr(told, name, "off") == "on" for name in names)


class _Pool(asyncpg.Pool):  # type: ignore[misc]  # the library has no types
    """A pool before which nobody stands for long: a silent server must not collect all who ask."""

    async def _acquire(self, timeout: float | None) -> Any:  # noqa: ASYNC109 - the library's own
        async with asyncio.timeout(WAIT_SECONDS):
            return await super()._acquire(timeout)

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the library's own
        """Take a connection back; one that ends just then has gone back by itself.

        The library calls that an error of its own, and who was cancelled would hear of it instead.
        """
        try:
            await super().release(connection, timeout=timeout)
        except asyncpg.InternalClientError:
            if connection._con is not None:  # noqa: SLF001 - there is no public name
                raise


@asynccontextmanager
async def open_database(
    dsn: str,
    keys: Vault | None = None,
    *,
    direct: str | None = None,
    size: int = 10,
    fresh_plans: bool = False,
    renew: float = RENEW_SECONDS,
) -> AsyncIterator[Database]:
    """Open a pool; without `keys` personal columns can be neither read nor written.

    With `direct`, `dsn` leads to a pooler that gives connections for a transaction, as PgBouncer
    does; `direct` leads past it, for what has to listen.

    With `fresh_plans` each statement is planned for the tables as they are then: for statements
    over hundreds of rows of tables that are empty now and full in a moment. While the server takes
    no writes, each connection is made anew every `renew` seconds: another may be the primary now.

    Raises:
        EngineFailed: the server cannot be reached.
    """
    renewed_at = asyncio.get_running_loop().time()

    async def prepare(connection: Connection) -> None:
        connection.vault = keys
        await _prepare(connection)

    async def reset(connection: asyncpg.Connection) -> None:
        """Leave out the round trip that resets a connection: we change no session state."""
        nonlocal renewed_at
        if connection.is_in_transaction():
            await connection.reset()
        now = asyncio.get_running_loop().time()
        if is_read_only(connection) and now - renewed_at >= renew:
            renewed_at = now
            log.warning("database.read_only")
            await pool.expire_connections()  # each is made anew when it is wanted next

    try:
        pool = await _Pool(
            dsn,
            min_size=1,
            max_queries=50_000,
            max_inactive_connection_lifetime=300.0,
            loop=None,
            setup=None,
            record_class=asyncpg.Record,
            max_size=size,
            init=prepare,
            connection_class=Borrowed if direct else Connection,
            reset=reset,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            # Behind a pooler no prepared statement lasts, and no setting; without a cache asyncpg
            # sends what it has prepared along with each execution.
            statement_cache_size=0 if direct else 256,
            max_cached_statement_lifetime=0,  # a plan stays good until the connection ends
            server_settings={"application_name": "erasmus-app"}
            | (
                {}
                if direct
                else {
                    "jit": "off",
                    "plan_cache_mode": "force_custom_plan" if fresh_plans else "auto",
                }
            ),
        )
    except (*AWAY, ValueError) as error:
        why = str(error) or type(error).__name__
        look = "look at ERASMUS_APP_DATABASE_URL"
        if "unsupported startup parameter" in why:
            look += ": it leads to a pooler, so set ERASMUS_APP_DATABASE_DIRECT_URL as well"
        raise EngineFailed(f"PostgreSQL cannot be reached: {why}; {look}") from error
    try:
        yield Database(pool, dsn, keys, direct)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await pool.close()
        pool.terminate()
