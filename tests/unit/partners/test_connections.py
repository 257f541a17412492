"""Connections to partners are kept for a while, and given up before a partner would close them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace

import httpx
import pytest

from erasmus_app.bootstrap.outgoing import open_client, partners_client
from erasmus_app.settings import Settings

HERE = Settings(ewp_networks=("127.0.0.0/8",))
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@asynccontextmanager
async def a_server() -> AsyncIterator[tuple[str, list[int]]]:
    """Serve, and close no connection; yields the address, and how many requests came over each."""
    requests: list[int] = []
    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(requests)
        requests.append(0)
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                requests[number] += 1
                writer.write(ANSWER)
        writer.close()
        await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.create_task(serve(reader, writer)))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", requests
        await asyncio.gather(*served)


@pytest.mark.parametrize("client", [open_client, partners_client])
@pytest.mark.parametrize(("idle", "requests"), [(3.5, [2]), (4.5, [1, 1])])
async def test_a_connection_is_left_before_the_five_seconds_after_which_servers_close_it(
    client: Callable[[Settings], httpx.AsyncClient],
    idle: float,
    requests: list[int],
    monkeypatch: pytest.MonkeyPatch,
):
    async with a_server() as (address, seen), client(HERE) as http:
        assert (await http.get(address)).text == "ok"
        later = SimpleNamespace(monotonic=lambda: time.monotonic() + idle)
        monkeypatch.setattr("httpcore._async.http11.time", later)
        assert (await http.get(address)).text == "ok"

    assert seen == requests
