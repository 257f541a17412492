"""Figures of the moment: asked seldom, and shown without those of an engine that is away."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from databases import VAULT
from redis.asyncio import Redis

from erasmus_app.bootstrap.measuring import AGAIN_SECONDS, Figures
from erasmus_app.ids import HeiId
from erasmus_app.kit.clock import utc_now
from erasmus_app.partners.breakers import Breakers, Silent
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.embedded.folder import free_port
from erasmus_app.store.measures import Measures
from ewp.errors import CatalogueUnavailable

COVERED, UNLISTED = HeiId("ribeira.example"), HeiId("outono.example")


@dataclass
class Keeper:
    """As much of the catalogue's keeper as is asked: it lists the key of one HEI."""

    age: timedelta | None = timedelta(hours=2)

    @property
    def current(self) -> Any:
        if self.age is None:
            raise CatalogueUnavailable
        return SimpleNamespace(heis_of_client_key=lambda _: {COVERED})


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Shown:
    """Figures over real engines, and a clock that is turned by hand."""

    database: Database
    redis: Redis
    folder: Path
    keeper: Keeper = field(default_factory=Keeper)
    clock: Clock = field(default_factory=Clock)
    breakers: Breakers = field(default_factory=lambda: Breakers(utc_now))

    def __post_init__(self) -> None:
        key = SimpleNamespace(key_id="a-key")
        self.figures = Figures(
            measures=Measures(self.database, timedelta(0)),
            database=self.database,
            redis=self.redis,
            catalogue=self.keeper,  # type: ignore[arg-type]
            keys={COVERED: key, UNLISTED: key},  # type: ignore[dict-item]
            breakers=self.breakers,
            channels={},
            data_dir=self.folder,
            clock=self.clock,
        )

    async def values(self, name: str) -> dict[tuple[str, ...], float] | None:
        found = {each.name: dict(each.values) for each in await self.figures.figures()}
        return found.get(name)


@pytest.fixture
async def here(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Shown]:
    async with open_database(dsn, VAULT) as database, Redis.from_url(valkey) as redis:
        yield Shown(database, redis, tmp_path)


async def test_the_engines_are_asked_once_in_ten_seconds_however_many_ask(here: Shown):
    assert await here.values("erasmus_polls") == {
        (api, state): 0
        for api in ("omobilities", "imobilities", "omobility-las", "imobility-tors")
        for state in ("first", "synchronised")
    }
    await here.database.execute(
        "insert into poll_state (tenant, hei_id, api) values ('a', 'b', 'omobilities')"
    )
    here.clock.now += AGAIN_SECONDS - 0.1
    before = await here.values("erasmus_polls")
    here.clock.now += 0.1
    after = await here.values("erasmus_polls")

    assert before is not None
    assert after is not None
    assert (before["omobilities", "first"], after["omobilities", "first"]) == (0, 1)


async def test_an_engine_that_is_away_takes_its_own_figures_along_and_no_others(here: Shown):
    both = {("postgresql",): 1.0, ("valkey",): 1.0}
    assert await here.values("erasmus_engine_up") == both
    await here.database.pool.close()
    async with Redis.from_url(f"redis://127.0.0.1:{free_port()}/0") as nobody:
        here.figures.redis = nobody
        here.clock.now += AGAIN_SECONDS
        assert await here.values("erasmus_engine_up") == dict.fromkeys(both, 0.0)
    assert await here.values("erasmus_jobs") is None
    assert await here.values("ewp_catalogue_age_seconds") == {(): 7200.0}


async def test_what_the_process_itself_knows_is_of_now(here: Shown):
    assert await here.values("ewp_keys_unlisted") == {(): 1}
    assert await here.values("erasmus_circuit_state") == {}
    free = await here.values("erasmus_data_dir_free_bytes")
    assert free is not None
    assert free[()] > 0

    here.keeper.age = None
    with pytest.raises(Silent):
        async with here.breakers.call("ewp.lindental.example", COVERED, "omobilities"):
            raise Silent
    here.figures.data_dir = Path("/nowhere")
    assert await here.values("ewp_keys_unlisted") == {}
    assert await here.values("ewp_catalogue_age_seconds") == {}
    assert await here.values("erasmus_data_dir_free_bytes") == {}
    assert await here.values("erasmus_circuit_state") == {("partner:ewp.lindental.example",): 2.0}


async def test_connections_are_counted_by_whether_somebody_has_them(here: Shown):
    await here.figures.figures()  # which has opened the first
    async with here.database.pool.acquire():
        held = await here.values("erasmus_database_pool_connections")
    assert held == {("busy",): 1, ("idle",): 0, ("most",): 10}
