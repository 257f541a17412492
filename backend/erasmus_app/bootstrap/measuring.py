"""What `/metrics` shows of this process beside what it has counted: engines, circuits, work."""

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic

from redis.asyncio import Redis
from redis.exceptions import RedisError

from erasmus_app.ids import HeiId
from erasmus_app.notifications.ports import Channel
from erasmus_app.partners.breakers import Breakers
from erasmus_app.push.lanes import HasCircuits
from erasmus_app.store.database import AWAY, Database
from erasmus_app.store.measures import Measures
from erasmus_app.telemetry.exposition import Figure
from ewp.errors import CatalogueUnavailable
from ewp.keys import PrivateKey
from ewp.registry import CatalogueKeeper

AGAIN_SECONDS = 10.0  # however many ask, and however often
ENGINE_SECONDS = 3.0  # for an engine to answer: who asks has not much longer


@dataclass(kw_only=True, slots=True)
class Figures:
    """Figures of the moment; those that an engine is asked for at most every ten seconds."""

    measures: Measures
    database: Database
    redis: Redis
    catalogue: CatalogueKeeper
    keys: Mapping[HeiId, PrivateKey]
    breakers: Breakers
    channels: Mapping[str, Channel]
    data_dir: Path
    clock: Callable[[], float] = monotonic
    _asked: list[Figure] = field(default_factory=list)
    _asked_at: float | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def figures(self) -> list[Figure]:
        """Return all of them; without those of an engine that is away."""
        async with self._turn:
            if self._asked_at is None or self.clock() - self._asked_at >= AGAIN_SECONDS:
                self._asked = await self._ask()
                self._asked_at = self.clock()
        return [*self._asked, *self._of_the_process()]

    async def _ask(self) -> list[Figure]:
        found = list[Figure]()
        up: dict[tuple[str, ...], float] = {("postgresql",): 1.0, ("valkey",): 1.0}
        try:
            async with asyncio.timeout(ENGINE_SECONDS):
                found += await self.measures.figures()
        except AWAY:
            up["postgresql",] = 0.0
        try:
            async with asyncio.timeout(ENGINE_SECONDS):
                await self.redis.ping()
        except (RedisError, OSError, TimeoutError):
            up["valkey",] = 0.0
        says = "Whether an engine answers this process."
        return [*found, Figure("erasmus_engine_up", says, ("engine",), up)]

    def _of_the_process(self) -> Iterator[Figure]:
        pool, age = self.database.pool, self.catalogue.age
        yield Figure(
            "erasmus_database_pool_connections",
            "Connections of this process's pool: in use, idle, and the most there can be.",
            ("state",),
            {
                ("busy",): pool.get_size() - pool.get_idle_size(),
                ("idle",): pool.get_idle_size(),
                ("most",): pool.get_max_size(),
            },
        )
        circuits: dict[tuple[str, ...], float]
        circuits = {(f"partner:{host}",): state for host, state in self.breakers.circuits().items()}
        for channel in self.channels.values():
            if isinstance(channel, HasCircuits):
                circuits |= {(name,): state for name, state in channel.circuits().items()}
        yield Figure(
            "erasmus_circuit_state",
            "Whom this process leaves alone: 0 nobody, 1 one call tries, 2 all wait. A partner "
            "that answers has no line.",
            ("target",),
            circuits,
        )
        yield Figure.one(
            "ewp_catalogue_age_seconds",
            "Since the registry has confirmed the catalogue.",
            None if age is None else age / timedelta(seconds=1),
        )
        yield Figure.one(
            "ewp_keys_unlisted",
            "Covered universities whose key the catalogue does not list: partners refuse them.",
            self._unlisted(),
        )
        yield Figure.one(
            "erasmus_data_dir_free_bytes",
            "Room on the disk of DATA_DIR.",
            _free(self.data_dir),
        )

    def _unlisted(self) -> int | None:
        try:
            catalogue = self.catalogue.current
        except CatalogueUnavailable:
            return None
        return sum(
            hei not in catalogue.heis_of_client_key(key.key_id) for hei, key in self.keys.items()
        )


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
