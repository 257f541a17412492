"""`make bench-sync`: a first synchronisation, a day of changes, and partners that hang.

How it is measured, and how to read it: `bench/README.md`.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))

import asyncpg
from house import House, cpu_seconds, first_sync, fresh_database, idle, until
from rows import show, yes_or_no

from erasmus_app.store.embedded import Engines, engines

DAY = 0.03  # of the mobilities change on a busy day


@dataclass(frozen=True)
class Sync:
    """What one first synchronisation took."""

    seconds: float
    cpu: float  # of the worker
    objects: int
    mobilities: int


@dataclass(frozen=True)
class Day:
    """What a day of changes took."""

    seconds: float
    cpu: float
    changes: int
    events: int


async def a_day(house: House, database: str) -> Day:
    """Let a share of everything change, announced and not, and everybody be polled once."""
    connection = await asyncpg.connect(database)
    with house.process("api", database), house.process("worker", database) as pid:
        await house.until_ready()
        await until(lambda: idle(connection), "the worker does not come to rest")
        began, cpu = time.perf_counter(), cpu_seconds(pid)
        changes = (await house.ask("day", share=DAY))["changes"]
        moment = await connection.fetchval("select now()")

        async def done() -> bool:
            left = await connection.fetch(
                """update job set due = least(due, now()) from poll_state as state
                   where kind = 'poll' and payload ->> 'hei_id' = state.hei_id
                       and payload ->> 'api' = state.api and last_success_began_at < $1
                   returning 1""",
                moment,
            )
            return not left and await idle(connection)

        await until(done, "the day does not end")
        seconds, spent = time.perf_counter() - began, cpu_seconds(pid) - cpu
    events = await connection.fetchval("select count(*) from event where not silent")
    await connection.close()
    return Day(seconds, spent, changes, int(events))


async def measured(partners: int, mobilities: int, *, hanging: bool) -> None:
    """Measure everything and print it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with engines(folder / "engines") as own:
            house = House(folder, own, partners)
            with house.network(mobilities):
                kept = await house.ask("objects")
                database = await fresh_database(own, "sync")
                seconds, cpu = await first_sync(house, database)
                sync = Sync(seconds, cpu, kept["objects"], kept["mobilities"])
                day = await a_day(house, database)
                times = await _with_and_without(house, own) if hanging else None
    _print(sync, day, partners, times)


async def _with_and_without(house: House, own: Engines) -> tuple[float, float]:
    """Time the healthy partners' first synchronisation, the others absent, then hanging."""
    some = [f"partner-{number:03}.example" for number in range(0, house.partners, 10)]
    found = []
    for trouble in ("absent", "hanging"):
        told = {"absent": [], "hanging": []} | {trouble: some}
        await house.ask("trouble", **told)
        database = await fresh_database(own, trouble)
        seconds, _ = await first_sync(house, database, without=frozenset(some))
        found.append(seconds)
    return found[0], found[1]


def _print(sync: Sync, day: Day, partners: int, times: tuple[float, float] | None) -> None:
    rows = [
        ("partners, mobilities", f"{partners:,}, {sync.mobilities:,}", "", ""),
        ("first synchronisation", f"{sync.objects:,} objects in {sync.seconds:.1f} s", "", ""),
        ("", f"{sync.objects / sync.seconds:,.0f} objects/s", "", ""),
        ("", f"{sync.cpu / sync.objects * 1e3:.2f} ms CPU of the worker each", "", ""),
        ("a day of changes", f"{day.changes:,} changes in {day.seconds:.1f} s", "", ""),
        ("", f"{day.cpu:.1f} s CPU of the worker", "", ""),
        ("events", f"{day.events:,}", "one a change", yes_or_no(day.events == day.changes)),
    ]
    if times is not None:
        absent, hangs = times
        ratio = hangs / absent
        rows += [
            ("healthy ones, 10 % absent", f"{absent:.1f} s", "", ""),
            ("healthy ones, 10 % hanging", f"{hangs:.1f} s", "", ""),
            ("", f"{ratio:.3f} ×", "< 1.05 ×", yes_or_no(ratio < 1.05)),
        ]
    show("Keeping up: one worker process, partners and PostgreSQL on 2 cores", rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--partners", type=int, default=200)
    parser.add_argument("--mobilities", type=int, default=20_000)
    parser.add_argument("--no-hanging", action="store_true", help="leave the last part out")
    given = parser.parse_args()
    asyncio.run(measured(given.partners, given.mobilities, hanging=not given.no_hanging))
