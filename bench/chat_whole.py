"""The whole way of a question: HTTP `POST /chat` over a socket, by a process that has one core.

`erasmus-app api` runs as in production, over engines of its own, before the sandbox's network; a
student of its story signs in and asks, one question after the other, from another core. Each
question of our own phrases is another one, so that no cache of answers could help.

Wall time is what the student waits, and is that of a busy machine where others want the core as
well. CPU time is the process's alone, of all its threads, for each question by itself: what the
student waits where nobody else wants the core, but for PostgreSQL's and Valkey's share.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from house import backend_process, fresh_database, until, until_ready
from measuring import load

from erasmus_app.cli.phones import Phone
from erasmus_app.store.embedded import engines
from erasmus_nlu.phrasebook import read_phrases
from sandbox.serving import listen
from sandbox.world import APP_LINK, world

AIM = 60.0  # ms, p95 on one core
STEPS = 5  # of the story: a nomination, its acceptance, an agreement that waits for signatures
STUDENT = "ines"
WARM_UP = 20


async def measure(number: int) -> None:
    """Print latency, CPU time and memory of so many questions."""
    listener = listen()
    host, port = listener.getsockname()
    listener.close()
    address = f"http://{host}:{port}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with engines(folder / "engines") as own, world(folder / "box", (host, port)) as box:
            environment = {
                **box.environment,
                "ERASMUS_APP_DATABASE_URL": await fresh_database(own, "chat"),
                "ERASMUS_APP_REDIS_URL": own.redis_url,
                "ERASMUS_APP_DATA_KEYS": str(folder / "engines" / "data-keys"),
                "ERASMUS_APP_DATA_DIR": str(folder / "data"),
                "ERASMUS_APP_POLL_SECONDS": "1",
                "ERASMUS_APP_SAFETY_POLL_SECONDS": "1",
                "ERASMUS_APP_LIMITS": "everything=off",
            }
            for _ in range(STEPS):
                await box.story.next()
            async with httpx.AsyncClient(timeout=120, trust_env=False) as http:
                with _on_one_core(), backend_process("api", environment, folder / "api.log") as pid:
                    await until_ready(address)
                    phone = Phone(key=STUDENT, name="", fid="", language="en", backend=address)
                    await phone.sign_in(http, APP_LINK)
                    with backend_process("worker", environment, folder / "worker.log"):
                        await until(lambda: _knows(http, phone), "the record does not come")
                    await _ask(http, phone, number, pid)


async def _knows(http: httpx.AsyncClient, phone: Phone) -> bool:
    found = await phone.ask(http, "{ me { mobilities { learningAgreement { state } } } }")
    return any(
        each["learningAgreement"]["state"] != "NOT_SHARED" for each in found["me"]["mobilities"]
    )


async def _ask(http: httpx.AsyncClient, phone: Phone, number: int, pid: int) -> None:
    asked = _questions()
    headers = {"authorization": f"Bearer {phone.token}"}
    url, whole, first, last = f"{phone.backend}/chat", list[float](), list[float](), list[float]()
    opened, version = time.perf_counter(), ""
    while not version.startswith("e5") and time.perf_counter() - opened < 120:
        answer = await http.post(url, json={"question": next(asked)}, headers=headers)
        version = answer.raise_for_status().json()["version"]
        await asyncio.sleep(0.2)
    for _ in range(WARM_UP):
        await http.post(url, json={"question": next(asked)}, headers=headers)
    cpu = list[float]()
    for _ in range(number):
        began, before = time.perf_counter(), _cpu(pid)
        answer = await http.post(url, json={"question": next(asked)}, headers=headers)
        whole.append(1e3 * (time.perf_counter() - began))
        cpu.append(1e3 * (_cpu(pid) - before))
        assert answer.status_code == 200, answer.text
    stream = headers | {"accept": "text/event-stream"}
    for _ in range(number // 4):
        began, seen = time.perf_counter(), False
        async with http.stream(
            "POST", url, json={"question": next(asked)}, headers=stream
        ) as answer:
            async for line in answer.aiter_lines():
                if line == "event: understood" and not seen:
                    first.append(1e3 * (time.perf_counter() - began))
                    seen = True
        last.append(1e3 * (time.perf_counter() - began))
    print(f"\nThe whole way: POST /chat, {number} questions, {version}, load {load()}")
    print("  one process of the API on one core, asked from another; questions in all languages")
    measured = {"wall": whole, "CPU": cpu, "first event": first, "last event": last}
    for name, found in measured.items():
        cuts = statistics.quantiles(found, n=20)
        print(f"  {name:11} p50 {cuts[9]:6.1f} ms   p95 {cuts[18]:6.1f} ms")
    print(f"  {_peak(pid) / 1e6:.0f} MB at most")
    for name in ("wall", "CPU"):
        p95 = statistics.quantiles(measured[name], n=20)[18]
        word = "met" if p95 < AIM else "missed"
        print(f"  p95 of the {name} time is to be under {AIM:.0f} ms: {word}")


def _questions() -> Iterator[str]:
    phrases: Mapping[str, Mapping[str, tuple[str, ...]]] = read_phrases()
    every = [
        each for intents in phrases.values() for wordings in intents.values() for each in wordings
    ]
    turn = 0
    while True:  # each in a wording of its own: another mark at its end, another question
        yield every[(turn * 7919) % len(every)] + " " + "?" * (1 + turn // len(every))
        turn += 1


@contextmanager
def _on_one_core() -> Iterator[None]:
    """Have what is started inside keep to the last core, and ourselves to the others."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    # Children take it over; this process goes on elsewhere once they are there.
    loop = asyncio.get_running_loop()
    loop.call_later(1, os.sched_setaffinity, 0, set(cores[:-1] or cores))
    try:
        yield
    finally:
        os.sched_setaffinity(0, set(cores))


def _cpu(pid: int) -> float:
    """Return the CPU seconds of all threads that there are, to the microsecond."""
    found = 0
    for each in Path(f"/proc/{pid}/task").iterdir():
        found += int((each / "schedstat").read_text().split()[0])
    return found / 1e9


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(each for each in lines if each.startswith("VmHWM:")).split()[1]) * 1_024


def run(number: int) -> None:
    """Measure it."""
    asyncio.run(measure(number))
