"""What a worker says of itself, and that it says nothing else."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from erasmus_app.telemetry.exposition import Figure
from erasmus_app.worker.loop import Worker
from erasmus_app.worker.port import WorkerPort


@dataclass
class Services:
    """As much of the services as the port asks."""

    database: str = "ok"
    operations: Any = field(init=False)
    figures: Any = field(init=False)

    def __post_init__(self) -> None:
        self.operations = SimpleNamespace(checks=self.checks)
        self.figures = SimpleNamespace(figures=self.asked)

    async def checks(self) -> dict[str, str]:
        return {"database": self.database, "migrations": "ok", "redis": "ConnectionError"}

    async def asked(self) -> list[Figure]:
        return [Figure("erasmus_jobs", "Jobs.", ("kind", "state"), {("poll", "dead"): 2})]


def a_worker(*, beaten: float) -> Worker:
    """One whose heartbeat the database took so many seconds ago."""
    worker = Worker(queue=None, handlers={})  # type: ignore[arg-type]
    worker.beaten_at = asyncio.get_running_loop().time() - beaten
    return worker


async def asked(port: WorkerPort, path: str, method: str = "GET") -> httpx.Response:
    transport = httpx.ASGITransport(port)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as http:
        return await http.request(method, path)


@pytest.mark.parametrize(
    ("database", "beaten", "told"),
    [
        ("ok", 5, (200, {"database": "ok", "heartbeat": "ok"})),
        ("ok", 31, (503, {"database": "ok", "heartbeat": "older than a lease"})),
        ("OSError", 5, (503, {"database": "OSError", "heartbeat": "ok"})),
    ],
)
async def test_a_worker_is_ready_while_the_database_takes_its_heartbeats(
    database: str, beaten: float, told: tuple[int, dict[str, str]]
):
    port = WorkerPort(Services(database), a_worker(beaten=beaten))  # type: ignore[arg-type]

    answer = await asked(port, "/readyz")
    assert (answer.status_code, answer.json()) == told
    alive = await asked(port, "/livez")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})


async def test_its_metrics_are_the_process_s_and_what_the_database_holds():
    answer = await asked(WorkerPort(Services(), a_worker(beaten=0)), "/metrics")  # type: ignore[arg-type]

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'erasmus_jobs{kind="poll",state="dead"} 2.0' in answer.text.splitlines()
    assert "# TYPE erasmus_push_attempts_total counter" in answer.text.splitlines()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/graphql", 404), ("GET", "/", 404), ("POST", "/metrics", 405)],
)
async def test_nothing_else_is_served(method: str, path: str, status: int):
    port = WorkerPort(Services(), a_worker(beaten=0))  # type: ignore[arg-type]
    assert (await asked(port, path, method)).status_code == status
