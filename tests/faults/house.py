"""What a row of faults stands on: engines, workers and push services, each a process of its own."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import msgspec
import psutil
from faults.checking import Expected, Request, read
from faults.phones import RECORD

from erasmus_app.ids import (
    AccountId,
    EventId,
    HeiId,
    InboxEntryId,
    MobilityId,
    global_id,
)
from erasmus_app.notifications.models import Message, Preferences
from erasmus_app.push.vapid import Vapid, vapid_key
from erasmus_app.store.database import AWAY, Database, open_database
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.embedded import Engines, engines
from erasmus_app.store.preferences import PLACE
from erasmus_app.store.sealed import load_vault
from erasmus_app.store.telling import tell
from erasmus_app.students.models import Platform, TargetKind

HOME = HeiId("ribeira.example")
KIND = "application_due"
START_SECONDS = 60.0
DEVICES = 5  # of each account
TESTS = Path(__file__).resolve().parent.parent


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """One process of ours, an `erasmus-app worker` as a rule."""

    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def sends_to(self, port: int) -> bool:
        """Whether it has a connection to a push service: it has begun to send."""
        with suppress(psutil.Error):
            found = psutil.Process(self.pid).net_connections("tcp")
            return any(each.raddr and each.raddr.port == port for each in found)
        return False


@dataclass(slots=True, kw_only=True)
class House:
    """The processes, and the database as the harness itself sees it."""

    folder: Path
    own: Engines
    database: Database
    services: dict[str, str]
    phones: asyncio.subprocess.Process
    lease: float
    workers: list[WorkerProcess] = field(default_factory=list)
    accounts: dict[AccountId, list[str]] = field(default_factory=dict)  # with their devices
    told: set[UUID] = field(default_factory=set)  # entries whose transaction was acknowledged
    more: dict[str, str] = field(default_factory=dict)  # settings beside those of all rows

    # --- processes

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ERASMUS_APP_PUBLIC_URL": "https://backend.example",
            "ERASMUS_APP_TLS_CA_FILE": self.services["authority"],
            "ERASMUS_APP_EWP_REGISTRY_URL": self.services["catalogue"],
            "ERASMUS_APP_EWP_NETWORKS": "127.0.0.0/8, ::1/128",
            "ERASMUS_APP_DATABASE_URL": self.own.database_url,
            "ERASMUS_APP_REDIS_URL": self.own.redis_url,
            "ERASMUS_APP_DATA_KEYS": str(self.folder / "engines" / "data-keys"),
            "ERASMUS_APP_DATA_DIR": str(self.folder / "worker-data"),
            "ERASMUS_APP_FCM_URL": self.services["fcm"],
            "ERASMUS_APP_FCM_CREDENTIALS": self.services["account"],
            "ERASMUS_APP_VAPID_KEY": str(self.folder / "vapid-key.pem"),
            "ERASMUS_APP_WEB_PUSH_NETWORKS": "127.0.0.0/8",
            "ERASMUS_APP_JOB_LEASE_SECONDS": str(self.lease),
            **self.more,
        }

    def start(self, *command: str, **settings: str) -> WorkerProcess:
        """Start a command of `erasmus-app`; its log is called after it."""
        more = {f"ERASMUS_APP_{name.upper()}": value for name, value in settings.items()}
        with (self.folder / f"{command[0]}s.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "erasmus_app.cli", *command],
                env=self.environment | more,
                stdout=log,
                stderr=log,
            )
        return WorkerProcess(process)

    def start_worker(self) -> WorkerProcess:
        worker = self.start("worker")
        self.workers.append(worker)
        return worker

    def kill(self, worker: WorkerProcess) -> None:
        self.workers.remove(worker)
        worker.kill()

    @property
    def sending(self) -> list[WorkerProcess]:
        """The workers that have begun to send."""
        port = urlsplit(self.services["fcm"]).port
        assert port is not None
        return [each for each in self.workers if each.sends_to(port)]

    async def until_workers_send(self) -> None:
        """Start what is needed, and tell messages until every worker has sent some of them."""
        for _ in range(int(START_SECONDS * 2)):
            if len(self.sending) == len(self.workers):
                break
            await self.tell(60)
            await asyncio.sleep(0.5)
        else:
            raise TimeoutError(f"workers do not send: see {self.folder / 'workers.log'}")
        await self.drained(START_SECONDS)

    async def order(self, **what: Any) -> dict[str, Any]:
        """Order something of the push services."""
        assert self.phones.stdin is not None
        assert self.phones.stdout is not None
        self.phones.stdin.write(msgspec.json.encode(what) + b"\n")
        line = await self.phones.stdout.readline()
        found: dict[str, Any] = msgspec.json.decode(line)
        return found

    # --- what is told

    async def people(self, count: int, devices: int = DEVICES) -> None:
        """Make accounts with so many phones each."""
        table, pool = DeviceTable(self.database), asyncio.Semaphore(4)

        async def one() -> None:
            async with pool:
                account = await self.account()
                for _ in range(devices):
                    await self.register(account, f"phone-{uuid4().hex}", table)

        await asyncio.gather(*(one() for _ in range(count)))

    async def account(self) -> AccountId:
        found = await self.database.fetchval(
            "insert into account (language) values ('en') returning account_id"
        )
        await self.stay_awake(AccountId(found))
        self.accounts[AccountId(found)] = []
        return AccountId(found)

    async def stay_awake(self, account: AccountId) -> None:
        """Let nothing be held for an account, also by night."""
        await self.database.execute(
            "insert into preference (account_id, content) values ($1, $2)",
            account,
            self.database.vault.seal(msgspec.json.encode(Preferences(quiet=None)), PLACE, account),
        )

    async def register(
        self, account: AccountId, phone: str, table: DeviceTable | None = None
    ) -> None:
        table = table or DeviceTable(self.database)
        await table.register(account, Platform.ANDROID, TargetKind.FID, phone, None)
        if phone not in self.accounts[account]:
            self.accounts[account].append(phone)

    async def browsers(self, count: int) -> list[AccountId]:
        """Make accounts that have one browser each and no phone."""
        made = (await self.order(subscribe=count))["browsers"]
        found = []
        for browser, subscription in made.items():
            account = await self.account()
            given = msgspec.json.decode(subscription)
            kept = msgspec.json.encode({"endpoint": given["endpoint"], "keys": given["keys"]})
            await DeviceTable(self.database).register(
                account,
                Platform.WEB,
                TargetKind.WEB_PUSH,
                kept.decode(),
                None,
                name=given["endpoint"],
            )
            self.accounts[account].append(browser)
            found.append(account)
        return found

    async def tell(self, sends: int, among: Sequence[AccountId] | None = None) -> list[UUID]:
        """Tell messages that make about so many deliveries, in transactions of twenty messages.

        Returns what was acknowledged. Raises one of AWAY where the database is gone; what was in
        that transaction may have been written or not.
        """
        ids, acknowledged = list(among or self.accounts), []
        while sends > 0:
            messages = []
            while sends > 0 and len(messages) < 20:
                account = random.choice(ids)
                sends -= max(len(self.accounts[account]), 1)
                messages.append(_message(account))
            now = datetime.now(UTC)
            async with self.database.transaction() as connection:
                for each in messages:
                    await tell(connection, each, now)
            acknowledged += [each.entry_id for each in messages]
            self.told |= {each.entry_id for each in messages}
        return acknowledged

    async def tell_each(self, accounts: Iterable[AccountId]) -> None:
        """Tell one message to each account, fifty in a transaction."""
        waiting = list(dict.fromkeys(accounts))
        for begin in range(0, len(waiting), 50):
            now = datetime.now(UTC)
            async with self.database.transaction() as connection:
                for each in waiting[begin : begin + 50]:
                    await tell(connection, _message(each), now)

    async def insist(self, sends: int) -> None:
        """Tell though the database goes away meanwhile: what was not acknowledged is told anew."""
        left = sends // DEVICES
        while left > 0:
            try:
                left -= len(await self.tell(min(20, left) * DEVICES))
            except AWAY:
                await asyncio.sleep(0.1)

    # --- what became of it

    @property
    def record(self) -> Path:
        return self.folder / RECORD

    @property
    def recorded(self) -> int:
        """How many bytes of requests are written down: it grows with each of them."""
        return self.record.stat().st_size

    def requests(self, since: float = 0) -> list[Request]:
        return [each for each in read(self.record) if each.at >= since]

    async def open_jobs(self) -> int:
        found: int = await self.database.fetchval("select count(*) from job where kind = 'deliver'")
        return found

    async def leased(self) -> int:
        """Return how many deliveries are under way."""
        found: int = await self.database.fetchval(
            "select count(*) from job where kind = 'deliver' and leased_by is not null"
        )
        return found

    async def drained(self, seconds: float) -> float | None:
        """Wait until no delivery is left to do; returns how long that took, None for too long."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            with suppress(*AWAY):
                if await self.open_jobs() == 0:
                    return time.monotonic() - began
            await asyncio.sleep(0.05)
        return None

    async def expected(self) -> list[Expected]:
        """Return every delivery of the ledger, with the message id that its phone should know."""
        rows = await self.database.fetch(
            """select delivery.account_id, inbox_entry_id, state, target, target_kind, target_key
               from delivery left join device using (account_id, device_id)"""
        )
        vault, found = self.database.vault, []
        for row in rows:
            device = ""
            if row["target"] is not None:
                place = ("device.target", row["target_kind"], row["target_key"])
                device = vault.open(row["target"], *place).decode()
                if row["target_kind"] == "web_push":
                    device = msgspec.json.decode(device)["endpoint"].rpartition("/")[2]
            found.append(
                Expected(
                    device=device,
                    message=global_id("Message", row["inbox_entry_id"]),
                    state=row["state"],
                )
            )
        return found

    async def phones_kept(self) -> set[str]:
        """Return the phones that the backend knows."""
        rows = await self.database.fetch("select target_kind, target_key, target from device")
        return {
            self.database.vault.open(
                row["target"], "device.target", row["target_kind"], row["target_key"]
            ).decode()
            for row in rows
        }

    async def kept_though_refused(self) -> int:
        """Count phones kept since they had registered again before the refusal was written."""
        found: int = await self.database.fetchval(
            """select count(distinct device_id) from device
               join delivery using (account_id, device_id) where state = 'device_gone'"""
        )
        return found

    async def unwritten(self) -> list[str]:
        """Return acknowledged messages of which the ledger has not one delivery for each device."""
        rows = await self.database.fetch(
            """select account_id, inbox_entry_id, count(*) as deliveries from delivery
               group by account_id, inbox_entry_id"""
        )
        known = {
            row["inbox_entry_id"]
            for row in rows
            if row["deliveries"] == len(self.accounts[AccountId(row["account_id"])])
        }
        return [f"{each} was acknowledged and is not there" for each in self.told - known]


def _message(account: AccountId) -> Message:
    return Message(
        entry_id=InboxEntryId(uuid4()),
        account_id=account,
        tenant=HOME,
        mobility_id=MobilityId(uuid4()),
        event_id=EventId(uuid4()),
        kind=KIND,
        arguments={},
        push=True,
        ttl=timedelta(hours=24),
    )


def server_pid(folder: Path) -> int:
    """Return the process id of PostgreSQL's first process."""
    return int((folder / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])


def valkey_process(folder: Path) -> psutil.Process:
    home = str((folder / "valkey").resolve())
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "valkey" in each.name() and home in each.cmdline():
                return each
    raise RuntimeError("Valkey does not run")


async def until(condition: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    """Wait for something; returns whether it came about."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if await condition():
            return True
        await asyncio.sleep(0.02)
    return False


@asynccontextmanager
async def house(folder: Path, *, workers: int, lease: float) -> AsyncIterator[House]:
    """Run engines, push services and so many workers, all new, until the block is left."""
    folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        own = await stack.enter_async_context(engines(folder / "engines"))
        keys = load_vault(None, folder / "engines")
        database = await stack.enter_async_context(open_database(own.database_url, keys))
        key = vapid_key(None, folder)
        (folder / "vapid-key.pem").touch(0o600)
        (folder / "vapid-key.pem").write_bytes(key.as_pem(private=True))
        phones = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "faults.phones", str(folder)),
            Vapid(key, "mailto:faults@backend.example").public_key,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            limit=1 << 24,
            env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent / 'backend'}"},
        )
        stack.push_async_callback(_end, phones)
        assert phones.stdout is not None
        services: dict[str, str] = msgspec.json.decode(await phones.stdout.readline())
        found = House(
            folder=folder,
            own=own,
            database=database,
            services=services,
            phones=phones,
            lease=lease,
        )
        try:
            for _ in range(workers):
                found.start_worker()
            yield found
        finally:
            for each in found.workers:
                with suppress(ProcessLookupError):
                    each.process.send_signal(signal.SIGTERM)
            for each in found.workers:
                try:
                    await asyncio.to_thread(each.process.wait, 15)
                except subprocess.TimeoutExpired:
                    each.kill()


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
