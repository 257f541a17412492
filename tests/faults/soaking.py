"""The soak as a row: `make test-soak` in a process of its own."""

import asyncio
import sys
from pathlib import Path

from faults.rows import Result, Row, Scale

SOAK = Path(__file__).resolve().parents[2] / "bench" / "soak.py"


async def soak(folder: Path, scale: Scale) -> Result:
    """R18: everything is used for minutes on end, and nothing may grow or be left behind."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(SOAK), "--minutes", str(scale.minutes))
    )
    try:
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    failures = [f"`make test-soak` ended with {code}, see its tables above"] if code else []
    return Result(figures={"minutes": scale.minutes}, failures=failures)


ROWS: dict[str, Row] = {"R18": soak}
