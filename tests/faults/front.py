"""An api beside a row's workers, in a database of its own, and what an app there hears."""

import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
from testbed import Bed, bed_running

from erasmus_app.cli.phones import Phone
from erasmus_app.store.versions import upgrade

READS = "{ me { inbox { nodes { id } } devices { id } } }"
WRITES = """mutation($device: DeviceInput!) { registerDevice(device: $device) { __typename } }"""
PATIENCE = 10.0  # seconds that an app waits for an answer


@dataclass(slots=True)
class Front:
    """The api, an app that is signed in, and how often it heard what."""

    bed: Bed
    phone: Phone
    heard: Counter[str] = field(default_factory=Counter)

    async def reads(self) -> str:
        """Return `ok`, `unavailable REASON`, or what else there was; so do the others."""
        return await self._heard("read", READS, {})

    async def writes(self) -> str:
        target = self.bed.world.push.register()
        device = {"platform": "ANDROID", "target": target, "language": "en"}
        return await self._heard("write", WRITES, {"device": device})

    async def logs_in(self) -> str:
        answer = await self._get("/auth/login?login_hint=ines")
        ok = answer is not None and answer.status_code == 302
        said = "ok" if ok else _said(answer)
        self.heard[f"login {said}"] += 1
        return said

    async def ready(self) -> int:
        answer = await self._get("/readyz")
        return 0 if answer is None else answer.status_code

    async def _get(self, path: str) -> httpx.Response | None:
        try:
            return await self.bed.http.get(f"{self.bed.address}{path}", timeout=PATIENCE)
        except httpx.HTTPError:
            return None

    async def _heard(self, what: str, query: str, variables: dict[str, object]) -> str:
        try:
            answer = await self.bed.http.post(
                f"{self.bed.address}/graphql",
                json={"query": query, "variables": variables},
                headers={"authorization": f"Bearer {self.phone.token}"},
                timeout=PATIENCE,
            )
        except httpx.HTTPError:
            said = "no answer"
        else:
            said = _said(answer)
        self.heard[f"{what} {said}"] += 1
        return said

    @property
    def wrong(self) -> list[str]:
        """What was neither done nor refused as it should be."""
        return [
            f"{times} × {said}"
            for said, times in self.heard.items()
            if said.split(" ")[1] not in {"ok", "unavailable"}
        ]


def _said(answer: httpx.Response | None) -> str:
    if answer is None:
        return "no answer"
    refused = answer.status_code == 503 and "retry-after" in answer.headers
    try:
        found = answer.json()
    except ValueError:  # the page that a browser is shown
        if refused and "limits_away" in answer.text:
            return "unavailable limits_away"
        return f"status {answer.status_code} without JSON"
    errors = [each.get("extensions", {}) for each in found.get("errors", [])]
    if not errors and answer.status_code < 300:
        return "ok"
    code = errors[0].get("code") if errors else found.get("code")
    reason = errors[0].get("reason") if errors else found.get("reason")
    if code == "unavailable" and (refused or answer.status_code == 200):
        return "unavailable" if reason is None else f"unavailable {reason}"
    return f"status {answer.status_code} {code}"


async def new_database(server: str, name: str) -> str:
    """Make a database with all tables; return its address."""
    connection = await asyncpg.connect(server)
    await connection.execute(f"create database {name}")
    await connection.close()
    dsn = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    await upgrade(dsn)
    return dsn


@asynccontextmanager
async def front(server: str, redis_url: str) -> AsyncIterator[Front]:
    """Run an api on a new database of a server, with an app that is signed in."""
    dsn = await new_database(server, "front")
    with tempfile.TemporaryDirectory() as folder:
        async with bed_running(dsn, redis_url, Path(folder), worker=False) as bed:
            yield Front(bed, await bed.signed_in("ines"))
