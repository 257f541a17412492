"""A small balancer: it asks `/readyz`, hands connections on, and tries nothing twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from lines import join

INTERVAL = 0.5  # seconds between two looks at a process
CLOSE = {"connection": "close"}


@dataclass(slots=True)
class Balancer:
    """Whoever connects gets the next process that was ready when it was last asked."""

    ready: dict[int, bool] = field(default_factory=dict)  # by port
    failed: int = 0  # connections that no process took
    _turn: int = 0

    async def look(self) -> None:
        """Ask all of them, for ever."""
        async with httpx.AsyncClient(trust_env=False, timeout=2, headers=CLOSE) as http:
            while True:
                await asyncio.gather(*(self._ask(http, port) for port in list(self.ready)))
                await asyncio.sleep(INTERVAL)

    async def _ask(self, http: httpx.AsyncClient, port: int) -> None:
        try:
            answer = await http.get(f"http://127.0.0.1:{port}/readyz")
            self.ready[port] = answer.status_code == 200
        except httpx.HTTPError:
            self.ready[port] = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand one connection on, byte for byte, until either side closes it."""
        ports = [port for port, ready in self.ready.items() if ready]
        self._turn += 1
        try:
            port = ports[self._turn % len(ports)]
            there = await asyncio.open_connection("127.0.0.1", port)
        except (OSError, ZeroDivisionError):
            self.failed += 1
            writer.transport.abort()
            return
        await join((reader, writer), there)


@asynccontextmanager
async def balancing(*ports: int) -> AsyncIterator[tuple[Balancer, str]]:
    """Run one before these ports; yields it with its address."""
    balancer = Balancer(dict.fromkeys(ports, False))
    looking = asyncio.create_task(balancer.look())
    server = await asyncio.start_server(balancer.serve, "127.0.0.1", 0)
    try:
        yield balancer, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        looking.cancel()
        await asyncio.wait({looking})
