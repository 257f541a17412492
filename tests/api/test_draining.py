"""A real API process that is told to end while all kinds of callers are with it."""

import asyncio
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import httpx
from databases import until
from processes import Api, api_running
from subscribers import MESSAGES, signed_in_talk, streaming
from testbed import Bed

HANGING = {
    "says nothing": b"",
    "half a head": b"GET /livez HTTP/1.1\r\nHost: x\r\n",
    "half a body": b"POST /auth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant_type=",
}


async def hang(stack: AsyncExitStack, api: Api, begin: bytes) -> asyncio.StreamReader:
    """Begin something, and never go on."""
    parts = urlsplit(api.address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    stack.callback(writer.close)
    writer.write(begin)
    await writer.drain()
    return reader


async def test_an_api_that_is_told_to_end_answers_on_unready_and_then_hangs_for_nobody(bed: Bed):
    phone = await bed.signed_in("ines")
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(api_running(bed, drain_seconds=4))
        for path in ("/startupz", "/readyz"):
            assert (await bed.http.get(f"{api.address}{path}")).status_code == 200
        pool = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        kept = await pool.get(f"{api.address}/livez")
        talk = await stack.enter_async_context(signed_in_talk(api.address, phone))
        await talk.subscribe("1", MESSAGES)
        stream = await stack.enter_async_context(streaming(bed, phone, MESSAGES, api.address))
        hanging = [await hang(stack, api, begin) for begin in HANGING.values()]

        api.process.terminate()

        async def is_unready() -> bool:
            return (await bed.http.get(f"{api.address}/readyz")).status_code == 503

        await until(is_unready)
        unready = await bed.http.get(f"{api.address}/readyz")
        answered = await pool.get(f"{api.address}/livez")
        me = await bed.http.post(
            f"{api.address}/graphql",
            json={"query": "{ me { id } }"},
            headers={"authorization": f"Bearer {phone.token}"},
        )
        assert await talk.end() == (1001, "Going away")
        name, data = await stream.event()
        ends = [(await each.read()).partition(b"\r\n")[0] for each in hanging]
        assert await api.ends() == 0  # in time, or it would have been cut short

    assert unready.json()["draining"] == "this process ends"
    assert "connection" not in kept.headers
    assert (answered.status_code, answered.headers["connection"]) == (200, "close")
    assert ends == [b"", b"", b"HTTP/1.1 503 Service Unavailable"]
    assert me.json()["data"]["me"]["id"]
    assert (name, data["errors"][0]["extensions"]["code"]) == ("next", "going_away")
