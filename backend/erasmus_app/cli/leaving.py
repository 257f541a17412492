"""How a process ends: in order when it is asked to, at once when it is asked again, and in time.

Who restarts us waits for so long and kills then, at a moment of his choosing. We would rather be
gone before.
"""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Self

import structlog

from erasmus_app.telemetry import traces

GOODBYE_SECONDS = 4.5  # from the end of a pause to that of the process, however it hangs
CUT_SHORT = 1  # the exit status of one that hung

log = structlog.get_logger(__name__)


class Leaving:
    """The end of this process, from the first signal on; `async with` is its whole life.

    With engines of our own nothing is cut short: they would be left behind.
    """

    def __init__(
        self, pause: float = 0.0, goodbye: float = GOODBYE_SECONDS, *, own_engines: bool
    ) -> None:
        """Listen to SIGTERM and SIGINT.

        `pause` is how long a SIGTERM lets others take notice, `goodbye` after how long from then
        on the process is ended if it has not.
        """
        self.asked = asyncio.Event()
        self._pause, self._goodbye, self._own_engines = pause, goodbye, own_engines
        self._starting = asyncio.current_task()
        self._asked_at = 0.0
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._told, name)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _kind: object, error: object, _traceback: object) -> bool:
        """End here, where all is closed; also a start that a signal broke off.

        Python would go on to wait for threads, which read files for nobody any more, and take all
        that it has loaded apart, for seconds on a machine that is busy.
        """
        broken_off = isinstance(error, asyncio.CancelledError) and self.asked.is_set()
        if (broken_off or (error is None and self.asked.is_set())) and not self._own_engines:
            traces.stop()
            log.info("process.ended", seconds=round(time.monotonic() - self._asked_at, 1))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
        return broken_off

    @property
    def pause(self) -> float:
        """Seconds to go on for as if nothing was, so that a balancer takes notice."""
        return self._pause

    def started(self) -> None:
        """Let a signal from now on set `asked`; before, it breaks the start off."""
        self._starting = None

    def _told(self, name: signal.Signals) -> None:
        if self.asked.is_set():
            if not self._own_engines:
                os._exit(128 + name)
            return
        if name is signal.SIGINT:  # somebody sits at the terminal, and no balancer is in front
            self._pause = 0.0
        self.asked.set()
        self._asked_at = time.monotonic()
        if not self._own_engines:
            _later(self._pause + self._goodbye, _cut_short)
        if self._starting is not None:
            self._starting.cancel()


def _later(seconds: float, what: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, what)
    timer.daemon = True
    timer.start()


def _cut_short() -> None:
    """End, whatever waits: a thread that looks up a name, an engine that says nothing any more."""
    log.warning("process.cut_short")
    sys.stderr.flush()
    os._exit(CUT_SHORT)
