"""The whole house on real sockets: the sandbox's network, a backend before it, phones in hand.

@pytest.fixture
async def bed(dsn, valkey, tmp_path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path) as bed:
        yield bed
"""

import atexit
import os
import shutil
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from balancer import in_turns
from databases import PATIENCE, until
from metering import Samples, number, shown
from pooler import engines_of

from erasmus_app.api.schema import GuardedSchema, schema
from erasmus_app.api.schema.ids import uuid_of
from erasmus_app.app import create_app
from erasmus_app.bootstrap import Running, running
from erasmus_app.bootstrap.work import worker_of
from erasmus_app.cli.bounded_websocket import BoundedWebSocket
from erasmus_app.cli.phones import Phone
from erasmus_app.settings import load_settings
from erasmus_app.store.measures import Measures
from sandbox.cast import STUDENTS
from sandbox.push import ReceivedPush
from sandbox.serving import listen, serving
from sandbox.story import Done
from sandbox.world import APP_LINK, World, world


def kept(id: str, kind: str) -> UUID:
    """An id as it is kept, by the one that the app sees."""
    found = uuid_of(id, kind)
    assert found is not None, f"{id} is no id of a {kind}"
    return found


IN_A_HURRY = {
    "ERASMUS_APP_POLL_SECONDS": "0.2",
    "ERASMUS_APP_SAFETY_POLL_SECONDS": "0.2",
    "ERASMUS_APP_REFETCH_SECONDS": "0.1",
    "ERASMUS_APP_POLL_OVERLAP_SECONDS": "5",
    "ERASMUS_APP_CNR_DEBOUNCE_SECONDS": "0.05",
    "ERASMUS_APP_AGREEMENT_ABSENCE_SECONDS": "0.3",
    "ERASMUS_APP_ABSENCE_SECONDS": "1",
    "ERASMUS_APP_FACTSHEET_SECONDS": "1",
    "ERASMUS_APP_MERGE_SECONDS": "0",  # each change is one push; where not, a test says so
    "ERASMUS_APP_AGREEMENTS_SECONDS": "1",
    # Tests ask again and again until something is so.
    "ERASMUS_APP_LIMITS": "reading=1000000000/60,reading_session=1000000000/60",
    "ERASMUS_APP_WORKER_LEAST_SHARE": "1",  # it has the machine for itself, busy as that is
    "ERASMUS_APP_LIMITS_PATIENCE_MS": "5000",  # a busy machine is no Valkey that is away
}
PROCESSES = int(os.environ.get("BED_PROCESSES", "1"))  # apis and workers; see `make test-many`
of_one_process = pytest.mark.skipif(PROCESSES > 1, reason="counts what one process does")
KEYS = ("authority", "keys", "push")
PLAIN = ssl.create_default_context()  # for what is not TLS; each client would make its own
RECURRING = [
    *("poll", "plan-polls", "factsheet", "plan-factsheets", "institution", "plan-institutions"),
    *("agreements", "plan-agreements", "remind", "retain", "devices", "sync"),
]
OWN_SYSTEM_APIS = 4  # omobilities, imobilities, omobility-las, imobility-tors


@dataclass(slots=True, repr=False)  # megabytes, written in vain wherever a loop begins
class Bed:
    """What a test holds in its hands."""

    world: World
    app: Running
    http: httpx.AsyncClient  # as a browser or a phone
    address: str  # of the backend, plain
    others: tuple[Running, ...] = ()  # further backends on the same engines, behind that address
    before: Samples = field(default_factory=shown)  # what the process had counted by then

    async def phone(self, key: str, *, language: str = "en") -> Phone:
        """A student's phone, signed in and registered."""
        phone = await self.signed_in(key, language=language)
        phone.fid = self.world.push.register()
        await phone.register(self.http)
        return phone

    async def signed_in(self, key: str, *, language: str = "en") -> Phone:
        name = STUDENTS[key].given_names if key in STUDENTS else key
        phone = Phone(key=key, name=name, fid="", language=language, backend=self.address)
        await phone.sign_in(self.http, APP_LINK)
        return phone

    async def browser(self, phone: Phone) -> str:
        """A browser of the same student's, subscribed and registered; returns which it is."""
        phone.browser = self.world.web_push.subscribe(await phone.push_key(self.http))
        subscription = self.world.web_push.subscription(phone.browser)
        await phone.register_browser(self.http, subscription)
        return phone.browser

    async def take(self, steps: int = 1) -> list[Done]:
        """Let the universities live through steps of the story."""
        found = [await self.world.story.next() for _ in range(steps)]
        return [each for each in found if each is not None]

    async def pushes(self, phone: Phone, count: int) -> list[ReceivedPush]:
        """All that a phone got, once that is `count` or more."""
        return await self.world.push.wait(phone.fid, count, PATIENCE)

    async def kinds(self, phone: Phone, count: int) -> list[str]:
        return [each.data["kind"] for each in await self.pushes(phone, count)]

    async def until_told(self, phone: Phone, kind: str) -> None:
        """Wait until a phone has been told of this; quick steps may come as one."""
        await until(lambda: kind in {each.data["kind"] for each in self._received(phone)})

    def _received(self, phone: Phone) -> list[ReceivedPush]:
        return self.world.push.received[phone.fid]

    async def ask(self, phone: Phone, query: str, **variables: Any) -> dict[str, Any]:
        return await phone.ask(self.http, query, variables)

    async def number(self, metric: str, **labels: str) -> float:
        """A number of the moment, or of what was counted since the bed stands."""
        measures = Measures(self.app.database, self.app.services.settings.merge_for)
        now = shown(await measures.figures())
        return number(now, metric, **labels) - number(self.before, metric, **labels)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Let a worker work, where the bed has none."""
        async with AsyncExitStack() as stack:
            for each in (self.app, *self.others):
                await stack.enter_async_context(worker_of(each))
            yield

    async def until_planned(self, polls: int) -> None:
        """Wait until there are so many polls."""

        async def planned() -> bool:
            found = await self.app.database.fetchval("select count(*) from job where kind = 'poll'")
            return int(found) >= polls

        await until(planned)

    async def until_waiting(self, subscribers: int) -> None:
        """Wait until so many wait for news at this backend."""
        all_ = (self.app, *self.others)
        waiting = [each.news._waiting for each in all_]
        await until(lambda: sum(len(s) for w in waiting for s in w.values()) == subscribers)

    async def until_idle(self, seconds: float = PATIENCE) -> None:
        """Wait until no job but the recurring ones is left."""

        async def idle() -> bool:
            left = await self.app.database.fetchval(
                """select count(*) from job where dead_at is null
                   and kind <> all($1) and due <= now() + interval '2 s'""",
                RECURRING,
            )
            return int(left) == 0

        await until(idle, seconds)

    async def until_looked(self, seconds: float = PATIENCE) -> None:
        """Wait until the calendar was held beside every mobility that has changed.

        A deadline can be told to have moved only to whom the one before was known.
        """

        async def looked() -> bool:
            left = await self.app.database.fetchval(
                "select count(*) from mobility where next_look_at <= now()"
            )
            return int(left) == 0

        await until(looked, seconds)

    async def until_polled(self, times: int = 2, seconds: float = PATIENCE) -> None:
        """Wait until every partner has been polled again, this often."""
        for _ in range(times):
            now = await self.app.database.fetchval("select now()")

            async def again(now: Any = now) -> bool:
                left = await self.app.database.fetchval(
                    "select count(*) from poll_state where last_attempt_at <= $1", now
                )
                return int(left) == 0

            await until(again, seconds)


@cache
def _kept() -> Path:
    """Keys that every sandbox of this process has: making them takes a second each time."""
    folder = Path(tempfile.mkdtemp(prefix="erasmus-app-keys-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _with_keys(folder: Path) -> Path:
    """A sandbox's folder that begins with the keys of the one before."""
    for name in KEYS:
        if (_kept() / name).exists() and not (folder / name).exists():
            shutil.copytree(_kept() / name, folder / name)
    return folder


def _keep_keys(folder: Path) -> None:
    for name in KEYS:
        if not (_kept() / name).exists():
            shutil.copytree(folder / name, _kept() / name)


@asynccontextmanager
async def bed_running(
    dsn: str,
    redis_url: str,
    folder: Path,
    *,
    before: int = 0,
    worker: bool = True,
    modes: Mapping[str, str] | None = None,
    prepare: Callable[[World], None] | None = None,
    graphql: GuardedSchema = schema,
    **settings: str,
) -> AsyncIterator[Bed]:
    """Run all of it.

    `before` steps of the story are taken before the backend first starts; `modes` says how changes
    of an API reach it, which is by its own endpoints unless told otherwise; `prepare` may change
    more before the backend starts; `graphql` is another schema than ours.
    """
    async with AsyncExitStack() as stack:
        listener = listen()
        host, port = listener.getsockname()
        around = await stack.enter_async_context(
            world(_with_keys(folder / "sandbox"), (host, port))
        )
        _keep_keys(folder / "sandbox")
        heis = Path(around.environment["ERASMUS_APP_EWP_HEIS"])
        for api, mode in (modes or {}).items():
            text = heis.read_text(encoding="utf-8")
            heis.write_text(text.replace(f'{api} = "own"', f'{api} = "{mode}"'), encoding="utf-8")
        if prepare is not None:
            prepare(around)
        for _ in range(before):
            await around.story.next()
        more = {f"ERASMUS_APP_{name.upper()}": value for name, value in settings.items()}
        environment = around.environment | IN_A_HURRY | more
        environment |= {
            **engines_of(dsn, redis_url),
            "ERASMUS_APP_DATA_DIR": str(folder / "backend"),
        }
        given = load_settings(environment)
        app, *others = [await stack.enter_async_context(running(given)) for _ in range(PROCESSES)]
        address = await _served(stack, (app, *others), graphql, listener)
        assert await around.network.read_manifests(), "the backend serves no manifest"
        # Where there are several, each request is another's.
        limits = httpx.Limits(max_keepalive_connections=0 if others else None)
        http = await stack.enter_async_context(
            httpx.AsyncClient(timeout=PATIENCE, trust_env=False, limits=limits, verify=PLAIN)
        )
        bed = Bed(world=around, app=app, http=http, address=address, others=tuple(others))
        if worker:
            await stack.enter_async_context(bed.working())

            async def synchronised() -> bool:
                done = await app.database.fetchval(
                    """select count(*) from poll_state
                       where hei_id = tenant and first_sync_done_at is not null"""
                )
                return int(done) >= OWN_SYSTEM_APIS

            await until(synchronised)
        yield bed


async def _served(
    stack: AsyncExitStack, apps: Sequence[Running], graphql: GuardedSchema, listener: socket.socket
) -> str:
    """Serve a backend, or several behind one door; returns the address."""
    if len(apps) == 1:
        return await stack.enter_async_context(
            serving(create_app(apps[0], graphql), listener=listener, websocket=BoundedWebSocket)
        )
    addresses = [
        await stack.enter_async_context(
            serving(create_app(each, graphql), websocket=BoundedWebSocket)
        )
        for each in apps
    ]
    return await stack.enter_async_context(in_turns(addresses, listener))
