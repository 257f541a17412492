"""The engines of our own: what a kill, a stray, a second run and an odd folder do to them."""

import asyncio
import contextlib
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from databases import until
from redis.asyncio import Redis
from redis.exceptions import RedisError

from erasmus_app.errors import EngineFailed
from erasmus_app.store.embedded import embedded_postgres, embedded_valkey, launch
from erasmus_app.store.embedded.folder import folder_of, free_port

BACKEND = Path(__file__).parents[3] / "backend"
AS_ROOT = os.geteuid() == 0

RUNS_BOTH = """
import asyncio, sys
from pathlib import Path
from erasmus_app.store.embedded import embedded_postgres, embedded_valkey

async def main():
    folder = Path(sys.argv[1])
    async with embedded_postgres(folder, durable=False) as dsn, embedded_valkey(folder) as redis:
        print(dsn, flush=True)
        print(redis, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all, of a name that is none of the easy ones; data are made once."""
    return tmp_path_factory.mktemp("engines") / "Dados do Zé (50% € 'x') & мобільність"


def servers_on(folder: Path) -> list[psutil.Process]:
    """Every server, and every child of one, that works in the folder."""
    found = []
    for each in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if (
                each.name() in {"postgres", "initdb", "valkey-server"}
                and each.status() != psutil.STATUS_ZOMBIE
                and (str(folder) in " ".join(each.cmdline()) or Path(each.cwd()).parent == folder)
            ):
                found.append(each)
    return found


async def query(dsn: str, sql: str):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def a_run(home: Path, **how) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, str]]:
    """A program that runs both engines; killed at the end where it still lives."""
    program = await asyncio.create_subprocess_exec(
        *(how.pop("python", sys.executable), "-c", RUNS_BOTH, str(home)),
        env=os.environ | {"PYTHONPATH": str(BACKEND)} | how.pop("env", {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **how,
    )
    try:
        async with asyncio.timeout(60):
            dsn = (await program.stdout.readline()).decode().strip()
            redis = (await program.stdout.readline()).decode().strip()
        yield program, dsn, redis
    finally:
        with contextlib.suppress(ProcessLookupError):
            program.kill()
        await program.wait()


async def test_a_killed_program_leaves_no_server_and_the_next_finds_its_data(home: Path):
    async with a_run(home) as (program, dsn, redis_url):
        await query(dsn, "create table kept as select 42 as answer")
        async with Redis.from_url(redis_url) as redis:
            assert await redis.ping()
        assert len(servers_on(home)) > 2
        program.send_signal(signal.SIGKILL)
        await program.wait()
        await until(lambda: not servers_on(home))

    async with embedded_postgres(home, durable=False) as again, embedded_valkey(home):
        assert await query(again, "select answer from kept") == 42
        await query(again, "drop table kept")
    assert servers_on(home) == []


async def test_a_second_run_in_the_folder_is_told_who_holds_it(home: Path):
    async with a_run(home) as (program, dsn, _):
        for engine in (embedded_postgres(home), embedded_valkey(home)):
            with pytest.raises(EngineFailed) as refused:
                async with engine:
                    pass
            told = str(refused.value)
            assert str(home) in told
            assert f"process {program.pid}" in told
            assert "ERASMUS_APP_DATA_DIR" in told
        assert await query(dsn, "select 1") == 1  # the first one never noticed
        program.stdin.write(b"\n")
        assert await asyncio.wait_for(program.wait(), 60) == 0
    assert servers_on(home) == []


async def test_two_instances_run_side_by_side_and_know_nothing_of_each_other(
    home: Path, tmp_path: Path
):
    async with (
        embedded_valkey(home) as one,
        embedded_valkey(tmp_path) as two,
        Redis.from_url(one) as first,
        Redis.from_url(two) as second,
    ):
        await first.set("key", "one")

        assert await second.get("key") is None
        with pytest.raises(RedisError):  # nor one's password
            async with Redis.from_url(
                f"{one.rpartition('@')[0]}@{two.rpartition('@')[2]}"
            ) as wrong:
                await wrong.ping()


async def test_a_stray_server_is_ended_in_order(home: Path, tmp_path: Path):
    async with embedded_postgres(home, durable=False):
        pass
    data = home / "postgres"
    owner = data.stat()
    plan = {
        "parent": os.getpid(),
        "death": int(signal.SIGKILL),
        "user": (owner.st_uid, owner.st_gid) if AS_ROOT else None,
        "needs": [str(data)],
        "home": str(data),
    }
    binary = folder_of("embedded_postgres") / "pginstall" / "bin" / "postgres"
    with (tmp_path / "log").open("wb") as log:
        stray = await asyncio.create_subprocess_exec(
            *(sys.executable, "-IS", launch.__file__, json.dumps(plan), binary, "-D", data),
            *("-c", f"port={free_port()}", "-c", "unix_socket_directories="),
            stderr=log,
        )
    record = data / "postmaster.pid"
    await until(lambda: record.exists() and "ready" in record.read_text())
    async with embedded_postgres(home, durable=False) as dsn:
        assert await query(dsn, "select 1") == 1
    await asyncio.wait_for(stray.wait(), 20)
    last_words = (tmp_path / "log").read_text().splitlines()[-1]
    assert last_words.endswith("database system is shut down")


async def test_a_strangers_process_id_in_an_old_record_does_no_harm(home: Path):
    async with embedded_postgres(home, durable=False):
        pass
    data = home / "postgres"
    record = data / "postmaster.pid"
    stranger = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "input()"), stdin=subprocess.PIPE
    )
    for content in (f"{stranger.pid}\n{data}\n1\n1\n\n127.0.0.1\n", "half", ""):
        record.write_text(content)
        os.chown(record, data.stat().st_uid, data.stat().st_gid)
        async with embedded_postgres(home, durable=False) as dsn:
            assert await query(dsn, "select 1") == 1
    await stranger.communicate(b"\n")
    assert stranger.returncode == 0  # nobody touched it


@pytest.mark.parametrize("engine", ["postgres", "valkey-server"])
async def test_an_engine_that_dies_is_started_again_on_the_same_port(home: Path, engine: str):
    opened = (
        embedded_postgres(home, durable=False) if engine == "postgres" else (embedded_valkey(home))
    )
    async with opened as url:

        async def answers() -> bool:
            try:
                if engine == "postgres":
                    return await query(url, "select 1") == 1
                async with Redis.from_url(url) as redis:
                    return bool(await redis.ping())
            except (OSError, asyncpg.PostgresError, RedisError):
                return False

        first = {each.pid for each in servers_on(home)}
        for each in servers_on(home):
            if each.ppid() == os.getpid():
                each.kill()
        await until(lambda: servers_on(home) and not {e.pid for e in servers_on(home)} & first)
        await until(answers)
    assert servers_on(home) == []


async def test_a_start_that_fails_is_one_line_with_the_last_words(tmp_path: Path):
    (tmp_path / "postgres").mkdir(mode=0o700)
    (tmp_path / "postgres" / "erasmus-app.password").write_text("x")
    with pytest.raises(EngineFailed) as failed:
        async with embedded_postgres(tmp_path):
            pass

    told = str(failed.value)
    assert told.startswith("PostgreSQL ended; ")
    assert "\n" not in told
    assert servers_on(tmp_path) == []


async def test_what_the_folder_holds_is_private_and_nothing_outside_is_touched(home: Path):
    before = home.parent.stat()
    async with embedded_postgres(home, durable=False), embedded_valkey(home):
        modes = {
            str(each.relative_to(home)): oct(stat.S_IMODE(each.stat().st_mode))
            for each in (home / "postgres", home / "valkey", *home.glob("log/*"))
        }
        uids = {each.uids().real for each in servers_on(home)}
        command_lines = " ".join(" ".join(each.cmdline()) for each in servers_on(home))
    after = home.parent.stat()

    assert modes == {
        "postgres": "0o700",
        "valkey": "0o700",
        "log/postgres.log": "0o600",
        "log/valkey.log": "0o600",
    }
    assert (before.st_mode, before.st_uid) == (after.st_mode, after.st_uid)
    assert (home / "postgres" / "erasmus-app.password").read_text() not in command_lines
    assert (0 in uids) is False or not AS_ROOT


@pytest.mark.skipif(not AS_ROOT, reason="only root can become somebody else")
async def test_as_root_each_server_runs_as_a_user_of_its_folder(home: Path):
    async with embedded_postgres(home, durable=False), embedded_valkey(home):
        owners = {(home / each).stat().st_uid for each in ("postgres", "valkey")}
        users = {each.uids().real for each in servers_on(home)}
    assert users == owners
    assert 0 not in users


def python_for(uid: int) -> str | None:
    """An interpreter of our version that a user may run, and that may read our code."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    look = [*("-IS", "-c"), "import os, sys; os.listdir(sys.argv[1])", str(BACKEND)]
    for each in (sys.executable, shutil.which(name, path=os.defpath)):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            if each:
                subprocess.run([each, *look], user=uid, group=uid, check=True)
                return each
    return None


@pytest.mark.skipif(not AS_ROOT, reason="the other tests run as an ordinary user here")
async def test_an_ordinary_user_runs_both_as_themselves():
    nobody = pwd.getpwnam("nobody")
    python = python_for(nobody.pw_uid)
    if python is None:
        pytest.skip("no interpreter that the user `nobody` may run, or our code is out of reach")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        libraries = os.pathsep.join([str(BACKEND), *(p for p in sys.path if "site-packages" in p)])
        async with a_run(
            folder / "data",
            python=python,
            env={"PYTHONPATH": libraries, "HOME": made},
            user=nobody.pw_uid,
            group=nobody.pw_gid,
        ) as (program, dsn, _):
            assert await query(dsn, "select 1") == 1
            users = {each.uids().real for each in servers_on(folder / "data")}
            program.stdin.write(b"\n")
            assert await asyncio.wait_for(program.wait(), 60) == 0
        assert users == {nobody.pw_uid}
        assert servers_on(folder / "data") == []

        async with embedded_valkey(folder / "data") as url, Redis.from_url(url) as redis:
            assert await redis.ping()  # a later run as root finds its own
        assert (folder / "data" / "valkey").stat().st_uid == nobody.pw_uid
