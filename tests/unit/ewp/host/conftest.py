"""One host per module of tests, which run in its loop; each test begins with a world untouched."""

import pytest_asyncio
from unit.ewp.host.world import a_world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing_world():
    async with a_world() as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(standing_world):
    standing_world.begin()
    return standing_world
