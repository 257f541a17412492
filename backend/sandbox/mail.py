"""A mail sink on loopback: speaks as much SMTP as a sender needs, and keeps what it is sent."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from sandbox.serving import LOOPBACK

LONGEST = 1_000_000  # bytes of one mail


@dataclass(slots=True)
class MailSink:
    """What came, in the order of its coming."""

    url: str = ""
    received: list[EmailMessage] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)  # codes for the next recipients
    answers: dict[str, list[str]] = field(default_factory=dict)  # by verb, what is said next
    connections: int = 0
    wire: list[bytes] = field(default_factory=list)  # what came, byte for byte
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self, count: int, seconds: float = 20) -> list[EmailMessage]:
        """Return all mails once there are so many. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while len(self.received) < count:
                self._came.clear()
                await self._came.wait()
        return list(self.received)

    def _next(self, verb: str) -> str | None:
        waiting = self.answers.get(verb)
        return waiting.pop(0) if waiting else None

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""

        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode("ascii"))
            await writer.drain()

        self.connections += 1
        await say(self._next("HELLO") or "220 sandbox ESMTP")
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                verb = line.decode("ascii", "replace").split(":")[0].strip().upper()
                if verb.startswith("EHLO"):
                    await say("250 sandbox")
                elif answer := self._next(verb.split()[0] if verb else ""):
                    await say(answer)
                elif verb.startswith("RCPT") and self.refusals:
                    await say(f"{self.refusals.pop(0)} not now")
                elif verb == "DATA":
                    await say("354 go on")
                    whole = await reader.readuntil(b"\r\n.\r\n")
                    text = whole.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
                    found = message_from_bytes(text.replace(b"\r\n", b"\n"), policy=policy.default)
                    assert isinstance(found, EmailMessage)
                    if answer := self._next("CONTENT"):
                        await say(answer)
                        continue
                    self.wire.append(text)
                    self.received.append(found)
                    self._came.set()
                    await say("250 kept")
                elif verb == "QUIT":
                    await say("221 bye")
                    break
                else:
                    await say("250 well")
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


@asynccontextmanager
async def running(tls: ssl.SSLContext | None = None) -> AsyncIterator[MailSink]:
    """Run a sink on any free port; with `tls` encrypted from the first byte."""
    sink = MailSink()
    server = await asyncio.start_server(sink.talk, LOOPBACK, 0, ssl=tls, limit=LONGEST)
    host, port = server.sockets[0].getsockname()[:2]
    sink.url = f"{'smtps' if tls else 'smtp'}://{host}:{port}"
    try:
        yield sink
    finally:
        server.close()
        await server.wait_closed()
