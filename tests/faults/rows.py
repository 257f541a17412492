"""The faults, one after the other: what is done, and what the records say of it."""

import asyncio
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil
from push_services import Mode
from redis.asyncio import Redis
from stage import LEASE, Stage, until

from erasmus_app.store.database import AWAY
from erasmus_app.store.devices import DeviceTable
from erasmus_app.students.models import Platform, TargetKind


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of it."""

    workers: int = 2
    sends: int = 20_000
    kills: int = 200
    restarts: int = 10
    outage: float = 1800.0  # seconds that FCM is away, of the jobs' own time
    quota: float = 20.0  # seconds that FCM wants to hear nothing


LONG = Size(workers=4, sends=100_000, kills=1_000, restarts=50, quota=60.0)
SMALL = Size(sends=400, kills=5, restarts=2, outage=60.0, quota=4.0)

STEP, FASTER = 0.5, 40  # seconds between two hurries; how much faster the jobs' time then runs
Line = tuple[str, str, bool]
"""What was looked at, its figure, whether it is as it has to be."""


async def _started(stage: Stage, size: Size) -> None:
    await stage.people(max(4, min(200, size.sends // 100)))
    for _ in range(size.workers):
        stage.start_worker()
    await stage.tell(stage.accounts[:1])
    await stage.drained()  # the first of them is at work


def _extra(stage: Stage) -> dict[tuple[str, str], int]:
    return {each: times - 1 for each, times in stage.accepted().items() if times > 1}


def _of_all(stage: Stage) -> list[Line]:
    lost = stage.lost()
    return [
        ("lost", f"{lost} of {len(stage.told):,}", lost == 0),
        ("one name on every push", str(stage.same_names()), stage.same_names()),
    ]


async def kills(stage: Stage, size: Size) -> list[Line]:
    """R1: `kill -9` of a random worker, again and again, while messages are sent."""
    await _started(stage, size)
    stage.answer(Mode(delay=0.05))
    telling = asyncio.create_task(stage.tell_in_all(size.sends))
    share, killed = size.sends / (size.kills + 1), list[tuple[float, int]]()
    for number in range(1, size.kills + 1):
        await stage.has_accepted(share * number)
        stage.kill(random.choice(stage.workers))
        under_way = await stage.database.fetchval(
            "select count(*) from job where kind = 'deliver' and leased_by is not null"
        )
        killed.append((time.time(), int(under_way)))
        stage.start_worker()
    await telling
    last = max(time.time(), killed[-1][0])
    await stage.drained()
    late, extra = time.time() - last, _extra(stage)
    times = defaultdict(list)
    for each in stage.records():
        times[each.target, each.message_id].append(each.at)
    # Each double has a kill between its two times; each kill, at most as many as were under way.
    explained, after_kill = 0, Counter[int]()
    for each in extra:
        for before, after in zip(times[each], times[each][1:], strict=False):
            between = [n for n, (at, _) in enumerate(killed) if before - 1 <= at <= after]
            explained += bool(between)
            after_kill.update(between[:1])
    doubles = sum(extra.values())
    fair = all(count <= killed[n][1] + 1 for n, count in after_kill.items())
    return [
        *_of_all(stage),
        ("kills", f"{len(killed)}", len(killed) == size.kills),
        ("doubles", f"{doubles} (at most {sum(n for _, n in killed)} under way)", fair),
        ("doubles with a kill between", f"{explained} of {doubles}", explained == doubles),
        ("drained after the last", f"{late:.1f} s", late <= 2 * LEASE),
    ]


async def restarts(stage: Stage, size: Size) -> list[Line]:
    """R3: PostgreSQL stopped at once (SIGQUIT, as `pg_ctl stop -m immediate`), under load."""
    await _started(stage, size)
    telling, gaps = asyncio.create_task(stage.tell_in_all(size.sends // 4)), list[float]()
    share, first = size.sends / 4 / (size.restarts + 1), list(stage.workers)
    for number in range(1, size.restarts + 1):
        await stage.has_accepted(share * number)
        stage.engine("postgres").send_signal(signal.SIGQUIT)

        async def answers() -> bool:
            with suppress(*AWAY):
                return bool(await stage.database.fetchval("select 1"))
            return False

        await asyncio.sleep(0.3)
        await until(answers, "PostgreSQL does not come back")
        back, had = time.time(), len(stage.records())
        if number == size.restarts:
            await telling
        if await stage.waiting():
            await stage.has_taken(had + 1)
            gaps.append(time.time() - back)
    await stage.drained()
    alive = all(psutil.pid_exists(each) for each in first)
    worst = max(gaps, default=0.0)
    return [
        *_of_all(stage),
        ("restarts", str(size.restarts), True),
        ("longest until it sends again", f"{worst:.1f} s", worst <= 5),
        ("the same workers", str(alive), alive),
        ("doubles", str(sum(_extra(stage).values())), True),
    ]


async def valkey(stage: Stage, size: Size) -> list[Line]:
    """R5: Valkey flushed, killed, and stopped."""
    await _started(stage, size)
    telling = asyncio.create_task(stage.tell_in_all(size.sends // 8))
    async with Redis.from_url(stage.own.redis_url) as redis:
        await redis.flushall()
    for _ in range(3):
        stage.engine("valkey-server").kill()
        await asyncio.sleep(3)
    await telling
    stopped = stage.engine("valkey-server")
    stopped.suspend()  # it takes connections and answers nothing
    had = len(stage.accepted())
    await stage.tell_in_all(size.sends // 8)
    await stage.drained()
    meanwhile = len(stage.accepted()) - had
    stopped.resume()
    return [*_of_all(stage), ("sent while it is stopped", f"{meanwhile:,}", meanwhile > 0)]


async def _hurry(stage: Stage, seconds: float) -> None:
    """Let the jobs' time run ahead: all that waits is due earlier, and expires earlier, by that."""
    await stage.database.execute(
        """with hurried as (update job set due = due - make_interval(secs => $1)
               where kind = 'deliver' and leased_by is null)
           update delivery set expires_at = expires_at - make_interval(secs => $1)
           where state = 'pending'""",
        seconds,
    )


async def outage(stage: Stage, size: Size) -> list[Line]:
    """R6: FCM answers 503 to all, for half an hour of the jobs' time, then it is well again.

    The messages come in real time; then the jobs' time runs 40 times as fast: each half second,
    all waits become 20 seconds shorter. Tries are counted per second of the jobs' time.
    """
    await _started(stage, size)
    sends = min(size.sends // 10, 2_000)
    had = len(stage.records())
    await stage.tell_in_all(sends)
    await stage.drained()
    normal = _most_a_second([e.at for e in stage.records()[had:]])
    stage.answer(Mode(fault="UNAVAILABLE"))
    had = len(stage.records())
    began = time.time()
    await stage.tell_in_all(sends, ahead=10 * sends)
    hurried, passed = time.time(), time.time() - began
    while passed < size.outage:
        await _faster(stage)
        passed += STEP * FASTER
    stage.answer(Mode())
    while await stage.waiting():
        await _faster(stage)
    tried, again = Counter[tuple[str, str]](), list[float]()
    for each in stage.records()[had:]:
        name = (each.target, each.message_id)
        if tried[name]:
            again.append(each.at)
        tried[name] += 1
    most = max(tried.values(), default=0)
    peak = max(
        _most_a_second([at for at in again if at < hurried]),
        _most_a_second([at for at in again if at >= hurried]) / FASTER,
    )
    states = dict(await stage.database.fetch("select state, count(*) from delivery group by state"))
    return [
        *_of_all(stage),
        ("away for", f"{passed:.0f} s", True),
        ("before they expired", str(states), set(states) == {"accepted"}),
        ("tries of a message", f"{most} at most", 1 < most <= 12),
        ("tries again, a second", f"{peak:.1f} (normal: {normal})", peak <= 1.2 * normal),
    ]


async def _faster(stage: Stage) -> None:
    await asyncio.sleep(STEP)
    await _hurry(stage, STEP * (FASTER - 1))


def _most_a_second(times: list[float]) -> int:
    return max(Counter(int(at) for at in times).values(), default=0)


async def quota(stage: Stage, size: Size) -> list[Line]:
    """R7: FCM answers 429 with Retry-After; browsers are told all the while."""
    await _started(stage, size)
    await stage.people(10, browsers=10)
    readers = stage.accounts[-10:]

    async def tell_for(seconds: float) -> list[float]:
        end, sent = time.time() + seconds, dict[str, float]()
        while time.time() < end:
            for entry in await stage.tell(readers):
                sent[entry.replace("-", "")[:32]] = time.time()
            await asyncio.sleep(0.5)
        await asyncio.sleep(2)
        web = {e.message_id: e.at for e in stage.records() if e.lane == "web"}
        return sorted(web.get(name, time.time()) - at for name, at in sent.items())

    seconds = size.quota - 1
    before = await tell_for(seconds)
    stage.answer(Mode(fault="QUOTA_EXCEEDED", retry_after=int(size.quota)))
    had = len(stage.records())
    during = await tell_for(seconds - 2)
    stage.answer(Mode())
    await stage.drained()
    fcm = [each for each in stage.records()[had:] if each.lane == "fcm"]
    refused = [each.at for each in fcm if each.status == 429]
    first = min(refused, default=0.0)
    inside = sum(first + 1 < each.at < first + size.quota - 1 for each in fcm)
    p95 = [waits[int(len(waits) * 0.95)] for waits in (before, during)]
    return [
        *_of_all(stage),
        ("answered 429", str(len(refused)), len(refused) > 0),
        ("asked inside the window", str(inside), inside == 0),
        (
            "browsers told, p95",
            f"{p95[1] * 1e3:.0f} ms (before: {p95[0] * 1e3:.0f} ms)",
            p95[1] <= 1.5 * p95[0] + 0.1,
        ),
    ]


async def gone(stage: Stage, size: Size) -> list[Line]:
    """R8: 30 % of the phones are not registered any more; half of these come back meanwhile."""
    await _started(stage, size)
    phones = [(account, fid) for account, fids in stage.phones.items() for fid in fids]
    dead = random.sample(phones, len(phones) * 3 // 10)
    coming = {fid: account for account, fid in dead[::2]}
    names = {fid for _, fid in dead}
    stage.answer(Mode(gone=tuple(names), delay=0.2))
    had, back = len(stage.records()), set[str]()
    told, devices = set(stage.told), DeviceTable(stage.database)

    async def come_back() -> None:
        """Register a phone again while the answer about it is still under way."""
        while len(back) < len(coming):
            asked = {e.target for e in stage.records()[had:] if e.target in coming} - back
            for fid in asked:
                stage.answer(Mode(back=(fid,), delay=0.2))
                await devices.register(coming[fid], Platform.ANDROID, TargetKind.FID, fid, None)
            back.update(asked)
            await asyncio.sleep(0.005)

    returning = asyncio.create_task(come_back())
    await stage.tell(stage.accounts)
    await returning
    await stage.drained()
    for _ in range(3):
        await stage.tell(stage.accounts)
        await stage.drained()
    sends = Counter(e.target for e in stage.records()[had:] if e.status == 404)
    kept = {
        row["target_key"] for row in await stage.database.fetch("select target_key from device")
    }
    vault = stage.database.vault
    living = {fid for _, fid in phones if fid not in names or fid in back}
    deleted = sum(vault.hashed("target", fid) not in kept for fid in living)
    left = sum(vault.hashed("target", fid) in kept for fid in names - back)
    stage.told = {each for each in stage.told if each[0] in living} - (
        {each for each in stage.told - told if each[0] in back and each not in stage.accepted()}
        if all(sends[fid] == 1 for fid in back)
        else set()
    )
    most = max((sends[fid] for fid in names), default=0)
    return [
        *_of_all(stage),
        ("dead phones", f"{len(names)}, {len(back)} came back", len(names) > 0),
        ("sends to a dead one", f"{most} at most", most <= 1),
        ("living phones forgotten", str(deleted), deleted == 0),
        ("dead phones kept", str(left), left == 0),
    ]


ROWS: dict[str, Callable[[Stage, Size], Awaitable[list[Line]]]] = {
    "R1": kills,
    "R3": restarts,
    "R5": valkey,
    "R6": outage,
    "R7": quota,
    "R8": gone,
}
