"""`make bench-load`: a morning of a country against two api and two worker processes.

How it is measured, and how to read it: `bench/README.md`.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))

import asyncpg
import msgspec
import psutil
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from house import CLIENT_ID, CLIENT_SECRET, House, first_sync, fresh_database, idle, until
from inside import Inside, ask
from load_clients import Order as Opened
from load_clients import Results
from load_students import Student, signed_in
from load_table import Found, read, show
from morning import Morning, Scale, planned
from sync_telling import Answer, ahead
from sync_telling import Order as Told
from watching import Watch

from erasmus_app.store.database import open_database
from erasmus_app.store.embedded import engines
from erasmus_app.store.sealed import load_vault

HERE = Path(__file__).parent
TESTS = HERE.parent / "tests"
PUBLIC_URL = "https://backend.example"
LAST_SECONDS = 45  # after the end, until what has not come is called missing
RECORD, RESULTS = "requests.jsonl", "results.json"


@asynccontextmanager
async def phones(folder: Path) -> AsyncIterator[tuple[dict[str, str], psutil.Process]]:
    """Run FCM, as `tests/faults` does: it writes down each push before it answers."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "faults.phones", str(folder), ""),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{HERE.parent / 'backend'}"},
    )
    try:
        assert process.stdout is not None
        yield msgspec.json.decode(await process.stdout.readline()), psutil.Process(process.pid)
    finally:
        process.kill()
        await process.wait()


def settings(house: House, services: dict[str, str]) -> dict[str, str]:
    """Return what a deployment sets beside what every bench needs; all else is as shipped."""
    for name in ("session", "vapid"):
        key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (house.folder / f"{name}.pem").write_bytes(key)
    return {
        "ERASMUS_APP_OIDC_ISSUER": "https://login.example",
        "ERASMUS_APP_OIDC_CLIENT_ID": CLIENT_ID,
        "ERASMUS_APP_OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "ERASMUS_APP_SESSION_KEY": str(house.folder / "session.pem"),
        "ERASMUS_APP_VAPID_KEY": str(house.folder / "vapid.pem"),
        "ERASMUS_APP_TRUSTED_PROXIES": "127.0.0.0/8",
        "ERASMUS_APP_TRUSTED_DOCUMENTS": str(HERE.parent / "graphql" / "documents.json"),
        "ERASMUS_APP_TRUSTED_DOCUMENTS_ONLY": "true",
        "ERASMUS_APP_FCM_URL": services["fcm"],
        "ERASMUS_APP_FCM_CREDENTIALS": services["account"],
    }


@contextlib.contextmanager
def running(house: House, database: str, workers: int) -> Iterator[dict[str, psutil.Process]]:
    """Run the api processes and the workers; yields them by name."""
    with contextlib.ExitStack() as stack:
        yield {
            f"{name} {number + 1}": psutil.Process(
                stack.enter_context(house.process(name, database, number))
            )
            for name, count in (("api", len(house.ports)), ("worker", workers))
            for number in range(count)
        }


async def students(house: House, database: str, scale: Scale) -> list[Student]:
    """Sign everybody in."""
    vault = load_vault(house.folder / "engines" / "data-keys", house.folder)
    async with open_database(database, vault) as tables:
        key = house.folder / "session.pem"
        return await signed_in(tables, key, PUBLIC_URL, range(scale.students), scale.partners)


async def begun(house: House, morning: Morning, generator: asyncio.subprocess.Process) -> float:
    """Let partners and apps begin at one moment; returns it, in seconds since the epoch."""
    assert generator.stdin is not None
    begin = time.time() + ahead(morning.told)
    order = Told(begin=begin, ports=house.ports, told=morning.told)
    await house.ask("tell", **msgspec.to_builtins(order))
    generator.stdin.write(f"{begin}\n".encode())
    return begin


@asynccontextmanager
async def apps(
    house: House, morning: Morning, people: list[Student], **more: float
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the process that all apps are in; it is ready to be told when to begin."""
    order = Opened(
        ports=house.ports,
        starts=morning.starts,
        students=people,
        record=str(house.folder / RECORD),
        **more,
    )
    (house.folder / "order.json").write_bytes(msgspec.json.encode(order))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(HERE / "load_clients.py")),
        *(str(house.folder / "order.json"), str(house.folder / RESULTS)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        if await process.stdout.readline() != b"up\n":
            raise RuntimeError("the apps' process does not start")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def measured(scale: Scale, apis: int, workers: int, inside: bool) -> bool:
    """Start everything, live through a morning, and print it; returns whether all aims are met."""
    morning = planned(scale)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the engines' own user has to pass
        async with engines(folder / "engines") as own:
            house = House(folder, own, scale.partners, apis)
            with house.network(scale.students):
                async with phones(folder) as (services, fcm):
                    house.more = settings(house, services)
                    if inside:
                        house.command = [str(HERE / "watched.py")]
                    found = await _run(house, morning, scale, workers, fcm)
    return show(found)


async def _run(
    house: House, morning: Morning, scale: Scale, workers: int, fcm: psutil.Process
) -> Found:
    database = await fresh_database(house.own, "load")
    said("reading every partner")
    await first_sync(house, database)
    said(f"signing in {scale.students:,} students")
    people = await students(house, database, scale)
    connection = await asyncpg.connect(database)
    await connection.execute("vacuum analyze")
    with running(house, database, workers) as ours:
        await house.until_ready()
        await house.until_understood()
        await until(lambda: at_rest(connection), "the workers do not come to rest")
        before = await events(connection)
        said(f"{scale.whole:.0f} seconds of a morning")
        async with apps(house, morning, people) as generator:
            watch = Watch(
                ours
                | {"apps": psutil.Process(generator.pid)}
                | {"partners": psutil.Process(house.network_pid), "FCM": fcm}
            )
            begin = await begun(house, morning, generator)
            await asyncio.sleep(max(0.0, begin + scale.warm - time.time()))
            watch.begin()
            await asyncio.sleep(max(0.0, begin + scale.whole - time.time()))
            watch.end()
            if await generator.wait():
                raise RuntimeError("the apps' process ended badly")
        answers = msgspec.convert(await house.ask("told"), list[Answer])
        await until_pushed(house, len(morning.changed))
        told = await events(connection) - before
        held = await inside(house, ours)
    await connection.close()
    found = Found(
        scale=scale,
        changed=morning.changed,
        apps=msgspec.json.decode((house.folder / RESULTS).read_bytes(), type=Results),
        told=answers,
        watch=watch,
        events=told,
        held=held,
    )
    for push in read(house.folder / RECORD):
        found.note(push, begin)
    return found


async def inside(house: House, ours: Iterable[str]) -> dict[str, Inside]:
    """Ask what is inside our processes, where they run with that."""
    found = {}
    for name in ours:
        kind, number = name.split()
        path = house.folder / f"{kind}-{int(number) - 1}.sock"
        if path.exists():
            found[name] = await ask(path)
    return found


async def until_pushed(house: House, number: int) -> None:
    """Wait until so many pushes were written down, or for as long as a late one may take."""
    for _ in range(LAST_SECONDS):
        if len(read(house.folder / RECORD)) >= number:
            break
        await asyncio.sleep(1)
    await asyncio.sleep(1)  # for one too many


async def at_rest(connection: asyncpg.Connection) -> bool:
    """Whether nothing is left to fetch, and every mobility was held beside the calendar."""
    left = await connection.fetchval("select count(*) from mobility where next_look_at <= now()")
    return int(left) == 0 and await idle(connection)


async def events(connection: asyncpg.Connection) -> int:
    """Return how many changes were found that students are told of."""
    found: int = await connection.fetchval("select count(*) from event where not silent")
    return found


def said(what: str) -> None:
    """Say what goes on, for who waits."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make bench-load")
    for each in msgspec.structs.fields(Scale):
        parser.add_argument(f"--{each.name}", type=type(each.default), default=each.default)
    parser.add_argument("--apis", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--inside", action="store_true", help="also the collector's pauses")
    given = vars(parser.parse_args())
    processes = given.pop("apis"), given.pop("workers"), given.pop("inside")
    sys.exit(0 if asyncio.run(measured(Scale(**given), *processes)) else 1)
