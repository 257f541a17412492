"""What every fault is tried on: real engines, real workers, push services that keep a record."""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import psutil
from push_services import Mode, Taken

from erasmus_app.identity.claims import Identity
from erasmus_app.ids import AccountId, EventId, HeiId, InboxEntryId, MobilityId
from erasmus_app.kit.clock import utc_now
from erasmus_app.notifications.models import Message
from erasmus_app.push.vapid import Vapid, vapid_key
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import AWAY, Database, open_database
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.embedded import Engines, engines
from erasmus_app.store.sealed import load_vault
from erasmus_app.store.telling import tell
from erasmus_app.students.models import Platform, TargetKind
from sandbox.authority import Authority
from sandbox.web_push import WebPushService

HERE = Path(__file__).parent
LEASE = 5.0  # seconds; 30 in production: what a kill delays, it delays for less here
TTL = timedelta(hours=72)
PHONES = 5  # of an account
LONGEST = 1800.0  # seconds that anything may take


@dataclass(kw_only=True)
class Stage:
    """All that runs, and what was told."""

    folder: Path
    own: Engines
    database: Database
    services: subprocess.Popen[bytes]
    nursery: subprocess.Popen[bytes]
    web: WebPushService
    accounts: list[AccountId] = field(default_factory=list)
    phones: dict[AccountId, list[str]] = field(default_factory=dict)
    workers: list[int] = field(default_factory=list)
    told: set[tuple[str, str]] = field(default_factory=set)  # phone, message: committed
    _numbers: Any = field(default_factory=itertools.count)
    _read: int = 0  # bytes of the record
    _counted: int = 0
    _accepted: Counter[tuple[str, str]] = field(default_factory=Counter)
    _records: list[Taken] = field(default_factory=list)

    # What is answered and what was taken

    def answer(self, mode: Mode) -> None:
        """Say what FCM answers from now on."""
        assert self.services.stdin is not None
        assert self.services.stdout is not None
        self.services.stdin.write(msgspec.json.encode(mode) + b"\n")
        self.services.stdin.flush()
        self.services.stdout.readline()

    def records(self) -> list[Taken]:
        """Return all that the push services have taken."""
        with (self.folder / "services" / "record").open("rb") as file:
            file.seek(self._read)
            for line in file:
                if line.endswith(b"\n"):
                    self._records.append(msgspec.json.decode(line, type=Taken))
                    self._read += len(line)
        return self._records

    def accepted(self) -> Counter[tuple[str, str]]:
        """Return how often each message was accepted for each phone."""
        records = self.records()
        for each in records[self._counted :]:
            if each.status in {200, 201}:
                self._accepted[each.target, each.message_id] += 1
        self._counted = len(records)
        return self._accepted

    async def has_accepted(self, number: float) -> None:
        """Wait until so many different sends were accepted."""

        async def enough() -> bool:
            return len(self.accepted()) >= number

        await until(enough, "too little is sent", look_every=0.02)

    async def has_taken(self, number: int) -> None:
        """Wait until the services have had so many requests."""

        async def enough() -> bool:
            return len(self.records()) >= number

        await until(enough, "nothing is sent", look_every=0.02)

    # Who is told what

    async def people(self, number: int, *, browsers: int = 0) -> None:
        """Make accounts with phones, and browsers for the first of them."""
        devices, known = DeviceTable(self.database), list(self.accounts)
        for _ in range(number):
            name = f"p{next(self._numbers)}"
            account = await AccountTable(self.database).signed_in(_identity(name), "en")
            fids = [f"{name}-{each}" for each in range(PHONES)]
            for fid in fids:
                await devices.register(account, Platform.ANDROID, TargetKind.FID, fid, None)
            self.accounts.append(account)
            self.phones[account] = fids
        new = [each for each in self.accounts if each not in known]
        self.answer(Mode(back=tuple(fid for each in new for fid in self.phones[each])))
        for account, browser in zip(new, list(self.web.received)[:browsers], strict=False):
            given = self.web.subscription(browser)
            name = msgspec.json.decode(given)["endpoint"]
            await devices.register(
                account, Platform.WEB, TargetKind.WEB_PUSH, given, None, name=name
            )

    async def tell(self, accounts: list[AccountId]) -> list[str]:
        """Tell each one thing, in one transaction; what is committed is acknowledged."""
        new = [(account, uuid4()) for account in accounts]
        async with self.database.transaction() as connection:
            for account, entry in new:
                await tell(connection, _message(account, entry), utc_now())
        for account, entry in new:
            self.told |= {(fid, str(entry)) for fid in self.phones[account]}
        return [str(entry) for _, entry in new]

    async def tell_in_all(self, sends: int, *, ahead: int = 3000) -> None:
        """Tell until so many sends are owed, never far ahead of what was sent."""
        rounds = itertools.cycle(range(0, len(self.accounts), 20))
        goal = len(self.told) + sends
        while len(self.told) < goal:
            start = next(rounds)
            with suppress(*AWAY):
                await self.tell(self.accounts[start : start + 20])
            await self.has_accepted(len(self.told) - ahead)

    # Workers

    def start_worker(self) -> int:
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write(f"{self.folder / 'worker.log'}\n".encode())
        self.nursery.stdin.flush()
        pid = int(self.nursery.stdout.readline())
        self.workers.append(pid)
        return pid

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self.workers.remove(pid)

    # Waiting, and what is left

    async def waiting(self) -> int:
        """Return how many deliveries have no final state."""
        return int(
            await self.database.fetchval("select count(*) from delivery where state = 'pending'")
        )

    async def drained(self) -> None:
        """Wait until nothing waits to be sent."""

        async def empty() -> bool:
            try:
                return await self.waiting() == 0
            except AWAY:
                return False

        await until(empty, "the deliveries do not end")

    def lost(self) -> int:
        """Return how many acknowledged sends no push service has accepted."""
        return len(self.told - set(self.accepted()))

    def same_names(self) -> bool:
        """Whether each push bears one name, by which a phone tells doubles apart, everywhere."""
        return all(
            len({name.replace("-", "")[:32] for name in each.names}) == 1 for each in self.records()
        )

    def engine(self, program: str) -> psutil.Process:
        """Return the server of our own with that name."""
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                if child.name() == program:
                    return child
        raise RuntimeError(f"no {program} runs")


def _identity(name: str) -> Identity:
    return Identity(
        issuer="https://login.example",
        subject=f"{name}@login.example",
        display_name=None,
        email=None,
        home_hei_ids=(HeiId("ribeira.example"),),
        affiliations=(),
        esis=(),
        missing=(),
    )


def _message(account: AccountId, entry: UUID) -> Message:
    return Message(
        entry_id=InboxEntryId(entry),
        account_id=account,
        tenant=HeiId("ribeira.example"),
        mobility_id=MobilityId(uuid4()),
        event_id=EventId(uuid4()),
        kind="nomination_accepted",
        arguments={},
        push=True,
        ttl=TTL,
    )


async def until(
    condition: Callable[[], Awaitable[bool]], otherwise: str, *, look_every: float = 0.1
) -> None:
    """Wait for something. Raises TimeoutError with `otherwise`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LONGEST
    while not await condition():
        if loop.time() > deadline:
            raise TimeoutError(otherwise)
        await asyncio.sleep(look_every)


async def fresh_database(own: Engines) -> str:
    """Make a copy of the empty database with all tables."""
    name = f"f{uuid4().hex[:8]}"
    head, _, _ = own.database_url.rpartition("/")
    connection = await asyncpg.connect(f"{head}/template1?sslmode=disable")
    await connection.execute(f'create database "{name}" template postgres')
    await connection.close()
    return f"{head}/{name}?sslmode=disable"


@asynccontextmanager
async def staged(folder: Path, own: Engines, *, browsers: int = 0) -> AsyncIterator[Stage]:
    """Run everything but workers, on a database of its own."""
    folder.mkdir()
    data, authority = folder / "data", Authority.open(folder / "authority")
    keys = folder.parent / "engines" / "data-keys"
    web = WebPushService(folder / "services" / "web" / "browsers.json")
    vapid = Vapid(vapid_key(None, data), "https://backend.example")
    for _ in range(browsers):
        web.subscribe(vapid.public_key)
    (folder / "services").mkdir(exist_ok=True)
    database_url = await fresh_database(own)
    services = _run("push_services.py", str(folder / "services"), str(folder / "authority"))
    try:
        assert services.stdout is not None
        said = msgspec.json.decode(services.stdout.readline())
        web.url = said["web"]
        nursery = _run("nursery.py", environment={
            "ERASMUS_APP_PUBLIC_URL": "https://backend.example",
            "ERASMUS_APP_TLS_CA_FILE": str(authority.ca_file),
            "ERASMUS_APP_EWP_REGISTRY_URL": "https://localhost:1/catalogue-v1.xml",
            "ERASMUS_APP_DATABASE_URL": database_url,
            "ERASMUS_APP_REDIS_URL": own.redis_url,
            "ERASMUS_APP_DATA_KEYS": str(keys),
            "ERASMUS_APP_DATA_DIR": str(data),
            "ERASMUS_APP_FCM_CREDENTIALS": said["account"],
            "ERASMUS_APP_FCM_URL": said["fcm"],
            "ERASMUS_APP_WEB_PUSH_NETWORKS": "127.0.0.0/8",
            "ERASMUS_APP_JOB_LEASE_SECONDS": str(LEASE),
        })  # fmt: skip
        try:
            async with open_database(database_url, load_vault(keys, data)) as database:
                yield Stage(
                    folder=folder, own=own, database=database, services=services,
                    nursery=nursery, web=web,
                )  # fmt: skip
        finally:
            _end(nursery)
    finally:
        _end(services)


def _run(
    program: str, *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(HERE / program), *arguments],
        env={**os.environ, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()  # both end then, and the nursery's workers before it
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@asynccontextmanager
async def both_engines(folder: Path) -> AsyncIterator[Engines]:
    """Run PostgreSQL, as durable as in production, and Valkey."""
    async with engines(folder / "engines") as own:
        yield own
