"""`make bench-scale`: a year of mobile students, what it costs, and what Europe would need.

A database grows to the wanted number of students; at each size the same work is measured. What is
not measured here comes from `rates.toml`, which says by which bench.
"""

import argparse
import asyncio
import os
import platform
import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # not first: a bench is called as our package

import asyncpg
from home_students import fill, leave
from measuring import load, processor
from rich.console import Console
from rows import duration
from scale.costs import Cost, Desk, costs
from scale.filling import home_of, rows_of_a_year
from scale.model import Assumptions, year
from scale.paper import Sizes, needs, the_year

from erasmus_app.store.database import open_database
from erasmus_app.store.embedded import engines
from erasmus_app.store.sealed import load_vault

STEPS = (0.1, 1.0)  # of the students that are wanted
LONGEST = 7200.0  # seconds that a vacuum may take
SEED = 20_27


async def run(console: Console, given: argparse.Namespace) -> None:
    """Grow a database, measure, and print."""
    of = Assumptions()
    share = of.active / of.students
    the_year(console, year(of))
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the engines' own user has to pass
        async with engines(folder) as own:
            vault = load_vault(None, folder)
            connection = await asyncpg.connect(own.database_url)
            there = gone = 0
            first: list[Cost] | None = None
            for step in STEPS:
                students = int(given.students * step)
                active = int(students * share)
                began = time.monotonic()
                await fill(
                    connection,
                    vault,
                    range(there, active),
                    mobilities=1,
                    home_of=partial(home_of, heis=of.heis),
                    beside=partial(rows_of_a_year, of=of, vault=vault),
                )
                await leave(connection, vault, range(gone, students - active))
                there, gone = active, students - active
                await connection.execute("vacuum analyze", timeout=LONGEST)
                sizes = await Sizes.read(connection, active, students)
                console.print(
                    f"{students:,} students, {active:,} with a stay: {sizes.whole / 1e9:.2f} GB, "
                    f"written in {time.monotonic() - began:.0f} s"
                )
                async with open_database(own.database_url, vault) as database:
                    desk = Desk(database, active, of.heis, random.Random(SEED))
                    found = await costs(desk, min(given.times, active // 2))
                first = first or found
                for one, at_first in zip(found, first, strict=True):
                    console.print(
                        f"  {one.name}: p50 {duration(one.p50)}, p99 {duration(one.p99)}; "
                        f"CPU ours {duration(one.ours)}, PostgreSQL {duration(one.postgres)} "
                        f"({one.cpu / at_first.cpu - 1:+.0%}); WAL {one.wal:,.0f} B"
                    )
            await connection.close()
    needs(console, year(of), found, sizes)


def main(given: argparse.Namespace) -> None:
    """Print what was asked for."""
    console = Console(width=110, highlight=False)
    console.print(
        f"{processor()}, {os.cpu_count()} cores, load {load()}, Python {platform.python_version()}"
    )
    if given.paper:
        the_year(console, year(Assumptions()))
        return
    asyncio.run(run(console, given))
    console.print(f"load {load()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make bench-scale", description=__doc__)
    parser.add_argument("--students", type=int, default=1_000_000, help="1 million")
    parser.add_argument("--times", type=int, default=3_000, help="each piece of work; 3,000")
    parser.add_argument("--folder", help="where the database lies, with room for it")
    parser.add_argument("--paper", action="store_true", help="the year alone: nothing is measured")
    main(parser.parse_args())
