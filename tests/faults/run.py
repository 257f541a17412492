"""`make test-faults`: what breaks in life is broken on purpose, and the records are counted.

CONTRIBUTING.md says how to read it. Ends with 1 where a figure is not as it has to be.
"""

import argparse
import asyncio
import dataclasses
import logging
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rows import LONG, ROWS, SMALL, Line, Size
from stage import both_engines, staged


async def tried(names: list[str], size: Size) -> dict[str, list[Line]]:
    """Try faults, each on a database and with workers of its own."""
    found: dict[str, list[Line]] = {}
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        async with both_engines(Path(folder)) as own:
            for name in names:
                began = time.monotonic()
                browsers = 10 if name == "R7" else 0
                async with staged(Path(folder) / name, own, browsers=browsers) as stage:
                    try:
                        lines = await ROWS[name](stage, size)
                    except Exception as error:  # noqa: BLE001 - the others are tried all the same
                        lines = [("ended with", f"{type(error).__name__}: {error}", False)]
                found[name] = lines
                took, good = time.monotonic() - began, all(line[2] for line in lines)
                said = "; ".join(f"{what}: {figure}" for what, figure, _ in lines)
                Console().print(
                    f"{name} {'passed' if good else 'FAILED'} in {took:.0f} s: {said}",
                    soft_wrap=True,
                    highlight=False,
                )
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--long", action="store_true", help="1,000 kills, 100,000 sends")
    parser.add_argument("--small", action="store_true", help="some seconds of each")
    for name in ("workers", "sends", "kills", "restarts"):
        parser.add_argument(f"--{name}", type=int)
    given = parser.parse_args()
    if strange := set(given.rows) - ROWS.keys():
        parser.error(f"no such row: {', '.join(sorted(strange))}")
    size = LONG if given.long else SMALL if given.small else Size()
    changed = {
        name: getattr(given, name)
        for name in ("workers", "sends", "kills", "restarts")
        if getattr(given, name) is not None
    }
    size = dataclasses.replace(size, **changed)
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # it tells of each restart at length
    found = asyncio.run(tried(given.rows or [*ROWS], size))
    table = Table(title="Faults")
    for name in ("", "looked at", "figure", "as it has to be"):
        table.add_column(name)
    for name, lines in found.items():
        for what, figure, good in lines:
            table.add_row(name, what, figure, "yes" if good else "[bold red]no[/]")
    Console().print(table)
    return 0 if all(good for lines in found.values() for _, _, good in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
