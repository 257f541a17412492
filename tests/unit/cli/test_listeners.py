"""The sockets that we listen on."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from erasmus_app.cli.serve import open_listener
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
