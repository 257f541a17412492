"""Databases for tests: one server per test process, a template with all tables, copies of it.

@pytest.fixture(scope="session")
def database_server() -> Iterator[DatabaseServer]:
    with database_server_running() as server:
        yield server

@pytest.fixture
async def dsn(database_server) -> AsyncIterator[str]:
    async with fresh_database(database_server) as dsn:
        yield dsn
"""

import asyncio
import inspect
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil
import pytest
from alembic import command
from sqlalchemy.ext.asyncio import create_async_engine

from erasmus_app.store.database import Database
from erasmus_app.store.embedded import embedded_postgres, embedded_valkey
from erasmus_app.store.partitioning import partition
from erasmus_app.store.sealed import Vault
from erasmus_app.store.sealing import COLUMNS, SealedColumn
from erasmus_app.store.versions import alembic_config, upgrade

TEMPLATE = "migrated"
SHARED_MEMORY, ROOM = Path("/dev/shm"), 4 << 30  # bytes: a server may keep one or two
PARTITIONED = bool(os.environ.get("TEST_PARTITIONED"))  # `make test-partitioned`
PARTS = 4
by_name_of_an_index = pytest.mark.skipif(
    PARTITIONED, reason="the indexes of partitions have names of their own"
)
PATIENCE = 60.0  # seconds; nobody waits so long where all is well
VAULT = Vault.of([b"d" * 32], b"l" * 32)


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """A server whose database `migrated` has all tables and nobody in it."""

    dsn: str
    pooled: str | None = None  # the same behind a pooler, for what is under test

    def dsn_of(self, name: str) -> str:
        return urlunsplit(urlsplit(self.pooled or self.dsn)._replace(path=f"/{name}"))

    def direct_dsn_of(self, name: str) -> str:
        """The way that no pooler is on, which is how `db upgrade` goes."""
        return urlunsplit(urlsplit(self.dsn)._replace(path=f"/{name}"))


def in_memory() -> Path | None:
    """A folder that is no disk, where this machine has one and room in it; None where it has not.

    A test's own database is ten megabytes in six hundred files: on a disk they take from two to
    ten times as long, by how busy that is.
    """
    try:
        free = shutil.disk_usage(SHARED_MEMORY).free
    except OSError:
        return None
    room = min(free, psutil.virtual_memory().available)
    return SHARED_MEMORY if room > ROOM and os.access(SHARED_MEMORY, os.W_OK) else None


@contextmanager
def database_server_running() -> Iterator[DatabaseServer]:
    """Run a server without waits for the disk, in a loop of its own."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as folder, asyncio.Runner() as runner:
        engine = embedded_postgres(Path(folder) / "data", durable=False)
        server = DatabaseServer(runner.run(engine.__aenter__()))
        try:
            runner.run(_make_template(server))
            yield server
        finally:
            runner.run(engine.__aexit__(None, None, None))


@contextmanager
def valkey_running() -> Iterator[str]:
    """Run a Valkey, and yield its address."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        engine = embedded_valkey(Path(folder) / "data")
        try:
            yield runner.run(engine.__aenter__())
        finally:
            runner.run(engine.__aexit__(None, None, None))


async def _make_template(server: DatabaseServer) -> None:
    await _execute(server, f"create database {TEMPLATE}")
    dsn = server.direct_dsn_of(TEMPLATE)
    await upgrade(dsn)
    if PARTITIONED:
        connection = await asyncpg.connect(dsn)
        await partition(connection, PARTS)
        await connection.close()


@asynccontextmanager
async def fresh_database(server: DatabaseServer) -> AsyncIterator[str]:
    """Yield the address of a new database with all tables; it is gone afterwards."""
    name = f"t{secrets.token_hex(8)}"
    await _execute(server, f"create database {name} template {TEMPLATE} strategy file_copy")
    try:
        yield server.dsn_of(name)
    finally:
        await _execute(server, f"drop database {name} with (force)")


@asynccontextmanager
async def database_of_old(server: DatabaseServer, revision: str) -> AsyncIterator[str]:
    """Yield the direct address of a database with the tables of a migration; gone afterwards."""
    name = f"old{secrets.token_hex(8)}"
    await _execute(server, f"create database {name}")
    dsn = server.direct_dsn_of(name)
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn)
    )
    config = alembic_config()
    async with engine.begin() as opened:

        def upgrade_to(connection: object) -> None:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)

        await opened.run_sync(upgrade_to)
    await engine.dispose()
    try:
        yield dsn
    finally:
        await _execute(server, f"drop database {name} with (force)")


async def _execute(server: DatabaseServer, sql: str) -> None:
    connection = await asyncpg.connect(server.dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def until(what: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until it is so; fail where it takes too long, on a machine that is busy as well."""
    async with asyncio.timeout(seconds):
        while True:
            found = what()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.01)


async def waits_for_a_lock(database: Database | asyncpg.Connection) -> bool:
    """Whether anybody in this database waits for a lock: of a row, a table or a name."""
    found: bool = await database.fetchval(
        """select exists (select from pg_stat_activity
           where wait_event_type = 'Lock' and datname = current_database())"""
    )
    return found


async def in_clear(database: Database, name: str, where: str = "true") -> list[bytes]:
    """Open the values of a sealed column, as `source_document.xml`, in the order of their rows."""
    column = _column(name)
    row = ", ".join(column.row)
    rows = await database.fetch(
        f"""select {row}, {column.column} from {column.table}
            where {column.column} is not null and {where} order by {row}"""
    )
    return [opened(database, name, each) for each in rows]


def opened(database: Database, name: str, row: asyncpg.Record) -> bytes:
    """Open a sealed column of a row that has what the value is bound to."""
    column = _column(name)
    return database.vault.open(row[column.column], *column.place(row))


def _column(name: str) -> SealedColumn:
    return next(each for each in COLUMNS if each.name == name)
