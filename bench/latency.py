"""`make bench-latency`: from a partner's notice to the push that FCM has taken.

How it is measured, and how to read it: `bench/README.md`.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))

import asyncpg
import msgspec
from cnr import PARTNERS, signed, storm
from house import House, first_sync, fresh_database, idle, until
from rows import show, yes_or_no

from erasmus_app.identity.claims import Identity
from erasmus_app.ids import EuropeanStudentId, HeiId
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import open_database
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.embedded import engines
from erasmus_app.store.sealed import load_vault
from erasmus_app.students.models import Platform, TargetKind

PUSH_SERVICES = Path(__file__).parents[1] / "tests" / "faults" / "push_services.py"
AIM = 1.0  # seconds, 95 of 100, beyond the partner's own answer time
PATIENCE = 60.0  # seconds after the last notice


@dataclass(frozen=True)
class Way:
    """One change on its way, in seconds since its notice was sent."""

    asked: float  # the partner was asked
    partner: float  # how long the partner took
    taken: float  # FCM had the push


@contextmanager
def push_services(folder: Path, phones: list[str]) -> Iterator[dict[str, str]]:
    """Run FCM in a process of its own; yields its addresses."""
    (folder / "push").mkdir()
    process = subprocess.Popen(
        [sys.executable, str(PUSH_SERVICES), str(folder / "push"), str(folder / "authority")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said: dict[str, str] = msgspec.json.decode(process.stdout.readline())
        process.stdin.write(msgspec.json.encode({"back": phones}) + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        yield said
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


async def students(house: House, database: str, number: int) -> None:
    """Let each incoming student log in and register a phone."""
    vault = load_vault(house.folder / "engines" / "data-keys", house.folder)
    async with open_database(database, vault) as tables:
        for each in range(number):
            home, name = HeiId(f"partner-{each % PARTNERS:03}.example"), 2 * each + 1
            esi = EuropeanStudentId(f"urn:schac:personalUniqueCode:int:esi:{home}:{name}")
            identity = Identity(
                issuer="https://login.example",
                subject=f"s{name}@{home}",
                display_name=None,
                email=None,
                home_hei_ids=(home,),
                affiliations=(f"student@{home}",),
                esis=(esi,),
                missing=(),
            )
            account = await AccountTable(tables).signed_in(identity, "en")
            phone = f"phone-{name}"
            await DeviceTable(tables).register(
                account, Platform.ANDROID, TargetKind.FID, phone, "en"
            )


async def ways(
    house: House, connection: asyncpg.Connection, start: float, rate: float, number: int
) -> list[Way]:
    """Return how each change went, by the records of both sides; those without a push are not."""
    entries = {
        str(row["inbox_entry_id"]): row["omobility_id"]
        for row in await connection.fetch(
            "select inbox_entry_id, omobility_id from inbox_entry join mobility using (mobility_id)"
        )
    }
    pushed: dict[str, float] = {}
    for line in (house.folder / "push" / "record").read_bytes().splitlines():
        taken: dict[str, Any] = msgspec.json.decode(line)
        if taken["status"] == 200:
            pushed.setdefault(entries[taken["message_id"]], taken["at"])
    fetched, took = await house.ask("fetched"), await house.ask("took")
    since = time.time() - time.perf_counter()  # of both clocks; the partners' is ours
    found = []
    for each in range(number):
        name, sent = f"om-{2 * each + 1:06}", start + each / rate
        asked = [at - sent for at in fetched.get(name, ()) if at >= sent]
        if name in pushed and asked:
            found.append(Way(asked[0], took[name], pushed[name] - since - sent))
    return found


async def measured(seconds: float, rate: float, settings: dict[str, str], workers: int) -> None:
    """Start everything, send, and print what came of it."""
    number = int(seconds * rate)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with engines(folder / "engines") as own:
            house = House(folder, own, PARTNERS)
            phones = [f"phone-{2 * each + 1}" for each in range(number)]
            with house.network(2 * number), push_services(folder, phones) as said:
                database = await fresh_database(own, "latency")
                await first_sync(house, database)
                await students(house, database, number)
                house.settings = settings | {
                    "ERASMUS_APP_FCM_URL": said["fcm"],
                    "ERASMUS_APP_FCM_CREDENTIALS": said["account"],
                }
                await house.ask("approve", each=1)
                found = await _run(house, database, rate, number, workers)
    _print(found, rate, number, settings)


async def _run(house: House, database: str, rate: float, number: int, workers: int) -> list[Way]:
    connection = await asyncpg.connect(database)
    try:
        with house.process("api", database), house.process("worker", database):
            if workers > 1:
                with house.process("worker", database):
                    return await _storm(house, connection, rate, number)
            return await _storm(house, connection, rate, number)
    finally:
        await connection.close()


async def _storm(
    house: House, connection: asyncpg.Connection, rate: float, number: int
) -> list[Way]:
    await house.until_ready()
    await until(lambda: idle(connection), "the worker does not come to rest")
    start = time.perf_counter() + 1
    answers = await storm(house, signed(house, number, 1), rate, start)
    if strange := {status for _, status in answers} - {200}:
        raise RuntimeError(f"answered {strange}")
    end, found = time.perf_counter() + PATIENCE, list[Way]()
    while len(found) < number and time.perf_counter() < end:
        await asyncio.sleep(1)
        found = await ways(house, connection, start, rate, number)
    return found


def _print(found: list[Way], rate: float, number: int, settings: dict[str, str]) -> None:
    def at(share: float, seconds: list[float]) -> str:
        return f"{sorted(seconds)[int(len(seconds) * share)] * 1e3:,.0f} ms"

    beyond = [each.taken - each.partner for each in found]
    met = sorted(beyond)[int(len(beyond) * 0.95)] < AIM
    shares = (0.5, 0.95, 0.99)
    parts = {
        "until the partner is asked": [each.asked for each in found],
        "the partner's answer": [each.partner for each in found],
        "from the answer to the push": [e.taken - e.asked - e.partner for e in found],
    }
    rows = [
        ("changes", f"{number:,}, {rate:.0f} /s", "", ""),
        ("pushes", f"{len(found):,}", "one each", yes_or_no(len(found) == number)),
        *(
            (what, " / ".join(at(share, seconds) for share in shares), "", "")
            for what, seconds in parts.items()
        ),
        (
            "all but the partner's answer",
            " / ".join(at(share, beyond) for share in shares),
            "p95 < 1 s",
            yes_or_no(met),
        ),
    ]
    changed = ", ".join(f"{k.removeprefix('ERASMUS_APP_')}={v}" for k, v in settings.items())
    show(f"From notice to push, p50 / p95 / p99 ({changed or 'default settings'})", rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--workers", type=int, default=1, choices=(1, 2))
    parser.add_argument("--debounce", type=float, default=0.1, help="CNR_DEBOUNCE_SECONDS")
    given = parser.parse_args()
    asked = {"ERASMUS_APP_CNR_DEBOUNCE_SECONDS": str(given.debounce)}
    asyncio.run(measured(given.seconds, given.rate, asked, given.workers))
