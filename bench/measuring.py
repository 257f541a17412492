"""Time and memory as the measurements here take them: CPU time first, the best of several rounds.

Another process can only make a round longer, so the shortest one says most about the code.
"""

import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

ROUNDS = 11
ROUND_SECONDS = 0.03  # at least; far above what the clocks can tell apart

_STATUS = Path("/proc/self/status")


class Timing(NamedTuple):
    """Seconds for one call."""

    cpu: float
    wall: float

    @property
    def per_second(self) -> float:
        """Calls in one second of one core."""
        return 1 / self.cpu


def side_by_side(
    calls: Mapping[str, Callable[[], object]], rounds: int = ROUNDS
) -> dict[str, Timing]:
    """Time several things in turns, so that a busy moment of the machine falls on all of them."""
    numbers = {name: _calls_in_a_round(call) for name, call in calls.items()}
    found: dict[str, list[Timing]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            found[name].append(_round(call, numbers[name]))
    return {
        name: Timing(min(each.cpu for each in all_), min(each.wall for each in all_))
        for name, all_ in found.items()
    }


def _calls_in_a_round(call: Callable[[], object]) -> int:
    """Double the number of calls until they fill a round; this warms everything up as well."""
    number = 1
    while _round(call, number).cpu * number < ROUND_SECONDS:
        number *= 2
    return number


def _round(call: Callable[[], object], number: int) -> Timing:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(number):
        call()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Timing(cpu / number, wall / number)


def peak_memory() -> int:
    """Return the most bytes of memory that this process has had, C libraries' included.

    Where Linux tells it: `getrusage` there begins with what the parent process had.
    """
    if _STATUS.exists():
        line = next(each for each in _STATUS.read_text().splitlines() if each.startswith("VmHWM:"))
        return int(line.split()[1]) * 1_024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1_024


def processor() -> str:
    """Return the name of the processor."""
    known = Path("/proc/cpuinfo")
    if known.exists():
        for line in known.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def load() -> str:
    """Return how many processes want a core, as of the last minute."""
    return f"{os.getloadavg()[0]:.1f}"
