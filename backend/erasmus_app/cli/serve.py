"""The processes of a deployment: the API and the worker."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import structlog
import uvicorn

from erasmus_app.app import create_app
from erasmus_app.bootstrap import Running, running
from erasmus_app.bootstrap.beside import beside
from erasmus_app.bootstrap.work import worker_of
from erasmus_app.cli.bounded_http import BoundedHttp, HttpState
from erasmus_app.cli.bounded_websocket import LARGEST_MESSAGE, BoundedWebSocket
from erasmus_app.cli.leaving import Leaving
from erasmus_app.cli.process import has_own_engines, with_engines
from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.collector import settle
from erasmus_app.settings import Settings
from erasmus_app.worker.port import WorkerPort

ACCEPTED_AT_ONCE = 16  # connections
GOODBYE_SECONDS = 0.2  # for sockets to be closed with a word: uvicorn's own says less
WORKER_SECONDS = 9.5  # from the signal on: a worker drains in `worker.stopping`'s time, and closes
FINISH_SECONDS = 2  # for answers under way, after a pause in which most have been given

log = structlog.get_logger(__name__)


def end_with_stdin() -> None:
    """Ask this process to end once its standard input is closed."""

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1024):  # not sys.stdin, whose lock would hold up the process's end
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


class _Quiet(uvicorn.Server):
    """uvicorn without its way with signals: it ends the process before we have closed the rest."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.server_state = self._state = HttpState()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Server(_Quiet):
    """The api's, with an end that neither a balancer nor a client has to notice."""

    def __init__(self, opened: Running) -> None:
        super().__init__(
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
                timeout_graceful_shutdown=FINISH_SECONDS,
            )
        )
        self._opened = opened

    async def end(self, leaving: Leaving) -> None:
        """End once that is asked: unready at once, and closed after a pause."""
        await leaving.asked.wait()
        log.info("api.draining", seconds=leaving.pause)
        self._opened.services.operations.drain()
        self._state.leave()
        await asyncio.sleep(leaving.pause)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let who waits for news go first: they would stay as long as they are allowed to."""
        self._opened.news.leaving.set()
        await asyncio.sleep(GOODBYE_SECONDS)
        self._state.give_up()
        await super().shutdown(sockets)


async def api(settings: Settings) -> int:
    """Serve the API until SIGINT or SIGTERM."""
    listener = open_listener(settings)
    async with (
        Leaving(settings.drain_seconds, own_engines=has_own_engines(settings)) as leaving,
        with_engines(settings) as complete,
        running(complete) as opened,
    ):
        leaving.started()
        server = _Server(opened)
        settle()
        async with beside(server.end(leaving)):
            await server.serve(sockets=at_once(listener))
    return 0


async def worker(settings: Settings) -> int:
    """Work until SIGINT or SIGTERM; what is under way is finished or given back."""
    address = settings.worker_address
    listener = bound("WORKER_LISTEN", *address) if address is not None else None
    async with (
        Leaving(goodbye=WORKER_SECONDS, own_engines=has_own_engines(settings)) as leaving,
        with_engines(settings) as complete,
        running(complete) as opened,
        worker_of(opened) as working,
        _served(WorkerPort(opened.services, working), listener),
    ):
        settle()
        leaving.started()
        await leaving.asked.wait()
    return 0


@contextlib.asynccontextmanager
async def _served(app: WorkerPort, listener: socket.socket | None) -> AsyncIterator[None]:
    """Answer at a listener, if there is one, until the block is left."""
    if listener is None:
        yield
        return
    config = uvicorn.Config(
        app,
        http=BoundedHttp,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = _Quiet(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


def open_listener(settings: Settings) -> socket.socket:
    """Bind the api's listener; raises as `bound`."""
    return bound("LISTEN", *settings.listen_address)


def at_once(listener: socket.socket) -> list[socket.socket]:
    """Return a listener as often as connections are to be taken in one turn of the loop.

    uvloop takes one of each in a turn (libuv since 1.45). Under load a turn lasts some ten
    milliseconds, and whoever came with a new connection stood before a full queue, from which the
    kernel asks again after 1, 3, 7, ... seconds.
    """
    return [listener, *(listener.dup() for _ in range(ACCEPTED_AT_ONCE - 1))]


def bound(name: str, host: str, port: int) -> socket.socket:
    """Bind a listener. Raises SettingsInvalid with one line where the port is in use."""
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
                f"set ERASMUS_APP_{name} to another, as 127.0.0.1:8010"
            ) from error
        raise SettingsInvalid(f"ERASMUS_APP_{name}: {host}:{port}: {error.strerror}") from error
    return listener
