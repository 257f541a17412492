"""A registry on a real socket that answers as it is told, and a clock for those who ask it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from unit.ewp.catalogues import a_catalogue, a_host, entry

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FIRST = a_catalogue(a_host(entry("echo", "2.0.0"), ["a.example"]))
SECOND = a_catalogue(a_host(entry("echo", "2.0.0"), ["a.example"]), a_host("", ["b.example"]))


@dataclass
class Registry:
    """Answers as told, and remembers what it was asked."""

    document: bytes = FIRST
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Cache-Control": "max-age=300"})
    cut: bool = False  # hang up in the middle of the document
    hold: asyncio.Event | None = None  # wait for it before answering
    endless: bytes = b""  # sent again and again behind the headers, as long as it is taken
    asked: list[dict[str, str]] = field(default_factory=list)
    asked_thrice: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    def does(self, **changes: object) -> None:
        """Behave so from now on; `encoding` and `location` are headers."""
        names = {"encoding": "Content-Encoding", "location": "Location"}
        for name, value in changes.items():
            if name in names:
                self.headers[names[name]] = str(value)
            else:
                setattr(self, name, value)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[1:-2]
        self.asked.append({k.lower(): v for k, v in (line.split(": ", 1) for line in lines)})
        if len(self.asked) == 3:
            self.asked_thrice.set()
        if self.hold is not None:
            await self.hold.wait()
        headers = self.headers | {"Content-Length": str(len(self.document)), "Connection": "close"}
        if self.status == 304 or self.endless:
            del headers["Content-Length"]
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {self.status} Here\r\n{head}\r\n".encode())
        if self.status != 304:
            writer.write(self.document[: len(self.document) // 2] if self.cut else self.document)
        with contextlib.suppress(ConnectionError):  # whoever asked had enough
            await writer.drain()
            while self.endless:
                writer.write(self.endless)
                await writer.drain()
        writer.close()


class Clock:
    """Stands still until it is told how much time passes by."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@asynccontextmanager
async def listening(served: Registry) -> AsyncIterator[Registry]:
    """A registry on a free port."""
    server = await asyncio.start_server(served.answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    served.url = f"http://{host}:{port}/catalogue-v1.xml"
    try:
        yield served
    finally:
        server.close()
        await server.wait_closed()
