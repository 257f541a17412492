"""`make test-soak`: the house of `load.py` with all doors, for ten minutes; does anything grow?

How it is measured, and how to read it: `bench/README.md`.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))

import asyncpg
import msgspec
import psutil
import structlog
from house import House, first_sync, fresh_database, until
from load import HERE, PUBLIC_URL, RESULTS, apps, at_rest, begun, inside, phones, running, said
from load import settings as of_load
from load_clients import Results
from load_students import Student, signed_in
from morning import Morning, Scale, planned
from morning import Told as TellOne
from redis.asyncio import Redis
from soak_doors import Doors, doors
from soak_table import Round, show
from sync_telling import Order as Told
from sync_telling import ahead
from watching import Watch

from erasmus_app.store.database import open_database
from erasmus_app.store.embedded import engines
from erasmus_app.store.sealed import load_vault

ROUNDS = 10
QUIET = 5.0  # seconds of a round that are left for coming to rest and for counting
SCALE = Scale(warm=0, starts=20, changes=1, bursts=1, partners=10)
LEAST = 300  # students
FIRST = 15.0  # seconds in which each door is gone through before anything counts
STAYS = 4.0  # seconds that an app with a socket is open


def slices(morning: Morning, seconds: float) -> list[Morning]:
    """Cut a morning into rounds of so many seconds; each begins at nought."""
    found = []
    for number in range(ROUNDS):
        begin = number * seconds

        def of(each: float, begin: float = begin) -> bool:
            return begin <= each < begin + seconds

        replace = msgspec.structs.replace
        found.append(
            Morning(
                starts=[replace(e, at=e.at - begin) for e in morning.starts if of(e.at)],
                told=[replace(e, at=e.at - begin) for e in morning.told if of(e.at)],
            )
        )
    return found


async def a_round(house: House, part: Morning, people: list[Student], around: Doors) -> Results:
    """Let a part of the morning happen, with all doors beside it."""
    async with apps(house, part, people, stays=STAYS) as generator:
        begin = await begun(house, part, generator)
        seconds = begin - time.time() + max(each.at for each in part.starts)
        ends = asyncio.get_running_loop().time() + seconds
        await around.until(ends)
        if await generator.wait():
            raise RuntimeError("the apps' process ended badly")
        await house.ask("told")
    return msgspec.json.decode((house.folder / RESULTS).read_bytes(), type=Results)


async def count(house: House, database: str, ours: Mapping[str, psutil.Process]) -> Round:
    """Wait until nobody asks and nothing is left to do, then count what is held."""
    connection = await asyncpg.connect(database)
    redis = Redis.from_url(house.own.redis_url)
    try:
        await until(lambda: at_rest(connection), "the workers do not come to rest")

        async def alone() -> bool:
            return not any(
                each.laddr.port in house.ports and each.status == psutil.CONN_ESTABLISHED
                for name, process in ours.items()
                if name.startswith("api")
                for each in process.net_connections("tcp")
            )

        await until(alone, "somebody does not leave")
        held = await inside(house, ours)
        return Round(
            at=time.monotonic(),
            held=held,
            handles={name: each.num_fds() for name, each in ours.items()},
            memory={name: each.memory_info().rss for name, each in ours.items()},
            connections=await connection.fetchval(
                "select count(*) from pg_stat_activity where application_name = 'erasmus-app'"
            ),
            clients=len(await redis.client_list()) - 1,
        )
    finally:
        await redis.aclose()
        await connection.close()


async def measured(minutes: float) -> bool:
    """Run everything for so long; returns whether nothing grows and nothing is wrong."""
    seconds = minutes * 60 / ROUNDS - QUIET
    whole = seconds * ROUNDS
    changes = int(whole * SCALE.changes * 1.2) + 50
    scale = msgspec.structs.replace(SCALE, seconds=whole, students=max(LEAST, changes))
    parts = slices(planned(scale), seconds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the engines' own user has to pass
        async with AsyncExitStack() as stack:
            own = await stack.enter_async_context(engines(folder / "engines"))
            house = House(folder, own, scale.partners, 2)
            house.command = [str(HERE / "watched.py")]
            stack.enter_context(house.network(scale.students))
            services, _ = await stack.enter_async_context(phones(folder))
            around = await doors(stack, house)
            house.more = of_load(house, services) | around.settings(folder)
            return await _run(house, scale, parts, around, timedelta(minutes=minutes + 60))


async def _run(
    house: House, scale: Scale, parts: Sequence[Morning], around: Doors, lasts: timedelta
) -> bool:
    database = await fresh_database(house.own, "soak")
    said("reading every partner")
    await first_sync(house, database)
    said(f"signing in {scale.students:,} students")
    vault = load_vault(house.folder / "engines" / "data-keys", house.folder)
    key = house.folder / "session.pem"
    async with open_database(database, vault) as tables:
        everybody = range(scale.students)
        people = await signed_in(tables, key, PUBLIC_URL, everybody, scale.partners, lasts)
        around.students = people
        await around.allow(tables, key, datetime.now(UTC) + lasts)
    rounds, wrong = [], []
    with running(house, database, 2) as ours:
        await house.until_ready()
        await house.until_understood()
        said("filling what processes keep")
        every = [TellOne(at=n / 100, mobility=n) for n in range(scale.students)]
        begin = time.time() + ahead(every)
        order = Told(begin=begin, ports=house.ports, told=every)
        await house.ask("tell", **msgspec.to_builtins(order))
        await around.fill(key)
        await around.until(asyncio.get_running_loop().time() + FIRST)
        await house.ask("told")
        watch = Watch(dict(ours))
        watch.begin()
        for number, part in enumerate(parts, 1):
            results = await a_round(house, part, people, around)
            wrong += results.errors
            rounds.append(await count(house, database, ours))
            said(f"round {number} of {len(parts)}: {sum(around.opened.values()):,} doors so far")
        watch.end()
    return show(watch, rounds, around.opened, around.failures + wrong)


def _silent(*_: Any) -> Any:
    """Say nothing of what the sandbox's services log."""
    raise structlog.DropEvent


if __name__ == "__main__":
    structlog.configure(processors=[_silent])
    parser = argparse.ArgumentParser(prog="make test-soak")
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()
    if given.minutes * 60 / ROUNDS <= QUIET:
        parser.error(f"--minutes: {ROUNDS} rounds need more than that")
    sys.exit(0 if asyncio.run(measured(given.minutes)) else 1)
