"""FCM and a Web Push service in a process of their own, which write down each request they get.

A request is in the record before it is answered, so that whatever the backend then does, what
was taken is known. What the services answer is told on standard input, a line of JSON each time.

    python push_services.py FOLDER AUTHORITY
"""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from sandbox.authority import Authority
from sandbox.push import Answer, PushFault, PushService, running_push
from sandbox.push_rules import refused, target_of
from sandbox.web_push import WebPushService, running_web_push


class Taken(msgspec.Struct, frozen=True):
    """One request as the service had it."""

    at: float  # seconds since 1970
    lane: str  # fcm or web
    status: int  # what it was answered; 0: the connection was broken instead
    target: str = ""
    message_id: str = ""
    names: tuple[str, ...] = ()  # by which a phone tells doubles: all have to be the same one


class Mode(msgspec.Struct, frozen=True, omit_defaults=True):
    """What FCM is to answer from now on."""

    fault: str | None = None  # one of FCM's codes, to every request
    retry_after: int | None = None  # seconds, with the fault
    delay: float = 0.0  # seconds before each answer
    gone: tuple[str, ...] = ()  # phones that are no longer registered
    back: tuple[str, ...] = ()  # phones that are again


class Record:
    """A file of lines, each handed to the kernel before the next thing is done."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, taken: Taken) -> None:
        os.write(self._file, msgspec.json.encode(taken) + b"\n")


class RecordedFcm(PushService):
    """The sandbox's FCM, with a record and with faults for everybody."""

    record: Record
    mode = Mode()

    def send(self, method: str, path: str, authorization: str, body: bytes) -> Answer | PushFault:
        answer = super().send(method, path, authorization, body)
        fault = self.mode.fault
        if fault is not None and isinstance(answer, Answer) and answer.status in {200, 404}:
            answer = refused(fault, "as told", retry_after=self.mode.retry_after)
        status = answer.status if isinstance(answer, Answer) else 0
        message = msgspec.json.decode(body)["message"]
        android, web = message["android"], message["webpush"]["headers"]
        names = (
            android["collapse_key"],
            android["notification"]["tag"],
            message["apns"]["headers"]["apns-collapse-id"],
            web["Topic"],
        )
        target, name = target_of(body) or "", android["collapse_key"]
        self.record.add(Taken(time.time(), "fcm", status, target, name, names))
        return answer

    def change(self, mode: Mode) -> None:
        self.mode, self.delay = mode, mode.delay
        for fid in mode.gone:
            self.received.pop(fid, None)
        for fid in mode.back:
            self.received.setdefault(fid, [])

    def _deliver(self, target: str, message: dict[str, Any]) -> None:
        """Keep nothing: the record has it."""


def recorded(service: WebPushService, record: Record) -> None:
    """Let a Web Push service write down what it answers."""
    take = service.take

    def noted(method: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        found = take(method, path, headers, body)
        topic = headers.get("topic", "")
        browser = path.rpartition("/")[2]
        record.add(Taken(time.time(), "web", 201, browser, topic, (topic,)))
        return found

    service.__class__ = type(
        "Noted", (WebPushService,), {"__slots__": (), "take": staticmethod(noted)}
    )


async def main(folder: Path, authority_folder: Path) -> None:
    authority, record = Authority.open(authority_folder), Record(folder / "record")
    async with (
        running_push(folder / "fcm", authority, made=RecordedFcm) as fcm,
        running_web_push(folder / "web", authority) as web,
    ):
        assert isinstance(fcm, RecordedFcm)
        fcm.record = record
        recorded(web, record)
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        said = {"fcm": fcm.url, "web": web.url, "account": str(fcm.service_account_file)}
        os.write(1, msgspec.json.encode(said) + b"\n")
        while line := await reader.readline():
            fcm.change(msgspec.json.decode(line, type=Mode))
            os.write(1, b"done\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
