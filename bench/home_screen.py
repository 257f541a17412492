"""`make bench-graphql`: the home screen by ours, by other makers' servers, and at its limit.

How it is measured, and how to read it: `bench/README.md`. (It is not called `graphql.py`,
which would hide the library of that name from the scripts here.)
"""

import argparse
import asyncio
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from uuid import UUID

# This folder would hide packages behind its files.
sys.path.append(sys.path.pop(0))

import asyncpg
import httpx
import msgspec
import psutil
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from home_reference import IN_BRIEF, Plain, Remembered, leaves
from home_serving import (
    FOREIGN,
    LIMIT,
    LOAD_CORE,
    MERCURIUS,
    OPERATIONS,
    OURS,
    PEERS,
    Bench,
    Round,
)
from home_students import account_of, fill, leave
from house import fresh_database
from measuring import load, processor, side_by_side
from rich.console import Console
from rows import WIDTH, duration, empty_table, rate, show, yes_or_no

from erasmus_app.api.schema import GuardedSchema, schema
from erasmus_app.bootstrap import running
from erasmus_app.ids import AccountId
from erasmus_app.settings import load_settings
from erasmus_app.store.embedded import engines
from erasmus_app.store.sealed import load_vault

STUDENTS = 1_000  # of each kind, asked for in turns
MOBILITIES = {"home": 5, "five": 2}
COMPARED = 100  # students whose answers are held beside the reference
WARM_SECONDS = 2
ATTEMPTS = 4  # for one round that others have disturbed
FEWER = 9_000  # students of a round of growth: their tokens stay known, their rows are new
GROWTH_ACTIVE = {10_000: 10_000, 1_000_000: 1_000_000, 10_000_000: 1_500_000}


def accounts(operation: str) -> list[UUID]:
    """Return the students of an operation."""
    begin = STUDENTS * list(OPERATIONS).index(operation)
    return [account_of(n) for n in range(begin, begin + STUDENTS)]


@asynccontextmanager
async def bench(folder: Path, foreign: float) -> AsyncIterator[tuple[Bench, asyncpg.Connection]]:
    """Engines on the load's core, a database with all tables, and the keys."""
    async with engines(folder / "engines") as own:
        core = [int(LOAD_CORE)]
        for each in (psutil.Process(), *psutil.Process().children(recursive=True)):
            each.cpu_affinity(core)
        database = await fresh_database(own, "home")
        shutil.copy(folder / "engines" / "data-keys", folder / "data-keys")
        made = Bench(folder=folder, database=database, redis=own.redis_url, foreign=foreign)
        made.write_files()
        connection = await asyncpg.connect(database)
        try:
            yield made, connection
        finally:
            await connection.close()


async def store_answers(made: Bench, connection: asyncpg.Connection, plain: Plain) -> None:
    """Keep what the reference says: sealed documents for the peers, the bytes for the limit."""
    await connection.execute(
        """create table bench_home (account_id uuid primary key, sealed bytea not null,
               home bytea not null, five bytea not null)"""
    )
    cipher, rows = AESGCM(made.data_key), []
    for operation in OPERATIONS:
        for account in accounts(operation):
            found = {name: await plain.data(account, text) for name, text in OPERATIONS.items()}
            nonce = os.urandom(12)
            document = msgspec.json.encode(found["home"]["me"])
            sealed = nonce + cipher.encrypt(nonce, document, str(account).encode())
            answers = [msgspec.json.encode({"data": found[name]}) for name in ("home", "five")]
            rows.append((account, sealed, *answers))
    await connection.copy_records_to_table("bench_home", records=rows)
    await connection.execute("vacuum analyze")


async def compare(made: Bench, connection: asyncpg.Connection) -> None:
    """Hold the bytes of all servers beside the reference's. Raises where they differ."""
    async with httpx.AsyncClient(trust_env=False) as http:
        for operation, query in OPERATIONS.items():
            some = accounts(operation)[:COMPARED]
            for account, token in zip(some, made.tokens(some), strict=True):
                wanted = await connection.fetchval(
                    f"select {operation} from bench_home where account_id = $1",
                    account,
                )
                for name in made.ports:
                    if (got := await made.ask(http, name, token, query)) != wanted:
                        raise RuntimeError(f"{name} answers {got!r}, the reference {wanted!r}")


def rounds(made: Bench, number: int, seconds: int) -> dict[str, list[Round]]:
    """Ask all servers in turns, so that a busy moment of the machine falls on all of them."""
    found: dict[str, list[Round]] = {name: [] for name in made.ports}
    for name in made.ports:
        made.measured(name, WARM_SECONDS)
    for _ in range(number):
        for name, clean in found.items():
            for _ in range(ATTEMPTS):
                if (one := made.measured(name, seconds)) is not None:
                    clean.append(one)
                    break
    return found


def middle(clean: list[Round]) -> Round | None:
    """Return the median of each figure; None without a clean round."""
    return Round(*(median(each) for each in zip(*clean, strict=True))) if clean else None


def print_rounds(console: Console, title: str, found: dict[str, list[Round]]) -> dict[str, Round]:
    """Print a table of medians, and return them."""
    table = empty_table(title, "requests", "p50", "p99", "CPU each", "clean rounds", "to ours")
    middles = {name: one for name, clean in found.items() if (one := middle(clean))}
    ours = middles.get(OURS)
    for name, one in middles.items():
        table.add_row(
            name,
            rate(one.per_second),
            duration(one.p50),
            duration(one.p99),
            duration(one.cpu),
            str(len(found[name])),
            f"{one.per_second / ours.per_second:.2f} ×" if ours else "",
        )
    console.print("", table)
    for name in sorted(found.keys() - middles.keys()):
        console.print(f"{name}: no clean round; others use the machine")
    return middles


def aims(home: dict[str, Round], five: dict[str, Round]) -> list[tuple[str, str, str, str]]:
    """Hold the figures beside what is aimed at."""
    needed = {OURS, LIMIT, MERCURIUS}
    if not needed <= home.keys() or not needed <= five.keys():
        return []
    ours, limit, rival = home[OURS], home[LIMIT], home[MERCURIUS]
    faster = ours.per_second / rival.per_second
    cpu = ours.cpu / rival.cpu
    small = five[OURS].per_second / five[MERCURIUS].per_second
    above = limit.per_second / ours.per_second
    tail = ours.p99 / ours.p50
    return [
        ("home: requests, by Mercurius", f"{faster:.2f} ×", ">= 1.5 ×", yes_or_no(faster >= 1.5)),
        ("home: CPU each, by Mercurius", f"{cpu:.2f} ×", "<= 0.7 ×", yes_or_no(cpu <= 0.7)),
        ("five leaves: requests, by Mercurius", f"{small:.2f} ×", ">= 1 ×", yes_or_no(small >= 1)),
        ("home: the limit, by ours", f"{above:.2f} ×", "<= 1.6 ×", yes_or_no(above <= 1.6)),
        ("home: p99 by p50", f"{tail:.1f} ×", "< 3 ×", yes_or_no(tail < 3)),
    ]


async def alone(plain: Plain) -> list[tuple[str, str, str, str]]:
    """Measure the plan by itself against plain Strawberry, over a student in memory."""
    account = accounts("home")[0]
    today = datetime.now(UTC).date()
    glance = await plain.services.glances.glance(AccountId(account), IN_BRIEF, today)
    assert glance is not None
    memory = Plain(replace(plain.services, glances=Remembered(glance)))
    query, loop = OPERATIONS["home"], asyncio.new_event_loop()
    document = memory.plans.read(query)

    def by_plan() -> bytes:
        result = loop.run_until_complete(
            memory.plans.execute(document, context=memory.context(account))
        )
        return msgspec.json.encode({"data": result.data})

    def by_strawberry(made: GuardedSchema) -> bytes:
        result = loop.run_until_complete(made.execute(query, context_value=memory.context(account)))
        return msgspec.json.encode({"data": result.data})

    def measure() -> dict[str, float]:
        wanted = by_strawberry(memory.schema)
        if by_plan() != wanted or memory.plans.fell_back:
            raise RuntimeError(f"the plan was not run, or differs: {memory.plans.fell_back}")
        found = side_by_side(
            {
                "plan": by_plan,
                "plain Strawberry": lambda: by_strawberry(memory.schema),
                "Strawberry with its caches": lambda: by_strawberry(schema),
            }
        )
        loop.close()
        return {name: timing.cpu for name, timing in found.items()}

    found = await asyncio.to_thread(measure)
    faster = found["plain Strawberry"] / found["plan"]
    lines = [(name, duration(cpu), "", "") for name, cpu in found.items()]
    return [*lines, ("ratio", f"{faster:.0f} ×", ">= 60 ×", yes_or_no(faster >= 60))]


async def side(console: Console, given: argparse.Namespace) -> None:
    """Measure ours beside the peers, and the plan alone."""
    peers = shutil.which("node") is not None and (PEERS / "node_modules").is_dir()
    if not peers:
        console.print("Node or the peers are not here: ours and its limit alone are measured")
    with tempfile.TemporaryDirectory() as name:
        async with bench(Path(name), given.foreign) as (made, connection):
            vault = load_vault(made.folder / "data-keys", made.folder)
            for turn, operation in enumerate(OPERATIONS):
                numbers = range(STUDENTS * turn, STUDENTS * (turn + 1))
                await fill(connection, vault, numbers, mobilities=MOBILITIES[operation])
            async with running(load_settings(made.environment)) as opened:
                plain = Plain(opened.services)
                await store_answers(made, connection, plain)
                counted = {
                    operation: leaves(await plain.data(accounts(operation)[0], query))
                    for operation, query in OPERATIONS.items()
                }
                in_process = await alone(plain)
            console.print(f"leaves: {counted}; the answers' sizes in bytes:", end=" ")
            console.print(await connection.fetchval("select max(length(home)) from bench_home"))
            show("The plan alone, one student in memory", in_process)
            tables = {}
            with made.servers(peers=peers):
                await made.until_up(made.tokens(accounts("home"))[0])
                await compare(made, connection)
                for operation, query in OPERATIONS.items():
                    made.load_with(query, made.tokens(accounts(operation)))
                    found = await asyncio.to_thread(rounds, made, given.rounds, given.seconds)
                    tables[operation] = print_rounds(console, operation, found)
            show("Aims", aims(tables["home"], tables["five"]))


async def growth(console: Console, given: argparse.Namespace) -> None:
    """Measure the home screen with ever more students in the database."""
    figures: list[tuple[str, str, str, str]] = []
    first: float | None = None
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        async with bench(Path(name), given.foreign) as (made, connection):
            vault = load_vault(made.folder / "data-keys", made.folder)
            there = gone = 0
            for students in (each for each in GROWTH_ACTIVE if each <= given.growth):
                active = GROWTH_ACTIVE[students]
                began = time.monotonic()
                await fill(connection, vault, range(there, active), mobilities=2)
                await leave(connection, vault, range(gone, students - active))
                there, gone = active, students - active
                await connection.execute("vacuum analyze", timeout=3600)
                took = time.monotonic() - began
                size = await connection.fetchval("select pg_database_size(current_database())")
                console.print(
                    f"{students:,} students, {active:,} with a stay: "
                    f"{size / 1e9:.2f} GB on disk, written in {took:.0f} s"
                )
                one = await grown(made, active, given)
                if one is None:
                    console.print("no clean round; others use the machine")
                    continue
                first = first or one.per_second
                fall = 1 - one.per_second / first
                console.print(f"{rate(one.per_second)}, {-fall:+.1%}")  # should the rest not end
                figures.append(
                    (
                        f"{students:,} students",
                        f"{rate(one.per_second)}, CPU {duration(one.cpu)}; {-fall:+.1%}",
                        "fall < 10 %",
                        yes_or_no(fall < 0.1),
                    )
                )
    show("The home screen as the country grows", figures)


async def grown(made: Bench, active: int, given: argparse.Namespace) -> Round | None:
    """Measure rounds of random students each, whose tokens are known and whose rows are new."""
    clean: list[Round] = []
    chosen = random.Random(active)
    with made.servers(peers=False):
        await made.until_up(made.tokens([account_of(0)])[0])
        for _ in range(given.rounds * ATTEMPTS):
            some = [account_of(n) for n in chosen.sample(range(active), min(FEWER, active))]
            made.load_with("{ __typename }", made.tokens(some))
            await asyncio.to_thread(made.measured, OURS, 3)  # reads no row
            made.load_with(OPERATIONS["home"], made.tokens_again())
            one = await asyncio.to_thread(made.measured, OURS, given.seconds)
            if one is not None:
                clean.append(one)
            if len(clean) == given.rounds:
                break
    return middle(clean)


def main(given: argparse.Namespace) -> None:
    """Print what was asked for."""
    if shutil.which("wrk") is None or shutil.which("taskset") is None:
        sys.exit("wrk and taskset are needed (Debian: apt-get install wrk util-linux)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers are ended all the same
    console = Console(width=WIDTH, highlight=False)
    console.print(f"{processor()}, load {load()}, Python {platform.python_version()}")
    asyncio.run(growth(console, given) if given.growth else side(console, given))
    console.print(f"load {load()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--foreign", type=float, default=FOREIGN, help="of the machine, at most")
    parser.add_argument("--growth", type=int, default=0, metavar="STUDENTS", help="up to so many")
    parser.add_argument("--folder", help="where the databases lie, with room for them")
    main(parser.parse_args())
