"""Students who wait for news, and what happens to them meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from databases import PATIENCE
from testbed import Bed
from unit.store.samples import a_nomination, an_answer, take_in
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from erasmus_app.api.endpoint import GraphQLEndpoint
from erasmus_app.api.subscribing import Limits
from erasmus_app.app import create_app
from erasmus_app.bootstrap import Running, running
from erasmus_app.cli.bounded_websocket import BoundedWebSocket
from erasmus_app.cli.phones import Phone
from erasmus_app.ids import AccountId, EventId, HeiId, MobilityId, read_global_id
from erasmus_app.mobilities.models import NominationStatus
from erasmus_app.notifications.models import Message
from erasmus_app.notifications.policy import entry_id
from erasmus_app.store.database import Database
from erasmus_app.store.telling import tell
from sandbox.cast import STUDENTS
from sandbox.serving import serving

EVENTS = {"accept": "text/event-stream", "content-type": "application/json"}
MESSAGES = "subscription($after: ID) { inboxMessage(after: $after) { id body } }"
RECORD = """subscription($after: String) { recordChanged(after: $after) {
    version me { recordVersion mobilities { state } } } }"""
MOBILITY = MobilityId(uuid4())
STATES = (NominationStatus.NOMINATION, NominationStatus.LIVE)


async def account_of(bed: Bed, phone: Phone) -> AccountId:
    found = read_global_id((await bed.ask(phone, "{ me { id } }"))["me"]["id"])
    assert found is not None
    return AccountId(found[1])


def a_message(account: AccountId, number: int) -> Message:
    """A message of which one can see which it is."""
    event = EventId(UUID(int=number))
    return Message(
        entry_id=entry_id(account, event),
        account_id=account,
        tenant=HeiId("ribeira.example"),
        mobility_id=MOBILITY,
        event_id=event,
        kind="nominated",
        arguments={"receiving_hei": f"host-{number}.example", "sending_hei": "ribeira.example"},
        push=False,
        ttl=timedelta(hours=72),
    )


async def told(database: Database, account: AccountId, *numbers: int) -> None:
    """Write messages into an inbox, in one transaction."""
    async with database.transaction() as connection:
        for number in numbers:
            await tell(connection, a_message(account, number), datetime.now(UTC))


def numbers(found: list[dict[str, Any]]) -> list[int]:
    """Which messages they are."""
    return [int(each["body"].partition("host-")[2].partition(".")[0]) for each in found]


async def changed(app: Running, key: str, times: int) -> None:
    """Let a university say something new of a student."""
    value = a_nomination(STUDENTS[key].esi, status=STATES[times % 2])
    await take_in(app.records, an_answer(value, omobility_id=f"om-{key}", minutes=times))


@asynccontextmanager
async def another_process(bed: Bed) -> AsyncIterator[tuple[Running, str]]:
    """A second backend on the same database: all of it but the ports of the first."""
    async with (
        running(bed.app.services.settings) as app,
        serving(create_app(app), websocket=BoundedWebSocket) as address,
    ):
        yield app, address


@dataclass
class Stream:
    """A stream of events, as it comes."""

    response: httpx.Response
    comments: int = 0
    _lines: AsyncIterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._lines = self.response.aiter_lines()

    async def event(self, seconds: float = PATIENCE) -> tuple[str, Any]:
        """The next event's name and data; `("", None)` at the end of the stream."""
        name, data = "", ""
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                if line == ":":
                    self.comments += 1
                elif line.startswith("event:"):
                    name = line.removeprefix("event:").strip()
                elif line.startswith("data:"):
                    data = line.removeprefix("data:").strip()
                elif name:
                    return name, json.loads(data) if data else None
        return "", None

    async def next(self, field: str, seconds: float = PATIENCE) -> Any:
        """The next event's value of a field, which came without an error."""
        name, data = await self.event(seconds)
        assert (name, data.get("errors")) == ("next", None), (name, data)
        return data["data"][field]

    async def messages(self, count: int) -> list[dict[str, Any]]:
        return [await self.next("inboxMessage") for _ in range(count)]

    async def is_still(self, seconds: float = 0.5) -> bool:
        """Whether nothing comes for a while; the stream is of no use afterwards."""
        try:
            await self.event(seconds)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def streaming(
    bed: Bed, phone: Phone, query: str, address: str | None = None, **variables: Any
) -> AsyncIterator[Stream]:
    """Subscribe over SSE."""
    headers = {**EVENTS, "authorization": f"Bearer {phone.token}"}
    body = {"query": query, "variables": variables}
    async with bed.http.stream(
        "POST", f"{address or bed.address}/graphql", json=body, headers=headers
    ) as response:
        assert response.status_code == 200, await response.aread()
        yield Stream(response)


@dataclass
class Talk:
    """The client's side of one graphql-transport-ws socket."""

    socket: ClientConnection

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def hear(self, seconds: float = PATIENCE) -> Any:
        async with asyncio.timeout(seconds):
            return json.loads(await self.socket.recv())

    async def init(self, phone: Phone | None) -> None:
        payload = {"authorization": f"Bearer {phone.token}"} if phone else {}
        await self.say(type="connection_init", payload=payload)
        assert await self.hear() == {"type": "connection_ack"}

    async def subscribe(self, id: str, query: str, **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        await self.say(type="subscribe", id=id, payload=payload)

    async def next(self, id: str, field: str, seconds: float = PATIENCE) -> Any:
        """The next event's value of a field, which came without an error."""
        found = await self.hear(seconds)
        assert (found["type"], found["id"], found["payload"].get("errors")) == ("next", id, None)
        return found["payload"]["data"][field]

    async def end(self, seconds: float = PATIENCE) -> tuple[int, str]:
        """The code and the reason of the close that comes next."""
        async with asyncio.timeout(seconds):
            with pytest.raises(ConnectionClosed) as closed:
                raise AssertionError(await self.socket.recv())
        assert closed.value.rcvd is not None
        return closed.value.rcvd.code, closed.value.rcvd.reason

    async def is_still(self, seconds: float = 0.5) -> bool:
        try:
            await self.hear(seconds)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def talking(
    address: str, *, protocol: str | None = "graphql-transport-ws", **headers: str
) -> AsyncIterator[Talk]:
    """Open a socket; nothing is said yet."""
    async with connect(
        f"{address.replace('http', 'ws', 1)}/graphql",
        subprotocols=[Subprotocol(protocol)] if protocol else None,
        additional_headers=headers,
        compression=None,
        max_size=None,
        proxy=None,
    ) as socket:
        yield Talk(socket)


@asynccontextmanager
async def signed_in_talk(address: str, phone: Phone) -> AsyncIterator[Talk]:
    """Open a socket as an app does."""
    async with talking(address) as talk:
        await talk.init(phone)
        yield talk


@asynccontextmanager
async def with_limits(bed: Bed, **limits: Any) -> AsyncIterator[str]:
    """The bed's `/graphql` once more, with other limits."""
    endpoint = GraphQLEndpoint(bed.app.services, limits=Limits(**limits))
    async with serving(endpoint, websocket=BoundedWebSocket) as address:
        yield address


async def with_token(bed: Bed, phone: Phone, **changed: Any) -> Phone:
    """The same phone with another token for its session."""
    login, now = bed.app.services.login, bed.app.services.clock()
    assert login is not None
    session = await login.session(bearer=phone.token, cookie=None)
    token = login.tokens.issue(msgspec.structs.replace(session, **changed), now)
    return replace(phone, token=token)
