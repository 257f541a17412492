"""Real processes of ours beside a test bed."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
from databases import PATIENCE, until
from pooler import engines_of
from testbed import Bed

from sandbox.serving import listen


@dataclass
class Api:
    """One process."""

    address: str
    process: asyncio.subprocess.Process

    async def ends(self) -> int:
        """Its exit code, once it has ended."""
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


@asynccontextmanager
async def api_running(bed: Bed, *, drain_seconds: float = 0) -> AsyncIterator[Api]:
    """Run `erasmus-app api` beside the bed."""
    settings, free = bed.app.services.settings, listen()
    host, port = free.getsockname()
    free.close()
    with (settings.data_dir / f"api-{port}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "erasmus_app.cli", "api"),
            env=os.environ
            | dict(bed.world.environment)
            | {
                **engines_of(settings.database_url, settings.redis_url),
                "ERASMUS_APP_DATA_DIR": str(settings.data_dir),
                "ERASMUS_APP_LISTEN": f"{host}:{port}",
                "ERASMUS_APP_DRAIN_SECONDS": str(drain_seconds),
            },
            stderr=log,
        )
    try:
        api = Api(f"http://{host}:{port}", process)

        async def answers() -> bool:
            assert process.returncode is None, f"it has ended: see {log.name}"
            with suppress(httpx.HTTPError):
                return (await bed.http.get(f"{api.address}/livez")).status_code == 200
            return False

        await until(answers)
        yield api
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
