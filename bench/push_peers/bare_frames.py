"""The local FCM's own limit: frames made beforehand, sent as fast as it answers them."""

import asyncio
import json
import os
import ssl
import sys
import time
from urllib.parse import urlsplit

import uvloop

CONNECTIONS, STREAMS = 10, 100
BODY = b'{"message":{"fid":"%s","data":{"id":"%s"},"notification":{"title":"%s"}}}'


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


async def one(number: int, first: int, context: ssl.SSLContext) -> int:
    address = urlsplit(os.environ["FCM"])
    reader, writer = await asyncio.open_connection(address.hostname, address.port, ssl=context)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
    left, stream, answered, under_way = number, 1, 0, 0
    while answered < number:
        out = []
        while left and under_way < STREAMS:
            target = b"f%021d" % (first + left)
            body = BODY % (target, target * 8, target * 8)
            # The service reads no headers, so any block will do: `:method: POST`.
            out.append(frame(1, 4, stream, b"\x83") + frame(0, 1, stream, body))
            stream, left, under_way = stream + 2, left - 1, under_way + 1
        writer.write(b"".join(out))
        head = await reader.readexactly(9)
        payload = await reader.readexactly(int.from_bytes(head[:3]))
        del payload
        if head[3] == 0 and head[4] & 1:
            answered, under_way = answered + 1, under_way - 1
    writer.close()
    return answered


async def main() -> None:
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    context.set_alpn_protocols(["h2"])
    each = int(sys.argv[1]) // CONNECTIONS
    cpu, began = time.process_time(), time.perf_counter()
    sent = sum(
        await asyncio.gather(*(one(each, number * each, context) for number in range(CONNECTIONS)))
    )
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"sent": sent, "warm": 0, "seconds": seconds, "cpu": cpu}))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
