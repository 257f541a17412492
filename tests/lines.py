"""Two connections made one: what comes in at either goes out at the other."""

import asyncio
from contextlib import suppress

CHUNK = 65_536

End = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def join(one: End, other: End) -> None:
    """Hand on what either sends until one of them has ended; then both are closed."""
    await asyncio.gather(_pass_on(one[0], other[1]), _pass_on(other[0], one[1]))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()
