"""The tests behind PgBouncer, which lends a connection for a transaction: `make test-pooled`.

Each address of a database then leads to it, and what is opened knows the way past it.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from erasmus_app.store import database
from erasmus_app.store.database import Database

BEHIND = bool(os.environ.get("TEST_BEHIND_POOLER"))
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
SERVERS = 6  # connections to PostgreSQL for each database: fewer than our pools would open
START_SECONDS = 20.0
NOBODY = "nobody"  # PgBouncer refuses to be root

_past: dict[str, str] = {}  # from the pooler's place to the server's


@contextmanager
def pooler_running(dsn: str, servers: int = SERVERS) -> Iterator[str]:
    """Run a PgBouncer before the server of `dsn`, and yield the same database's address there.

    `servers` are its connections to PostgreSQL for a database, at most.
    """
    if PROGRAM is None:
        raise RuntimeError("PgBouncer is not installed: Debian's package is `pgbouncer`")
    server = urlsplit(dsn)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        config = Path(folder) / "pgbouncer.ini"
        config.write_text(
            f"""[databases]
* = host={server.hostname} port={server.port} user={server.username} password={server.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {servers}
max_client_conn = 2000
server_idle_timeout = 5
ignore_startup_parameters = extra_float_digits
{f"user = {NOBODY}" if os.getuid() == 0 else ""}
""",
            encoding="utf-8",
        )
        config.chmod(0o644)
        with (
            (Path(folder) / "log").open("wb") as log,
            subprocess.Popen([PROGRAM, str(config)], stdout=log, stderr=log) as process,
        ):
            try:
                _until_open(port, process)
                place = f"127.0.0.1:{port}"
                _past[place] = f"{server.hostname}:{server.port}"
                name = f"{server.username}:{server.password}"
                yield urlunsplit(server._replace(netloc=f"{name}@{place}"))
            finally:
                process.kill()


def past(dsn: str | None) -> str | None:
    """Return the address past the pooler; None where `dsn` does not lead to one."""
    if dsn is None:
        return None
    parts = urlsplit(dsn)
    name, _, place = parts.netloc.rpartition("@")
    if place not in _past:
        return None
    return urlunsplit(parts._replace(netloc=f"{name}@{_past[place]}"))


def engines_of(dsn: str | None, redis_url: str | None) -> dict[str, str]:
    """Return the settings that name both engines, and the way past a pooler where there is one."""
    assert dsn is not None
    assert redis_url is not None
    found = {"ERASMUS_APP_DATABASE_URL": dsn, "ERASMUS_APP_REDIS_URL": redis_url}
    direct = past(dsn)
    return found if direct is None else found | {"ERASMUS_APP_DATABASE_DIRECT_URL": direct}


def open_with_the_way_past() -> None:
    """Have tests that open a database by its address alone open it as a deployment would."""
    opened: Callable[..., AbstractAsyncContextManager[Database]] = database.open_database

    def open_database(
        dsn: str, *arguments: Any, **options: Any
    ) -> AbstractAsyncContextManager[Database]:
        return opened(dsn, *arguments, **{"direct": past(dsn)} | options)

    database.open_database = open_database  # type: ignore[assignment]


def _until_open(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(int(START_SECONDS / 0.05)):
        if process.poll() is not None:
            raise RuntimeError("PgBouncer did not start")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("PgBouncer does not answer")
