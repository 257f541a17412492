import asyncio
import contextlib

import httpx
import pytest

from sandbox.serving import serving
from sandbox.terminator import forwarded_head, terminating


async def mirror(scope, receive, send):
    """Answers with what arrived, byte by byte."""
    if scope["type"] != "http":
        return
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    lines = [scope["method"].encode(), scope["raw_path"], scope["query_string"]]
    lines += [name + b": " + value for name, value in scope["headers"]]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"\n".join(lines), "more_body": True})
    await send({"type": "http.response.body", "body": b"\n\n" + bytes(body)})


@contextlib.asynccontextmanager
async def in_front_of(app, authority):
    async with serving(app) as plain:
        port = int(plain.rpartition(":")[2])
        async with (
            terminating(("127.0.0.1", port), authority.server_context()) as origin,
            httpx.AsyncClient(verify=authority.client_context(), base_url=origin) as http,
        ):
            yield http


def test_the_forwarding_lines_are_ours_alone():
    head = b"GET /a?b HTTP/1.1\r\nHost: h\r\nx-forwarded-for: 192.0.2.1\r\nAccept: */*\r\n\r\n"

    assert forwarded_head(head, "127.0.0.1") == (
        b"GET /a?b HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n"
        b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n\r\n"
    )


async def test_a_request_passes_byte_by_byte(authority):
    body = bytes(range(256)) * 400
    async with in_front_of(mirror, authority) as http:
        address = "/ewp/a%2Fb;c/get?omobility_id=%C3%A9&omobility_id=+x"
        answer = await http.post(
            address, content=body, headers={"Host": "Uni.Example:4443", "X-Forwarded-For": "evil"}
        )

    head, _, came = answer.content.partition(b"\n\n")
    lines = head.split(b"\n")
    assert lines[:3] == [b"POST", b"/ewp/a%2Fb;c/get", b"omobility_id=%C3%A9&omobility_id=+x"]
    assert b"host: Uni.Example:4443" in lines
    assert [line for line in lines if line.startswith(b"x-forwarded")] == [
        b"x-forwarded-for: 127.0.0.1",
        b"x-forwarded-proto: https",
    ]
    assert came == body


async def test_a_body_in_chunks_passes_and_the_connection_lives_on(authority):
    async def chunks():
        for _ in range(50):
            yield b"x" * 3000
            yield b""

    async with in_front_of(mirror, authority) as http:
        first = await http.post("/chunks", content=chunks())
        second = await http.get("/next")

    assert first.content.endswith(b"\n\n" + b"x" * 150_000)
    assert second.content.startswith(b"GET\n/next\n")
    assert b"x-forwarded-proto: https" in second.content


async def test_an_answer_streams_before_it_is_whole(authority):
    go_on = asyncio.Event()

    async def slow(scope, receive, send):
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"second"})

    async with in_front_of(slow, authority) as http, http.stream("GET", "/") as answer:
        parts = answer.aiter_raw()
        first = await anext(parts)
        go_on.set()
        assert [first, await anext(parts)] == [b"first", b"second"]


async def test_an_upgraded_connection_passes_untouched_both_ways(authority):
    async def upper(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        while line := await reader.readline():
            writer.write(line.upper())
        writer.close()

    backend = await asyncio.start_server(upper, "127.0.0.1", 0)
    address = backend.sockets[0].getsockname()
    async with backend, terminating(address, authority.server_context()) as origin:
        reader, writer = await asyncio.open_connection(
            "localhost", int(origin.rpartition(":")[2]), ssl=authority.client_context()
        )
        writer.write(
            b"GET /graphql HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"no head at all\n")
        assert (head.split(b" ")[1], await reader.readline()) == (b"101", b"NO HEAD AT ALL\n")
        writer.close()


async def test_a_backend_that_is_down_is_a_502_and_comes_back(authority):
    async with serving(mirror) as plain:
        port = int(plain.rpartition(":")[2])
    async with (
        terminating(("127.0.0.1", port), authority.server_context()) as origin,
        httpx.AsyncClient(verify=authority.client_context(), base_url=origin) as http,
    ):
        down = await http.get("/livez")
        async with serving(mirror, port=port):
            up = await http.get("/livez")

    assert (down.status_code, down.headers["content-type"], down.text) == (
        502,
        "text/plain; charset=utf-8",
        "The backend does not answer.\n",
    )
    assert up.status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost h\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: many\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000,
    ],
    ids=["a line without a colon", "a length that is no number", "a head without end"],
)
async def test_a_request_that_cannot_be_read_is_a_400(authority, head):
    async with serving(mirror) as plain:
        port = int(plain.rpartition(":")[2])
        async with terminating(("127.0.0.1", port), authority.server_context()) as origin:
            reader, writer = await asyncio.open_connection(
                "localhost", int(origin.rpartition(":")[2]), ssl=authority.client_context()
            )
            writer.write(head)
            assert (await reader.readline()).strip() == b"HTTP/1.1 400 Bad Request"
            writer.close()
