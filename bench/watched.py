"""`erasmus-app api` or `worker`, with a socket beside it that says what is inside the process.

    WATCHED_SOCKET=FOLDER/api.sock python bench/watched.py api

Each connection is answered with one line of JSON, after a full collection: what is counted then is
really held. Asking stops the process for as long as that takes, so nothing is timed meanwhile.
"""

import asyncio
import ctypes
import gc
import os
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))

import msgspec
from inside import Inside

from erasmus_app.cli import main

MOST_TYPES = 400


class _Pauses:
    """How long the collector has stopped the process, by generation."""

    def __init__(self) -> None:
        self.found: list[tuple[int, float, float]] = [(0, 0.0, 0.0)] * 3
        self._began = 0.0
        gc.callbacks.append(self._note)

    def _note(self, phase: str, info: dict[str, Any]) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._began = now
            return
        number, seconds, longest = self.found[info["generation"]]
        took = now - self._began
        self.found[info["generation"]] = number + 1, seconds + took, max(longest, took)


class _Mallinfo(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _heap() -> int:
    """Return the bytes that glibc has given out: the first arena's, and large ones of their own."""
    function = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if function is None:  # another C library
        return 0
    function.restype = _Mallinfo
    found = function()
    return int(found.uordblks + found.hblkhd)


def inside(pauses: _Pauses) -> Inside:
    """Count what there is."""
    before = list(pauses.found)
    gc.collect()
    blocks, heap = sys.getallocatedblocks(), _heap()  # before the counting itself takes any
    objects = gc.get_objects()
    types = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in objects)
    tasks = sum(isinstance(each, asyncio.Task) and not each.done() for each in objects)
    return Inside(
        blocks=blocks,
        heap=heap,
        objects=len(objects),
        types=dict(types.most_common(MOST_TYPES)),
        tasks=tasks,
        pauses=before,
    )


def _answer(door: socket.socket, pauses: _Pauses) -> None:
    while True:
        connection, _ = door.accept()
        with connection:
            connection.sendall(msgspec.json.encode(inside(pauses)) + b"\n")


if __name__ == "__main__":
    path = Path(os.environ.pop("WATCHED_SOCKET"))
    path.unlink(missing_ok=True)  # of a process before this one
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(path))
    listening.listen()
    threading.Thread(target=_answer, args=(listening, _Pauses()), daemon=True).start()
    sys.exit(main(sys.argv[1:]))
