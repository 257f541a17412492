"""How the worker's loops stop: nothing new, then what is under way, and no longer than they may."""

import asyncio
from collections.abc import Coroutine
from typing import Any

DRAIN_SECONDS = 5.0  # for what is under way, from the signal on
GIVE_BACK_SECONDS = 1.5  # for leases to be given back: a database that hangs takes none
CLAIM_SECONDS = 1.0  # for a claim under way: what it brings could else not be given back


async def until_stopped(
    stop: asyncio.Event, rounds: Coroutine[Any, Any, None], seconds: float
) -> float:
    """Work in rounds until `stop` is set and the round under way is over, or has hung for too long.

    Returns what is left of `seconds`, which count from the stop. Raises what ended the rounds
    before it.
    """
    loop, patience = asyncio.get_running_loop(), min(CLAIM_SECONDS, seconds)
    working, stopping = asyncio.create_task(rounds), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        end = loop.time() + seconds
        await asyncio.wait({working}, timeout=patience)
    finally:
        stopping.cancel()
        await ended({working}, within=patience)
    if working.done() and not working.cancelled():
        working.result()
    return max(end - loop.time(), 0.0)


async def ended(tasks: set[asyncio.Task[Any]], within: float = GIVE_BACK_SECONDS) -> None:
    """Cancel tasks and wait until that is heard, for a while: a connection may hang over it."""
    for each in tasks:
        each.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=within)
