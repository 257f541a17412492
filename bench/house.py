"""The backend's own processes over engines of their own, before a network of many partners.

For `sync.py`, `cnr.py`, `latency.py`, `load.py`, `soak.py`: `erasmus-app api` and `worker` run as
in production, and `sync_network.py` answers them from a process of its own.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from erasmus_app.store.embedded import Engines
from erasmus_app.store.versions import upgrade
from ewp.keys import PrivateKey
from sandbox.authority import Authority
from sandbox.cast import COVERED
from sandbox.serving import listen

HERE = Path(__file__).parent
CLIENT_ID, CLIENT_SECRET = "APP-bench", "a-secret-of-thirty-two-characters!"  # ours, at the login
APIS_OF_A_PARTNER = 4
LONGEST = 1800.0  # seconds that one phase may take
_running: dict[subprocess.Popen[bytes], Path] = {}  # and where each writes its log


class House:
    """The backend's processes over engines of their own, and the network that they ask."""

    def __init__(self, folder: Path, own: Engines, partners: int, apis: int = 1) -> None:
        self.folder, self.own, self.partners = folder, own, partners
        self.more: dict[str, str] = {}  # settings beside those that all benches need
        self.command = ["-m", "erasmus_app.cli"]  # what Python runs
        listeners = [listen() for _ in range(apis)]
        self.ports = [each.getsockname()[1] for each in listeners]
        for each in listeners:
            each.close()
        self.home = ""
        self.network_pid = 0

    @property
    def backend(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @contextmanager
    def network(self, mobilities: int) -> Iterator[None]:
        """Run the partners' process."""
        (self.folder / "backend.pem").write_bytes(PrivateKey.generate().to_pem())
        arguments = [str(self.folder), self.backend, str(self.partners), str(mobilities)]
        process = subprocess.Popen(
            [sys.executable, str(HERE / "sync_network.py"), *arguments], stdout=subprocess.PIPE
        )
        self.network_pid = process.pid
        try:
            assert process.stdout is not None
            if process.stdout.readline() != b"up\n":
                raise RuntimeError("the network did not start")
            self.home = (self.folder / "home").read_text()
            (self.folder / "heis.toml").write_text(
                f'[[hei]]\nid = "{COVERED.hei_id}"\nname = {{ en = "Covered" }}\n'
                'client_key = "backend.pem"\nadmin_emails = ["ewp@backend.example"]\n'
                f'own_system = "{self.home}/ewp/{COVERED.hei_id}/manifest.xml"\n[hei.api]\n'
                'omobility-cnr = "own"\nomobility-la-cnr = "own"\nimobility-cnr = "own"\n'
                'imobility-tor-cnr = "own"\n'
            )
            yield
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def process(self, name: str, database: str, number: int = 0) -> Iterator[int]:
        """Run the `erasmus-app api` or `worker` of this number; yields its process id."""
        own, port = f"{name}-{number}", self.ports[number % len(self.ports)]
        environment = {
            "WATCHED_SOCKET": str(self.folder / f"{own}.sock"),  # for `watched.py`
            "ERASMUS_APP_LISTEN": f"127.0.0.1:{port}",
            "ERASMUS_APP_PUBLIC_URL": "https://backend.example",
            "ERASMUS_APP_TLS_CA_FILE": str(Authority.open(self.folder / "authority").ca_file),
            "ERASMUS_APP_EWP_REGISTRY_URL": f"{self.home}/catalogue-v1.xml",
            "ERASMUS_APP_EWP_NETWORKS": "127.0.0.0/8, ::1/128",
            "ERASMUS_APP_EWP_HEIS": str(self.folder / "heis.toml"),
            "ERASMUS_APP_DATABASE_URL": database,
            "ERASMUS_APP_REDIS_URL": self.own.redis_url,
            "ERASMUS_APP_DATA_KEYS": str(self.folder / "engines" / "data-keys"),
            "ERASMUS_APP_DATA_DIR": str(self.folder / f"data-{own}-{database.rpartition('/')[2]}"),
        }
        environment |= self.more
        log = self.folder / f"{own}.log"
        with backend_process(name, environment, log, self.command) as pid:
            yield pid

    async def until_ready(self) -> None:
        """Wait for every API."""
        for port in self.ports:
            await until_ready(f"http://127.0.0.1:{port}")

    async def until_understood(self) -> None:
        """Wait until every API has read what it understands questions with."""

        async def read() -> bool:
            logs = [self.folder / f"api-{number}.log" for number in range(len(self.ports))]
            return all("nlu.ready" in each.read_text(errors="replace") for each in logs)

        await until(read, "the weights are not read")

    async def ask(self, verb: str, **given: Any) -> dict[str, Any]:
        """Ask something of the network."""
        context = Authority.open(self.folder / "authority").client_context()
        async with httpx.AsyncClient(verify=context, trust_env=False, timeout=600) as http:
            answer = await http.post(f"{self.home}/control/{verb}", json=given)
            found: dict[str, Any] = answer.raise_for_status().json()
            return found


@contextmanager
def backend_process(
    name: str,
    environment: Mapping[str, str],
    log_file: Path,
    command: Sequence[str] = ("-m", "erasmus_app.cli"),
) -> Iterator[int]:
    """Run `erasmus-app NAME` with these settings; yields its process id."""
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *command, name],
            env={**os.environ, "ERASMUS_APP_DRAIN_SECONDS": "0", **environment},
            stdout=log,
            stderr=log,
        )
        _running[process] = log_file
        try:
            yield process.pid
        finally:
            del _running[process]
            process.terminate()
            process.wait()


async def until_ready(address: str, sign: str = "/readyz") -> None:
    """Wait for an API; `/livez` for one that is asked nothing which needs the network."""
    async with httpx.AsyncClient(trust_env=False) as http:

        async def ready() -> bool:
            try:
                return (await http.get(f"{address}{sign}")).status_code == 200
            except httpx.HTTPError:
                return False

        await until(ready, "the API does not start")


async def fresh_database(own: Engines, name: str) -> str:
    """Make an empty database with all tables; return its address."""
    connection = await asyncpg.connect(own.database_url)
    await connection.execute(f'create database "{name}"')
    await connection.close()
    address = own.database_url.rpartition("/")[0] + f"/{name}"
    await upgrade(address)
    return address


async def first_sync(
    house: House, database: str, *, without: frozenset[str] = frozenset()
) -> tuple[float, float]:
    """Run a worker until all partners but those are synchronised; seconds, and its CPU time."""
    wanted = (house.partners + 1 - len(without)) * APIS_OF_A_PARTNER  # the own system too
    connection = await asyncpg.connect(database)
    with house.process("worker", database) as pid:
        await until(lambda: polls(connection), "the worker does not start")
        began, cpu = time.perf_counter(), cpu_seconds(pid)

        async def done() -> bool:
            # Who is new is looked for once a minute; nobody wants to wait for that here.
            await connection.execute(
                "update job set due = now() where kind = 'plan-polls' and lease_until is null"
            )
            found = await connection.fetchval(
                """select count(*) from poll_state where first_sync_done_at is not null
                   and not hei_id = any($1::text[])""",
                list(without),
            )
            return int(found) >= wanted and await idle(connection)

        await until(done, "the first synchronisation does not end")
        took = time.perf_counter() - began, cpu_seconds(pid) - cpu
    await connection.close()
    return took


async def polls(connection: asyncpg.Connection) -> bool:
    """Whether the worker has begun."""
    found = await connection.fetchval("select count(*) from job where kind = 'poll'")
    return int(found) > 0


async def idle(connection: asyncpg.Connection) -> bool:
    """Whether nothing is left to fetch."""
    left = await connection.fetchval(
        "select count(*) from job where kind = 'refresh' and dead_at is null"
    )
    return int(left) == 0


async def until(condition: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    """Wait for something.

    Raises:
        TimeoutError: with `otherwise`, it takes too long.
        RuntimeError: a process of the backend has ended; with the end of its log.
    """
    deadline = time.monotonic() + LONGEST
    while not await condition():
        for process, log in _running.items():
            if process.poll() is not None:
                raise RuntimeError(f"{otherwise}: {log.read_text(errors='replace')[-2000:]}")
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise)
        await asyncio.sleep(0.2)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
