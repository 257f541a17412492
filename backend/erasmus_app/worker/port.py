"""What a worker says of itself over plain HTTP: whether it lives, whether it works, its metrics.

Nothing else is served, and nothing at all unless `WORKER_LISTEN` names an address.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from erasmus_app.services import Services
from erasmus_app.telemetry.exposition import CONTENT_TYPE, exposition
from erasmus_app.worker.loop import Worker

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class WorkerPort:
    """The ASGI application."""

    services: Services
    worker: Worker

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            return
        if scope["method"] not in {"GET", "HEAD"}:
            await _answer(send, 405, {"status": "GET only"})
        elif scope["path"] == "/livez":
            await _answer(send, 200, {"status": "ok"})
        elif scope["path"] == "/readyz":
            checks = await self.checks()
            ready = all(each == "ok" for each in checks.values())
            await _answer(send, 200 if ready else 503, checks)
        elif scope["path"] == "/metrics":
            found = await self.services.figures.figures()
            text = await asyncio.to_thread(exposition, found)
            await _send(send, 200, CONTENT_TYPE, text)
        else:
            await _answer(send, 404, {"status": "/livez, /readyz, /metrics"})

    async def checks(self) -> dict[str, str]:
        """Return whether the database answers, and whether it took a heartbeat within a lease."""
        found = await self.services.operations.checks()
        heard = asyncio.get_running_loop().time() - self.worker.beaten_at
        late = heard > self.worker.lease.total_seconds()
        return {
            "database": found["database"],
            "heartbeat": "older than a lease" if late else "ok",
        }


async def _answer(send: Send, status: int, says: Mapping[str, str]) -> None:
    await _send(send, status, JSON, msgspec.json.encode(says))


async def _send(send: Send, status: int, kind: str, body: bytes) -> None:
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
