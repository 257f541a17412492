"""The processes of a deployment: the API, the worker, and the upgrade of the database."""

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog
import uvicorn

from erasmus_app.app import create_app
from erasmus_app.bootstrap import running
from erasmus_app.bootstrap.work import worker_of
from erasmus_app.cli.bounded_http import BoundedHttp
from erasmus_app.cli.bounded_websocket import LARGEST_MESSAGE, BoundedWebSocket
from erasmus_app.errors import SettingsInvalid
from erasmus_app.settings import Settings
from erasmus_app.store import database
from erasmus_app.store.embedded import engines
from erasmus_app.store.rotation import reseal
from erasmus_app.store.sealed import load_vault
from ewp.errors import place_of

GOODBYE_SECONDS = 0.2  # for sockets to be closed with a word: uvicorn's own says less

log = structlog.get_logger(__name__)


def _logging() -> None:
    """One JSON object a line on standard error: an event's name, ids, nothing personal."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
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


def end_with_stdin() -> None:
    """Ask this process to end once its standard input is closed."""

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1024):  # not sys.stdin, whose lock would hold up the process's end
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


class _Server(uvicorn.Server):
    """uvicorn without its way with signals: it ends the process before we have closed the rest."""

    def __init__(self, config: uvicorn.Config, leaving: asyncio.Event) -> None:
        super().__init__(config)
        self._leaving = leaving

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let who waits for news go first: they would stay as long as they are allowed to."""
        self._leaving.set()
        await asyncio.sleep(GOODBYE_SECONDS)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def api(settings: Settings) -> int:
    """Serve the API until SIGINT or SIGTERM."""
    listener = open_listener(settings)
    async with with_engines(settings) as complete, running(complete) as opened:
        server = _Server(
            uvicorn.Config(
                create_app(opened),
                http=BoundedHttp,
                ws=BoundedWebSocket,
                ws_max_size=LARGEST_MESSAGE,
                # What is said is short and personal, and a short text may unfold to a long one.
                ws_per_message_deflate=False,
                log_config=None,
                access_log=False,
                # Signed EWP answers carry a Date of their own (guide §2.6).
                date_header=False,
                server_header=False,
                proxy_headers=False,
                lifespan="on",
                timeout_graceful_shutdown=10,
            ),
            opened.news.leaving,
        )
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, server.handle_exit, name, None)
        await server.serve(sockets=[listener])
    return 0


async def worker(settings: Settings) -> int:
    """Work until SIGINT or SIGTERM; what is under way is finished or given back."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with (
        with_engines(settings) as complete,
        running(complete) as opened,
        worker_of(opened),
    ):
        await stop.wait()
    return 0


async def upgrade(settings: Settings) -> int:
    """Bring the tables up to date."""
    async with with_engines(settings) as complete:
        assert complete.database_url is not None
        vault = load_vault(settings.data_keys, settings.data_dir)
        await database.upgrade(complete.database_url, vault)
    return 0


async def rotate_keys(settings: Settings) -> int:
    """Seal everything anew with the first data key, beside whatever else is running."""
    vault = load_vault(settings.data_keys, settings.data_dir)
    async with with_engines(settings) as complete:
        assert complete.database_url is not None
        async with database.open_database(complete.database_url, vault, size=1) as tables:
            await database.see_keys(tables)
            done, left = await reseal(tables)
    for column, values in sorted(done.items()):
        print(f"{column}: {values}")
    print(f"keys that are still needed: {', '.join(left)}" if left else "one key is needed now")
    return 0


@asynccontextmanager
async def with_engines(settings: Settings) -> AsyncIterator[Settings]:
    """Yield the settings with both engines' addresses; those not named are servers of our own."""
    if settings.database_url is not None and settings.redis_url is not None:
        yield settings
        return
    log.warning("engines.of_our_own", data_dir=str(settings.data_dir.resolve()))
    async with engines(settings.data_dir, settings.data_keys) as own:
        yield msgspec.structs.replace(
            settings,
            database_url=settings.database_url or own.database_url,
            redis_url=settings.redis_url or own.redis_url,
        )


def open_listener(settings: Settings) -> socket.socket:
    """Bind the listener. Raises SettingsInvalid with one line where the port is in use."""
    host, port = settings.listen_address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # By its name TCP, or asyncio leaves Nagle's algorithm on: answers would wait for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        with contextlib.suppress(OSError):
            listener.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingsInvalid(
                f"port {port} on {host} is in use; "
                "set ERASMUS_APP_LISTEN to another, as 127.0.0.1:8010"
            ) from error
        raise SettingsInvalid(f"ERASMUS_APP_LISTEN: {settings.listen}: {error.strerror}") from error
    return listener
