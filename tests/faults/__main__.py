"""`make test-faults`: processes are killed, engines restarted, push services refuse.

make test-faults ARGS="R1 R7 --kills 10 --sends 1000"
"""

import argparse
import asyncio
import logging
import re
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import structlog
from faults import backup_rows, engine_rows, killed, rolling, rows, soaking, suites
from faults.engine_rows import Skipped
from faults.rows import Result, Row, Scale
from rich.console import Console
from rich.table import Table

FOUND: dict[str, Row] = {}
for _each in (rows, rolling, killed, engine_rows, backup_rows, soaking, suites):
    FOUND |= _each.ROWS


def _place(name: str) -> tuple[int, str]:
    """R2, R3, R3b, R10; words behind them."""
    return int(re.sub(r"\D", "", name) or 99), name


ROWS = {name: FOUND[name] for name in sorted(FOUND, key=_place)}
console = Console(soft_wrap=True, highlight=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make test-faults", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {' '.join(ROWS)}; all of them")
    for name, usual in asdict(Scale()).items():
        unit = "seconds" if isinstance(usual, float) else None
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=type(usual), default=usual, help=unit
        )
    parser.add_argument("--keep", action="store_true", help="leave records and logs where they are")
    given = vars(parser.parse_args())
    wanted, keep = given.pop("rows") or list(ROWS), given.pop("keep")
    if strange := [each for each in wanted if each not in ROWS]:
        parser.error(f"no such row: {', '.join(strange)}")
    scale = Scale(**given)
    structlog.configure(processors=[_silent])
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # its pool, while the server is away
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    folder.chmod(0o755)  # the engines' own user has to pass
    found: dict[str, tuple[Result, float]] = {}
    for name in wanted:
        began = time.monotonic()
        try:
            result = asyncio.run(ROWS[name](folder / name, scale))
        except Skipped as why:
            result = Result(skipped=str(why))
        except Exception as error:  # noqa: BLE001 - the other rows are still to be tried
            console.print_exception()
            result = Result(failures=[f"did not end: {type(error).__name__}: {error}"])
        found[name] = result, time.monotonic() - began
        _tell(name, *found[name])
    _table(found)
    failed = any(result.failures for result, _ in found.values())
    if keep or failed:
        console.print(f"records and logs: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


def _silent(logger: object, method: str, event: object) -> object:
    raise structlog.DropEvent


def _tell(name: str, result: Result, seconds: float) -> None:
    verdict = _verdict(result)
    figures = ", ".join(f"{what} {value}" for what, value in result.figures.items())
    console.print(f"{name} {verdict} in {seconds:.0f} s: {figures}", markup=False)
    for each in result.failures:
        console.print(f"   {each}", markup=False)


def _verdict(result: Result) -> str:
    if result.skipped:
        return f"skipped ({result.skipped})"
    return "failed" if result.failures else "passed"


def _table(found: dict[str, tuple[Result, float]]) -> None:
    table = Table("row", "what", "verdict", "figures")
    for name, (result, _) in found.items():
        what = (ROWS[name].__doc__ or "").partition(": ")[2].strip()
        figures = "\n".join(f"{what}: {value}" for what, value in result.figures.items())
        table.add_row(name, what, _verdict(result), figures)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
