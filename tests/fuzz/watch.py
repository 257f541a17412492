"""Looks on while foreign bytes are read: nothing is written, nobody is called, nothing hangs.

Python tells of what goes through it. What libxml2 would fetch by itself is not among that: see
`tests/unit/ewp/test_xml_door.py`.
"""

import faulthandler
import gc
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, settings

HANGS = 120.0  # seconds; a reader that takes them has the process killed, with its place told
fuzzing = settings(
    max_examples=int(os.environ.get("FUZZ_INPUTS", "500")),  # for each reader
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

slowest: dict[str, float] = {}  # seconds of the processor, by reader: `make fuzz` shows them
inputs: dict[str, int] = {}

_reading = False
_FORBIDDEN = ("socket.", "subprocess.", "os.", "shutil.", "tempfile.", "ftplib.", "urllib.")
_HARMLESS = frozenset({"os.listdir", "os.scandir", "os.walk", "os.fwalk"})


class Forbidden(BaseException):
    """Something that no reader may do; not an Exception, so that nothing swallows it."""


def _look(event: str, arguments: tuple[object, ...]) -> None:
    if not _reading:
        return
    if event == "open":
        _, mode, flags = arguments
        written = isinstance(mode, str) and set(mode) & set("wax+")
        opened = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if written or opened:
            raise Forbidden("a file is opened for writing")
    elif event.startswith(_FORBIDDEN) and event not in _HARMLESS:
        raise Forbidden(event)


sys.addaudithook(_look)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Watch one reader with one input."""
    global _reading  # noqa: PLW0603 - an audit hook has nothing but globals
    inputs[name] = inputs.get(name, 0) + 1
    faulthandler.dump_traceback_later(HANGS, exit=True)
    gc.disable()  # else the time is now and then that of a collection of everybody's garbage
    began = time.process_time()
    _reading = True
    try:
        yield
    finally:
        _reading = False
        took = time.process_time() - began
        gc.enable()
        faulthandler.cancel_dump_traceback_later()
        slowest[name] = max(slowest.get(name, 0.0), took)
