"""A push service that is no bottleneck: FCM's HTTP v1 over TLS and HTTP/2, answering 200.

It reads frames and no headers: each request that has ended is answered after the delay, all of a
delay together. Run by `bench/push.py`: `push_fcm.py FOLDER`. `sandbox/push.py` is the one that
checks what it is sent.
"""

import asyncio
import re
import sys
import time
from pathlib import Path
from typing import Any, cast

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))

import msgspec
import uvloop

from sandbox.authority import Authority
from sandbox.serving import listen, origin, serving

STREAMS = 100  # side by side on one connection, as Google's servers have it
PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
DATA, HEADERS, RESET, SETTINGS, PING = 0, 1, 3, 4, 6
END_STREAM, ACK = 1, 1
TARGET = re.compile(rb'"(?:fid|token)": ?"([^"]+)"')
CONTENT_TYPE = b"application/json; charset=UTF-8"
# RFC 7541: `:status: 200` is entry 8 of the static table, `content-type` entry 31.
ANSWER_HEADERS = b"\x88\x0f\x10" + bytes([len(CONTENT_TYPE)]) + CONTENT_TYPE


class Service:
    """What has come, and how long an answer takes."""

    def __init__(self) -> None:
        self.begin(0)

    def begin(self, delay: float) -> None:
        self.delay = delay
        self.accepted = 0
        self.targets: set[bytes] = set()
        self.first = self.last = 0.0
        self.connections = 0

    async def control(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Give tokens to whoever asks, begin anew with a delay, and tell what has come."""
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        if scope["path"].startswith("/begin/"):
            self.begin(float(scope["path"].rpartition("/")[2]))
        answer = {
            "access_token": "ya29.bench",
            "expires_in": 3600,
            "token_type": "Bearer",
            "accepted": self.accepted,
            "targets": len(self.targets),
            "seconds": self.last - self.first,
            "connections": self.connections,
            "cpu": time.process_time(),
        }
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": msgspec.json.encode(answer)})


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.left = bytearray()
        self.greeted = False
        self.bodies: dict[int, bytes] = {}
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.service.connections += 1
        wide = (2**31 - 65_536).to_bytes(4)
        settings = (3).to_bytes(2) + STREAMS.to_bytes(4)
        self.transport.write(frame(SETTINGS, 0, 0, settings) + frame(8, 0, 0, wide))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.transport = None

    def data_received(self, data: bytes) -> None:
        self.left += data
        at = 0
        if not self.greeted:
            if len(self.left) < PREFACE:
                return
            self.greeted, at = True, PREFACE
        buffer, ended = bytes(self.left), []
        while len(buffer) - at >= 9:
            size = int.from_bytes(buffer[at : at + 3])
            if len(buffer) - at < 9 + size:
                break
            kind, flags = buffer[at + 3], buffer[at + 4]
            stream = int.from_bytes(buffer[at + 5 : at + 9])
            payload = buffer[at + 9 : at + 9 + size]
            at += 9 + size
            if kind == DATA:
                body = self.bodies.pop(stream, b"") + payload
                if flags & END_STREAM:
                    ended.append(stream)
                    self._came(body)
                else:
                    self.bodies[stream] = body
            elif kind == RESET:
                self.bodies.pop(stream, None)
            elif kind in {SETTINGS, PING} and not flags & ACK and self.transport is not None:
                self.transport.write(frame(kind, ACK, 0, payload if kind == PING else b""))
        del self.left[:at]
        if ended and self.service.delay:
            asyncio.get_running_loop().call_later(self.service.delay, self._answer, ended)
        elif ended:
            self._answer(ended)

    def _came(self, body: bytes) -> None:
        now = time.monotonic()
        self.service.first = self.service.first or now
        self.service.last = now
        self.service.accepted += 1
        if found := TARGET.search(body):
            self.service.targets.add(found[1])

    def _answer(self, streams: list[int]) -> None:
        if self.transport is None:
            return
        told = []
        for stream in streams:
            body = b'{"name":"projects/bench/messages/%d"}' % stream
            told.append(frame(HEADERS, 4, stream, ANSWER_HEADERS))
            told.append(frame(DATA, END_STREAM, stream, body))
        self.transport.write(b"".join(told))


async def serve(folder: Path) -> None:
    authority = Authority.open(folder / "authority")
    service = Service()
    bound = listen()

    async def control(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await service.control(scope, receive, send)

    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(service), sock=bound, ssl=authority.server_context(["h2"])
    )
    async with server, serving(control, tls=authority.server) as address:
        print(origin(bound, secure=True), address, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(sys.argv[1])))
