"""Runs ASGI applications on loopback, over TLS or plain, inside the calling event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import uvicorn

from sandbox.authority import Certificate

LOOPBACK, ANYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 - only where it is asked for
PATIENCE = 2  # seconds that requests under way have when a server stops

AsgiApp = Callable[..., Awaitable[None]]


class _Server(uvicorn.Server):
    """uvicorn as a guest in our loop: leaves signals alone, says when it is up, leaves at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()
        self._leaving = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):  # ten times a second; it keeps the date header right
            ticks += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._leaving.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, but without its naps of 0.1 s, one of which is taken for nobody."""
        for each in (*self.servers, *(sockets or ())):
            each.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while state.connections or state.tasks:  # noqa: ASYNC110 - uvicorn tells nobody
                    await asyncio.sleep(0.005)
                for server in self.servers:
                    await server.wait_closed()
        for task in state.tasks:
            task.cancel()
        await self.lifespan.shutdown()

    def leave(self) -> None:
        """Stop: no new connections, and `PATIENCE` for what is under way."""
        self.should_exit = True
        self._leaving.set()


def listen(port: int = 0, *, host: str = LOOPBACK) -> socket.socket:
    """Bind a TCP port before its server exists, so that its address can be told first.

    Args:
        port: 0 for any free one.
        host: an IP address of this machine.

    Raises:
        OSError: the port is taken or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # By its name TCP, or asyncio leaves Nagle's algorithm on: answers would wait for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def here(host: str) -> str:
    """Return where a browser on this machine reaches what listens on `host`."""
    return LOOPBACK if host == ANYWHERE else host


def origin(listener: socket.socket, *, secure: bool, name: str | None = None) -> str:
    """Return `scheme://host:port` of a bound port.

    Args:
        listener: the bound port.
        secure: https, else http.
        name: the host as callers write it; by default `localhost` for https on 127.0.0.1, else the
            address itself. What listens on every address is called by 127.0.0.1.
    """
    host, port = listener.getsockname()[:2]
    host = here(host)
    address = f"[{host}]" if ":" in host else str(host)
    shown = name or ("localhost" if secure and host == LOOPBACK else address)
    return f"{'https' if secure else 'http'}://{shown}:{port}"


@contextlib.asynccontextmanager
async def serving(
    app: AsgiApp,
    *,
    port: int = 0,
    host: str = LOOPBACK,
    listener: socket.socket | None = None,
    tls: Certificate | None = None,
    name: str | None = None,
    http: type[asyncio.Protocol] | None = None,
    websocket: type[asyncio.Protocol] | None = None,
) -> AsyncIterator[str]:
    """Serve an ASGI application until the block is left; yields its origin.

    Args:
        app: the application.
        port: where to listen; 0 for any free port.
        host: an IP address of this machine.
        listener: a port bound before (see `listen`); it is closed at the end. Wins over `port`.
        tls: the certificate to serve https with; None serves plain http.
        name: the host in the origin that is yielded (see `origin`).
        http: how connections are spoken with; None leaves it to uvicorn.
        websocket: how sockets are; None refuses them.

    Raises:
        OSError: the port is taken.
        RuntimeError: the application's own start failed.
    """
    bound = listener or listen(port, host=host)
    config = uvicorn.Config(
        app,
        http=http or "auto",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # a signed answer carries its own
        ssl_certfile=tls.chain if tls else None,
        ssl_keyfile=tls.key if tls else None,
        timeout_graceful_shutdown=PATIENCE,
        ws=websocket or "none",
        ws_per_message_deflate=False,
    )
    server = _Server(config)
    running = asyncio.create_task(_run(server, bound))
    up = asyncio.create_task(server.up.wait())
    try:
        await asyncio.wait({running, up}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        yield origin(bound, secure=tls is not None, name=name)
    finally:
        up.cancel()
        server.leave()
        with contextlib.suppress(RuntimeError):  # told above, if it happened at the start
            await running
        bound.close()


async def _run(server: _Server, bound: socket.socket) -> None:
    try:
        await server.serve(sockets=[bound])
    except SystemExit as error:  # how uvicorn tells that a start failed
        raise RuntimeError("the application did not start") from error
    if not server.up.is_set():
        raise RuntimeError("the application did not start")
