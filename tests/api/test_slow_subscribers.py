"""Who reads nothing any more is let go; what was ready for them is not kept."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from subscribers import (
    MESSAGES,
    a_message,
    account_of,
    signed_in_talk,
    streaming,
    told,
    with_limits,
)
from testbed import Bed

from erasmus_app.api.endpoint import GraphQLEndpoint
from erasmus_app.api.subscribing import Limits
from erasmus_app.cli.bounded_http import TAKING_SECONDS, BoundedHttp, Patience
from erasmus_app.cli.bounded_websocket import BoundedWebSocket
from erasmus_app.store.telling import tell
from sandbox.serving import serving

BEFORE = TAKING_SECONDS - 2  # the connection itself would be cut then, which is looked at apart

Ends = Callable[[Bed, str, str], Awaitable[None]]
COUNT, LENGTH = 120, 200_000  # more than the systems on both sides put aside


@pytest.fixture
async def first(bed: Bed) -> str:
    """The id of a message of Inês's behind which long ones come."""
    phone = await bed.signed_in("ines")
    account = await account_of(bed, phone)
    await told(bed.app.database, account, 1)
    found = await bed.ask(phone, "{ me { inbox { nodes { id } } } }")
    for number in range(2, COUNT):
        message = a_message(account, number)
        message.arguments["sending_hei"] = "x" * LENGTH
        async with bed.app.database.transaction() as connection:
            await tell(connection, message, bed.app.services.clock())
    return found["me"]["inbox"]["nodes"][0]["id"]


async def one_who_reads_nothing(address: str) -> socket.socket:
    """A connection with little room on this side."""
    parts = urlsplit(address)
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    found.setblocking(False)
    await asyncio.get_running_loop().sock_connect(found, (parts.hostname, parts.port))
    return found


def post(token: str, **variables: str) -> bytes:
    body = json.dumps({"query": MESSAGES, "variables": variables})
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\n"
        f"authorization: Bearer {token}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


@asynccontextmanager
async def impatient(bed: Bed, seconds: float) -> AsyncIterator[str]:
    """A server whose connections wait for so long, under an endpoint that would for an hour."""

    class Hasty(Patience):
        pass

    Hasty.seconds = seconds

    class Http(BoundedHttp):
        patience = Hasty

    class WebSocket(BoundedWebSocket):
        patience = Hasty

    endpoint = GraphQLEndpoint(bed.app.services, limits=Limits(send_seconds=3600))
    async with serving(endpoint, http=Http, websocket=WebSocket) as address:
        yield address


async def stream_ends(bed: Bed, address: str, first: str) -> None:
    """Ask for a stream, read nothing of it, and see that nothing is kept for it any more."""
    phone = await bed.signed_in("ines")
    connection = await one_who_reads_nothing(address)
    request = post(phone.token, after=first)
    await asyncio.get_running_loop().sock_sendall(connection, request)
    await bed.until_waiting(1)
    async with asyncio.timeout(BEFORE):
        await bed.until_waiting(0)
    connection.close()


async def socket_ends(bed: Bed, address: str, first: str) -> None:
    """The same over a socket."""
    async with signed_in_talk(address, await bed.signed_in("ines")) as talk:
        talk.socket.transport.pause_reading()
        await talk.subscribe("1", MESSAGES, after=first)
        await bed.until_waiting(1)
        async with asyncio.timeout(BEFORE):
            await bed.until_waiting(0)
        talk.socket.transport.abort()


@pytest.mark.parametrize("ends", [stream_ends, socket_ends])
async def test_who_reads_nothing_is_let_go(bed: Bed, first: str, ends: Ends):
    async with with_limits(bed, send_seconds=0.5) as address:
        await ends(bed, address, first)


@pytest.mark.parametrize("ends", [stream_ends, socket_ends])
async def test_the_connection_itself_is_cut_where_nothing_is_taken(
    bed: Bed, first: str, ends: Ends
):
    async with impatient(bed, 0.5) as address:
        await ends(bed, address, first)


async def test_who_reads_slowly_but_does_gets_everything(bed: Bed, first: str):
    phone = await bed.signed_in("ines")
    async with (
        impatient(bed, 1.0) as address,
        streaming(bed, phone, MESSAGES, address, after=first) as stream,
    ):
        found = []
        for _ in range(2, COUNT):
            found.append(await stream.next("inboxMessage"))
            await asyncio.sleep(0.02)

    assert len({each["id"] for each in found}) == COUNT - 2
