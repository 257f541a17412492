"""`erasmus-app api` or `worker`, with a socket beside it that says what is inside the process.

    WATCHED_SOCKET=FOLDER/api.sock python bench/watched.py api

Each connection is answered with one line of JSON, after a full collection: what is counted then is
really held. Asking stops the process for as long as that takes, so nothing is timed meanwhile.
"""

import asyncio
import ctypes
import gc
import os
import re
import socket
import sys
import tempfile
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
_OURS = re.compile(r"# bytes in allocated blocks +=\s+([\d,]+)")


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


def _given_out() -> int:
    """Return the bytes that are given out: the first of glibc's arenas, large ones, and Python's.

    Python prints its own to the C library's standard error alone; what others write there at that
    moment is lost.
    """
    found = 0
    if function := getattr(ctypes.CDLL(None), "mallinfo2", None):
        function.restype = _Mallinfo
        told = function()
        found = int(told.uordblks + told.hblkhd)
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            sys._debugmallocstats()  # noqa: SLF001 - nothing else tells
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        file.seek(0)
        text = file.read().decode()
    return found + int(_OURS.search(text)[1].replace(",", ""))  # type: ignore[index]


def inside(pauses: _Pauses) -> Inside:
    """Count what there is."""
    before = list(pauses.found)
    gc.collect()
    given_out = _given_out()  # before the counting itself takes any
    objects = gc.get_objects()
    types = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in objects)
    tasks = sum(isinstance(each, asyncio.Task) and not each.done() for each in objects)
    return Inside(
        bytes=given_out,
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
