"""Real API processes on one database: what one hears, and what its end means to who waits."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
import pytest
from databases import PATIENCE, until
from pooler import engines_of
from subscribers import (
    MESSAGES,
    account_of,
    numbers,
    signed_in_talk,
    streaming,
    told,
)
from testbed import Bed
from websockets.exceptions import ConnectionClosedError

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
async def api_running(bed: Bed) -> AsyncIterator[Api]:
    """Run `erasmus-app api` beside the bed."""
    settings, free = bed.app.services.settings, listen()
    host, port = free.getsockname()
    free.close()
    assert settings.database_url is not None
    assert settings.redis_url is not None
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "erasmus_app.cli", "api"),
        env=os.environ
        | dict(bed.world.environment)
        | {
            **engines_of(settings.database_url, settings.redis_url),
            "ERASMUS_APP_DATA_DIR": str(settings.data_dir),
            "ERASMUS_APP_LISTEN": f"{host}:{port}",
        },
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        api = Api(f"http://{host}:{port}", process)

        async def answers() -> bool:
            with suppress(httpx.HTTPError):
                return (await bed.http.get(f"{api.address}/livez")).status_code == 200
            return False

        await until(answers)
        yield api
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_whichever_process_ends_and_however_the_messages_go_on_at_another(bed: Bed):
    phone = await bed.signed_in("ines")
    account = await account_of(bed, phone)
    await told(bed.app.database, account, 0)
    [last] = (await bed.ask(phone, "{ me { inbox { nodes { id } } } }"))["me"]["inbox"]["nodes"]
    async with api_running(bed) as first, api_running(bed) as second:
        async with (
            signed_in_talk(first.address, phone) as talk,
            streaming(bed, phone, MESSAGES, first.address, after=last["id"]) as stream,
        ):
            await talk.subscribe("1", MESSAGES, after=last["id"])
            await told(bed.app.database, account, 1)
            found = [await talk.next("1", "inboxMessage")]
            assert await stream.next("inboxMessage") == found[0]
            first.process.terminate()
            assert await talk.end() == (1001, "Going away")
            name, data = await stream.event()
            assert (name, data["errors"][0]["extensions"]["code"]) == ("next", "going_away")
            assert await stream.event() == ("complete", None)
        assert await first.ends() == 0
        await told(bed.app.database, account, 2)
        async with signed_in_talk(second.address, phone) as talk:
            await talk.subscribe("1", MESSAGES, after=found[-1]["id"])
            found.append(await talk.next("1", "inboxMessage"))
            second.process.kill()
            with pytest.raises(ConnectionClosedError):
                await talk.hear()
        await told(bed.app.database, account, 3)
        async with signed_in_talk(bed.address, phone) as talk:
            await talk.subscribe("1", MESSAGES, after=found[-1]["id"])
            found.append(await talk.next("1", "inboxMessage"))

    assert numbers(found) == [1, 2, 3]
