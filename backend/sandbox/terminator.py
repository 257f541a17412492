"""TLS in front of the backend's plain HTTP, as a proxy does in production.

It speaks HTTP/1.1. Everything passes byte by byte, `Host`, path, query and body among it; into
each request's head it writes `X-Forwarded-For` and `X-Forwarded-Proto`, after taking out what the
caller wrote there. What comes after a request to upgrade, as WebSocket's, passes untouched.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator

import structlog

from sandbox.serving import LOOPBACK, listen, origin

LARGEST_HEAD = 65_536  # bytes of one request's head
CHUNK = 65_536
FAREWELL = 1.0  # seconds that a caller has to take what was written and to end TLS

log = structlog.get_logger(__name__)


class HeadInvalid(ValueError):
    """A request's head that we cannot find the end of its body with."""


def forwarded_head(head: bytes, peer: str) -> bytes:
    """Return a request's head with our forwarding lines in place of the caller's own.

    Args:
        head: request line and header lines with the empty line at the end, CRLF.
        peer: the caller's IP address.
    """
    first, *lines = head[:-4].split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith(b"x-forwarded-")]
    ours = [b"X-Forwarded-For: " + peer.encode("ascii"), b"X-Forwarded-Proto: https"]
    return b"\r\n".join([first, *kept, *ours, b"", b""])


class _Body:
    """How the body of a request ends."""

    def __init__(self, head: bytes) -> None:
        headers: dict[bytes, bytes] = {}
        for line in head[:-4].split(b"\r\n")[1:]:
            name, colon, value = line.partition(b":")
            if not colon:
                raise HeadInvalid("a header line without a colon")
            headers[name.strip().lower()] = value.strip().lower()
        self.upgrades = b"upgrade" in headers.get(b"connection", b"") and b"upgrade" in headers
        self.chunked = headers.get(b"transfer-encoding", b"").endswith(b"chunked")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            raise HeadInvalid("Content-Length is no number")
        self.length = int(length)


async def _pass_length(reader: asyncio.StreamReader, out: asyncio.StreamWriter, left: int) -> None:
    while left:
        data = await reader.read(min(left, CHUNK))
        if not data:
            raise asyncio.IncompleteReadError(data, left)
        out.write(data)
        await out.drain()
        left -= len(data)


async def _pass_chunks(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    """Pass a body in chunks (RFC 9112 §7.1), with its trailers."""
    while True:
        line = await reader.readuntil(b"\r\n")
        try:
            size = int(line.split(b";")[0].strip(), 16)
        except ValueError as error:
            raise HeadInvalid("a chunk's size is no number") from error
        out.write(line)
        if size == 0:
            break
        await _pass_length(reader, out, size + 2)  # the chunk, and its CRLF
    while line != b"\r\n":
        line = await reader.readuntil(b"\r\n")
        out.write(line)
    await out.drain()


async def _pass_all(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        out.write(data)
        await out.drain()


async def _pass_requests(
    reader: asyncio.StreamReader, out: asyncio.StreamWriter, head: bytes, peer: str
) -> None:
    """Pass one request after the other, until the caller ends or upgrades."""
    while True:
        body = _Body(head)
        out.write(forwarded_head(head, peer))
        if body.upgrades:
            await _pass_all(reader, out)
            return
        if body.chunked:
            await _pass_chunks(reader, out)
        else:
            await _pass_length(reader, out, body.length)
        await out.drain()
        head = await reader.readuntil(b"\r\n\r\n")


def _answer(status: str, text: str) -> bytes:
    body = f"{text}\n".encode()
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
        "",
        "",
    ]
    return "\r\n".join(lines).encode("ascii") + body


class _Terminator:
    """Every connection of one listener."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin a connection; called by the server."""
        task = asyncio.create_task(self._connection(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End every connection."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str(writer.get_extra_info("peername")[0])
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            try:
                inner = await asyncio.open_connection(self._host, self._port, limit=LARGEST_HEAD)
            except OSError:
                log.warning("terminator.backend_down", port=self._port)
                writer.write(_answer("502 Bad Gateway", "The backend does not answer."))
                await writer.drain()
                return
            await self._both_ways((reader, writer), inner, head, peer)
        except (asyncio.IncompleteReadError, OSError):
            pass  # one of the two went away; there is nobody left to tell
        except (asyncio.LimitOverrunError, HeadInvalid):
            writer.write(_answer("400 Bad Request", "This request cannot be read."))
        finally:
            await _close(writer)

    async def _both_ways(
        self,
        outer: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        inner: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        head: bytes,
        peer: str,
    ) -> None:
        there = asyncio.create_task(_pass_requests(outer[0], inner[1], head, peer))
        back = asyncio.create_task(_pass_all(inner[0], outer[1]))
        try:
            done, _ = await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:  # whoever ends first ends both, as a proxy does
                task.result()
        finally:
            there.cancel()
            back.cancel()
            try:
                await asyncio.gather(there, back, return_exceptions=True)
            finally:  # also where `stop` comes in between
                await _close(inner[1])


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        async with asyncio.timeout(FAREWELL):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()
    except asyncio.CancelledError:
        writer.transport.abort()
        raise


@contextlib.asynccontextmanager
async def terminating(
    backend: tuple[str, int],
    context: ssl.SSLContext,
    *,
    port: int = 0,
    host: str = LOOPBACK,
    listener: socket.socket | None = None,
) -> AsyncIterator[str]:
    """Serve https in front of a plain HTTP backend until the block is left; yields the origin.

    The backend need not be up yet: a caller is answered 502 in plain text while it is not.

    Args:
        backend: its IP address and port.
        context: a server's TLS settings, see `Authority.server_context`.
        port: where to listen; 0 for any free port.
        host: an IP address of this machine.
        listener: a port bound before (see `sandbox.serving.listen`). Wins over `port`.

    Raises:
        OSError: the port is taken.
    """
    bound = listener or listen(port, host=host)
    terminator = _Terminator(*backend)
    server = await asyncio.start_server(
        terminator.accept, sock=bound, ssl=context, limit=LARGEST_HEAD
    )
    try:
        yield origin(bound, secure=True)
    finally:
        server.close()
        await terminator.stop()
        await server.wait_closed()
