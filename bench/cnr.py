"""`make bench-cnr`: a storm of change notifications against a real API process.

How it is measured, and how to read it: `bench/README.md`.
"""

import argparse
import asyncio
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))

import asyncpg
import structlog
from rich.console import Console
from rich.table import Table

from erasmus_app.store.embedded import Engines, engines
from ewp.ids import HeiId
from ewp.signing import sign_request
from sandbox.serving import listen
from sandbox.world import World, world

COVERED, PARTNER = HeiId("ribeira.example"), HeiId("clairval.example")
CONNECTIONS = 16
REPEATS = 100  # of each mobility: 99 % of what comes is known already


def signed(around: World, url: str, number: int, of: int) -> list[bytes]:
    """Return whole HTTP requests, signed beforehand: the load must not be ours."""
    parts, made = urlsplit(url), []
    for each in range(number):
        body = urlencode({"omobility_id": f"storm-{each % of}"}).encode()
        headers = sign_request(
            around.network.keys[PARTNER],
            method="POST",
            url=url,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=body,
            now=datetime.now(UTC),
        )
        lines = [f"POST {parts.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        lines.append(f"Content-Length: {len(body)}")
        made.append("\r\n".join([*lines, "", ""]).encode() + body)
    return made


async def one_sender(
    address: tuple[str, int], requests: list[bytes], start: float, step: float
) -> list[tuple[float, int]]:
    """Send at fixed moments over one connection; a late answer delays nobody's clock."""
    reader, writer = await asyncio.open_connection(*address)
    found = []
    for number, request in enumerate(requests):
        due = start + number * step
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        await reader.readexactly(length)
        found.append((time.perf_counter() - due, int(head.split(b" ", 2)[1])))
    writer.close()
    return found


async def storm(
    address: tuple[str, int], requests: list[bytes], rate: float
) -> list[tuple[float, int]]:
    """Send all of them at `rate` a second."""
    start = time.perf_counter() + 0.2
    shares = [requests[each::CONNECTIONS] for each in range(CONNECTIONS)]
    senders = (
        one_sender(address, share, start + number / rate, CONNECTIONS / rate)
        for number, share in enumerate(shares)
    )
    return [each for found in await asyncio.gather(*senders) for each in found]


async def measured(seconds: float, rate: float) -> None:
    """Start everything, send, and print what came of it."""
    with tempfile.TemporaryDirectory() as name:
        folder, listener = Path(name), listen()
        address = listener.getsockname()[:2]
        listener.close()
        async with engines(folder / "data") as own, world(folder / "sandbox", address) as around:
            with _api(around, own, folder) as process:
                url = await _receiver(around)
                number = int(seconds * rate)
                requests = signed(around, url, number, max(1, number // REPEATS))
                before, began = _cpu_seconds(process.pid), time.perf_counter()
                found = await storm(address, requests, rate)
                took = time.perf_counter() - began
                cpu = _cpu_seconds(process.pid) - before
            connection = await asyncpg.connect(own.database_url)
            jobs = await connection.fetchval("select count(*) from job where kind = 'refresh'")
            await connection.close()
    _print(found, took, rate, cpu, jobs, max(1, number // REPEATS))


def _api(around: World, own: Engines, folder: Path) -> subprocess.Popen[bytes]:
    environment = (
        os.environ
        | around.environment
        | {
            "ERASMUS_APP_DATABASE_URL": own.database_url,
            "ERASMUS_APP_REDIS_URL": own.redis_url,
            "ERASMUS_APP_DATA_DIR": str(folder / "backend"),
            "ERASMUS_APP_CNR_DEBOUNCE_SECONDS": "600",  # nothing is fetched meanwhile
        }
    )
    return subprocess.Popen(
        [sys.executable, "-m", "erasmus_app.cli", "api", "--until-stdin-closes"],
        env=environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


async def _receiver(around: World) -> str:
    async with asyncio.timeout(30):
        while not await around.network.read_manifests():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.2)
    entry = around.network.known().entry(COVERED, "omobility-cnr", 2)
    assert entry is not None
    return entry.urls["url"]


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _print(
    found: list[tuple[float, int]], took: float, rate: float, cpu: float, jobs: int, known: int
) -> None:
    waits = sorted(wait for wait, _ in found)
    good = sum(status == 200 for _, status in found)
    p99 = waits[int(len(waits) * 0.99) - 1]
    rows = [
        ("asked for", f"{rate:,.0f} /s", "", ""),
        ("answered", f"{len(found) / took:,.0f} /s", "", ""),
        ("with 200", f"{good:,} of {len(found):,}", "all", _met(good == len(found))),
        ("median", f"{statistics.median(waits) * 1e3:.1f} ms", "", ""),
        ("p99", f"{p99 * 1e3:.1f} ms", "< 100 ms", _met(p99 < 0.1)),
        ("CPU of the API", f"{cpu / len(found) * 1e3:.2f} ms each", "", ""),
        ("fetches waiting", f"{jobs:,}", f"{known:,}, one a mobility", _met(jobs == known)),
    ]
    table = Table(title="Change notifications, signed, 99 % repeats, one API process")
    for name in ("", "measured", "aim", "met"):
        table.add_column(name)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _met(yes: bool) -> str:
    return "yes" if yes else "no"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=1000)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    asyncio.run(measured(given.seconds, given.rate))
