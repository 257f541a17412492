"""What processes use while something is measured: CPU, memory, handles; and lines through it."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import psutil

EVERY = 2.0  # seconds


class Use(NamedTuple):
    """What a process held at a moment."""

    at: float  # seconds since the beginning
    memory: float  # bytes, resident
    handles: int
    threads: int


class Line(NamedTuple):
    """A straight line by least squares, and how sure its slope is."""

    slope: float  # a second
    error: float  # the standard error of that

    @property
    def most(self) -> float:
        """Return the slope that it is not above, 95 of 100 times."""
        return self.slope + 1.65 * self.error

    @property
    def least(self) -> float:
        """Return the slope that it is not below, 95 of 100 times."""
        return self.slope - 1.65 * self.error


def line(points: Sequence[tuple[float, float]]) -> Line:
    """Lay a line through at least three points of time and value."""
    number = len(points)
    at, value = (sum(each) / number for each in zip(*points, strict=True))
    spread = sum((x - at) ** 2 for x, _ in points)
    slope = sum((x - at) * (y - value) for x, y in points) / spread
    left = sum((y - value - slope * (x - at)) ** 2 for x, y in points)
    return Line(slope, (left / (number - 2) / spread) ** 0.5)


@dataclass
class Watch:
    """Samples of named processes, from `begin` until `end`; the engines' are counted as well."""

    processes: dict[str, psutil.Process]
    uses: dict[str, list[Use]] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)  # seconds
    seconds: float = 0
    busy: float = 0  # seconds of CPU that the whole machine worked
    _task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Look from now on."""
        self.uses = {name: [] for name in self.processes}
        self.seconds, self.busy = time.monotonic(), machine_cpu()
        self.cpu = self._cpu()
        self._task = asyncio.create_task(self._sample(self.seconds))

    def end(self) -> None:
        """Look no more; `cpu`, `seconds` and `busy` are what passed meanwhile."""
        assert self._task is not None
        self._task.cancel()
        self.seconds = time.monotonic() - self.seconds
        self.busy = machine_cpu() - self.busy
        self.cpu = {name: now - self.cpu[name] for name, now in self._cpu().items()}

    def _cpu(self) -> dict[str, float]:
        ours = {name: cpu_of((each,)) for name, each in self.processes.items()}
        return ours | {name: cpu_of(each) for name, each in engine_processes().items()}

    async def _sample(self, begin: float) -> None:
        while True:
            for name, each in self.processes.items():
                with suppress(psutil.Error):
                    self.uses[name].append(_use(each, time.monotonic() - begin))
            await asyncio.sleep(EVERY)

    def halves(self, name: str) -> tuple[Use, Use, Use]:
        """Return a process's first sample, the one in the middle and the last."""
        uses = self.uses[name]
        return uses[0], uses[len(uses) // 2], uses[-1]

    def memory_line(self, name: str) -> Line:
        """Return how memory moved in the second half, bytes a second."""
        uses = self.uses[name]
        return line([(each.at, each.memory) for each in uses[len(uses) // 2 :]])


def _use(process: psutil.Process, at: float) -> Use:
    with process.oneshot():
        return Use(at, process.memory_info().rss, process.num_fds(), process.num_threads())


def cpu_of(some: Iterable[psutil.Process]) -> float:
    """Return the seconds of CPU that they have used, with those of children that have ended."""
    total = 0.0
    for each in some:
        with suppress(psutil.Error):
            total += sum(each.cpu_times()[:4])
    return total


def engine_processes() -> dict[str, list[psutil.Process]]:
    """Return the processes of PostgreSQL and Valkey that this one has started."""
    found: dict[str, list[psutil.Process]] = {"PostgreSQL": [], "Valkey": []}
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            for name, some in found.items():
                if name.lower()[:6] in each.name():
                    some.append(each)
    return found


def machine_cpu() -> float:
    """Return the seconds that all cores have worked since the machine's start."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))
