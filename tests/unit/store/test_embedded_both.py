"""Two processes on one data folder share its engines."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import asyncpg
import httpx
import pytest
from databases import until
from redis.asyncio import Redis

from erasmus_app.errors import EngineFailed
from erasmus_app.store.embedded import engines
from erasmus_app.store.embedded.folder import opened
from erasmus_app.store.versions import standing


async def test_the_first_runs_both_with_all_tables_and_a_second_joins(tmp_path: Path):
    async with engines(tmp_path) as first, engines(tmp_path) as second:
        assert second == first
        assert (await standing(first.database_url)).fits
        async with Redis.from_url(first.redis_url) as redis:
            assert await redis.ping() is True
        assert (tmp_path / "engines.json").stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "data-keys",
        "log",
        "postgres",
        "valkey",
    ]


async def test_addresses_that_a_killed_run_left_are_not_believed(tmp_path: Path):
    (tmp_path / "engines.json").write_text('{"database_url": "gone", "redis_url": "gone"}')

    async with engines(tmp_path) as own:
        connection = await asyncpg.connect(own.database_url)
        assert await connection.fetchval("select 1") == 1
        await connection.close()


async def test_a_folder_that_is_held_without_engines_is_said_to_be_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("erasmus_app.store.embedded.both.JOIN_SECONDS", 0.2)
    with opened(tmp_path, "engines"), pytest.raises(EngineFailed) as refused:
        async with engines(tmp_path):
            pass

    assert str(refused.value) == (
        f"{tmp_path} is in use by another run (process {os.getpid()}); "
        "set ERASMUS_APP_DATA_DIR to another folder to run a second one beside it"
    )


async def test_api_and_worker_need_no_engines_of_others(tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        of_worker = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("ERASMUS_APP_")
    } | {
        "ERASMUS_APP_DATA_DIR": str(tmp_path / "data"),
        "ERASMUS_APP_LISTEN": listen,
        "ERASMUS_APP_WORKER_LISTEN": of_worker,
        "ERASMUS_APP_EWP_REGISTRY_URL": "https://localhost:1/catalogue-v1.xml",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    with (tmp_path / "log").open("wb") as log:
        processes = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "erasmus_app.cli", command), env=environment, stderr=log
            )
            for command in ("api", "worker")
        ]
        try:
            async with httpx.AsyncClient(trust_env=False) as http:

                async def told(url: str) -> httpx.Response | None:
                    try:
                        return await http.get(url)
                    except httpx.HTTPError:  # its port opens when it has begun
                        return None

                async def ready() -> bool:
                    answer = await told(f"http://{listen}/readyz")
                    return answer is not None and answer.json() == {
                        "draining": "ok",
                        "database": "ok",
                        "migrations": "ok",
                        "redis": "ok",
                        "catalogue": "none yet",
                        "signing_keys": "ok",
                    }

                await until(ready, seconds=40)

                async def planned() -> bool:
                    numbers = await told(f"http://{of_worker}/metrics")
                    counted = 'erasmus_job_attempts_total{kind="plan-polls"'
                    return numbers is not None and counted in numbers.text

                await until(planned, seconds=40)
                works = await http.get(f"http://{of_worker}/readyz")
                assert (works.status_code, works.json()) == (
                    *(200, {"database": "ok", "heartbeat": "ok"}),
                )
            assert [each.returncode for each in processes] == [None, None]
        finally:
            for each in reversed(processes):
                each.send_signal(signal.SIGTERM)
            ended = [await each.wait() for each in processes]
    assert ended == [0, 0], (tmp_path / "log").read_text()
