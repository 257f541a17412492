"""The apps of `load.py`, in a process of their own: each is opened at its moment, whatever else is.

    python bench/load_clients.py ORDER.json RESULTS.json

It says `up` when it has read its order, and is told then when the morning begins, in seconds since
the epoch: however long a busy machine takes to start it, nothing begins late.

A request's time runs from the moment at which it was to be sent; the first of an app that is opened
from the planned moment, the next ones from the answer before it. Nobody waits for anybody else.
"""

import asyncio
import gc
import json
import re
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))

import msgspec
import uvloop
from load_students import Student, number_of
from morning import Start, forwarded
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol
from wire import Doors

DOCUMENTS = Path(__file__).parents[1] / "graphql" / "documents.json"
LOOK_SECONDS = 0.5  # between looks at what phones have got
MOST_TOLD = 20  # errors that are kept in full


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to do."""

    ports: list[int]
    starts: list[Start]
    students: list[Student]
    record: str  # where the push service writes down what phones have got
    stays: float = 25.0  # seconds that an app is open: the change comes, is fetched and told


class Asked(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One request: its planned moment, seconds from the beginning, and seconds until answered."""

    due: float
    waited: float
    good: bool


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    asked: dict[str, list[Asked]]
    errors: list[str]  # the first ones
    late: list[float]  # seconds by which starts began after their moment: the generator's own
    heard: int  # changes heard of over open subscriptions
    unheard: int
    unpushed: int  # apps opened by a push that had not come yet
    connections: int


def hashes() -> dict[str, str]:
    """Return the hash of each operation of the app, by the operation's name."""
    found: dict[str, str] = json.loads(DOCUMENTS.read_text(encoding="utf-8"))
    return {re.split(r"\W+", text, maxsplit=2)[1]: name for name, text in found.items()}


class Apps:
    """All apps, and what happens to them."""

    def __init__(self, order: Order, begin: float) -> None:
        self._order, self._doors, self._begin = order, Doors(order.ports), begin
        self._hashes = hashes()
        self._asked: defaultdict[str, list[Asked]] = defaultdict(list)
        self._errors: list[str] = []
        self._late: list[float] = []
        self._messages: dict[str, list[str]] = {}  # by phone
        self._heard = self._unheard = self._unpushed = 0
        self._clock = time.perf_counter() - time.time()

    def _now(self) -> float:
        """Return seconds from the beginning."""
        return time.perf_counter() - self._clock - self._begin

    async def run(self) -> Results:
        """Open every app at its moment."""
        looking = asyncio.create_task(self._look())
        async with asyncio.TaskGroup() as group:
            for each in self._order.starts:
                if (wait := each.at - self._now()) > 0:
                    await asyncio.sleep(wait)
                self._late.append(self._now() - each.at)
                group.create_task(self._open(each))
        looking.cancel()
        self._doors.close()
        return Results(
            asked=self._asked,
            errors=self._errors,
            late=self._late,
            heard=self._heard,
            unheard=self._unheard,
            unpushed=self._unpushed,
            connections=self._doors.opened,
        )

    async def _open(self, start: Start) -> None:
        student, due = self._order.students[start.student], start.at
        if start.refresh:
            await self._refresh(student, due)
        await self._ask("first screen", "Home", student, None, due)
        if start.refresh:
            device = {"platform": "ANDROID", "target": student.target}
            await self._ask("register the phone", "RegisterDevice", student, {"device": device})
        if start.opened:
            ids = self._messages.get(student.target)
            self._unpushed += ids is None
            if ids is not None:
                given = {"device": student.device, "received": ids, "opened": ids}
                await self._ask("confirm a push", "ConfirmPushes", student, given)
            await self._ask("inbox", "Inbox", student, None, holds=ids)
        if start.watching:
            await self._watch(student)

    async def _refresh(self, student: Student, due: float) -> None:
        body = f"grant_type=refresh_token&refresh_token={student.refresh}".encode()
        kind = f"Content-Type: application/x-www-form-urlencoded\r\n{_forwarded(student)}"
        given = await self._send("refresh of tokens", "/auth/token", kind.encode(), body, due)
        if given is not None:
            student.token, student.refresh = given["access_token"], given["refresh_token"]

    async def _ask(
        self,
        what: str,
        name: str,
        student: Student,
        variables: dict[str, Any] | None,
        due: float | None = None,
        holds: list[str] | None = None,
    ) -> None:
        """Send one of the app's operations by its hash; the answer has to hold these messages."""
        headers = (
            f"Authorization: Bearer {student.token}\r\nAccept-Language: en\r\n"
            f"Content-Type: application/json\r\n{_forwarded(student)}"
        ).encode()
        body = msgspec.json.encode({"documentId": self._hashes[name], "variables": variables})
        await self._send(what, "/graphql", headers, body, due, holds)

    async def _send(
        self,
        what: str,
        path: str,
        headers: bytes,
        body: bytes,
        due: float | None = None,
        holds: list[str] | None = None,
    ) -> dict[str, Any] | None:
        due = self._now() if due is None else due
        status, answer = 0, b""
        try:
            status, answer = await self._doors.ask("POST", path, headers, body)
        except (OSError, EOFError) as error:
            answer = repr(error).encode()
        waited = self._now() - due
        found = msgspec.json.decode(answer) if status == 200 else {}
        wrong = status != 200 or "errors" in found
        if holds and not wrong:
            known = {each["id"] for each in found["data"]["me"]["inbox"]["nodes"]}
            wrong = not known.issuperset(holds)
        self._note(what, due, waited, None if not wrong else f"{status} {answer[:300]!r}")
        return None if wrong else found

    def _note(self, what: str, due: float, waited: float, wrong: str | None) -> None:
        self._asked[what].append(Asked(due=due, waited=waited, good=wrong is None))
        if wrong is not None and len(self._errors) < MOST_TOLD:
            self._errors.append(f"{what}: {wrong}")

    async def _watch(self, student: Student) -> None:
        """Keep the app open, with what it subscribes to, while something changes."""
        due, heard = self._now(), False
        subscribe = {"documentId": self._hashes["FollowRecord"]}
        begin = {"authorization": f"Bearer {student.token}"}
        try:
            async with connect(
                f"ws://127.0.0.1:{self._doors.next()}/graphql",
                subprotocols=[Subprotocol("graphql-transport-ws")],
                additional_headers={"Host": "backend.example"},
                compression=None,
                proxy=None,
            ) as socket:
                await socket.send(json.dumps({"type": "connection_init", "payload": begin}))
                said = json.loads(await socket.recv())
                await socket.send(
                    json.dumps({"type": "subscribe", "id": "1", "payload": subscribe})
                )
                wrong = None if said["type"] == "connection_ack" else str(said)
                self._note("subscription", due, self._now() - due, wrong)
                try:
                    async with asyncio.timeout(self._order.stays):
                        while True:
                            said = json.loads(await socket.recv())
                            if said["type"] == "next":
                                heard = True
                            elif said["type"] != "ping":
                                self._note("subscription", due, 0, str(said)[:300])
                except TimeoutError:
                    pass
        except (OSError, WebSocketException) as error:
            self._note("subscription", due, self._now() - due, repr(error))
        self._heard += heard
        self._unheard += not heard

    async def _look(self) -> None:
        """Read what phones have got, as it is written down."""
        place, record = 0, Path(self._order.record)
        while True:
            whole, newline, _ = _from(record, place).rpartition(b"\n")
            place += len(whole) + len(newline)
            for line in filter(None, whole.split(b"\n")):
                found = msgspec.json.decode(line)
                if found["status"] == 200 and found["message"] is not None:
                    self._messages.setdefault(found["device"], []).append(found["message"])
            await asyncio.sleep(LOOK_SECONDS)


def _forwarded(student: Student) -> str:
    return forwarded(number_of(student.target))


def _from(file: Path, place: int) -> bytes:
    with file.open("rb") as opened:
        opened.seek(place)
        return opened.read()


def main(order: Path, results: Path) -> None:
    """Do as the order says."""
    given = msgspec.json.decode(order.read_bytes(), type=Order)
    gc.freeze()  # what lasts is not looked at again and again
    sys.stdout.write("up\n")
    sys.stdout.flush()
    found = uvloop.run(Apps(given, float(sys.stdin.readline())).run())
    results.write_bytes(msgspec.json.encode(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
