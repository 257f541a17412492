"""How late the event loop is: what a request waits while something else holds it."""

import asyncio
from collections.abc import Awaitable, Callable
from time import process_time

from erasmus_app.telemetry.metrics import LOOP_LAG

EVERY = 1.0  # seconds
TURN, TURNS = 0.02, 15  # seconds; so many of them are judged together, at most
LATE = 0.02  # seconds: an answer takes several turns of the loop
MANY = 5  # late turns of those; one alone was somebody's long calculation
WHOLE = 0.9  # of a core: one that works all the time


async def watch_loop() -> None:
    """Measure it for as long as the process runs."""
    while True:
        LOOP_LAG.observe(await _lateness(EVERY))


async def watch_crowds(tell: Callable[[], Awaitable[None]]) -> None:
    """Tell whenever the loop is late again and again, for as long as the process runs.

    But not where this process has had a core to itself and is late all the same: what others leave
    would not help it.
    """
    now = asyncio.get_running_loop().time
    while True:
        begin, worked, late = now(), process_time(), 0
        for _ in range(TURNS):
            late += await _lateness(TURN) > LATE
            if late == MANY:
                break
        if late == MANY and process_time() - worked < WHOLE * (now() - begin):
            await tell()


async def _lateness(seconds: float) -> float:
    """Sleep; return how many seconds too late the loop came back to it."""
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds
    await asyncio.sleep(seconds)
    return max(loop.time() - due, 0.0)
