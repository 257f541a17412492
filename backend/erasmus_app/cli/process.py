"""What every process does first: its loop, its log, engines of its own where none are named.

Nothing of the API is loaded here: an operator's command starts without it.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog

from erasmus_app.settings import Settings
from erasmus_app.store.embedded import engines
from erasmus_app.telemetry import logs

log = structlog.get_logger(__name__)


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a process on uvloop, where it is to be had."""
    logs.configure()
    logs.take_over()
    try:
        import uvloop
    except ImportError:  # Windows
        return asyncio.run(main)
    return uvloop.run(main)


def has_own_engines(settings: Settings) -> bool:
    """Whether an engine that the settings do not name is a server of our own."""
    return settings.database_url is None or settings.redis_url is None


@asynccontextmanager
async def with_engines(settings: Settings) -> AsyncIterator[Settings]:
    """Yield the settings with both engines' addresses; those not named are servers of our own."""
    if not has_own_engines(settings):
        yield settings
        return
    log.warning("engines.of_our_own", data_dir=str(settings.data_dir.resolve()))
    async with engines(settings.data_dir, settings.data_keys) as own:
        yield msgspec.structs.replace(
            settings,
            database_url=settings.database_url or own.database_url,
            redis_url=settings.redis_url or own.redis_url,
        )
