"""Who calls meanwhile: students, their apps and a partner; each notes what it was promised."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from faults.balancer import CLOSE
from faults.town import Town

PAUSE = 0.05  # seconds between two calls of one caller
ONE_AT_A_TIME = httpx.Limits(max_connections=1)
READ = "{ me { id unreadMessages devices { id } inbox { nodes { id readAt } } } }"
REGISTER = """mutation($target: String!) {
    registerDevice(device: { platform: ANDROID, target: $target }) {
        ... on DeviceRegistered { device { id } } } }"""
PREFER = """mutation($zone: String!) {
    setNotificationPreferences(preferences: { zone: $zone }) {
        ... on NotificationPreferences { zone } } }"""
ZONES = ("Europe/Lisbon", "Europe/Berlin", "Europe/Athens", "Atlantic/Azores", "Europe/Paris")


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


Caller = Callable[[Town, Journal, httpx.AsyncClient], Awaitable[Callable[[], Awaitable[None]]]]


async def reader(town: Town, journal: Journal, http: httpx.AsyncClient) -> Any:
    """Reads over one connection, as an app that is open does."""
    _, token = await town.student()

    async def once() -> None:
        await journal.call("read", http, "/graphql", json={"query": READ}, headers=bearer(token))

    return once


async def registrar(town: Town, journal: Journal, http: httpx.AsyncClient) -> Any:
    """Registers new phones, each over a connection of its own."""
    _, token = await town.student()

    async def once() -> None:
        phone = f"phone-{uuid4().hex}"
        asked = {"query": REGISTER, "variables": {"target": phone}}
        if await journal.call(
            "register", http, "/graphql", json=asked, headers=bearer(token) | CLOSE
        ):
            journal.phones.add(phone)

    return once


async def chooser(town: Town, journal: Journal, http: httpx.AsyncClient) -> Any:
    """Changes preferences over one connection."""
    account, token = await town.student()

    async def once() -> None:
        zone = random.choice(ZONES)
        asked = {"query": PREFER, "variables": {"zone": zone}}
        if await journal.call("prefer", http, "/graphql", json=asked, headers=bearer(token)):
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


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def calling(town: Town, journal: Journal, stop: asyncio.Event, callers: list[Caller]) -> None:
    """Let each of them call again and again until `stop` is set."""

    async def life(caller: Caller) -> None:
        async with httpx.AsyncClient(
            base_url=town.address, trust_env=False, timeout=30, limits=ONE_AT_A_TIME
        ) as http:
            once = await caller(town, journal, http)
            while not stop.is_set():
                await once()
                await asyncio.sleep(PAUSE * random.uniform(0.5, 1.5))

    async with asyncio.TaskGroup() as group:
        for each in callers:
            group.create_task(life(each))
