"""An HTTP/2 origin that a test scripts: each request is handed to the test, which answers it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.settings

from sandbox.authority import Authority


class Asked:
    """One request, to be answered or not."""

    def __init__(self, connection: "Connection", number: int) -> None:
        self.connection, self.number = connection, number
        self.body = bytearray()

    def answer(self, status: int = 200, body: bytes = b"{}", **headers: str) -> None:
        told = [(":status", str(status)), *headers.items()]
        self.connection.h2.send_headers(self.number, told)
        left = body
        while len(left) > 16_384:
            self.connection.h2.send_data(self.number, left[:16_384])
            left = left[16_384:]
        self.connection.h2.send_data(self.number, left, end_stream=True)
        self.connection.flush()

    def reset(self, code: int) -> None:
        self.connection.h2.reset_stream(self.number, code)
        self.connection.flush()


@dataclass
class Origin:
    """What the origin saw."""

    url: str = ""
    on_request: Callable[[Asked], None] = lambda asked: asked.answer()
    most: int = 100
    window: int = 65_535
    connections: list["Connection"] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    resets: list[int] = field(default_factory=list)
    peak: int = 0


class Connection(asyncio.Protocol):
    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self.under_way: dict[int, Asked] = {}
        self.lost = asyncio.Event()

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.origin.connections.append(self)
        self.h2.local_settings = h2.settings.Settings(
            client=False,
            initial_values={
                h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: self.origin.most,
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: self.origin.window,
            },
        )
        self.h2.initiate_connection()
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            match event:
                case h2.events.RequestReceived(stream_id=number):
                    self.under_way[number] = Asked(self, number)
                    self.origin.peak = max(self.origin.peak, self.h2.open_inbound_streams)
                case h2.events.DataReceived(stream_id=number):
                    self.h2.acknowledge_received_data(event.flow_controlled_length, number)
                    self.under_way[number].body += event.data
                case h2.events.StreamReset(stream_id=number):
                    self.origin.resets.append(number)
                    self.under_way.pop(number, None)
                case h2.events.StreamEnded(stream_id=number):
                    asked = self.under_way.pop(number)
                    self.origin.asked.append(asked)
                    self.origin.on_request(asked)
        self.flush()

    def flush(self) -> None:
        if data := self.h2.data_to_send():
            self.transport.write(data)

    def go_away(self, last: int) -> None:
        """Send GOAWAY as a proxy does before it closes, and go on answering."""
        payload = last.to_bytes(4) + (0).to_bytes(4)
        self.transport.write(len(payload).to_bytes(3) + bytes([7, 0]) + (0).to_bytes(4) + payload)


@contextlib.asynccontextmanager
async def running_origin(authority: Authority, **how) -> AsyncIterator[Origin]:
    origin = Origin(**how)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(origin), "127.0.0.1", 0, ssl=authority.server_context(["h2"])
    )
    origin.url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    try:
        yield origin
    finally:
        server.close()
        for each in origin.connections:
            each.transport.abort()
        await server.wait_closed()
