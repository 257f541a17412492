"""The rows: each makes its faults, and says by the records whether the backend survived them."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from faults import checking
from faults.house import (
    DEVICES,
    House,
    house,
    server_pid,
    until,
    valkey_process,
)
from redis.asyncio import Redis

from erasmus_app.ids import AccountId
from erasmus_app.store.database import AWAY
from erasmus_app.worker.deliver import pause

REQUEST_BYTES = 230  # about, as they are written down

Row = Callable[[Path, "Scale"], Awaitable["Result"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is done."""

    kills: int = 200
    sends: int = 20_000
    restarts: int = 10
    outage: float = 45.0  # seconds in which FCM answers 503
    writes: int = 10_000
    api_kills: int = 20
    rolls: int = 50  # deployments, each a restart of every process
    away: float = 20.0  # seconds in which an engine is gone, full, or takes no writes
    workers: int = 4
    inputs: int = 10_000  # to each reader
    steps: int = 50_000  # of each machine
    lease: float = 3.0  # seconds
    minutes: float = 10.0  # of the soak


@dataclass(slots=True, kw_only=True)
class Result:
    """What one row came to."""

    figures: dict[str, object] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    skipped: str = ""  # why it could not be tried here

    def hold(self, what: str, found: list[str]) -> None:
        """Count what was found, which should be nothing."""
        self.figures[what] = len(found)
        self.failures += [f"{what}: {len(found)}, for example: {found[0]}"] if found else []


async def nothing_lost(at: House, result: Result) -> None:
    """Hold the ledger to what the push services wrote down."""
    expected, requests = await at.expected(), at.requests()
    result.figures["deliveries"] = len(expected)
    result.figures["requests"] = len(requests)
    result.hold("lost", checking.lost(expected, requests) + await at.unwritten())
    result.hold("nobody's", checking.strangers(expected, requests))
    result.hold("visible doubles", checking.visible(requests))


async def kills(folder: Path, scale: Scale) -> Result:
    """R1: kill -9 of a random worker, again and again, while it sends."""
    result = Result()
    async with house(folder, workers=scale.workers, lease=scale.lease) as at:
        await at.people(max(20, scale.sends // 100))
        await at.until_workers_send()
        killed: list[float] = []
        in_flight = [0]
        wave = max(scale.sends // scale.kills, DEVICES)
        for _ in range(scale.kills):
            if not await until(lambda: _some_send(at), 60) and not at.sending:
                result.failures.append("no worker sends any more")
                break
            victim = random.choice(at.sending or at.workers)
            size = at.recorded + random.uniform(0.1, 0.9) * wave * REQUEST_BYTES
            telling = asyncio.create_task(at.tell(wave))
            await until(lambda size=size: _grown(at, size), 5.0)
            in_flight.append(await at.leased())
            killed.append(time.time())
            at.kill(victim)
            at.start_worker()
            await telling
        limit = 2 * scale.lease
        result.figures |= {"kills": len(killed), "leased at a kill": max(in_flight)}
        result.figures["kills with some under way"] = sum(each > 0 for each in in_flight)
        left = await at.open_jobs()
        drained = await at.drained(max(60, limit * 10))
        seconds = None if drained is None else time.time() - killed[-1]
        result.figures["left at the last kill"] = left
        result.figures["drained in s"] = None if seconds is None else round(seconds, 1)
        result.hold("late", checking.late(seconds, limit))
        await nothing_lost(at, result)
        requests = at.requests()
        doubles = sum(len(each) - 1 for each in checking.doubled(requests).values())
        result.figures["doubles"] = doubles
        if doubles > sum(in_flight):
            result.failures.append(f"{doubles} doubles, {sum(in_flight)} were under way at kills")
        result.hold(
            "doubles without a kill", checking.unexplained(requests, killed, 2 * scale.lease)
        )
    return result


async def _some_send(at: House) -> bool:
    """Whether two workers at least are at work; a new one shows it with its first message."""
    if len(at.sending) > 1:
        return True
    await at.tell(4 * DEVICES)
    await asyncio.sleep(0.2)
    return len(at.sending) > 1


async def _grown(at: House, size: float) -> bool:
    return at.recorded >= size


async def restarts(folder: Path, scale: Scale) -> Result:
    """R3: PostgreSQL ends at once, without a goodbye, and starts anew under load."""
    result = Result()
    async with house(folder, workers=2, lease=scale.lease) as at:
        await at.people(50)
        await at.until_workers_send()
        before = [each.pid for each in at.workers]
        sends = max(min(scale.sends, 10_000) // scale.restarts, 60 * DEVICES)
        recovered: list[float] = []
        for _ in range(scale.restarts):
            telling = asyncio.create_task(at.insist(sends))
            await asyncio.sleep(random.uniform(0.1, 1.0))
            os.kill(server_pid(at.folder / "engines"), signal.SIGQUIT)
            await until(lambda: _is_back(at), 30)
            back = time.time()
            await at.insist(DEVICES)  # so that there is something to send in any case
            await until(lambda back=back: _written_since(at, back), 30)
            recovered.append(await _first_written(at, back) - back)
            await telling
        result.figures["restarts"] = scale.restarts
        result.figures["recovered in s, worst"] = round(max(recovered), 1)
        result.hold("slow recoveries", [f"{each:.1f} s" for each in recovered if each > 5])
        drained = await at.drained(120)
        result.figures["drained in s"] = None if drained is None else round(drained, 1)
        result.hold("not drained", [] if drained is not None else ["jobs are left after 120 s"])
        ended = [each.pid for each in at.workers if each.process.poll() is not None]
        if ended or before != [each.pid for each in at.workers]:
            result.failures.append(f"{len(ended)} workers have ended")
        await nothing_lost(at, result)
        result.figures["doubles"] = _doubles(at)
    return result


async def _is_back(at: House) -> bool:
    """Whether the server takes connections: one made anew, so not the one that has just died."""
    with suppress(*AWAY):
        connection = await asyncpg.connect(at.own.database_url, timeout=2)
        try:
            return bool(await connection.fetchval("select true"))
        finally:
            await connection.close()
    return False


async def _first_written(at: House, since: float) -> float:
    """Return when the ledger was first written after that; infinite for not yet."""
    found = await at.database.fetchval(
        """select extract(epoch from min(finished_at)) from delivery
           where finished_at > to_timestamp($1)""",
        since,
    )
    return float("inf") if found is None else float(found)


async def _written_since(at: House, since: float) -> bool:
    with suppress(*AWAY):
        return await _first_written(at, since) < float("inf")
    return False


def _doubles(at: House) -> int:
    return sum(len(each) - 1 for each in checking.doubled(at.requests()).values())


async def valkey(folder: Path, scale: Scale) -> Result:
    """R5: Valkey is emptied, killed and stopped for a while under load."""
    result = Result()
    async with house(folder, workers=2, lease=scale.lease) as at:
        await at.people(50)
        await at.until_workers_send()
        sends = min(scale.sends, 6_000) // 3
        await at.tell(sends)
        redis = Redis.from_url(at.own.redis_url)
        await redis.flushall()
        await redis.aclose()
        await at.tell(sends)
        valkey_process(at.folder / "engines").kill()
        await asyncio.sleep(3)  # its supervisor starts it anew
        frozen, began = valkey_process(at.folder / "engines"), time.time()
        frozen.suspend()
        try:
            await at.tell(sends)
            drained = await at.drained(60)
            result.figures["drained without Valkey in s"] = drained and round(drained, 1)
            await asyncio.sleep(max(0, 10 - (time.time() - began)))
        finally:
            frozen.resume()
        result.figures["stopped for s"] = round(time.time() - began, 1)
        result.hold("late", checking.late(drained, 60))
        await nothing_lost(at, result)
    return result


async def unavailable(folder: Path, scale: Scale) -> Result:
    """R6: FCM answers 503 to all for a while, then takes everything."""
    result = Result()
    async with house(folder, workers=2, lease=scale.lease) as at:
        await at.people(60)
        await at.until_workers_send()
        sends = min(scale.sends, 3_000)
        began = time.time()
        await at.tell(sends)
        await at.drained(120)
        normal = checking.peak(each.at for each in at.requests(began))
        await at.order(answer="UNAVAILABLE")
        out = time.time()
        await at.tell(sends)
        await asyncio.sleep(max(0, scale.outage - (time.time() - out)))
        await at.order(answer=None)
        back = time.time()
        drained = await at.drained(4 * scale.outage + 60)
        requests = at.requests(out)
        tries = checking.attempts(requests)
        seen: set[tuple[str, str | None]] = set()
        again = []
        for each in requests:
            if (each.device, each.message) in seen:
                again.append(each.at)
            seen.add((each.device, each.message))
        most, retries = max(tries.values()), checking.peak(again)
        result.figures |= {
            "503 for s": round(back - out),
            "normal peak a second": normal,
            "retry peak a second": retries,
            "attempts, most": most,
            "attempts in 30 min, computed": _attempts_in(1800),
            "all out after s": drained and round(drained, 1),
        }
        if max(most, _attempts_in(1800)) > 12:
            result.failures.append(f"{most} attempts for one message, or more in half an hour")
        if retries > 1.2 * normal:
            result.failures.append(f"{retries} retries in a second, {normal} is normal")
        late = await at.database.fetchval(
            "select count(*) from delivery where finished_at is null or finished_at > expires_at"
        )
        result.hold("after their time", [f"{late} deliveries"] if late else [])
        await nothing_lost(at, result)
    return result


def _attempts_in(outage: float, messages: int = 20_000) -> int:
    """Return the most attempts that one of many messages makes until an outage is over.

    What a whole half hour would show, drawn from the real waits instead of waited for.
    """
    most = 0
    for _ in range(messages):
        waited, tries = 0.0, 1
        while waited < outage:
            waited += pause(tries).total_seconds()
            tries += 1
        most = max(most, tries)
    return most


async def too_many(folder: Path, scale: Scale) -> Result:
    """R7: FCM answers 429 with Retry-After 10; browsers are sent to as before."""
    result, wait = Result(), 10
    async with house(folder, workers=2, lease=scale.lease) as at:
        await at.people(40)
        phones = list(at.accounts)
        browsers = await at.browsers(20)
        await at.until_workers_send()
        took_before = await _browsers_told(at, browsers, 40)
        sends = min(scale.sends, 2_000)
        await at.order(answer="QUOTA_EXCEEDED", retry_after=wait)
        began = time.time()
        await at.tell(sends, phones)
        took_meanwhile = []
        while time.time() - began < 2.5 * wait:
            took_meanwhile += await _browsers_told(at, browsers, 10)
            await at.tell(4 * DEVICES, phones)
        await at.order(answer=None)
        drained = await at.drained(120)
        asked = [each for each in at.requests(began) if each.lane == "fcm"]
        windows, inside = checking.silence(asked, wait, 1.0)
        before, meanwhile = (
            checking.quantile(each, 0.95) for each in (took_before, took_meanwhile)
        )
        result.figures |= {
            "windows": windows,
            "429s": sum(each.status == 429 for each in asked),
            "browsers meanwhile": len(took_meanwhile),
            "browsers p95 before in s": round(before, 2),
            "browsers p95 meanwhile in s": round(meanwhile, 2),
            "drained in s": drained and round(drained, 1),
        }
        result.hold("requests inside a window", inside)
        if windows < 2:
            result.failures.append(f"only {windows} windows were seen")
        if not took_meanwhile or not meanwhile < 5:
            result.failures.append("browsers had to wait for FCM")
        await nothing_lost(at, result)
    return result


async def _browsers_told(at: House, browsers: list[AccountId], count: int) -> list[float]:
    """Tell browsers one message after the other; returns how long each was under way, seconds."""
    took = []
    for _ in range(count):
        began, size = time.time(), len(_arrived(at, 0))
        await at.tell(1, browsers)
        if await until(lambda size=size: _more_arrived(at, size), 10):
            took.append(time.time() - began)
        else:
            took.append(float("inf"))
    return took


def _arrived(at: House, since: float) -> list[checking.Request]:
    return [each for each in at.requests(since) if each.lane == "web_push" and each.accepted]


async def _more_arrived(at: House, than: int) -> bool:
    return len(_arrived(at, 0)) > than


async def gone(folder: Path, scale: Scale) -> Result:
    """R8: 30 % of the phones are gone, and half of those register again at that moment."""
    result = Result()
    async with house(folder, workers=2, lease=scale.lease) as at:
        await at.people(min(scale.sends, 3_000) // DEVICES)
        await at.until_workers_send()
        owners = {phone: account for account, phones in at.accounts.items() for phone in phones}
        dead = random.sample(sorted(owners), len(owners) * 3 // 10)
        racing = set(dead[: len(dead) // 2])
        await at.order(dead=dead)
        began = time.time()
        registered: dict[str, float] = {}  # when

        async def register_again(phones: set[str]) -> None:
            await asyncio.gather(*(at.register(owners[phone], phone) for phone in phones))
            await at.order(alive=sorted(phones))
            registered.update(dict.fromkeys(phones, time.time()))

        read, everybody = at.recorded, asyncio.create_task(at.tell_each(owners.values()))
        while not everybody.done() or await at.open_jobs():
            new, read = checking.read_on(at.record, read)
            if refused := {each.device for each in new if each.status == 404} & racing:
                await register_again(refused - registered.keys())
            await asyncio.sleep(0.001)
        await everybody
        await register_again(racing - registered.keys())
        for _ in range(2):  # whoever is dead is known to be, and hears nothing more
            await at.tell_each(owners.values())
            await at.drained(120)
        requests = at.requests(began)
        sent = checking.attempts(each for each in requests if each.status == 404)
        twice = [f"{phone} was asked {n} times" for (phone, n) in _per_phone(sent) if n > 1]
        kept = await at.phones_kept()
        living = owners.keys() - (set(dead) - racing)
        result.figures |= {
            "phones": len(owners),
            "dead": len(dead) - len(racing),
            "registered again": len(racing),
            "before the refusal was written down": await at.kept_though_refused(),
        }
        result.hold("asked again though dead", twice)
        result.hold("living phones deleted", sorted(living - kept))
        result.hold("dead phones kept", sorted(kept - living))
        result.hold("visible doubles", checking.visible(requests))
        silent = living - {each.device for each in requests if each.accepted}
        result.hold("living phones that heard nothing", sorted(silent))
    return result


def _per_phone(asked: Counter[tuple[str, str | None]]) -> list[tuple[str, int]]:
    found: Counter[str] = Counter()
    for (phone, _), times in asked.items():
        found[phone] += times
    return list(found.items())


ROWS: dict[str, Row] = {
    "R1": kills,
    "R3": restarts,
    "R5": valkey,
    "R6": unavailable,
    "R7": too_many,
    "R8": gone,
}
