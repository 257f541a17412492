"""Whatever a client sends, a socket keeps to graphql-transport-ws, or is closed."""

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st

from erasmus_app.api.requests import Refused, Request
from erasmus_app.api.subscribing import Begun, Limits, Transports
from erasmus_app.errors import NotSignedIn
from erasmus_app.identity.models import Session
from erasmus_app.ids import AccountId

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SESSION = Session(
    account_id=AccountId(UUID(int=1)),
    session_id=UUID(int=2),
    expires_at=NOW + timedelta(minutes=5),
)
CODES = {4400, 4401, 4403, 4408, 4409, 4429, 1009, None}  # None: it is left open
GOOD, BAD = {"authorization": "Bearer good"}, {"authorization": "Bearer bad"}


class Login:
    """Knows one token."""

    revocations = SimpleNamespace(has=lambda _: False)

    async def session(self, *, bearer: str | None, cookie: str | None) -> Session:
        await asyncio.sleep(0)
        if bearer != "good":
            raise NotSignedIn
        return SESSION


class Door:
    """Runs `subscription`, which brings two events and may wait, and everything else."""

    resource = "https://app.example/graphql"

    async def admit(self, begun: Begun, session: Session) -> None:
        """Let everything in."""

    def begin(self, request: Request, session: Session) -> Begun:
        if request.query == "refused":
            raise Refused(400, "document_invalid", "no")
        return Begun(request, cast("Any", None), str(request.query))

    def context(self, *_: Any) -> Any:
        return None

    async def execute(self, begun: Begun, context: Any) -> tuple[int, dict[str, Any]]:
        await asyncio.sleep(0)
        if begun.word == "failed":
            return 400, {"data": None, "errors": [{"message": "no"}]}
        return 200, {"data": {}}

    async def follow(self, begun: Begun, context: Any) -> AsyncGenerator[dict[str, Any], None]:
        for _ in range(2):
            await asyncio.sleep(0)
            yield {"data": {}}
        if begun.request.variables:
            await asyncio.Event().wait()


SERVICES: Any = SimpleNamespace(
    login=Login(),
    settings=SimpleNamespace(
        browser_url="https://app.example",
        public_url="https://app.example",
        login_url=None,
        trusted_proxies=(),
    ),
    limits=SimpleNamespace(spend=lambda *_: None),
    clock=lambda: NOW,
)


async def played(frames: list[str | bytes], pauses: list[int]) -> list[dict[str, Any]]:
    """Send these, each after some turns of the loop; return what was sent back."""
    SERVICES.news = SimpleNamespace(leaving=asyncio.Event())
    sent: list[dict[str, Any]] = []
    waiting = [{"type": "websocket.connect"}]
    waiting += [
        {"type": "websocket.receive", "text" if isinstance(each, str) else "bytes": each}
        for each in frames
    ]

    async def receive() -> Any:
        for _ in range(pauses[len(waiting) % len(pauses)]):
            await asyncio.sleep(0)
        return waiting.pop(0) if waiting else {"type": "websocket.disconnect", "code": 1005}

    async def send(event: Any) -> None:
        await asyncio.sleep(0)
        sent.append(event)

    transports = Transports(SERVICES, cast("Any", Door()), Limits(socket_operations=3))
    scope: Any = {"type": "websocket", "headers": [], "subprotocols": ["graphql-transport-ws"]}
    await transports.websocket(scope, receive, cast("Any", send))
    assert transports.numbers() == {"connections": 0, "operations": 0}
    for _ in range(3):
        await asyncio.sleep(0)  # for the one who watched to go home
    assert not {each for each in asyncio.all_tasks() if each is not asyncio.current_task()}
    return sent


def keeps_to_the_protocol(frames: list[str | bytes], sent: list[dict[str, Any]]) -> None:
    assert sent[0] == {
        "type": "websocket.accept",
        "subprotocol": "graphql-transport-ws",
        "headers": [],
    }
    closes = [each for each in sent if each["type"] == "websocket.close"]
    assert closes in ([], sent[-1:])
    assert (closes[0]["code"] if closes else None) in CODES
    said = [json.loads(each["text"]) for each in sent if each["type"] == "websocket.send"]
    acks = [n for n, each in enumerate(said) if each["type"] == "connection_ack"]
    assert len(acks) <= 1
    asked: dict[str, int] = {}
    for frame in frames:
        if (message := read(frame)).get("type") == "subscribe":
            asked[message["id"]] = asked.get(message["id"], 0) + 1
    for n, each in enumerate(said):
        if each["type"] in {"connection_ack", "pong"}:
            assert set(each) == {"type"}
            continue
        assert each["type"] in {"next", "error", "complete"}
        assert acks[0] < n
        if each["type"] != "next":  # an operation ends once
            asked[each["id"]] -= 1
        assert asked[each["id"]] >= 0


def read(frame: str | bytes) -> dict[str, Any]:
    """A message, where a frame is one."""
    try:
        found = json.loads(frame) if isinstance(frame, str) else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("id"), str) else {}


IDS = st.sampled_from(["1", "2", "3", "4"])
QUERIES = st.sampled_from(["query", "failed", "refused", "subscription"])
SUBSCRIBE = st.builds(
    lambda id, query, waits: {
        "type": "subscribe",
        "id": id,
        "payload": {"query": query, "variables": {"waits": True} if waits else None},
    },
    IDS,
    QUERIES,
    st.booleans(),
)
MESSAGES = st.one_of(
    SUBSCRIBE,
    SUBSCRIBE,
    SUBSCRIBE,
    st.builds(lambda id: {"type": "complete", "id": id}, IDS),
    st.sampled_from([{"type": "ping"}, {"type": "pong"}]),
).map(json.dumps)
ODD = st.one_of(
    st.sampled_from([{"type": "connection_init", "payload": each} for each in (GOOD, BAD)]).map(
        json.dumps
    ),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["type", "id", "payload", "query"]), inner)
        ),
        max_leaves=6,
    ).map(json.dumps),
)
FRAMES = st.builds(
    lambda init, some, odd, more: [*init, *some, *odd, *more],
    st.sampled_from([[json.dumps({"type": "connection_init", "payload": GOOD})]] * 4 + [[]]),
    st.lists(MESSAGES, max_size=12),
    st.lists(ODD, max_size=1),
    st.lists(MESSAGES, max_size=3),
)
INIT = json.dumps({"type": "connection_init", "payload": GOOD})
ONE = json.dumps({"type": "subscribe", "id": "1", "payload": {"query": "query"}})


@settings(deadline=None, max_examples=300)
@given(FRAMES, st.lists(st.integers(0, 12), min_size=1, max_size=4))
@example([INIT, ONE, ONE], [20])
@example([INIT, ONE, ONE], [0])
def test_whatever_is_said_the_answers_are_of_the_protocol(
    frames: list[str | bytes], pauses: list[int]
):
    keeps_to_the_protocol(frames, asyncio.run(played(frames, pauses)))
