"""Work that runs beside other work."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

AGAIN = 1.0  # seconds that it has for what it does when it is cancelled


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let something run until the block is left."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        # Once may not do: a cancellation that comes together with a time limit may be taken for
        # it, as the Valkey client does, and what asks again and again would then never end.
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=AGAIN)
        with contextlib.suppress(asyncio.CancelledError):
            task.result()
