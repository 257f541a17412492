"""What stands before several API processes: each connection goes to the next of them."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

CHUNK = 65_536


@asynccontextmanager
async def in_turns(addresses: Sequence[str], listener: socket.socket) -> AsyncIterator[str]:
    """Pass connections on until the block is left; yields the address of the one door.

    That is a path, where the listener is a Unix socket.
    """
    turns, open_now = itertools.cycle(addresses), set[asyncio.StreamWriter]()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to = urlsplit(next(turns))
        onwards, back = await asyncio.open_connection(to.hostname, to.port)
        open_now.update((writer, back))
        try:
            await asyncio.gather(_pass_on(reader, back), _pass_on(onwards, writer))
        finally:
            open_now.difference_update((writer, back))
            writer.close()
            back.close()

    server = await asyncio.start_server(take, sock=listener)
    door = listener.getsockname()
    try:
        yield door if isinstance(door, str) else f"http://{door[0]}:{door[1]}"
    finally:
        server.close()
        for each in list(open_now):
            each.close()
        await server.wait_closed()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
