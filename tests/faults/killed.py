"""The row about apis that are killed while they write."""

import asyncio
import random
from pathlib import Path

import httpx
from faults.callers import Journal, calling, chooser, feeder, marker, registrar
from faults.fed import FEED_TOKEN, FEED_TOKEN_SHA256, nominated, nomination
from faults.house import HOME, until
from faults.rows import Result, Row, Scale, nothing_lost
from faults.town import Town, town

WRITERS = [registrar, registrar, chooser, chooser, marker, marker, feeder, feeder]
SAME = {"register", "prefer"}  # of what a repeated write answers; the others say what it changed

WRITTEN = """
select own.object_id,
    exists (select from mobility m where m.tenant = own.tenant
        and m.omobility_id = own.object_id) as mobility,
    exists (select from source_document s where s.tenant = own.tenant
        and s.object_id = own.object_id) as source,
    exists (select from mobility m join event e using (tenant, person_id, mobility_id)
        join inbox_entry i using (event_id)
        join delivery d using (account_id, inbox_entry_id)
        join job j on j.dedupe_key = 'deliver ' || d.delivery_id::text
        where m.tenant = own.tenant and m.omobility_id = own.object_id) as push,
    own.announced_revision >= own.revision or exists (
        select from job where kind = 'announce' and dead_at is null) as announcement
from own_object own where object_id <> 'om-first'
"""


async def kills(folder: Path, scale: Scale) -> Result:
    """R2: kill -9 of an api, again and again, while students and a university write."""
    result, journal, stop = Result(), Journal(patient=True), asyncio.Event()
    async with town(
        folder, apis=2, workers=0, lease=scale.lease, feed_token_sha256=FEED_TOKEN_SHA256
    ) as at:
        await _fed_first(at)
        async with asyncio.TaskGroup() as group:
            group.create_task(calling(at, journal, stop, WRITERS, pause=0))
            try:
                killed = await _kill(at, journal, scale)
            finally:
                stop.set()
        result.figures |= {"kills": killed, "writes taken": sum(journal.taken.values())}
        result.figures |= {f"{kind}": taken for kind, taken in sorted(journal.taken.items())}
        result.figures["connections that broke"] = len(journal.broken)
        result.figures["writes repeated"] = sum(journal.repeated.values())
        result.hold("5xx and errors", journal.refused)
        await _written(at, journal, result)
        await at.until_ready(*at.apis)
        await _replayed(at, journal, result)
        at.at.start_worker()
        drained = await at.at.drained(240)
        result.hold("not drained", [] if drained is not None else ["pushes are left after 240 s"])

        async def all_told() -> bool:
            return journal.fed <= at.partner.told

        await until(all_told, 60)
        result.hold("partner not told", sorted(journal.fed - at.partner.told))
        await nothing_lost(at.at, result)
    return result


async def _fed_first(at: Town) -> None:
    """Let the first document come, of which nobody is told."""
    xml = nomination("om-first", await nominated(at))
    async with httpx.AsyncClient(base_url=at.address, trust_env=False, timeout=30) as http:
        headers = {"authorization": f"Bearer {FEED_TOKEN}", "content-type": "text/xml"}
        (await http.post(f"/feed/{HOME}", content=xml, headers=headers)).raise_for_status()


async def _kill(at: Town, journal: Journal, scale: Scale) -> int:
    """Kill an api at any moment as soon as all are ready, until enough has been done of both."""
    killed = 0
    while killed < scale.api_kills or sum(journal.taken.values()) < scale.writes:
        before = sum(journal.calls.values())
        await asyncio.sleep(random.uniform(0.2, 2.0))
        if killed < scale.api_kills and sum(journal.calls.values()) > before:
            port = random.choice(list(at.apis))
            at.apis[port].kill()
            killed += 1
            at.start_api(port)
            await asyncio.sleep(1.0)  # the balancer has noticed
            await at.until_ready(*at.apis)
    return killed


async def _written(at: Town, journal: Journal, result: Result) -> None:
    """Hold the database to every answer, and to itself: nothing is there by half."""
    database = at.at.database
    result.hold("phones lost", sorted(journal.phones - await at.at.phones_kept()))
    zones = await at.zones(journal.zones)
    lost = {each for each, zone in journal.zones.items() if zones[each] != zone}
    result.hold("preferences lost", sorted(lost))
    rows = await database.fetch(
        "select inbox_entry_id::text from inbox_entry where read_at is not null"
    )
    result.hold("marks lost", sorted(journal.entries - {row[0] for row in rows}))
    found = await database.fetch(WRITTEN)
    result.hold("nominations lost", sorted(journal.fed - {row["object_id"] for row in found}))
    halves = [f"{row['object_id']}: {dict(row)}" for row in found if not all(row.values())]
    result.hold("written by half", halves)


async def _replayed(at: Town, journal: Journal, result: Result) -> None:
    """Send some of the writes once more: nothing may come of it.

    But for one thing: a fed document confirms a record once more, which phones may fetch silently.
    """
    counts = """select 'devices', count(*) from device union all
        select 'events', count(*) from event union all
        select 'deliveries', count(*) from delivery union all
        select 'jobs ' || kind, count(*) from job where kind <> 'sync' group by kind"""
    before = dict(await at.at.database.fetch(counts))
    other = []
    async with httpx.AsyncClient(base_url=at.address, trust_env=False, timeout=30) as http:
        for kind, kept in journal.kept.items():
            changed = 0
            for path, request, text in kept:
                changed += (await http.post(path, **request)).text != text
            result.figures[f"{kind} replayed, answered otherwise"] = f"{changed} of {len(kept)}"
            other += [kind] * changed if kind in SAME else []
    after = dict(await at.at.database.fetch(counts))
    result.hold("answered otherwise", other)
    more = [
        f"{name}: {before.get(name)} became {now}"
        for name, now in after.items()
        if now != before.get(name)
    ]
    result.hold("came of a replay", more)


ROWS: dict[str, Row] = {"R2": kills}
