"""What stands before several API processes: each connection goes to the next of them."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from lines import join


@asynccontextmanager
async def in_turns(addresses: Sequence[str], listener: socket.socket) -> AsyncIterator[str]:
    """Pass connections on until the block is left; yields the address of the one door.

    That is a path, where the listener is a Unix socket.
    """
    turns, open_now = itertools.cycle(addresses), set[asyncio.StreamWriter]()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to = urlsplit(next(turns))
        there = await asyncio.open_connection(to.hostname, to.port)
        open_now.update((writer, there[1]))
        try:
            await join((reader, writer), there)
        finally:
            open_now.difference_update((writer, there[1]))

    server = await asyncio.start_server(take, sock=listener)
    door = listener.getsockname()
    try:
        yield door if isinstance(door, str) else f"http://{door[0]}:{door[1]}"
    finally:
        server.close()
        for each in list(open_now):
            each.close()
        await server.wait_closed()
