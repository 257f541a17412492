"""Engines on the same machine are reached by their Unix sockets, as docs/operations advises."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pooler
import pytest
from balancer import in_turns
from databases import VAULT

from erasmus_app.store.database import open_database
from erasmus_app.store.keys import open_redis
from erasmus_app.store.versions import upgrade


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short path: a socket's may have no more than about 100 bytes."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    return listener


async def test_tables_are_made_and_read_through_the_socket_of_postgresql(dsn: str, place: Path):
    server = pooler.past(dsn) or dsn
    parts = urlsplit(server)
    login, _, _ = parts.netloc.rpartition("@")
    address = f"postgresql://{login}@{parts.path}?host={place}&port=5432&sslmode=disable"
    async with in_turns([server], listening(place / ".s.PGSQL.5432")):
        await upgrade(address)
        async with open_database(address, VAULT) as database:
            assert await database.fetchval("select current_database()") == parts.path[1:]
            assert await database.fetchval("select count(*) from account") == 0


async def test_keys_are_written_through_the_socket_of_valkey(valkey: str, place: Path):
    parts = urlsplit(valkey)
    async with in_turns([valkey], listening(place / "valkey.sock")):
        redis = open_redis(f"unix://:{parts.password}@{place}/valkey.sock?db=0")
        try:
            await redis.set("by-socket", "came", ex=60)
            assert await redis.get("by-socket") == b"came"
        finally:
            await redis.aclose()
