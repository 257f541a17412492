from collections.abc import AsyncIterator, Iterator

import pytest
from databases import DatabaseServer, database_server_running, fresh_database


@pytest.fixture(scope="session")
def database_server() -> Iterator[DatabaseServer]:
    with database_server_running() as server:
        yield server


@pytest.fixture
async def dsn(database_server: DatabaseServer) -> AsyncIterator[str]:
    async with fresh_database(database_server) as dsn:
        yield dsn
