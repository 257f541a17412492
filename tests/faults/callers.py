"""Who calls meanwhile: students, their apps and a partner; each notes what it was promised."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from faults.balancer import CLOSE
from faults.fed import FEED_TOKEN, nominated, nomination
from faults.house import HOME
from faults.town import Town

from erasmus_app.ids import global_id
from erasmus_app.students.models import MOST_DEVICES

STUDENTS = 20  # whom one own system nominates
PAUSE = 0.05  # seconds between two calls of one caller
ONE_AT_A_TIME = httpx.Limits(max_connections=1)
REPLAYED = 50  # writes of a kind that are kept to be sent once more
READ = "{ me { id unreadMessages devices { id } inbox { nodes { id readAt } } } }"
REGISTER = """mutation($target: String!) {
    registerDevice(device: { platform: ANDROID, target: $target }) {
        ... on DeviceRegistered { device { id } } } }"""
PREFER = """mutation($zone: String!) {
    setNotificationPreferences(preferences: { zone: $zone }) {
        ... on NotificationPreferences { zone } } }"""
MARK = "mutation($id: ID!) { markRead(ids: [$id]) }"
ZONES = ("Europe/Lisbon", "Europe/Berlin", "Europe/Athens", "Atlantic/Azores", "Europe/Paris")


Kept = tuple[str, dict[str, Any], str]  # a write: its path, request and answer


@dataclass(slots=True)
class Journal:
    """What callers saw, and what they were promised."""

    calls: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)  # 5xx, and errors of GraphQL's
    broken: list[str] = field(default_factory=list)  # connections
    seconds: list[float] = field(default_factory=list)
    phones: set[str] = field(default_factory=set)
    zones: dict[str, str] = field(default_factory=dict)  # by account: the last that was taken
    notices: set[str] = field(default_factory=set)
    entries: set[str] = field(default_factory=set)  # read
    fed: set[str] = field(default_factory=set)  # nominations
    patient: bool = False  # whether a write is repeated until it is taken
    taken: Counter[str] = field(default_factory=Counter)  # writes
    repeated: Counter[str] = field(default_factory=Counter)
    kept: dict[str, list[Kept]] = field(default_factory=lambda: defaultdict(list))

    async def call(
        self, kind: str, http: httpx.AsyncClient, path: str, **request: Any
    ) -> httpx.Response | None:
        """POST once, whatever comes of it; return a good answer."""
        began = time.monotonic()
        self.calls[kind] += 1
        try:
            answer = await http.post(path, **request)
        except httpx.HTTPError as error:
            self.broken.append(f"{kind}: {type(error).__name__} at {time.time():.2f}")
            return None
        self.seconds.append(time.monotonic() - began)
        errors = path == "/graphql" and "errors" in answer.json()
        if answer.status_code >= 300 or errors:
            self.refused.append(f"{kind}: {answer.status_code} {answer.text[:200]}")
            return None
        return answer

    async def write(
        self, kind: str, http: httpx.AsyncClient, path: str, **request: Any
    ) -> httpx.Response | None:
        """POST until it is taken, where callers are patient; with the same content each time."""
        while (answer := await self.call(kind, http, path, **request)) is None and self.patient:
            self.repeated[kind] += 1
            await asyncio.sleep(0.1)
        if answer is not None:
            self.taken[kind] += 1
            if len(self.kept[kind]) < REPLAYED:
                self.kept[kind].append((path, request, answer.text))
        return answer


Caller = Callable[[Town, Journal, httpx.AsyncClient], Awaitable[Callable[[], Awaitable[None]]]]


async def reader(town: Town, journal: Journal, http: httpx.AsyncClient) -> Any:
    """Reads over one connection, as an app that is open does."""
    _, token = await town.student()

    async def once() -> None:
        await journal.call("read", http, "/graphql", json={"query": READ}, headers=bearer(token))

    return once


async def registrar(town: Town, journal: Journal, http: httpx.AsyncClient) -> Any:
    """Registers new phones, each over a connection of its own."""
    tokens: list[str] = []

    async def once() -> None:
        if not tokens:  # a student has so many phones and forgets the oldest then
            tokens.extend([(await town.student())[1]] * MOST_DEVICES)
        phone = f"phone-{uuid4().hex}"
        asked = {"query": REGISTER, "variables": {"target": phone}}
        headers = bearer(tokens.pop()) | CLOSE
        if await journal.write("register", http, "/graphql", json=asked, headers=headers):
            journal.phones.add(phone)

    return once


async def chooser(town: Town, journal: Journal, http: httpx.AsyncClient) -> Any:
    """Changes preferences over one connection."""
    account, token = await town.student()

    async def once() -> None:
        zone = random.choice(ZONES)
        asked = {"query": PREFER, "variables": {"zone": zone}}
        if await journal.write("prefer", http, "/graphql", json=asked, headers=bearer(token)):
            journal.zones[str(account)] = zone

    return once


async def notifier(town: Town, journal: Journal, http: httpx.AsyncClient) -> Any:
    """The partner, which tells of one mobility after the other."""

    async def once() -> None:
        mobility = f"om-{uuid4().hex}"
        path, headers, body = town.notice(mobility)
        if await journal.call("notify", http, path, headers=headers, content=body):
            journal.notices.add(mobility)

    return once


async def marker(town: Town, journal: Journal, http: httpx.AsyncClient) -> Any:
    """Marks messages as read, one after the other."""
    account, token = await town.student()
    unread: list[UUID] = []

    async def once() -> None:
        if not unread:
            town.at.accounts[account] = []
            unread.extend(await town.at.tell(100, [account]))
            town.at.told -= set(unread)  # nobody has a phone here, and nothing is pushed
            del town.at.accounts[account]
        entry = unread.pop()
        asked = {"query": MARK, "variables": {"id": global_id("Message", entry)}}
        if await journal.write("mark read", http, "/graphql", json=asked, headers=bearer(token)):
            journal.entries.add(str(entry))

    return once


async def feeder(town: Town, journal: Journal, http: httpx.AsyncClient) -> Any:
    """A university's own system, which nominates one student after the other."""
    students = [await nominated(town) for _ in range(STUDENTS)]

    async def once() -> None:
        mobility = f"om-{uuid4().hex}"
        xml = nomination(mobility, random.choice(students))
        headers = bearer(FEED_TOKEN) | {"content-type": "text/xml"}
        if await journal.write("feed", http, f"/feed/{HOME}", content=xml, headers=headers):
            journal.fed.add(mobility)

    return once


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def calling(
    town: Town,
    journal: Journal,
    stop: asyncio.Event,
    callers: list[Caller],
    *,
    pause: float = PAUSE,
) -> None:
    """Let each of them call again and again until `stop` is set."""

    async def life(caller: Caller) -> None:
        async with httpx.AsyncClient(
            base_url=town.address, trust_env=False, timeout=30, limits=ONE_AT_A_TIME
        ) as http:
            once = await caller(town, journal, http)
            while not stop.is_set():
                await once()
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))

    async with asyncio.TaskGroup() as group:
        for each in callers:
            group.create_task(life(each))
