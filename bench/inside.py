"""What is inside a process that runs with `watched.py`."""

import asyncio
from pathlib import Path

import msgspec


class Inside(msgspec.Struct, frozen=True, kw_only=True):
    """What a process holds."""

    bytes: int  # of memory that are given out: by Python's own allocator, and by the C library's
    objects: int  # that the collector knows
    types: dict[str, int]  # the most frequent, and how many there are of each
    tasks: int  # under way in the event loop
    pauses: list[tuple[int, float, float]]  # of the collector: how often, seconds, the longest


async def ask(path: Path) -> Inside:
    """Ask the process whose socket is at `path`."""
    reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
    line = await reader.readline()
    writer.close()
    return msgspec.json.decode(line, type=Inside)
