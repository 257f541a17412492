"""Nothing of a student, and no secret, is in what processes say: logs, traces, metrics.

Real processes live through a story in which everything personal is known beforehand, and through
bad input at each door; then every word of theirs is looked through for it.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import asyncpg
import fed
import httpx
import msgspec
import pytest
from collector import collecting
from databases import PATIENCE, until
from journeys.scenes import Scene
from journeys.test_bad_partners import OMOBILITIES, breaks
from journeys.test_mails import ASK, CONFIRM
from pooler import engines_of
from testbed import IN_A_HURRY, OWN_SYSTEM_APIS, Bed

from erasmus_app.cli.phones import Phone
from ewp.ids import OmobilityId
from sandbox.cast import STUDENTS
from sandbox.serving import listen
from sandbox.world import APP_LINK, world

UP_SECONDS = 180.0  # two processes at once, on a machine that is busy as well
MARK = "Silvanus"  # in everything that somebody writes
SECRET = re.compile(r'"(?:access_token|refresh_token|url|id_token)"\s*:\s*"([^"]{16,})"')
AGAINST = """alter table {table} add constraint refused check (false) not valid"""


class Secrets:
    """What students and programs got to know while they talked, and nobody else may."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    async def heed(self, answer: httpx.Response) -> None:
        await answer.aread()
        for address in (str(answer.request.url), answer.headers.get("location", "")):
            pairs = parse_qsl(urlsplit(address).query)
            self.found |= {value for name, value in pairs if name not in {"scope", "iss"}}
        for each in answer.headers.get_list("set-cookie"):
            self.found.add(each.partition("=")[2].partition(";")[0])
        self.found.update(SECRET.findall(answer.text))
        self.found |= {value for _, value in parse_qsl(answer.request.content.decode("latin-1"))}


class Processes:
    """`erasmus-app api` and `worker`, and all that they write."""

    def __init__(self) -> None:
        self.running: list[asyncio.subprocess.Process] = []
        self.file: Path | None = None

    def so_far(self) -> bytes:
        """All that they have said."""
        assert self.file is not None
        return self.file.read_bytes()

    @asynccontextmanager
    async def up(self, folder: Path, environment: dict[str, str]) -> AsyncIterator[None]:
        """Run both; end them as an operator does."""
        self.file = folder / "said"
        with self.file.open("wb") as out:
            for command in ("api", "worker"):
                self.running.append(
                    await asyncio.create_subprocess_exec(
                        *(sys.executable, "-m", "erasmus_app.cli", command),
                        env=os.environ | environment,
                        stdout=out,
                        stderr=out,
                    )
                )
            try:
                yield
                for each in self.running:
                    each.send_signal(signal.SIGTERM)
                async with asyncio.timeout(PATIENCE):
                    ends = [await each.wait() for each in self.running]
                assert ends == [0, 0]
            finally:
                for each in self.running:
                    with suppress(ProcessLookupError):
                        each.kill()
                    await each.wait()


def personal(of: Any) -> Iterator[str]:
    """Yield what would name somebody: texts that are no ids of universities and no codes."""
    for name, value in msgspec.to_builtins(of).items():
        if isinstance(value, str) and name not in {"key", "home", "language", "nationality"}:
            yield value


async def login_and_ask(bed: Bed, phone: Phone) -> None:
    """What a student does, and what somebody tries who is none."""
    at, http, bearer = bed.address, bed.http, {"authorization": f"Bearer {phone.token}"}
    query = f'query {MARK} {{ me {{ id }} mobility(id: "{MARK}") {{ id }} }}'
    await http.post(f"{at}/graphql", json={"query": query}, headers=bearer)
    bodies: list[Any] = [
        {"query": f"{{ {MARK} }}"},
        {"query": "{ me { id } }", "variables": {MARK: MARK}},
    ]
    for body in (*bodies, f"{{{MARK}"):
        content = body if isinstance(body, str) else msgspec.json.encode(body)
        json = {"content-type": "application/json"}
        for who in (bearer, {"authorization": f"Bearer {MARK}"}):
            await http.post(f"{at}/graphql", content=content, headers=json | who)
            await http.post(f"{at}/chat", content=content, headers=json | who)
            await http.post(f"{at}/mcp", content=content, headers=json | who)
    for question in (f"When must {MARK} sign, and where does {MARK} live?", "deadline"):
        answer = await http.post(f"{at}/chat", json={"question": question}, headers=bearer)
        assert answer.status_code == 200
    strange = {"x-request-id": MARK, "user-agent": MARK, "traceparent": MARK, "origin": MARK}
    for method, path in (
        ("GET", f"/auth/callback?code={MARK}&state={MARK}"),
        ("GET", f"/auth/{MARK}/callback?error={MARK}"),
        ("GET", f"/auth/authorize?client_id=https://{MARK}.example/x&state={MARK}"),
        ("POST", f"/auth/token?code={MARK}"),
        ("POST", f"/auth/revoke?token={MARK}"),
        ("GET", f"/calendar/{MARK}.ics"),
        ("GET", f"/mail/stop/{MARK}"),
        ("POST", f"/chat/telegram?{MARK}"),
        ("GET", f"/privacy/exports/{MARK}"),
        ("GET", f"/ewp/{MARK}/echo?echo={MARK}"),
        ("GET", f"/ewp/ribeira.example/{MARK}?{MARK}"),
        ("POST", f"/ewp/ribeira.example/omobility-cnr/2/{MARK}"),
        ("GET", f"/{MARK}"),
    ):
        await http.request(method, f"{at}{path}", headers=strange, data={"code": MARK, MARK: MARK})


async def feed(bed: Bed) -> None:
    """What a university's own system gives: good, bad, and with a wrong token."""
    good = fed.nominations(fed.nomination(comment=f"{MARK} is ill"))
    for body in (good, good.replace(b"<gender>2", f"<gender>{MARK}".encode()), MARK.encode()):
        for token in (fed.TOKEN, MARK * 4):
            await bed.http.post(
                f"{bed.address}/feed/{fed.OUTONO}",
                content=body,
                headers={"authorization": f"Bearer {token}", "content-type": "text/xml"},
            )


async def is_synchronised(dsn: str) -> bool:
    """Whether every partner has been read once: what comes then is told."""
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("select first_sync_done_at as done from poll_state")
    await connection.close()
    return len(rows) >= OWN_SYSTEM_APIS and all(each["done"] is not None for each in rows)


async def crash(bed: Bed, phone: Phone, dsn: str) -> None:
    """Let PostgreSQL refuse rows, which says what was in them."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(AGAINST.format(table="mail_address"))
    await connection.execute(AGAINST.format(table="session"))
    asked = await bed.http.post(
        f"{bed.address}/graphql",
        json={"query": ASK, "variables": {"address": f"{MARK}@post.example"}},
        headers={"authorization": f"Bearer {phone.token}"},
    )
    assert asked.json()["errors"][0]["extensions"]["code"] == "internal_error"
    await connection.execute("alter table mail_address drop constraint refused")
    with suppress(httpx.HTTPError, KeyError):
        await Phone(key="tiago", name="", fid="", language="en", backend=bed.address).sign_in(
            bed.http, APP_LINK
        )
    await connection.execute("alter table session drop constraint refused")
    await connection.close()


async def live(bed: Bed, phone: Phone, processes: Processes, dsn: str) -> list[str]:
    """Live through it; return what secrets there were on the way."""
    around = bed.world
    assert await around.network.read_manifests()
    made = await bed.ask(phone, "mutation { createCalendarFeed { url } }")
    calendar = urlsplit(made["createCalendarFeed"]["url"]).path
    assert (await bed.http.get(f"{bed.address}{calendar}")).status_code == 200
    await login_and_ask(bed, phone)
    await feed(bed)
    asked = await bed.ask(phone, ASK, address=f"{MARK.lower()}@post.example")
    assert asked["setMailAddress"]["state"] == "WAITING"
    mails = await around.mail.wait(1)
    [code] = re.findall(r"\b\d{8}\b", mails[-1].get_body(("plain",)).get_content())
    await bed.ask(phone, CONFIRM, code=code)
    await until(partial(is_synchronised, dsn))
    scene = Scene(bed, phone, "jonas", OmobilityId("om-1"))
    await scene.nominated()
    await scene.announce()
    await bed.pushes(phone, 1)
    around.push.fail_next("INVALID_ARGUMENT")
    await scene.corrected(email=f"{MARK}@study.example")
    await scene.announce()
    await until(lambda: b'"outcome": "rejected"' in processes.so_far())
    good = fed.nominations(fed.nomination("om-1", sending=fed.LINDENTAL, receiving=fed.RIBEIRA))
    for number, hostile in enumerate(
        (
            f'<omobilities-get-response xmlns="{OMOBILITIES}"><{MARK}>{MARK}</{MARK}>'.encode(),
            good.replace(b"<status>pending", f"<status>{MARK}".encode()),
        ),
        start=1,
    ):
        breaks(bed, fed.LINDENTAL, "omobilities", hostile)
        await scene.corrected(email=f"{MARK}@study.example")
        await scene.announce()
        await until(lambda n=number: processes.so_far().count(b"partner.quarantined") >= n)
    await crash(bed, phone, dsn)
    return [calendar, code]


@pytest.mark.long
async def test_no_log_trace_or_metric_holds_what_is_a_student_s_or_a_secret(
    dsn: str, valkey: str, tmp_path: Path
):
    secrets, processes = Secrets(), Processes()
    free = listen()
    host, port = free.getsockname()
    free.close()
    async with (
        collecting() as (collector, url),
        world(tmp_path / "sandbox", (host, port)) as around,
        httpx.AsyncClient(
            timeout=PATIENCE, trust_env=False, event_hooks={"response": [secrets.heed]}
        ) as http,
    ):
        fed.outono(around)
        environment = dict(around.environment) | IN_A_HURRY
        environment |= {
            **engines_of(dsn, valkey),
            "ERASMUS_APP_DATA_DIR": str(tmp_path / "backend"),
            "ERASMUS_APP_LISTEN": f"{host}:{port}",
            "ERASMUS_APP_OTLP_URL": url,
        }
        bed = Bed(world=around, app=None, http=http, address=f"http://{host}:{port}")  # type: ignore[arg-type]

        async def is_up() -> bool:
            with suppress(httpx.HTTPError):
                return (await http.get(f"{bed.address}/readyz")).status_code == 200
            return False

        async with processes.up(tmp_path, environment):
            await until(is_up, UP_SECONDS)
            phone = await bed.phone("jonas")
            codes = await live(bed, phone, processes, dsn)
            metrics = (await http.get(f"{bed.address}/metrics")).text

    assert collector.wrong == []
    seeded = secrets.found | {phone.token, phone.fid, *codes, fed.TOKEN, MARK, MARK.lower()}
    seeded |= {each for student in STUDENTS.values() for each in personal(student)}
    seeded |= set(_keys(tmp_path)) | set(around.push._tokens)
    seeded -= {each for each in seeded if len(each) < 5 or each in {*fed.OWN, "login", "https"}}
    said = {
        "logs": processes.so_far(),
        "traces": b"".join(collector.raw),
        "metrics": metrics.encode(),
    }
    leaks = [(where, each) for each in seeded for where, text in said.items() if _holds(text, each)]
    assert leaks == []
    events = set(re.findall(rb'"event": "([a-z_.]+)"', processes.so_far()))
    # Of each door something was said; what is looked for would be found.
    assert {
        *(b"access.refused", b"cnr.received", b"ewp.refused", b"feed.refused", b"feed.taken"),
        *(b"graphql.failed", b"login.failed", b"login.succeeded", b"mail.code_sent"),
        *(b"mobility.changed", b"partner.quarantined", b"push.sent", b"request.failed"),
    } <= events
    assert collector.services == {"api", "worker"}
    [first, *_] = collector.named("push.send")
    assert collector.tree(first.trace)[0][0] == "POST /ewp/{hei_id}"  # of another process


def _holds(text: bytes, value: str) -> bool:
    return value.encode() in text or msgspec.json.encode(value)[1:-1] in text


def _keys(folder: Path) -> Iterator[str]:
    """Yield a line of each private key."""
    for path in folder.rglob("*.pem"):
        text = path.read_text(encoding="ascii")
        if "PRIVATE KEY" in text:
            yield text.splitlines()[2]
