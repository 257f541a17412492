"""PostgreSQL through asyncpg: a pool, transactions, and ears for its notifications."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from erasmus_app.errors import EngineFailed

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x45_57_50  # one upgrade at a time, whoever starts it


@dataclass(frozen=True, slots=True)
class Database:
    """A pool of connections. Each method takes one and gives it back."""

    pool: asyncpg.Pool
    dsn: str

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
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[asyncio.Event]:
        """Yield an event that is set at each NOTIFY; connects again where the server went away."""
        heard = asyncio.Event()
        task = asyncio.create_task(self._listen(channel, heard))
        try:
            yield heard
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _listen(self, channel: str, heard: asyncio.Event) -> None:
        while True:
            gone = asyncio.Event()
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await asyncpg.connect(self.dsn)
                try:
                    connection.add_termination_listener(lambda _, gone=gone: gone.set())
                    await connection.add_listener(channel, lambda *_: heard.set())
                    heard.set()  # something may have come while nobody listened
                    await gone.wait()
                finally:
                    connection.terminate()
            await asyncio.sleep(0.5)


async def _nothing(_connection: asyncpg.Connection) -> None:
    """Leave out the round trip that resets a connection: we change no session state."""


@asynccontextmanager
async def open_database(dsn: str, *, size: int = 10) -> AsyncIterator[Database]:
    """Open a pool. Raises EngineFailed where the server cannot be reached."""
    try:
        pool = await asyncpg.create_pool(dsn, min_size=1, max_size=size, reset=_nothing)
    except (OSError, asyncpg.PostgresError) as error:
        raise EngineFailed(f"PostgreSQL cannot be reached: {error}") from error
    try:
        yield Database(pool, dsn)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await pool.close()
        pool.terminate()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


async def upgrade(dsn: str) -> None:
    """Bring the tables up to date; processes that start together take turns."""
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn)
    )

    def run(connection: Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql(f"select pg_advisory_xact_lock({MIGRATION_LOCK})")
            await connection.run_sync(run)
    finally:
        await engine.dispose()


async def is_current(database: Database) -> bool:
    """Return whether the tables are those that this program was written for."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    try:
        found = await database.fetchval("select version_num from alembic_version")
    except asyncpg.UndefinedTableError:
        return False
    return bool(found == head)
