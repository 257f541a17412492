"""Push services in a process of their own, which write each request down before they answer it.

    python -m faults.phones FOLDER SERVER_KEY

Takes orders as JSON lines from standard input and answers each with a JSON line. It also serves an
empty catalogue of the network, since a worker wants to read one.
"""

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from sandbox.authority import Authority
from sandbox.push import PushFault, PushService, running_push
from sandbox.push_rules import Answer, target_of
from sandbox.serving import listen, origin, serving
from sandbox.web_push import WebPushService, running_web_push

CATALOGUE = (
    b'<?xml version="1.0" encoding="UTF-8"?><catalogue xmlns="https://github.com/'
    b'erasmus-without-paper/ewp-specs-api-registry/tree/stable-v1"><host><apis-implemented/>'
    b"<institutions-covered/></host><institutions/></catalogue>"
)
FOR_EVER = 10**9
RECORD = "requests.jsonl"


class Recorder:
    """Appends one line for each request: it is in the kernel's hands before the answer is."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, **line: Any) -> None:
        os.write(self._file, msgspec.json.encode({"at": time.time(), **line}) + b"\n")


class Phones(PushService):
    """FCM, to which every phone is known that is not dead."""

    recorder: Recorder
    dead: set[str]

    def obey(self, order: dict[str, Any]) -> None:
        if "dead" in order:
            self.dead |= set(order["dead"])
        if "alive" in order:
            self.dead -= set(order["alive"])
        if "answer" in order:
            self._planned = []
            if order["answer"] is not None:
                self.fail_next(order["answer"], FOR_EVER, retry_after=order.get("retry_after"))

    def send(self, method: str, path: str, authorization: str, body: bytes) -> Answer | PushFault:
        target = target_of(body) or ""
        if target in self.dead:
            self.received.pop(target, None)
        else:
            self.received[target] = []  # what a phone shows is not asked here
        answer = super().send(method, path, authorization, body)
        message = msgspec.json.decode(body)["message"]
        self.recorder.write(
            lane="fcm",
            device=target,
            message=message["data"].get("id"),
            collapse=message["android"].get("collapse_key"),
            status=answer.status if isinstance(answer, Answer) else 0,
        )
        return answer


class Browsers(WebPushService):
    """The web push service; the topic is what makes one message take another's place."""

    recorder: Recorder

    def take(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        taken = super().take(method, path, headers, body)
        browser = path.removeprefix("/push/")
        shown = self.received[browser].pop() if isinstance(taken, str) else None
        self.recorder.write(
            lane="web_push",
            device=browser,
            message=_id_of(shown.content) if shown else None,
            collapse=shown.topic if shown else None,
            status=201 if isinstance(taken, str) else taken.status,
        )
        return taken


def _id_of(content: dict[str, Any]) -> str | None:
    found: str | None = content.get("notification", {}).get("data", {}).get("id")
    return found


async def main(folder: Path, server_key: str) -> None:
    authority = Authority.open(folder / "authority")
    recorder = Recorder(folder / RECORD)

    async def catalogue(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/xml")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": CATALOGUE})

    async with AsyncExitStack() as stack:
        fcm = await stack.enter_async_context(running_push(folder / "push", authority, kind=Phones))
        assert isinstance(fcm, Phones)
        fcm.recorder, fcm.dead = recorder, set()
        web = await stack.enter_async_context(
            running_web_push(folder / "web_push", authority, kind=Browsers)
        )
        assert isinstance(web, Browsers)
        web.recorder = recorder
        door = listen()
        await stack.enter_async_context(serving(catalogue, listener=door))
        tell(
            fcm=fcm.url,
            account=str(fcm.service_account_file),
            authority=str(authority.ca_file),
            catalogue=f"{origin(door, secure=False)}/catalogue-v1.xml",
        )
        orders = asyncio.StreamReader(limit=1 << 24)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
        )
        while line := await orders.readline():
            order = msgspec.json.decode(line)
            fcm.obey(order)
            browsers = [web.subscribe(server_key) for _ in range(order.get("subscribe", 0))]
            tell(browsers={each: web.subscription(each) for each in browsers})


def tell(**what: Any) -> None:
    sys.stdout.write(msgspec.json.encode(what).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), sys.argv[2]))
