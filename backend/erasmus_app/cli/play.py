"""`erasmus-app run`: engines, sandbox and backend on this machine, and the show on the terminal."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from rich.console import Console

from erasmus_app.cli.serve import open_listener
from erasmus_app.cli.show import Show, greeting
from erasmus_app.errors import EngineFailed
from erasmus_app.settings import load_settings
from erasmus_app.store import polls
from erasmus_app.store.embedded import engines
from erasmus_app.store.embedded.folder import opened
from erasmus_app.store.sealed import OWN_FILE

UP_SECONDS = 40.0
OWN_SYSTEM_APIS = 4  # omobilities, imobilities, omobility-las, imobility-tors
PAUSE = 2.5  # seconds between steps, at speed 1
IN_A_HURRY = {  # the sandbox's partners answer at once, so everything may be quick
    "ERASMUS_APP_EXPLORER": "true",
    "ERASMUS_APP_POLL_SECONDS": "1",
    "ERASMUS_APP_SAFETY_POLL_SECONDS": "1",
    "ERASMUS_APP_REFETCH_SECONDS": "1",
    "ERASMUS_APP_POLL_OVERLAP_SECONDS": "5",
    "ERASMUS_APP_CNR_DEBOUNCE_SECONDS": "0.2",
    "ERASMUS_APP_AGREEMENT_ABSENCE_SECONDS": "1",
    "ERASMUS_APP_ABSENCE_SECONDS": "5",
    "ERASMUS_APP_FACTSHEET_SECONDS": "2",
    "ERASMUS_APP_MERGE_SECONDS": "0",
    "ERASMUS_APP_AGREEMENTS_SECONDS": "5",
    "ERASMUS_APP_DRAIN_SECONDS": "0",
}


async def play(*, step: bool, speed: float, fresh: bool, stay: bool) -> int:
    """Start everything, tell the story, and stay up until Ctrl-C."""
    console = Console(highlight=False)
    settings = load_settings(os.environ)
    open_listener(settings).close()  # said in one line before anything is started
    data_dir = settings.data_dir.resolve()
    task = asyncio.current_task()
    assert task is not None
    for name in (signal.SIGTERM, signal.SIGHUP):  # as with Ctrl-C: end in order
        asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    async with AsyncExitStack() as stack:
        stack.enter_context(opened(data_dir, "run"))
        if fresh:
            with opened(data_dir, "engines"):  # an `api` of its own may run on them
                for each in ("postgres", "valkey", "sandbox", "backend", "log", OWN_FILE):
                    path = data_dir / each
                    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        with console.status("Starting PostgreSQL and Valkey ..."):
            own = await stack.enter_async_context(engines(data_dir))
            keys = data_dir / OWN_FILE
        with console.status("Starting the sandbox network and the backend ..."):
            sandbox = await _sandbox(stack, data_dir, settings.listen)
            environment = os.environ | sandbox["environment"] | IN_A_HURRY
            environment |= {
                "ERASMUS_APP_DATABASE_URL": own.database_url,
                "ERASMUS_APP_REDIS_URL": own.redis_url,
                "ERASMUS_APP_DATA_DIR": str(data_dir / "backend"),
                "ERASMUS_APP_DATA_KEYS": str(keys),
            }
            http = await stack.enter_async_context(httpx.AsyncClient(timeout=30, trust_env=False))
            backend = environment["ERASMUS_APP_LOGIN_URL"]
            await _start(stack, "api", environment, data_dir)
            await _until_listed(http, backend, sandbox["control"], data_dir)
            await _start(stack, "worker", environment, data_dir)  # partners know its keys by now
            await _until_synchronised(own.database_url, data_dir)
        console.print(greeting(backend))
        show = Show(console, http, backend, sandbox, step=step, pause=PAUSE / speed)
        await show.run()
        if stay:
            console.print("\nEverything stays up: sign in and look around. [b]Ctrl-C[/b] ends it.")
            await asyncio.Event().wait()
    return 0


async def _sandbox(stack: AsyncExitStack, data_dir: Path, listen: str) -> dict[str, Any]:
    arguments = ["-m", "sandbox", str(data_dir / "sandbox"), listen]
    log = data_dir / "log" / "sandbox.log"
    process = await stack.enter_async_context(_child(arguments, dict(os.environ), log))
    assert process.stdout is not None
    try:
        async with asyncio.timeout(UP_SECONDS):
            line = await process.stdout.readline()
    except TimeoutError:
        line = b""
    if not line:
        raise EngineFailed(f"the sandbox did not start; {log} ends with: {_end_of(log)}")
    ready: dict[str, Any] = msgspec.json.decode(line)
    return ready


@asynccontextmanager
async def _child(
    arguments: list[str], environment: dict[str, str], log: Path
) -> AsyncIterator[Process]:
    """Run a process of ours in a session of its own; it ends when we do, however we end.

    Its standard input is our hand on it: where we are killed, it is closed, and it leaves.
    """
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdin=PIPE,
            stdout=PIPE if "sandbox" in arguments else out,
            stderr=out,
            env=environment,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 15)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _start(
    stack: AsyncExitStack, command: str, environment: dict[str, str], data_dir: Path
) -> None:
    log = data_dir / "log" / f"{command}.log"
    arguments = ["-m", "erasmus_app.cli", command, "--until-stdin-closes"]
    await stack.enter_async_context(_child(arguments, environment, log))


async def _until_listed(
    http: httpx.AsyncClient, backend: str, control: str, data_dir: Path
) -> None:
    """Wait until the backend answers and the registry lists it."""

    async def listed() -> bool:
        answer = await http.get(f"{backend}/readyz")
        read = await http.post(f"{control}/registry/read")
        return answer.status_code == httpx.codes.OK and bool(read.json()["complete"])

    await _until(listed, data_dir / "log" / "api.log")


async def _until_synchronised(database_url: str, data_dir: Path) -> None:
    """Wait for the first, silent synchronisation with the HEI's own system."""

    async def synchronised() -> bool:
        return await polls.synchronised(database_url) >= OWN_SYSTEM_APIS

    await _until(synchronised, data_dir / "log" / "worker.log")


async def _until(ready: Callable[[], Awaitable[bool]], log: Path) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(UP_SECONDS):
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if await ready():
                        return
                await asyncio.sleep(0.2)
    raise EngineFailed(f"the backend did not get ready; {log} ends with: {_end_of(log)}")


def _end_of(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return " | ".join(lines[-3:]) or "(nothing)"
