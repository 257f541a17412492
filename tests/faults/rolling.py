"""The rows about whole processes that come and go: told to end, or killed, while callers call."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from faults import checking
from faults.callers import Journal, calling, chooser, notifier, reader, registrar
from faults.house import DEVICES, TESTS, until
from faults.rows import Result, Row, Scale, nothing_lost
from faults.town import Town, end, town

LONGEST_DRAIN = 10.0  # seconds from SIGTERM to the exit
CALLERS = [reader, reader, registrar, registrar, chooser, notifier, notifier]


async def restarts(folder: Path, scale: Scale) -> Result:
    """R16: deployments roll over two apis and two workers under load, and the tables change."""
    result, journal, stop = Result(), Journal(), asyncio.Event()
    async with town(folder, apis=2, workers=2, lease=scale.lease) as at:
        await at.at.people(40)
        await at.at.until_workers_send()
        async with asyncio.TaskGroup() as group:
            group.create_task(calling(at, journal, stop, CALLERS))
            group.create_task(_telling(at, stop))
            try:
                await _roll(at, scale.rolls, result)
            finally:
                stop.set()
        drained = await at.at.drained(120)
        result.hold("not drained", [] if drained is not None else ["pushes are left after 120 s"])
        result.figures |= {
            "calls": sum(journal.calls.values()),
            "slowest call in s": round(max(journal.seconds), 2),
            "p99 in s": round(checking.quantile(journal.seconds, 0.99), 3),
        }
        result.hold("5xx and errors", journal.refused)
        result.hold("connection errors", journal.broken)
        result.hold("connections that no api took", ["see above"] * at.balancer.failed)
        await _kept(at, journal, result)
        await nothing_lost(at.at, result)
        requests = at.at.requests()
        result.figures["doubles"] = sum(
            len(each) - 1 for each in checking.doubled(requests).values()
        )
    return result


async def _telling(at: Town, stop: asyncio.Event) -> None:
    """Tell students something all the time."""
    while not stop.is_set():
        await at.at.tell(4 * DEVICES)
        await asyncio.sleep(0.2)


async def _roll(at: Town, times: int, result: Result) -> None:
    """Restart every process, one after the other, so many times."""
    took: dict[str, list[float]] = {"api": [], "worker": []}
    wrong, upgrades = [], [0, 0]
    for number in range(times):
        upgrades[number == times // 2] += await _upgraded(at, next_version=number == times // 2)
        for port in list(at.apis):
            seconds, status = await end(at.apis[port])
            took["api"].append(seconds)
            wrong += [] if status == 0 else [f"an api ended with {status}"]
            at.balancer.ready[port] = False
            at.start_api(port)
            await at.until_ready(port)
        for worker in list(at.at.workers):
            at.at.workers.remove(worker)
            seconds, status = await end(worker)
            took["worker"].append(seconds)
            wrong += [] if status == 0 else [f"a worker ended with {status}"]
            new = at.at.start_worker()
            await until(lambda new=new: _sends(at, new), 60)
    for name, found in took.items():
        result.figures[f"{name}s restarted"] = len(found)
        result.figures[f"SIGTERM to exit of {name}s in s, slowest"] = round(max(found), 2)
        result.hold(f"slow {name}s", [f"{each:.1f} s" for each in found if each > LONGEST_DRAIN])
    result.figures |= {"db upgrade": upgrades[0], "upgrades to a next version": upgrades[1]}
    result.hold("ended wrongly", wrong)


async def _sends(at: Town, worker: object) -> bool:
    return worker in at.at.sending


async def _upgraded(at: Town, *, next_version: bool) -> int:
    """Upgrade the tables: with this version's command, or once to those of a next version.

    After that this version's command would say that the tables are ahead of it.
    """
    if await at.at.database.fetchval("select version_num = 'next' from alembic_version"):
        return 0
    if not next_version:
        process = at.at.start("db", "upgrade")
        if await asyncio.to_thread(process.process.wait, 120) != 0:
            raise RuntimeError(f"db upgrade failed: see {at.at.folder / 'dbs.log'}")
        return 1
    command = [sys.executable, "-m", "faults.next_version", at.at.own.database_url]
    path = {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent / 'backend'}"}
    with (at.at.folder / "dbs.log").open("ab") as log:
        for _ in range(60):  # whoever holds a table for longer is waited for in the next try
            if (
                await asyncio.to_thread(
                    subprocess.call, command, env=os.environ | path, stdout=log, stderr=log
                )
                == 0
            ):
                return 1
    raise RuntimeError(f"the tables could not be changed: see {at.at.folder / 'dbs.log'}")


async def _kept(at: Town, journal: Journal, result: Result) -> None:
    """Hold the database, and the partner, to what callers were promised."""
    known = await at.at.phones_kept()
    result.figures["phones registered"] = len(journal.phones)
    result.hold("phones lost", sorted(journal.phones - known))
    zones = await at.zones(journal.zones)
    result.figures["preferences set"] = journal.calls["prefer"]
    result.hold(
        "preferences lost",
        [
            f"{each}: {zones.get(each)}"
            for each, zone in journal.zones.items()
            if zones[each] != zone
        ],
    )

    async def all_asked() -> bool:
        return journal.notices <= at.partner.asked

    began = time.monotonic()
    await until(all_asked, 60)
    result.figures["notices taken"] = len(journal.notices)
    result.figures["the last was followed in s"] = round(time.monotonic() - began, 1)
    result.hold("notices lost", sorted(journal.notices - at.partner.asked))


ROWS: dict[str, Row] = {"R16": restarts}
