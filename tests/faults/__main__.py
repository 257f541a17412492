"""`make test-faults`: processes are killed, engines restarted, push services refuse.

make test-faults ARGS="R1 R7 --kills 10 --sends 1000"
"""

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
import time
from pathlib import Path

import structlog
from faults.rows import ROWS, Result, Scale
from faults.soaking import soak
from rich.console import Console
from rich.table import Table

ROWS["R18"] = soak
console = Console(soft_wrap=True, highlight=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make test-faults", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {' '.join(ROWS)}; all of them")
    fields = Scale()
    for name in ("kills", "sends", "restarts", "workers"):
        parser.add_argument(f"--{name}", type=int, default=getattr(fields, name))
    for name, unit in (("outage", "seconds"), ("lease", "seconds"), ("minutes", "of R18")):
        parser.add_argument(f"--{name}", type=float, default=getattr(fields, name), help=unit)
    parser.add_argument("--keep", action="store_true", help="leave records and logs where they are")
    given = vars(parser.parse_args())
    rows, keep = given.pop("rows") or list(ROWS), given.pop("keep")
    if strange := [each for each in rows if each not in ROWS]:
        parser.error(f"no such row: {', '.join(strange)}")
    scale = Scale(**given)
    structlog.configure(processors=[_silent])
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # its pool, while the server is away
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    folder.chmod(0o755)  # the engines' own user has to pass
    found: dict[str, tuple[Result, float]] = {}
    for name in rows:
        began = time.monotonic()
        try:
            result = asyncio.run(ROWS[name](folder / name, scale))
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
    verdict = "failed" if result.failures else "passed"
    figures = ", ".join(f"{what} {value}" for what, value in result.figures.items())
    console.print(f"{name} {verdict} in {seconds:.0f} s: {figures}", markup=False)
    for each in result.failures:
        console.print(f"   {each}", markup=False)


def _table(found: dict[str, tuple[Result, float]]) -> None:
    table = Table("row", "what", "verdict", "figures")
    for name, (result, _) in found.items():
        what = (ROWS[name].__doc__ or "").partition(": ")[2].strip()
        figures = "\n".join(f"{what}: {value}" for what, value in result.figures.items())
        table.add_row(name, what, "failed" if result.failures else "passed", figures)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
