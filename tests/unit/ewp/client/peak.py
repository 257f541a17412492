"""A process that calls one partner and tells how much memory that took at most; not a test.

    python tests/unit/ewp/client/peak.py http://127.0.0.1:1234

Prints the error's code, and by how many bytes the process's peak has grown.
"""

import asyncio
import re
import sys
from pathlib import Path

HERE = Path(__file__).parents[3]
sys.path[:0] = [str(HERE), str(HERE.parent / "backend")]

import httpx  # noqa: E402
from unit.ewp.client.partner import HEI, KEY, Calls, Partner  # noqa: E402

from ewp.errors import PartnerError  # noqa: E402


def peak() -> int:
    """The most bytes that this process has had so far (Linux's VmHWM)."""
    found = re.search(r"VmHWM:\s+([0-9]+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


async def called(origin: str) -> str:
    async with httpx.AsyncClient(verify=False, trust_env=False) as http:
        calls = Calls(Partner(origin=origin), http)
        # Nothing is signed, so that the body is what stops us.
        calls.know(calls.partner.entry("echo", "2.0.1", signs=False))
        before = peak()
        try:
            await calls.client().echo(KEY, HEI, ["a"])
        except PartnerError as error:
            return f"{error.code} {peak() - before}"
        return "no error"


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(called(sys.argv[1])))
