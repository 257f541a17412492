"""What the partners' process does in `load.py`: change things at fixed moments, and tell of it."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from morning import Told, forwarded, omobility_id, partner_of
from wire import Doors

from ewp.ids import HeiId
from ewp.keys import PrivateKey
from ewp.signing import sign_request
from sandbox.cast import COVERED

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
AHEAD, SIGNING = 3.0, 0.0015  # seconds until everybody has read the orders; for each signature


def ahead(told: Sequence[Told]) -> float:
    """Return in how many seconds all of it can be signed and begin."""
    return AHEAD + SIGNING * len(told)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to tell whom, and when it begins."""

    begin: float  # seconds since the epoch
    ports: list[int]  # of the backend's API processes
    told: list[Told]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one notification."""

    mobility: int
    due: float  # seconds from the beginning, as planned
    waited: float  # seconds from then until it was answered
    late: float  # of that: until it was sent
    status: int
    change: bool


class Telling:
    """Notifications at fixed moments: a late answer delays no other.

    They are signed beforehand, as of the moment at which they are sent: what a partner's signatures
    cost is the partner's, and no core of its own is here for that.
    """

    def __init__(
        self, order: Order, keys: Mapping[HeiId, PrivateKey], change: Callable[[int], None]
    ) -> None:
        self._order, self._keys, self._change = order, keys, change
        self._doors = Doors(order.ports)
        self._partners = len(keys) - 1  # beside the covered HEI
        self.answers: list[Answer] = []
        self._signed = [self._message(each) for each in order.told]
        if time.time() > order.begin:
            raise RuntimeError(f"{len(order.told)} notifications were not signed in time")

    async def run(self) -> None:
        """Do all of it; `answers` are complete afterwards."""
        async with asyncio.TaskGroup() as group:
            for each, signed in zip(self._order.told, self._signed, strict=True):
                await asyncio.sleep(max(0.0, self._order.begin + each.at - time.time()))
                group.create_task(self._tell(each, *signed))
        self._doors.close()

    def _message(self, told: Told) -> tuple[str, bytes, bytes]:
        """Return path, headers and body of a notification."""
        api = "omobility-cnr" if told.mobility % 2 else "imobility-cnr"
        path = f"/ewp/{COVERED.hei_id}/{api}/2"
        body = f"omobility_id={omobility_id(told.mobility)}"
        headers = sign_request(
            self._keys[partner_of(told.mobility, self._partners)],
            method="POST",
            url=f"https://backend.example{path}",
            headers=FORM,
            body=body.encode(),
            now=datetime.fromtimestamp(self._order.begin + told.at, UTC),
        )
        lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items() if k.lower() != "host")
        lines += forwarded(120_000 + told.mobility // 2 % self._partners)  # a partner's server
        return path, lines.encode(), body.encode()

    async def _tell(self, told: Told, path: str, headers: bytes, body: bytes) -> None:
        if told.change:
            self._change(told.mobility)
        due = self._order.begin + told.at
        late = time.time() - due
        try:
            status, _ = await self._doors.ask("POST", path, headers, body)
        except (OSError, EOFError):
            status = 0
        self.answers.append(
            Answer(
                mobility=told.mobility,
                due=told.at,
                waited=time.time() - due,
                late=late,
                status=status,
                change=told.change,
            )
        )
