from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from testbed import Bed, bed_running


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    """A backend without a worker: nothing is fetched."""
    async with bed_running(dsn, valkey, tmp_path, worker=False) as bed:
        yield bed
