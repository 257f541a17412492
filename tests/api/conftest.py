from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from databases import DatabaseServer, database_server_running, fresh_database, valkey_running
from testbed import Bed, bed_running


@pytest.fixture(scope="session")
def database_server() -> Iterator[DatabaseServer]:
    with database_server_running() as server:
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    with valkey_running() as url:
        yield url


@pytest.fixture
async def dsn(database_server: DatabaseServer) -> AsyncIterator[str]:
    async with fresh_database(database_server) as dsn:
        yield dsn


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    """A backend without a worker: nothing is fetched."""
    async with bed_running(dsn, valkey, tmp_path, worker=False) as bed:
        yield bed
