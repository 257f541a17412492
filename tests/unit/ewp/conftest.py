"""What the tests of the registry share."""

import httpx
import pytest
from unit.ewp.registries import Clock, Registry, listening

from ewp.registry import CatalogueKeeper


@pytest.fixture
async def served():
    async with listening(Registry()) as served:
        yield served


@pytest.fixture
async def http():
    async with httpx.AsyncClient() as http:
        yield http


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "catalogue.xml"


@pytest.fixture
def keeper(http, served, path, clock):
    return CatalogueKeeper(http, served.url, path, now=clock)
