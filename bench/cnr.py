"""`make bench-cnr`: a storm of change notifications, and what it leads to.

How it is measured, and how to read it: `bench/README.md`.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode, urlsplit

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))

import asyncpg
from house import House, cpu_seconds, first_sync, fresh_database, idle, until
from rows import show, yes_or_no

from erasmus_app.store.embedded import engines
from ewp.keys import PrivateKey
from ewp.signing import sign_request
from sandbox.cast import COVERED

PARTNERS = 10
CONNECTIONS = 16
REPEATS = 100  # of each mobility: 99 % of what comes is known already
REAL_CHANGES = 5  # times during the storm at which one open nomination of ten is decided
MINUTE = 60.0
LATE = 0.5  # seconds by which two looks may lie closer, as seen from the partner's side


@dataclass
class Found:
    """What the storm brought."""

    answers: list[tuple[float, int]] = field(default_factory=list)  # seconds of wait, status
    took: float = 0
    api_cpu: float = 0
    worker_cpu: float = 0
    changes: int = 0
    events: int = 0
    gaps: list[float] = field(default_factory=list)  # seconds between two fetches of one object
    fetches: int = 0


def signed(house: House, number: int, repeats: int = REPEATS) -> list[bytes]:
    """Return whole HTTP requests, signed beforehand: the load must not be ours.

    Each incoming mobility is named `repeats` times.
    """
    host, path = "backend.example", f"/ewp/{COVERED.hei_id}/omobility-cnr/2"
    names = [f"partner-{each:03}.example" for each in range(PARTNERS)]
    keys = [PrivateKey.from_pem((house.folder / f"{each}.pem").read_bytes()) for each in names]
    made = []
    for each in range(number):
        incoming = each % max(1, number // repeats)
        body = urlencode({"omobility_id": f"om-{2 * incoming + 1:06}"}).encode()
        headers = sign_request(
            keys[incoming % PARTNERS],
            method="POST",
            url=f"https://{host}{path}",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=body,
            now=datetime.now(UTC),
        )
        lines = [f"POST {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
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
    house: House, requests: list[bytes], rate: float, start: float | None = None
) -> list[tuple[float, int]]:
    """Send all of them at `rate` a second, the first at `start` of `time.perf_counter`."""
    address = urlsplit(house.backend)
    start = time.perf_counter() + 0.2 if start is None else start
    shares = [requests[each::CONNECTIONS] for each in range(CONNECTIONS)]
    senders = (
        one_sender(
            (str(address.hostname), int(address.port or 0)),
            share,
            start + number / rate,
            CONNECTIONS / rate,
        )
        for number, share in enumerate(shares)
    )
    return [each for found in await asyncio.gather(*senders) for each in found]


async def changing(house: House, seconds: float) -> int:
    """Let partners decide on nominations now and then, and tell nobody: the storm does."""
    changes = 0
    for _ in range(REAL_CHANGES):
        await asyncio.sleep(seconds / (REAL_CHANGES + 1))
        changes += (await house.ask("approve", each=10))["changes"]
    return changes


async def measured(seconds: float, rate: float) -> None:
    """Start everything, send, and print what came of it."""
    number, found = int(seconds * rate), Found()
    mobilities = 2 * max(1, number // REPEATS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with engines(folder / "engines") as own:
            house = House(folder, own, PARTNERS)
            with house.network(mobilities):
                database = await fresh_database(own, "storm")
                await first_sync(house, database)
                before = await house.ask("fetched")
                connection = await asyncpg.connect(database)
                with (
                    house.process("api", database) as api,
                    house.process("worker", database) as worker,
                ):
                    await house.until_ready()
                    await until(lambda: idle(connection), "the worker does not come to rest")
                    requests = signed(house, number)
                    cpus, began = (cpu_seconds(api), cpu_seconds(worker)), time.perf_counter()
                    found.answers, found.changes = await asyncio.gather(
                        storm(house, requests, rate), changing(house, seconds)
                    )
                    found.took = time.perf_counter() - began
                    found.api_cpu = cpu_seconds(api) - cpus[0]
                    await until(lambda: idle(connection), "the fetches do not end")
                    found.worker_cpu = cpu_seconds(worker) - cpus[1]
                found.events = await connection.fetchval(
                    "select count(*) from event where not silent"
                )
                await connection.close()
                after = await house.ask("fetched")
    for name, times in after.items():
        mine = times[len(before.get(name, [])) :]
        found.fetches += len(mine)
        found.gaps += [later - earlier for earlier, later in pairwise(mine)]
    _print(found, rate)


def _print(found: Found, rate: float) -> None:
    waits, number = sorted(wait for wait, _ in found.answers), len(found.answers)
    good = sum(status == 200 for _, status in found.answers)
    p99 = waits[int(number * 0.99) - 1]
    closest = min(found.gaps, default=MINUTE)
    one_each = closest > MINUTE - LATE
    rows = [
        ("asked for", f"{rate:,.0f} /s, {number:,} in all", "", ""),
        ("answered", f"{number / found.took:,.0f} /s", "", ""),
        ("with 200", f"{good:,} of {number:,}", "all", yes_or_no(good == number)),
        ("median", f"{statistics.median(waits) * 1e3:.1f} ms", "", ""),
        ("p99", f"{p99 * 1e3:.1f} ms", "< 100 ms", yes_or_no(p99 < 0.1)),
        ("CPU of the API", f"{found.api_cpu / number * 1e3:.2f} ms each", "", ""),
        ("CPU of the worker", f"{found.worker_cpu:.1f} s", "", ""),
        ("fetches", f"{found.fetches:,}", "", ""),
        ("of one object", f"{closest:.1f} s apart", "one a minute", yes_or_no(one_each)),
        (
            "events",
            f"{found.events:,} of {found.changes:,} changes",
            "one each",
            yes_or_no(found.events == found.changes),
        ),
    ]
    show("Change notifications, signed, 99 % repeats, one API and one worker", rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=1000)
    given = parser.parse_args()
    asyncio.run(measured(given.seconds, given.rate))
