"""The sockets that we listen on."""

import asyncio
import socket
from collections.abc import Callable

import pytest
import uvloop

from erasmus_app.cli.serve import at_once, open_listener
from erasmus_app.settings import load_settings
from sandbox.serving import listen


def of_the_backend() -> socket.socket:
    free = listen()
    port = free.getsockname()[1]
    free.close()
    return open_listener(load_settings({"ERASMUS_APP_LISTEN": f"127.0.0.1:{port}"}))


@pytest.mark.parametrize("listener", [of_the_backend, listen])
async def test_an_answer_in_two_pieces_does_not_wait_for_the_first_to_be_acknowledged(
    listener: Callable[[], socket.socket],
):
    """A head and a body, written apart, would come 40 ms apart on a connection that is kept."""
    told: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = writer.get_extra_info("socket")
        told.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    bound = listener()
    bound.setblocking(False)
    async with await asyncio.start_server(serve, sock=bound):
        _, writer = await asyncio.open_connection(*bound.getsockname())
        assert await told != 0
        writer.close()


def test_many_who_come_at_once_are_taken_in_few_turns_of_the_loop():
    """Of uvloop's own loop, which takes one of each listener in a turn."""

    async def turns(listeners: list[socket.socket]) -> int:
        loop = asyncio.get_running_loop()
        made: list[asyncio.BaseTransport] = []

        class Taken(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                made.append(transport)

        servers = [await loop.create_server(Taken, sock=each, backlog=128) for each in listeners]
        callers = [socket.create_connection(listeners[0].getsockname()) for _ in range(64)]
        count = 0
        while len(made) < len(callers):
            await asyncio.sleep(0)
            count += 1
        for each in (*made, *servers, *callers):
            each.close()
        await asyncio.sleep(0)
        return count

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(turns(at_once(of_the_backend()))) < 16
