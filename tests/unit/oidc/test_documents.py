"""Fetching strangers' documents, over real TLS, without being led anywhere inside."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import pytest

from erasmus_app.oidc.documents import DocumentRefused, SafeDocuments
from sandbox.authority import Authority
from sandbox.serving import LOOPBACK, listen

JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@contextlib.asynccontextmanager
async def answering(
    authority: Authority, answer: bytes, *, hang: bool = False
) -> AsyncIterator[str]:
    """Serve one answer to whoever comes, word for word."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
            if hang:
                await asyncio.sleep(30)
            writer.close()
            await writer.wait_closed()

    bound = listen()
    server = await asyncio.start_server(serve, sock=bound, ssl=authority.server_context())
    try:
        yield f"https://localhost:{bound.getsockname()[1]}/client.json"
    finally:
        server.close()


def on_this_machine(authority: Authority) -> SafeDocuments:
    return SafeDocuments(authority.client_context(), lambda address: address.is_loopback)


async def test_a_document_is_fetched(authority: Authority):
    body = b'{"client_id": "x"}'
    answer = JSON + b"cache-control: max-age=60\r\ncontent-length: 18\r\n\r\n" + body
    async with answering(authority, answer) as address:
        content, headers = await on_this_machine(authority).get(address)

    assert (content, headers["cache-control"]) == (body, "max-age=60")


ANSWERS = {
    "redirect": (b"HTTP/1.1 302 Found\r\nlocation: https://localhost/\r\n\r\n", "not_200"),
    "missing": (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "not_200"),
    "a page": (b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n", "not_json"),
    "no type": (b"HTTP/1.1 200 OK\r\n\r\n{}", "not_json"),
    "too large": (JSON + b"\r\n" + b" " * 6000, "too_large"),
    "told to be huge": (JSON + b"content-length: 99999999\r\n\r\n" + b" " * 6000, "too_large"),
    "cut": (JSON + b"content-length: 100\r\n\r\n{", "unreachable"),
    "no HTTP": (b"hello\r\n\r\n", "unreachable"),
}


@pytest.mark.parametrize("what", ANSWERS)
async def test_what_is_no_small_json_document_is_refused(authority: Authority, what: str):
    answer, code = ANSWERS[what]
    async with answering(authority, answer) as address:
        with pytest.raises(DocumentRefused) as refused:
            await on_this_machine(authority).get(address)

    assert refused.value.code == code


async def test_a_document_that_does_not_come_is_not_waited_for(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("erasmus_app.oidc.documents.SECONDS", 0.3)
    async with answering(authority, JSON, hang=True) as address:
        with pytest.raises(DocumentRefused, match="unreachable"):
            await on_this_machine(authority).get(address)


async def test_a_host_of_ours_is_not_connected_to(authority: Authority):
    bound = listen()
    port = bound.getsockname()[1]
    safe = SafeDocuments(authority.client_context())
    for host in ("localhost", LOOPBACK, "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"):
        with pytest.raises(DocumentRefused) as refused:
            await safe.get(f"https://{host}:{port}/client.json")
        assert refused.value.code in {"address_inside", "name_unknown"}, host
    bound.settimeout(0)
    with pytest.raises(BlockingIOError):  # nobody came
        bound.accept()
    bound.close()


async def test_nothing_is_fetched_in_clear_or_from_a_host_that_proves_nothing(
    authority: Authority,
):
    safe = on_this_machine(authority)
    with pytest.raises(DocumentRefused, match="not_https"):
        await safe.get("http://localhost/client.json")
    async with answering(authority, JSON) as address:
        strange = SafeDocuments(ssl.create_default_context(), lambda _: True)
        with pytest.raises(DocumentRefused, match="unreachable"):
            await strange.get(address)
