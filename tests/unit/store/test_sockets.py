"""Engines on the same machine are reached by their Unix sockets, as docs/operations advises."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pooler
import pytest
from databases import VAULT

from erasmus_app.store.database import open_database
from erasmus_app.store.keys import open_redis
from erasmus_app.store.versions import upgrade


@pytest.fixture
async def place() -> AsyncIterator[Path]:
    """A folder with a short path: a socket's may have no more than about 100 bytes."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@asynccontextmanager
async def leading(socket: Path, address: str) -> AsyncIterator[None]:
    """Let a socket lead to a server that listens on a port."""
    parts = urlsplit(address)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, answers = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(pass_on(reader, answers), pass_on(there, writer))

    server = await asyncio.start_unix_server(connected, socket)
    try:
        yield
    finally:
        server.close()


async def test_tables_are_made_and_read_through_the_socket_of_postgresql(dsn: str, place: Path):
    server = pooler.past(dsn) or dsn
    parts = urlsplit(server)
    login, _, _ = parts.netloc.rpartition("@")
    address = f"postgresql://{login}@{parts.path}?host={place}&port=5432&sslmode=disable"
    async with leading(place / ".s.PGSQL.5432", server):
        await upgrade(address)
        async with open_database(address, VAULT) as database:
            assert await database.fetchval("select current_database()") == parts.path[1:]
            assert await database.fetchval("select count(*) from account") == 0


async def test_keys_are_written_through_the_socket_of_valkey(valkey: str, place: Path):
    parts = urlsplit(valkey)
    async with leading(place / "valkey.sock", valkey):
        redis = open_redis(f"unix://:{parts.password}@{place}/valkey.sock?db=0")
        try:
            await redis.set("by-socket", "came", ex=60)
            assert await redis.get("by-socket") == b"came"
        finally:
            await redis.aclose()
