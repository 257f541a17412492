from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from testbed import Bed, bed_running


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path) as bed:
        yield bed
