"""What every process does first: its loop, its log, engines of its own where none are named.

Nothing of the API is loaded here: an operator's command starts without it.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog

from erasmus_app.settings import Settings
from erasmus_app.store.embedded import engines
from erasmus_app.telemetry.metrics import count_line
from ewp.errors import place_of

log = structlog.get_logger(__name__)


def _logging() -> None:
    """One JSON object a line on standard error: an event's name, ids, nothing personal."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            count_line,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_FromLibraries()], level=logging.WARNING, force=True)


class _FromLibraries(logging.Handler):
    """Writes what libraries log without the values in it, which may be a student's."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        error = record.exc_info[1] if record.exc_info else None
        told = {"code": type(error).__name__, "where": place_of(error)} if error else {}
        text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        log.warning("library.logged", logger=record.name, says=text, **told)


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a process on uvloop, where it is to be had."""
    _logging()
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
