"""How a process ends: tried with small ones that hang in one way or another."""

import asyncio
import os
import signal
import sys

import pytest
from databases import PATIENCE

PROGRAM = """
import asyncio, sys, time
import structlog
from erasmus_app.cli import leaving

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

async def main():
    async with leaving.Leaving({pause}, {goodbye}, own_engines={own_engines}) as found:
        {work}; print("in order", flush=True)

asyncio.run(main())
"""
ASKED = 'found.started(); print("up", flush=True); await found.asked.wait(); '
HANGS = ASKED + 'print("asked", flush=True); await asyncio.to_thread(time.sleep, 1000)'
ENDS = ASKED + "print(found.pause)"
READS = ASKED + "asyncio.create_task(asyncio.to_thread(time.sleep, 1000)); await asyncio.sleep(0.1)"
STARTING = 'print("up", flush=True); await asyncio.sleep(1000)'


async def end(
    work: str,
    *signals: signal.Signals,
    goodbye: float = 1000.0,
    pause: float = 0.0,
    own_engines: bool = False,
) -> tuple[int, list[str]]:
    """Send a running program signals, each after its next line; its status and further lines."""
    program = PROGRAM.format(work=work, goodbye=goodbye, pause=pause, own_engines=own_engines)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            for each in signals:
                await process.stdout.readline()
                process.send_signal(each)
            rest = (await process.stdout.read()).decode().splitlines()
            return await process.wait(), rest
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


TERM, INT = signal.SIGTERM, signal.SIGINT


@pytest.mark.parametrize(
    ("ends", "found"),
    [
        pytest.param(end(ENDS, TERM, pause=0.5), (0, ["0.5", "in order"]), id="asked"),
        pytest.param(end(ENDS, INT, pause=1000), (0, ["0.0", "in order"]), id="at a terminal"),
        pytest.param(end(STARTING, TERM), (0, []), id="while it starts"),
        pytest.param(end(READS, TERM), (0, ["in order"]), id="while a thread reads a large file"),
        pytest.param(end(HANGS, TERM, goodbye=0.1), (1, ["asked"]), id="hangs"),
        pytest.param(end(HANGS, TERM, TERM), (128 + TERM, []), id="asked again"),
        pytest.param(end(HANGS, TERM, INT), (128 + INT, []), id="asked otherwise"),
    ],
)
async def test_a_process_ends(ends, found):
    assert await ends == found


async def test_engines_of_our_own_are_not_left_behind_by_an_end_that_is_cut_short():
    slow = ASKED + 'print("asked", flush=True); await asyncio.sleep(0.5)'

    assert await end(slow, TERM, TERM, goodbye=0.01, own_engines=True) == (0, ["in order"])
