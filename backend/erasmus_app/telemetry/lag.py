"""How late the event loop is: what a request waits while something else holds it."""

import asyncio

from erasmus_app.telemetry.metrics import LOOP_LAG

EVERY = 1.0  # seconds


async def watch_loop() -> None:
    """Measure it for as long as the process runs."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + EVERY
        await asyncio.sleep(EVERY)
        LOOP_LAG.observe(max(loop.time() - due, 0.0))
