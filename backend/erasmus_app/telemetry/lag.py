"""How late the event loop is: what a request waits while something else holds it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from statistics import median
from time import process_time

from erasmus_app.telemetry.metrics import LOOP_LAG

EVERY = 1.0  # seconds
TURN, TURNS = 0.02, 5  # seconds; so many of them, the last ones, are judged together
LATE = 0.005  # seconds, in the middle of them: an answer takes several turns of the loop
WHOLE = 0.9  # of a core: one that works all the time
LASTS = 0.1, 3  # seconds that a word stands, and as many times the lateness; it is said anew


async def watch_loop() -> None:
    """Measure it for as long as the process runs."""
    while True:
        LOOP_LAG.observe(await _lateness(EVERY))


async def watch_crowds(tell: Callable[[float, float], Awaitable[None]]) -> None:
    """Tell how many times later than `LATE` the loop is, for as long as the process runs.

    `tell` gets that, and for how many seconds it stands. One turn that is late says nothing, as
    that was somebody's long calculation; nor does a process that has had a core to itself: what
    others leave would not help it.
    """
    now = asyncio.get_running_loop().time
    turns = deque[tuple[float, float, float]](maxlen=TURNS)  # begin, worked until then, lateness
    while True:
        turns.append((now(), process_time(), await _lateness(TURN)))
        begin, worked, _ = turns[0]
        late = median(each for *_, each in turns)
        has_a_core = process_time() - worked >= WHOLE * (now() - begin)
        if len(turns) == TURNS and late > LATE and not has_a_core:
            await tell(late / LATE, LASTS[0] + LASTS[1] * late)


async def _lateness(seconds: float) -> float:
    """Sleep; return how many seconds too late the loop came back to it."""
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds
    await asyncio.sleep(seconds)
    return max(loop.time() - due, 0.0)
