"""An app with a client of npm, in a process of its own: see `subscriber.mjs`."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from interop.certified import HERE, NODE

INSTALLED = ("graphql-ws", "graphql-sse", "ws")
WHY_NOT = (
    "Node is not here"
    if NODE is None
    else None
    if all((HERE / "node_modules" / each).is_dir() for each in INSTALLED)
    else "graphql-ws and graphql-sse are not installed; `make test-interop` does that"
)


@dataclass(slots=True)
class App:
    """The running app."""

    process: asyncio.subprocess.Process

    def say(self, **command: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")

    async def hear(self, seconds: float = 10) -> dict[str, Any]:
        """What happens next."""
        assert self.process.stdout is not None
        async with asyncio.timeout(seconds):
            line = await self.process.stdout.readline()
        assert line, "the app has ended"
        found: dict[str, Any] = json.loads(line)
        return found


@asynccontextmanager
async def npm_app(way: str, address: str, token: str) -> AsyncIterator[App]:
    """Run it; `way` is ws, sse or single."""
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        NODE,
        "subscriber.mjs",
        cwd=HERE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1_000_000,
    )
    app = App(process)
    try:
        app.say(way=way, url=f"{address}/graphql", token=token)
        assert await app.hear() == {"ready": True}
        yield app
    finally:
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(10):
            assert await process.wait() == 0
