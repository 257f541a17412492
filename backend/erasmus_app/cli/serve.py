"""The processes of a deployment: the API and the worker."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import threading
from collections.abc import Iterator

import uvicorn

from erasmus_app.app import create_app
from erasmus_app.bootstrap import running
from erasmus_app.bootstrap.work import worker_of
from erasmus_app.cli.bounded_http import BoundedHttp
from erasmus_app.cli.bounded_websocket import LARGEST_MESSAGE, BoundedWebSocket
from erasmus_app.cli.process import with_engines
from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.collector import settle
from erasmus_app.settings import Settings

GOODBYE_SECONDS = 0.2  # for sockets to be closed with a word: uvicorn's own says less


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
        settle()
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
        settle()
        await stop.wait()
    return 0


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
