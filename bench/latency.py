"""`make bench-latency`: from a partner's change notification to the push that FCM has taken.

How it is measured, and how to read it: `bench/README.md`.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))

import asyncpg
import httpx
from house import House, cpu_seconds, first_sync, fresh_database, idle, until
from load_students import identity_of
from rows import show, yes_or_no

from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import open_database
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.embedded import engines
from erasmus_app.store.sealed import load_vault
from erasmus_app.students.models import Platform, TargetKind
from ewp.keys import PrivateKey
from ewp.signing import sign_request
from sandbox.authority import Authority
from sandbox.cast import COVERED
from sandbox.push import PushService, running_push

PARTNERS = 10
DEBOUNCE = 0.1  # seconds that a notification waits for others of the same mobility
LONGEST = 30.0  # seconds after the last change until what has not come is called missing


@dataclass
class Found:
    """What came of the changes."""

    waits: list[float] = field(default_factory=list)  # seconds from notification to push
    acknowledged: list[float] = field(default_factory=list)  # seconds until our 200
    answers: list[float] = field(default_factory=list)  # seconds that partners took to answer
    changes: int = 0
    pushes: int = 0
    api_cpu: float = 0
    worker_cpu: float = 0


def changed(number: int) -> str:
    """Return the id of the mobility that the change of this number is about: incoming ones."""
    return f"om-{2 * number + 1:06}"


def partner_of(number: int) -> str:
    """Return who sends that student, see `sync_network.made`."""
    return f"partner-{number % PARTNERS:03}.example"


async def phones(house: House, database: str, service: PushService, number: int) -> list[str]:
    """Sign a student in for each mobility that will change, with a phone; return their targets."""
    found = []
    vault = load_vault(house.folder / "engines" / "data-keys", house.folder)
    async with open_database(database, vault) as tables:
        accounts, devices = AccountTable(tables), DeviceTable(tables)
        for each in range(number):
            fid = service.register()
            account = await accounts.signed_in(identity_of(2 * each + 1, partner_of(each)), "en")
            await devices.register(account, Platform.ANDROID, TargetKind.FID, fid, None)
            found.append(fid)
    return found


async def change(
    house: House, http: httpx.AsyncClient, key: PrivateKey, number: int, due: float
) -> tuple[float, float]:
    """Let a partner decide and tell us, at a fixed moment; when it told, and when we answered."""
    await asyncio.sleep(max(0.0, due - time.perf_counter()))
    answer = await http.post(f"{house.home}/control/approve-one", json={"name": changed(number)})
    answer.raise_for_status()
    path = f"/ewp/{COVERED.hei_id}/omobility-cnr/2"
    body = urlencode({"omobility_id": changed(number)}).encode()
    headers = sign_request(
        key,
        method="POST",
        url=f"https://backend.example{path}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=body,
        now=datetime.now(UTC),
    )
    told = time.time()
    answer = await http.post(f"{house.backend}{path}", headers=headers, content=body)
    answer.raise_for_status()
    return told, time.time()


async def changes(house: House, service: PushService, targets: Sequence[str], rate: float) -> Found:
    """Let everything change at `rate` a second, and wait for the pushes."""
    found = Found(changes=len(targets))
    names = [partner_of(each) for each in range(PARTNERS)]
    keys = [PrivateKey.from_pem((house.folder / f"{each}.pem").read_bytes()) for each in names]
    context = Authority.open(house.folder / "authority").client_context()
    start = time.perf_counter() + 0.5
    limits = httpx.Limits(max_connections=50, max_keepalive_connections=50)
    async with httpx.AsyncClient(
        verify=context, trust_env=False, timeout=30, limits=limits
    ) as http:
        told = await asyncio.gather(
            *(
                change(house, http, keys[each % PARTNERS], each, start + each / rate)
                for each in range(len(targets))
            )
        )
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LONGEST):
            for each in targets:
                await service.wait(each, 1, LONGEST)
    for (sent, answered), fid in zip(told, targets, strict=True):
        found.acknowledged.append(answered - sent)
        found.pushes += len(service.received[fid])
        found.waits += [each.at.timestamp() - sent for each in service.received[fid][:1]]
    return found


async def measured(seconds: float, rate: float) -> None:
    """Start everything, let partners decide, and print how long students waited to hear of it."""
    number = int(seconds * rate)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with engines(folder / "engines") as own:
            house = House(folder, own, PARTNERS)
            with house.network(2 * number):
                authority = Authority.open(folder / "authority")
                async with running_push(folder / "push", authority) as service:
                    house.more = {
                        "ERASMUS_APP_FCM_URL": service.url,
                        "ERASMUS_APP_FCM_CREDENTIALS": str(service.service_account_file),
                        "ERASMUS_APP_CNR_DEBOUNCE_SECONDS": str(DEBOUNCE),
                    }
                    found = await _run(house, service, number, rate)
    _print(found, rate)


async def _run(house: House, service: PushService, number: int, rate: float) -> Found:
    database = await fresh_database(house.own, "latency")
    await first_sync(house, database)
    targets = await phones(house, database, service, number)
    connection = await asyncpg.connect(database)
    with house.process("api", database) as api, house.process("worker", database) as worker:
        await house.until_ready()
        await until(lambda: idle(connection), "the worker does not come to rest")
        asked = len(await house.ask("answers"))
        cpus = cpu_seconds(api), cpu_seconds(worker)
        found = await changes(house, service, targets, rate)
        found.api_cpu = cpu_seconds(api) - cpus[0]
        found.worker_cpu = cpu_seconds(worker) - cpus[1]
        found.answers = (await house.ask("answers"))[asked:]  # type: ignore[index]
    await connection.close()
    return found


def _at(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _print(found: Found, rate: float) -> None:
    p95 = _at(found.waits, 0.95)
    every = found.pushes == found.changes == len(found.waits)
    rows = [
        ("changes", f"{rate:,.0f} /s, {found.changes:,} in all", "", ""),
        ("pushes", f"{found.pushes:,}", "one each", yes_or_no(every)),
        ("notification → push, median", f"{statistics.median(found.waits) * 1e3:,.0f} ms", "", ""),
        ("p95", f"{p95 * 1e3:,.0f} ms", "< 1,000 ms", yes_or_no(p95 < 1)),
        ("p99", f"{_at(found.waits, 0.99) * 1e3:,.0f} ms", "", ""),
        ("of that: wait for others", f"{DEBOUNCE * 1e3:,.0f} ms", "", ""),
        ("partners' own answers, p95", f"{_at(found.answers, 0.95) * 1e3:,.0f} ms", "", ""),
        ("our 200, p95", f"{_at(found.acknowledged, 0.95) * 1e3:,.0f} ms", "", ""),
        ("CPU of the API", f"{found.api_cpu / found.changes * 1e3:.1f} ms each", "", ""),
        ("CPU of the worker", f"{found.worker_cpu / found.changes * 1e3:.1f} ms each", "", ""),
    ]
    show("From a change notification to the push, one API and one worker", rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=50)
    given = parser.parse_args()
    asyncio.run(measured(given.seconds, given.rate))
