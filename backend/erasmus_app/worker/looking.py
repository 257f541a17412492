"""How often the worker's loops look for what is due: at each word, and not twice in a moment."""

import asyncio

LONGEST_SLEEP = 1.0  # seconds: polling is the floor under NOTIFY
GAP = 0.03  # seconds between two looks, where the one before has brought all there was


async def apart(looked_at: float) -> None:
    """Wait until a look at this moment (the loop's clock) is long enough ago for another.

    What comes by ones and twos in quick succession is so looked for together.
    """
    await asyncio.sleep(max(looked_at + GAP - asyncio.get_running_loop().time(), 0))
