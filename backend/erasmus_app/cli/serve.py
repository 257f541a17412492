"""The processes of a deployment: the API, the worker, and the upgrade of the database."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import Coroutine
from typing import Any

import structlog
import uvicorn

from erasmus_app.app import create_app
from erasmus_app.bootstrap import running, worker_of
from erasmus_app.errors import SettingsInvalid
from erasmus_app.settings import Settings
from erasmus_app.store import database

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


async def api(settings: Settings) -> int:
    """Serve the API until SIGINT or SIGTERM."""
    listener = open_listener(settings)
    async with running(settings) as opened:
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(opened),
                log_config=None,
                access_log=False,
                # Signed EWP answers carry a Date of their own (guide §2.6).
                date_header=False,
                server_header=False,
                proxy_headers=False,
                lifespan="on",
                timeout_graceful_shutdown=10,
            )
        )
        await server.serve(sockets=[listener])
    return 0


async def worker(settings: Settings) -> int:
    """Work until SIGINT or SIGTERM; what is under way is finished or given back."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with running(settings) as opened, worker_of(opened):
        await stop.wait()
    return 0


async def upgrade(settings: Settings) -> int:
    """Bring the tables up to date."""
    if settings.database_url is None:
        raise SettingsInvalid(
            "ERASMUS_APP_DATABASE_URL: name the database to upgrade; "
            "the embedded one is upgraded by the program that starts it"
        )
    await database.upgrade(settings.database_url)
    return 0


def open_listener(settings: Settings) -> socket.socket:
    """Bind the listener. Raises SettingsInvalid with one line where the port is in use."""
    host, port = settings.listen_address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
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
