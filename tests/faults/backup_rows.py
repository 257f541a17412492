"""Rows in which the house goes on with another server: a backup restored, or a standby."""

import asyncio
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import msgspec
from faults.engine_rows import tool
from faults.front import new_database
from faults.house import DEVICES, House, house, server_pid, until
from faults.rows import Result, Row, Scale, nothing_lost
from testbed import bed_running

from erasmus_app.store.database import AWAY, open_database
from erasmus_app.store.embedded import embedded_postgres, engines
from erasmus_app.store.embedded.folder import give, give_all, server_user


async def restored(folder: Path, scale: Scale) -> Result:
    """R17: a dump is restored into another server, and the workers go on there."""
    result = Result()
    async with house(folder, workers=2, lease=scale.lease) as at:
        await at.people(50)
        await at.until_workers_send()
        sends = min(scale.sends, 4_000)
        await at.tell(sends)
        await at.drained(120)
        await _stop_workers(at)
        await at.tell(sends)  # they wait when the dump is made
        dump = folder / "erasmus.dump"
        digests = await _dumped(at.own.database_url, dump)
        accepted = {(e.device, e.message) for e in await at.expected() if e.state == "accepted"}
        at.start_worker()
        size = at.recorded
        await until(lambda: _recorded(at, size + sends * 60), 60)
        for each in list(at.workers):
            at.kill(each)
        between = {(e.device, e.message) for e in at.requests() if e.accepted} - accepted
        new = await at.tell(60)  # nobody has seen these when the server is lost
        at.told -= set(new)
        began = time.time()
        async with embedded_postgres(folder / "restored") as dsn:
            result.hold("pg_restore said", await _restore(dump, dsn))
            found = await _digests(dsn)
            result.figures["tables"] = len(digests)
            result.figures["restored in s"] = round(time.time() - began, 1)
            result.hold(
                "tables that differ",
                [name for name in digests | found if digests.get(name) != found.get(name)],
            )
            keys = at.database.keys
            async with open_database(dsn, keys) as database:
                at.own = msgspec.structs.replace(at.own, database_url=dsn)
                at.database = database
                again = time.time()
                for _ in range(2):
                    at.start_worker()
                drained = await at.drained(120)
                result.hold("not drained", [] if drained is not None else ["after 120 s"])
                twice = {(e.device, e.message) for e in at.requests(again) if e.accepted}
                result.figures |= {
                    "accepted before the dump": len(accepted),
                    "waited at the dump": len(twice),
                    "accepted between dump and loss": len(between),
                    "of these sent again, with their collapse id": len(between & twice),
                    "told after the dump, gone with it": len(new),
                }
                result.hold("accepted before and sent again", [str(e) for e in accepted & twice])
                await nothing_lost(at, result)
                await _stop_workers(at)
    return result


async def _recorded(at: House, size: int) -> bool:
    return at.recorded >= size


async def _stop_workers(at: House) -> None:
    for each in list(at.workers):
        each.process.terminate()
        await asyncio.to_thread(each.process.wait)
        at.workers.remove(each)


async def _dumped(dsn: str, file: Path) -> dict[str, str]:
    """Make a dump; return a digest of each table as the dump sees it."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            snapshot = await connection.fetchval("select pg_export_snapshot()")
            command = [tool("pg_dump"), "--format=custom", f"--file={file}"]
            await asyncio.to_thread(
                subprocess.run, [*command, f"--snapshot={snapshot}", dsn], check=True
            )
            return await _digests_of(connection)
    finally:
        await connection.close()


async def _digests(dsn: str) -> dict[str, str]:
    connection = await asyncpg.connect(dsn)
    try:
        return await _digests_of(connection)
    finally:
        await connection.close()


async def _digests_of(connection: asyncpg.Connection) -> dict[str, str]:
    tables = await connection.fetch(
        "select tablename from pg_tables where schemaname = 'public' order by 1"
    )
    found = {}
    for (name,) in tables:
        found[name] = await connection.fetchval(
            f"""select count(*) || ' ' || coalesce(md5(string_agg(row::text, e'\\n'
                    order by row::text collate "C")), '') from "{name}" as row"""
        )
    return found


async def _restore(dump: Path, dsn: str) -> list[str]:
    """Restore a dump into an empty database; return what there was to say."""
    command = [tool("pg_restore"), "--exit-on-error", "--no-owner", f"--dbname={dsn}", str(dump)]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False
    )
    return done.stderr.splitlines()[:3]


async def found_again(folder: Path, _scale: Scale) -> Result:
    """R17b: what partners have changed since the dump is found, with the same ids."""
    result, dump = Result(), folder / "erasmus.dump"
    async with engines(folder / "engines") as own:
        dsn = await new_database(own.database_url, "house")
        async with bed_running(dsn, own.redis_url, folder / "bed", worker=False) as bed:
            phone = await bed.phone("camille")
            async with bed.working():
                await bed.take(3)
                await bed.until_told(phone, "nominated")
                await bed.until_polled()
                await bed.until_idle()
            before = len(await bed.pushes(phone, 1))
            await _dumped(dsn, dump)
            async with bed.working():
                await bed.take(4)
                told = before + 1
                await bed.pushes(phone, told)
                await bed.until_polled()
                await bed.until_idle()
            first = (await bed.pushes(phone, told))[before:]

            other = await asyncpg.connect(dsn)
            await other.execute("drop schema public cascade; create schema public")
            await other.close()
            result.hold("pg_restore said", await _restore(dump, dsn))
            await bed.app.database.pool.expire_connections()
            async with bed.working():
                await bed.until_polled()
                await bed.until_idle()
            again = (await bed.pushes(phone, before + len(first)))[before + len(first) :]
        names = {each.data["id"]: each.data["kind"] for each in first}
        seen = {each.data["id"]: each.data["kind"] for each in again}
        result.figures |= {
            "told before the dump": before,
            "told after the dump": len(first),
            "told again after the restore": len(again),
        }
        result.hold("not found again", [names[each] for each in names.keys() - seen.keys()])
        result.hold("with another id", [seen[each] for each in seen.keys() - names.keys()])
    return result


async def failover(folder: Path, scale: Scale) -> Result:
    """R3c: the primary comes back as a standby, and its standby becomes the primary."""
    result = Result()
    async with house(folder, workers=0, lease=scale.lease) as at:
        first = at.own.database_url
        old, home = folder / "engines" / "postgres", folder / "standby" / "postgres"
        home.parent.mkdir()
        copy = [tool("pg_basebackup"), f"--pgdata={home}", "--write-recovery-conf"]
        await asyncio.to_thread(
            subprocess.run, [*copy, "--checkpoint=fast", f"--dbname={first}"], check=True
        )
        give_all(home, server_user(old))
        async with embedded_postgres(home.parent) as second:
            await _execute(first, "alter system set synchronous_standby_names = '*'")
            await _execute(first, "select pg_reload_conf()")
            hosts = ",".join(urlsplit(each).netloc.rpartition("@")[2] for each in (first, second))
            user = urlsplit(first).netloc.rpartition("@")[0]
            several = f"postgresql://{user}@{hosts}/postgres?sslmode=disable"
            at.own = msgspec.structs.replace(
                at.own, database_url=f"{several}&target_session_attrs=primary"
            )
            async with open_database(at.own.database_url, at.database.keys) as database:
                at.database = database
                await at.people(50)
                for _ in range(2):
                    at.start_worker()
                await at.until_workers_send()
                telling = asyncio.create_task(at.insist(min(scale.sends, 4_000)))
                await asyncio.sleep(1)
                (old / "standby.signal").touch()
                give(old / "standby.signal", server_user(old))
                os.kill(server_pid(folder / "engines"), signal.SIGQUIT)
                await asyncio.sleep(scale.away / 4)  # in which nobody is the primary
                promoted = time.time()
                await _execute(second, "select pg_promote()")
                await at.insist(DEVICES)
                result.figures["written again after s"] = round(time.time() - promoted, 1)
                await telling
                await until(lambda: _is_read_only(first), 30)
                result.figures["the old primary"] = "read-only"
                drained = await at.drained(120)
                result.hold("not drained", [] if drained is not None else ["after 120 s"])
                await nothing_lost(at, result)
                await _stop_workers(at)
    return result


async def _execute(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(sql)
    await connection.close()


async def _is_read_only(dsn: str) -> bool:
    with suppress(*AWAY):
        connection = await asyncpg.connect(dsn)
        try:
            return bool(await connection.fetchval("select pg_is_in_recovery()"))
        finally:
            await connection.close()
    return False


ROWS: dict[str, Row] = {"R3c": failover, "R17": restored, "R17b": found_again}
