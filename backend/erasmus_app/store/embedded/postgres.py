"""PostgreSQL in `data_dir`/postgres, on a free loopback port, with a password."""

import os
import secrets
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import psutil

from erasmus_app.errors import EngineFailed
from erasmus_app.store.embedded.folder import (
    Log,
    folder_of,
    give,
    give_all,
    named,
    opened,
    private_file,
    server_user,
)
from erasmus_app.store.embedded.supervise import (
    Engine,
    Sign,
    end_strays,
    launch,
    stop,
    supervised,
    to_the_end,
)

PASSWORD = "erasmus-app.password"  # noqa: S105 - a file's name, in the server's folder
ANSWER_SECONDS = 5.0

OPTIONS = {
    "listen_addresses": "127.0.0.1",  # a socket's path may have no more than about 100 bytes
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",  # in the data folder: nothing stays in /dev/shm
    # Nothing that a statement or its values say goes into the log: they may be a student's.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}
NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}


@asynccontextmanager
async def embedded_postgres(data_dir: Path, *, durable: bool = True) -> AsyncIterator[str]:
    """Run PostgreSQL in `data_dir`/postgres and yield the address of its database.

    `durable=False` leaves out the waits for the disk: for tests only.

    Raises:
        EngineFailed: it did not start; the message is one line with its last words.
    """
    binaries = folder_of("embedded_postgres") / "pginstall" / "bin"
    options = OPTIONS | ({} if durable else NOT_DURABLE)
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    password = ""

    def dsn(port: int) -> str:
        return f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres?sslmode=disable"

    with opened(data_dir, "postgres") as folder:
        home = folder / "postgres"
        log = Log(folder, "postgres")
        engine = Engine(
            name="PostgreSQL",
            program="postgres",
            home=home,
            user=server_user(home),
            log=log,
            needs=(home, binaries / "postgres", binaries.parent / "share" / "postgres.bki"),
            stop=(signal.SIGINT, signal.SIGQUIT, signal.SIGKILL),  # fast, immediate, at once
            command=lambda port: [
                *(str(binaries / "postgres"), "-D", str(home), "-c", f"port={port}"),
                *settings,
            ],
            stdin=lambda _: b"",
            answers=lambda port: _answers(dsn(port)),
            before=lambda: _forget_a_strangers_pid(home),
        )
        try:
            if not home.exists():
                await _initdb(binaries, folder, engine, durable=durable)
            password = _password(home)
            async with supervised(engine) as port:
                yield dsn(port)
        finally:
            log.close()


async def _initdb(binaries: Path, folder: Path, engine: Engine, *, durable: bool) -> None:
    """Make the data folder beside its place first: a kill in between leaves nothing half made."""
    building = folder / "postgres.building"
    data, password_file = building / "data", building / "password"
    user = named(engine.user)
    end_strays({"initdb", "postgres"}, data, user)
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(mode=0o700)
    give(building, user)
    private_file(password_file, secrets.token_urlsafe(24).encode(), user)
    command = [
        *(str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-E", "UTF8"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
        *("--auth=scram-sha-256", f"--pwfile={password_file}"),
        *(() if durable else ("--no-sync",)),
    ]
    engine.log.mark()
    makes = replace(engine, home=data, user=user, needs=(building, *engine.needs[1:]))
    process = await launch(command, makes, death=signal.SIGKILL)
    try:
        status = await process.wait()
    finally:
        await to_the_end(stop(process, (signal.SIGKILL,)))
    if status != 0:
        raise EngineFailed(f"PostgreSQL's initdb failed: {engine.log.last_words()}")
    password_file.rename(data / PASSWORD)
    give_all(data, engine.user)
    data.rename(engine.home)
    shutil.rmtree(building)
    for changed in (engine.home, folder):
        file = os.open(changed, os.O_RDONLY)
        os.fsync(file)
        os.close(file)


def _password(home: Path) -> str:
    try:
        return (home / PASSWORD).read_text(encoding="ascii").strip()
    except OSError as error:
        raise EngineFailed(
            f"{home / PASSWORD}: {error.strerror}; without it the data cannot be opened"
        ) from error


def _forget_a_strangers_pid(home: Path) -> None:
    """Let a server start though the process id in its old lock file is another program's by now.

    The id becomes its parent's, ours, which PostgreSQL knows not to be a server; the rest stays,
    so that it still looks whether anybody uses the memory of the server that wrote the file.
    """
    record = home / "postmaster.pid"
    try:
        first, _, rest = record.read_bytes().partition(b"\n")
        if psutil.pid_exists(abs(int(first))):  # no server: those on `home` are ended by now
            with record.open("r+b") as file:
                file.write(b"%d\n%s" % (os.getpid(), rest))
                file.truncate()
    except FileNotFoundError:
        pass
    except ValueError:  # half written when the power went
        record.unlink()


async def _answers(dsn: str) -> Sign:
    try:
        connection = await asyncpg.connect(dsn, timeout=ANSWER_SECONDS)
    except asyncpg.CannotConnectNowError:
        return Sign.BUSY
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return Sign.NONE
    await connection.close()
    return Sign.READY
