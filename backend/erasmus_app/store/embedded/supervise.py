"""Start a server, see to it that it runs for as long as we do, and stop it in order."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import psutil
import structlog

from erasmus_app.errors import EngineFailed
from erasmus_app.store.embedded.folder import Log, User, free_port

START_SECONDS = 30.0  # without any sign of life; a recovery after a crash may take longer
STOP_SECONDS = 10.0  # for each signal, before the next and ruder one
ANOTHER_TRY = 1.0  # seconds before a server that ended by itself is started anew
PORT_TRIES = 5

log = structlog.get_logger(__name__)


class Sign(Enum):
    """What a server answered."""

    NONE = "none"
    BUSY = "busy"  # it lives and recovers
    READY = "ready"


class _PortTaken(EngineFailed):
    """Somebody was quicker between our looking and the server's binding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """What there is to know about a server in order to keep it running."""

    name: str
    program: str  # the name of its binary
    home: Path
    user: User | None
    log: Log
    needs: Sequence[Path]  # what `user` must be able to read
    stop: Sequence[signal.Signals]  # from the politest on
    command: Callable[[int], list[str]]  # for a port
    stdin: Callable[[int], bytes]
    answers: Callable[[int], Awaitable[Sign]]
    before: Callable[[], None]  # makes `home` fit for a start


@asynccontextmanager
async def supervised(engine: Engine) -> AsyncIterator[int]:
    """Run the server on a free loopback port and yield the port.

    One that ends without being asked to is started again on the same port.

    Raises:
        EngineFailed: it did not start; the message ends with its last words.
    """
    process, port = await _first_start(engine)

    async def keep() -> None:
        nonlocal process
        while True:
            await process.wait()
            log.error("engine.ended", engine=engine.name, status=process.returncode)
            await asyncio.sleep(ANOTHER_TRY)
            try:
                process = await _start(engine, port)
            except (EngineFailed, OSError) as error:  # OSError: there is no room, say
                log.error("engine.failed", engine=engine.name, error=str(error))  # noqa: TRY400 - one line says it

    keeper = asyncio.create_task(keep())
    try:
        yield port
    finally:
        keeper.cancel()
        await to_the_end(_stop_with(keeper, engine, lambda: process))


async def _first_start(engine: Engine) -> tuple[asyncio.subprocess.Process, int]:
    for _ in range(PORT_TRIES - 1):
        port = free_port()
        with suppress(_PortTaken):
            return await _start(engine, port), port
    port = free_port()
    return await _start(engine, port), port


async def _start(engine: Engine, port: int) -> asyncio.subprocess.Process:
    await asyncio.to_thread(_prepare, engine)
    engine.log.mark()
    process = await launch(
        engine.command(port), engine, stdin=engine.stdin(port), death=engine.stop[0]
    )
    try:
        await _until_ready(engine, process, port)
    except BaseException:
        await to_the_end(stop(process, engine.stop))
        raise
    return process


def _prepare(engine: Engine) -> None:
    end_strays({engine.program}, engine.home, engine.user)
    engine.before()


async def _until_ready(engine: Engine, process: asyncio.subprocess.Process, port: int) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_SECONDS
    while process.returncode is None and loop.time() < deadline:
        match await engine.answers(port):
            case Sign.READY:
                return
            case Sign.BUSY:
                deadline = loop.time() + START_SECONDS
            case Sign.NONE:
                pass
        await asyncio.sleep(0.02)
    words = engine.log.last_words()
    failed = _PortTaken if "Address already in use" in engine.log.since() else EngineFailed
    why = f"did not answer in {START_SECONDS:.0f} s" if process.returncode is None else "ended"
    raise failed(f"{engine.name} {why}; {engine.log.path} ends with: {words}")


async def launch(
    command: list[str], engine: Engine, *, death: signal.Signals, stdin: bytes = b""
) -> asyncio.subprocess.Process:
    """Run a command in a session of its own: Ctrl-C reaches us, and we stop it in order."""
    plan = {
        "parent": os.getpid(),
        "death": int(death),
        "user": engine.user,
        "needs": [str(each) for each in engine.needs],
        "home": str(engine.home),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-IS", str(Path(__file__).with_name("launch.py")), json.dumps(plan)),
        *command,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=engine.log.file,
        stderr=engine.log.file,
        cwd="/",
        start_new_session=True,
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
    )
    if process.stdin is not None:
        with suppress(ConnectionError):
            process.stdin.write(stdin)
            await process.stdin.drain()
        process.stdin.close()
    return process


async def stop(process: asyncio.subprocess.Process, signals: Sequence[signal.Signals]) -> None:
    """End a child and wait for it, politely at first."""
    for each in signals:
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(each)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()


async def _stop_with(
    keeper: asyncio.Task[None],
    engine: Engine,
    process: Callable[[], asyncio.subprocess.Process],
) -> None:
    await asyncio.wait({keeper})
    await stop(process(), engine.stop)


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Finish `work` though we are cancelled meanwhile, and be cancelled after that."""
    task = asyncio.create_task(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = not task.done()
    task.result()
    if cancelled:
        raise asyncio.CancelledError


def end_strays(programs: set[str], home: Path, user: User | None) -> None:
    """End servers that a killed run left on `home`, and wait until they are gone.

    They are known by what they run on, never by a recorded process id alone: after a power loss
    such an id may be somebody else's.

    Raises:
        EngineFailed: one of them does not go.
    """
    uids = {os.geteuid()} | ({user.uid} if user else set())
    strays = [each for each in psutil.process_iter() if _runs_on(each, programs, home, uids)]
    for name in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, at once
        if not strays:
            return
        log.warning("engine.stray_ended", home=str(home), pids=[each.pid for each in strays])
        for each in _heads(strays) if name is not signal.SIGKILL else strays:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(name)
        _, strays = psutil.wait_procs(strays, timeout=STOP_SECONDS)
    if strays:
        pids = ", ".join(str(each.pid) for each in strays)
        raise EngineFailed(f"an earlier server on {home} does not end (process {pids})")


def _heads(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Return those that are no child of another: a server ends its children in order itself."""
    pids, heads = {each.pid for each in processes}, []
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            if each.ppid() not in pids:
                heads.append(each)
    return heads


def _runs_on(process: psutil.Process, programs: set[str], home: Path, uids: set[int]) -> bool:
    try:
        with process.oneshot():
            if process.name() not in programs or process.uids().real not in uids:
                return False
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            if str(home) in process.cmdline():
                return True
            # A child of a server rewrites its command line; its working folder tells.
            return Path(process.cwd()) == home
    except (psutil.Error, OSError):
        return False
