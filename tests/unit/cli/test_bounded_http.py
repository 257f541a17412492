"""Callers who never come to the point are turned away before they have cost anything."""

import asyncio
from urllib.parse import urlsplit

import pytest

from erasmus_app.cli.bounded_http import LARGEST_HEAD, BoundedHttp
from sandbox.serving import serving


async def heard(scope, receive, send):
    """An application that says how long the body was."""
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    said = str(length).encode()
    headers = [(b"content-length", str(len(said)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": said})


class Hasty(BoundedHttp):
    head_seconds = 0.2


async def answers(pieces, *, http=BoundedHttp, pause=0.0):
    """Send these as long as they are taken; return what came back and how much went out."""
    async with serving(heard, http=http) as origin:
        parts = urlsplit(origin)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        sent = 0
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
                if pause:
                    await asyncio.sleep(pause)
            answer = await reader.read()
        except ConnectionError:
            answer = b""
        finally:
            writer.close()
    return answer, sent


def endless(piece, begin=b"GET / HTTP/1.1\r\n"):
    yield begin
    while True:
        yield piece


@pytest.mark.parametrize(
    "pieces",
    [
        endless(b"a: b\r\n" * 1_000),
        endless(b"a" * 10_000, b"GET / HTTP/1.1\r\na: "),
        endless(b"a" * 10_000, b"GET /"),
        endless(
            b"a: b\r\n" * 1_000, b"POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\naGET / HTTP/1.1\r\n"
        ),
    ],
    ids=["headers", "one header", "an address", "headers of a second request"],
)
async def test_a_head_without_end_is_not_read_to_its_end(pieces):
    async with asyncio.timeout(20):
        _, sent = await answers(pieces)

    assert sent < 20_000_000  # what the system itself takes in before it says no


async def test_a_head_just_over_the_limit_is_refused_in_words():
    pieces = [b"GET / HTTP/1.1\r\n", *[b"a: b\r\n" * 1_000] * 11]

    answer, _ = await answers(pieces)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(f"at most {LARGEST_HEAD} bytes.".encode())


async def test_a_head_that_comes_byte_by_byte_is_given_up():
    async with asyncio.timeout(20):
        answer, _ = await answers(endless(b"a"), http=Hasty, pause=0.01)

    assert answer == b""


async def test_a_caller_who_says_nothing_is_given_up():
    async with asyncio.timeout(20):
        assert (await answers([], http=Hasty))[0] == b""


async def test_a_large_body_and_requests_behind_each_other_are_none_of_that():
    body = b"a" * 1_000_000
    first = b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    last = b"POST / HTTP/1.1\r\nconnection: close\r\ncontent-length: 1\r\n\r\na"

    answer, _ = await answers([first + first + last])

    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.count(b"1000000") == 2
    assert answer.endswith(b"\r\n\r\n1")
