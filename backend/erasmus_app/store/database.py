"""PostgreSQL through asyncpg: a pool, transactions, and ears for its notifications."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection as SqlConnection
from sqlalchemy.ext.asyncio import create_async_engine

from erasmus_app.errors import EngineFailed
from erasmus_app.store.sealed import Connection, Vault, present
from erasmus_app.store.sealing import check_keys, seal_what_is_clear
from erasmus_app.telemetry.traces import span

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x45_57_50  # one upgrade at a time, whoever starts it
CONNECT_SECONDS = 10.0
STATEMENT_SECONDS = 60.0  # a statement that takes longer is not one of ours gone well
LISTEN_AGAIN_SECONDS = 0.5
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
        self, name: str, *, at_leisure: bool = False
    ) -> AsyncIterator[asyncpg.Connection]:
        """A transaction for which others with the same name wait; begun and locked in one go.

        With `at_leisure` it need not be on disk at once: a crash of the server may lose it, but
        not without whatever was committed later.
        """
        key = lock_key(name)
        later = "set local synchronous_commit = off;" if at_leisure else ""
        with span("db.transaction", "client"):
            async with self._locked(key, later) as connection:
                yield connection

    @asynccontextmanager
    async def _locked(self, key: int, later: str) -> AsyncIterator[asyncpg.Connection]:
        async with self.pool.acquire() as connection:
            try:
                await connection.execute(f"begin; {later} select pg_advisory_xact_lock({key})")
                yield connection
            except BaseException:
                if not connection.is_closed():
                    await connection.execute("rollback")
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
                connection = await asyncpg.connect(self.dsn, timeout=CONNECT_SECONDS)
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


async def _until_gone(connection: asyncpg.Connection, gone: asyncio.Event) -> None:
    """Wait for the end of a connection, and see that it is not a dead one that only looks open."""
    while not gone.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(PULSE_SECONDS):
                await gone.wait()
        await connection.execute("select", timeout=PULSE_SECONDS)


async def _prepare(connection: asyncpg.Connection) -> None:
    """Let `jsonb` come and go as Python values."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),  # the format's version
        decoder=lambda data: msgspec.json.decode(memoryview(data)[1:]),
        format="binary",
    )


async def _reset(connection: asyncpg.Connection) -> None:
    """Leave out the round trip that resets a connection: we change no session state."""
    if connection.is_in_transaction():
        await connection.reset()


@asynccontextmanager
async def open_database(
    dsn: str, keys: Vault | None = None, *, size: int = 10, fresh_plans: bool = False
) -> AsyncIterator[Database]:
    """Open a pool; without `keys` personal columns can be neither read nor written.

    With `fresh_plans` each statement is planned for the tables as they are then: for statements
    over hundreds of rows of tables that are empty now and full in a moment.

    Raises:
        EngineFailed: the server cannot be reached.
    """

    async def prepare(connection: Connection) -> None:
        connection.vault = keys
        await _prepare(connection)

    try:
        pool = await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            init=prepare,
            connection_class=Connection,
            reset=_reset,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            statement_cache_size=256,
            max_cached_statement_lifetime=0,  # a plan stays good until the connection ends
            server_settings={
                "application_name": "erasmus-app",
                "jit": "off",
                "plan_cache_mode": "force_custom_plan" if fresh_plans else "auto",
            },
        )
    except (*AWAY, ValueError) as error:
        why = str(error) or type(error).__name__
        raise EngineFailed(
            f"PostgreSQL cannot be reached: {why}; look at ERASMUS_APP_DATABASE_URL"
        ) from error
    try:
        yield Database(pool, dsn, keys)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await pool.close()
        pool.terminate()


def alembic_config() -> Config:
    """Return where the migrations are."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


async def upgrade(dsn: str, keys: Vault | None = None) -> None:
    """Bring the tables up to date; processes that start together take turns.

    Everything is one transaction: an upgrade that fails changes nothing. `keys` seal what a
    database of old holds in clear.

    Raises:
        EngineFailed: the server cannot be reached.
        DataKeyMissing: there is something to seal and no key, or sealed with another.
    """
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn)
    )

    def run(connection: SqlConnection) -> None:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql(f"select pg_advisory_xact_lock({MIGRATION_LOCK})")
            await connection.run_sync(run)
            driver = (await connection.get_raw_connection()).driver_connection
            await seal_what_is_clear(driver, keys)
            if keys is not None:
                await check_keys(driver, keys)
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError) as error:
        why = str(error) or type(error).__name__
        raise EngineFailed(f"PostgreSQL cannot be reached for the upgrade: {why}") from error
    finally:
        await engine.dispose()


async def see_keys(database: Database) -> None:
    """See that the keys are those of the data. Raises DataKeyMissing, see `sealing.check_keys`."""
    if await is_current(database):  # where it is not, `/readyz` and the operator's log say so
        async with database.pool.acquire() as connection:
            await check_keys(connection, database.vault)


async def is_current(where: Database | str) -> bool:
    """Return whether the tables are those that this program was written for.

    `where` is an open database or the address of one.
    """
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    question = "select version_num from alembic_version"
    try:
        if isinstance(where, Database):
            found = await where.fetchval(question)
        else:
            connection = await asyncpg.connect(where, timeout=CONNECT_SECONDS)
            try:
                found = await connection.fetchval(question)
            finally:
                await connection.close()
    except asyncpg.UndefinedTableError:
        return False
    return bool(found == head)
