"""Plain HTTP/1.1 over connections that are kept, as a proxy before the backend keeps them.

A request costs a tenth of what it does with a client library, for the load shares the cores with
what it loads. Each request goes to the next API process, over a connection to that one: what a
balancer by turns would do, without the CPU of a balancer.
"""

import asyncio
import itertools
import time
from collections.abc import Sequence

IDLE_SECONDS = 3.0  # the API closes a connection that was idle for five
LIMIT = 1 << 20


class Doors:
    """The API processes of a backend, asked in turns."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._turns = itertools.cycle(ports)
        self._idle: dict[int, list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]]] = {
            port: [] for port in ports
        }
        self.opened = 0

    def next(self) -> int:
        """Return the port of the process whose turn it is."""
        return next(self._turns)

    async def ask(self, method: str, path: str, headers: bytes, body: bytes) -> tuple[int, bytes]:
        """Send a request; `headers` are whole lines. Returns status and body.

        Raises:
            OSError: nobody answers.
            asyncio.IncompleteReadError: the answer ends before its end.
        """
        port = self.next()
        reader, writer = await self._connection(port)
        writer.write(
            b"%b %b HTTP/1.1\r\nHost: backend.example\r\n%bContent-Length: %d\r\n\r\n%b"
            % (method.encode(), path.encode(), headers, len(body), body)
        )
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            answer = await reader.readexactly(_length(head))
        except BaseException:
            writer.close()
            raise
        self._idle[port].append((time.monotonic(), reader, writer))
        return int(head[9:12]), answer

    async def _connection(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        idle, oldest = self._idle[port], time.monotonic() - IDLE_SECONDS
        while idle:
            since, reader, writer = idle.pop()
            if since > oldest and not reader.at_eof():
                return reader, writer
            writer.close()
        self.opened += 1
        return await asyncio.open_connection("127.0.0.1", port, limit=LIMIT)

    def close(self) -> None:
        """Close what is idle."""
        for idle in self._idle.values():
            while idle:
                idle.pop()[2].close()


def _length(head: bytes) -> int:
    """Return how long the body is, which every answer of ours says."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError(f"an answer without a length: {head[:200]!r}")
