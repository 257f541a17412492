"""`make bench-push`: messages a second to a local FCM, durable, beside clients that are not.

How it is measured, and how to read it: `bench/README.md`.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))

import asyncpg
import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from house import backend_process, cpu_seconds, fresh_database, until
from measuring import load, processor
from rich.console import Console
from rich.table import Table

from erasmus_app.store.embedded import Engines, engines
from erasmus_app.store.sealed import Vault, load_vault
from sandbox.authority import Authority

HERE = Path(__file__).parent
PEERS = HERE / "push_peers"
AIM = 4_000  # messages a second and worker process, at 50 ms


class Found(NamedTuple):
    """What one sender did."""

    name: str
    sent: int  # what it says itself: for ours, rows of the ledger that say `accepted`
    accepted: int  # what the service counted
    phones: int  # and to how many phones
    seconds: float  # from the commit, or from the first call, until the last is acknowledged
    cpu: float
    connections: int
    note: str = ""

    @property
    def rate(self) -> float:
        return self.sent / self.seconds


class Fcm:
    """The local FCM, in a process of its own."""

    def __init__(self, folder: Path, address: str, control: str) -> None:
        self.folder, self.address, self.control = folder, address, control
        authority = Authority.open(folder / "authority")
        self.ca_file = authority.ca_file
        self._http = httpx.Client(verify=authority.client_context(), trust_env=False)
        key = rsa.generate_private_key(65_537, 2_048)
        self.account = folder / "account.json"
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.account.write_text(
            json.dumps(
                {
                    "type": "service_account",
                    "project_id": "bench",
                    "private_key_id": "1",
                    "private_key": pem.decode(),
                    "client_email": "push@bench.iam.example",
                    "client_id": "1",
                    "token_uri": f"{control}/token",
                }
            )
        )

    def begin(self, delay: float) -> None:
        self._http.get(f"{self.control}/begin/{delay}").raise_for_status()

    def counts(self) -> dict[str, Any]:
        found: dict[str, Any] = self._http.get(f"{self.control}/counts").raise_for_status().json()
        return found


@contextmanager
def running_fcm(folder: Path) -> Iterator[Fcm]:
    Authority.open(folder / "authority")
    process = subprocess.Popen(
        [sys.executable, str(HERE / "push_fcm.py"), str(folder)], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield Fcm(folder, *process.stdout.readline().decode().split())
    finally:
        process.kill()
        process.wait()


async def ours(
    folder: Path, own: Engines, fcm: Fcm, number: int, delay: float, transport: str
) -> Found:
    """Let `erasmus-app worker` send what is committed while it runs."""
    name = f"push_{transport.replace('-', '_')}_{int(delay * 1000)}"
    database = await fresh_database(own, name)
    vault = load_vault(folder / "engines" / "data-keys", folder / "engines")
    environment = {
        "ERASMUS_APP_PUBLIC_URL": "https://backend.example",
        "ERASMUS_APP_TLS_CA_FILE": str(fcm.ca_file),
        "ERASMUS_APP_EWP_REGISTRY_URL": f"{fcm.control}/catalogue-v1.xml",
        "ERASMUS_APP_EWP_MONITORING": "false",
        "ERASMUS_APP_DATABASE_URL": database,
        "ERASMUS_APP_REDIS_URL": own.redis_url,
        "ERASMUS_APP_DATA_KEYS": str(folder / "engines" / "data-keys"),
        "ERASMUS_APP_DATA_DIR": str(folder / f"data-{name}"),
        "ERASMUS_APP_FCM_CREDENTIALS": str(fcm.account),
        "ERASMUS_APP_FCM_URL": fcm.address,
    }
    if transport != "http2":
        environment["ERASMUS_APP_FCM_TRANSPORT"] = transport
    connection = await asyncpg.connect(database)
    try:
        with backend_process("worker", environment, folder / f"{name}.log") as pid:
            fcm.begin(delay)
            await put(connection, vault, 200)  # warm: connections, token

            async def all_told(expected: int) -> bool:
                return await in_state(connection, "accepted") >= expected

            await until(lambda: all_told(200), "the worker does not send")
            await asyncio.sleep(1)
            fcm.begin(delay)
            cpu = cpu_seconds(pid)
            began = await put(connection, vault, number)
            engine = engine_cpu(connection)  # without what it took to write them
            while await jobs_left(connection):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
            took = time.perf_counter() - began
            cpu, engine = cpu_seconds(pid) - cpu, engine_cpu(connection) - engine
        accepted = await in_state(connection, "accepted") - 200
        counts = fcm.counts()
        return Found(
            f"ours, {transport}",
            accepted,
            counts["accepted"],
            counts["targets"],
            took,
            cpu,
            counts["connections"],
            f"PostgreSQL {engine / number * 1e6:.0f} µs",
        )
    finally:
        await connection.close()


async def put(connection: asyncpg.Connection, vault: Vault, number: int) -> float:
    """Commit so many messages to as many phones; returns when that was done."""
    accounts = [uuid4() for _ in range(number)]
    await connection.copy_records_to_table(
        "account", columns=["account_id"], records=[(each,) for each in accounts]
    )
    devices, entries, deliveries, jobs = [], [], [], []
    now = datetime.now(UTC)
    for account in accounts:
        device, entry, delivery = uuid4(), uuid4(), uuid4()
        target = f"f{device.hex[:21]}"
        key = vault.hashed("target", target)
        sealed = vault.seal(target.encode(), "device.target", "fid", key)
        devices.append((account, device, "android", "fid", sealed, "pt", key))
        entries.append(
            (
                account,
                entry,
                "a.example",
                uuid4(),
                uuid4(),
                "nominated",
                _sealed(vault, account, entry),
            )
        )
        expires = now + timedelta(hours=72)
        deliveries.append((delivery, account, entry, device, "fcm", expires))
        jobs.append(("deliver", json.dumps({"delivery_id": str(delivery)}), f"deliver {delivery}"))
    transaction = connection.transaction()
    await transaction.start()
    await connection.copy_records_to_table(
        "device",
        columns=[
            "account_id",
            "device_id",
            "platform",
            "target_kind",
            "target",
            "language",
            "target_key",
        ],
        records=devices,
    )
    await connection.copy_records_to_table(
        "inbox_entry",
        columns=[
            "account_id",
            "inbox_entry_id",
            "tenant",
            "mobility_id",
            "event_id",
            "kind",
            "arguments",
        ],
        records=entries,
    )
    await connection.copy_records_to_table(
        "delivery",
        columns=[
            "delivery_id",
            "account_id",
            "inbox_entry_id",
            "device_id",
            "channel",
            "expires_at",
        ],
        records=deliveries,
    )
    await connection.copy_records_to_table(
        "job", columns=["kind", "payload", "dedupe_key"], records=jobs
    )
    await connection.execute("select pg_notify('erasmus_job', '')")
    await transaction.commit()
    return time.perf_counter()


def _sealed(vault: Vault, account: UUID, entry: UUID) -> bytes:
    return vault.seal(b"{}", "inbox_entry.arguments", account, entry)


async def in_state(connection: asyncpg.Connection, state: str) -> int:
    found: int = await connection.fetchval("select count(*) from delivery where state = $1", state)
    return found


async def jobs_left(connection: asyncpg.Connection) -> bool:
    found: bool = await connection.fetchval(
        "select exists (select from job where kind = 'deliver')"
    )
    return found


def engine_cpu(connection: asyncpg.Connection) -> float:
    """Return the CPU time of PostgreSQL's processes: the children of the one that listens."""
    parent = _parent(connection.get_server_pid())
    total = 0.0
    for each in Path("/proc").iterdir():
        if each.name.isdecimal() and _parent(int(each.name)) == parent:
            total += cpu_seconds(int(each.name))
    return total


def _parent(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # gone meanwhile
        return None
    return int(text.rpartition(")")[2].split()[1])


def peer(name: str, command: list[str], fcm: Fcm, number: int, delay: float) -> Found | str:
    """Run another sender; what is wrong where it does not run."""
    fcm.begin(delay)
    environment = {
        **os.environ,
        "FCM": fcm.address,
        "FCM_ACCOUNT": str(fcm.account),
        "FCM_TOKEN_URL": f"{fcm.control}/token",
        "NODE_EXTRA_CA_CERTS": str(fcm.ca_file),
        "SSL_CERT_FILE": str(fcm.ca_file),
        "REQUESTS_CA_BUNDLE": str(fcm.ca_file),
    }
    done = subprocess.run(
        [*command, str(number)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it ended badly"])[-1]
    told = json.loads(done.stdout.splitlines()[-1])
    counts = fcm.counts()
    return Found(
        name,
        told["sent"],
        counts["accepted"] - told["warm"],
        counts["targets"] - told["warm"],
        told["seconds"],
        told["cpu"],
        counts["connections"],
        told.get("note", ""),
    )


def show(delay: float, found: list[Found], absent: dict[str, str]) -> None:
    table = Table(title=f"FCM answers after {delay * 1000:.0f} ms")
    for name in ("", "/s", "CPU a message", "sent = accepted = phones", "lines", "× ours", ""):
        table.add_column(name)
    first = found[0]
    for each in found:
        table.add_row(
            each.name,
            f"{each.rate:,.0f}",
            f"{each.cpu / each.sent * 1e6:.0f} µs",
            f"{each.sent:,} {'=' if each.sent == each.accepted == each.phones else '≠'} "
            f"{each.accepted:,}, {each.phones:,}",
            str(each.connections),
            f"{each.rate / first.rate:.2f}",
            each.note,
        )
    console = Console(width=128)
    console.print(table)
    for name, why in absent.items():
        console.print(f"{name}: not measured: {why}", style="dim")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--number", type=int, default=20_000, help="messages for ours and Node")
    parser.add_argument("--slow", type=int, default=3_000, help="messages for firebase-admin's")
    parser.add_argument("--only-ours", action="store_true")
    parser.add_argument("--delays", type=float, nargs="+", default=[0.0, 0.05])
    arguments = parser.parse_args()
    print(f"{processor()}, {os.cpu_count()} cores, load {load()}")
    with tempfile.TemporaryDirectory() as name, running_fcm(Path(name)) as fcm:
        folder = Path(name)
        async with engines(folder / "engines") as own:
            for delay in arguments.delays:
                found = [await ours(folder, own, fcm, arguments.number, delay, "http2")]
                absent = {"Sygnal": "it was not found in the package lists here"}
                if not arguments.only_ours:
                    slow = await ours(folder, own, fcm, arguments.slow, delay, "firebase-admin")
                    found += [slow, *peers(fcm, arguments, delay, absent)]
                show(delay, found, absent)
                lost = [each for each in found if not each.sent == each.accepted == each.phones]
                if lost:
                    raise SystemExit(f"lost or doubled: {', '.join(each.name for each in lost)}")
                if delay:
                    met = "met" if found[0].rate >= AIM else "missed"
                    print(f"aim: {AIM:,} a second at {delay * 1000:.0f} ms: {met}")
    print(f"load {load()}")


def peers(
    fcm: Fcm, arguments: argparse.Namespace, delay: float, absent: dict[str, str]
) -> Iterator[Found]:
    """Run those that can be; says of the others why not."""
    node, python = shutil.which("node"), [sys.executable, str(PEERS / "firebase_python.py")]
    limit = [sys.executable, str(PEERS / "bare_frames.py")]
    wanted = {
        "firebase-admin for Node": ([node or "node", str(PEERS / "firebase_node.mjs")], "number"),
        "firebase-admin for Python": (python, "slow"),
        "limit: bare frames to it": (limit, "number"),
    }
    for name, (command, size) in wanted.items():
        if name.endswith("Node") and (node is None or not (PEERS / "node_modules").exists()):
            absent[name] = "there is no node, or its packages are not installed"
            continue
        found = peer(name, command, fcm, getattr(arguments, size), delay)
        if isinstance(found, str):
            absent[name] = found
        else:
            yield found


if __name__ == "__main__":
    asyncio.run(main())
