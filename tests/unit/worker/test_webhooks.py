"""What universities' own apps are told, from the event to a server that answers as it likes."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from databases import VAULT, until
from unit.store.samples import HOME, OM, a_nomination, an_answer, take_in

from erasmus_app.bootstrap.channels import opened_endpoints
from erasmus_app.errors import SettingsInvalid
from erasmus_app.ids import EventId, global_id
from erasmus_app.institutions.models import CoveredHei, WebhookEndpoint
from erasmus_app.kit.clock import Clock, utc_now
from erasmus_app.kit.trust import trusting
from erasmus_app.mobilities.events import MobilityEvent, Row
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.privacy.models import Subject
from erasmus_app.push.webhooks import opened_webhooks, signed
from erasmus_app.settings import Settings
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.erasures import ErasureTable
from erasmus_app.store.jobs import JobQueue
from erasmus_app.store.records import RecordTable
from erasmus_app.store.telling import Teller
from erasmus_app.store.webhooks import WEBHOOK, WebhookTable
from erasmus_app.worker.loop import Worker
from erasmus_app.worker.webhook import WebhookSender
from sandbox.serving import serving

MESSAGES = load_catalogue(catalogue_folder())
KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@dataclass
class App:
    """A university's app; `answers` are what it says, 204 once they are over."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]
    ) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.got.append((headers, body))
        status, said = self.answers.pop(0) if self.answers else (204, {})
        lines = [(name.encode(), value.encode()) for name, value in said.items()]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": b""})

    @property
    def kinds(self) -> list[str]:
        return [json.loads(body)["data"]["kind"] for _, body in self.got]


@dataclass
class Office:
    """A university with endpoints, a mobility of its own, and a worker."""

    database: Database
    hei: CoveredHei
    clock: Clock | None = None

    async def happen(self, *rows: Row, event: UUID | None = None) -> None:
        events = [MobilityEvent(event_id=EventId(event or uuid4()), step=row) for row in rows]
        async with RecordTable(self.database).change(HOME, HOME, OM) as change:
            assert change.before is not None
            await change.record_events(events, silent=False)
            teller = Teller(MESSAGES, timedelta(0), {HOME: self.hei})
            await teller(change, events, change.before, utc_now())

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        async with AsyncExitStack() as stack:
            webhooks = opened_webhooks({HOME: self.hei}, trusting(None), utc_now, stack)
            sender = WebhookSender(WebhookTable(self.database), webhooks, self.clock or utc_now)
            worker = Worker(queue=JobQueue(self.database), handlers={WEBHOOK: sender})
            task = asyncio.create_task(worker.run(stop))
            try:
                yield
            finally:
                stop.set()
                await task

    async def states(self) -> list[tuple[Any, ...]]:
        rows = await self.database.fetch(
            "select kind, state, attempts, last_error from webhook_delivery order by place"
        )
        return [tuple(row) for row in rows]

    async def until_settled(self) -> None:
        async def settled() -> bool:
            left = await self.database.fetchval("select count(*) from job where kind = 'webhook'")
            return int(left) == 0

        await until(settled)

    async def try_now(self) -> None:
        await self.database.execute("update job set due = now() where leased_by is null")


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, VAULT) as database:
        await take_in(RecordTable(database), an_answer(a_nomination()))
        yield database


@pytest.fixture
async def app() -> AsyncIterator[App]:
    app = App()
    async with serving(app) as address:
        app.url = f"{address}/hooks"
        yield app


@pytest.fixture
def office(database: Database, app: App, tmp_path: Path) -> Office:
    return Office(database, covered(tmp_path, an_endpoint(tmp_path, app.url)))


def an_endpoint(folder: Path, url: str, **changed: Any) -> WebhookEndpoint:
    secret = folder / "app.secret"
    secret.write_text(SECRET)
    given = {"name": "app", "url": url, "secret_file": secret, "networks": ("127.0.0.0/8",)}
    return WebhookEndpoint(**given | changed)


def covered(folder: Path, *endpoints: WebhookEndpoint) -> CoveredHei:
    return CoveredHei(
        id=HOME, name={}, client_key=folder / "key.pem", admin_emails=(), webhook=endpoints
    )


async def test_an_app_is_told_once_signed_and_nothing_but_kind_and_ids(office: Office, app: App):
    event = uuid4()
    await office.happen(Row.B13, event=event)
    await office.happen(Row.B13, event=event)  # seen again
    async with office.working():
        await office.until_settled()

    [(headers, body)] = app.got
    moment = int(headers["webhook-timestamp"])
    assert abs(moment - utc_now().timestamp()) < 60
    expected = signed(headers["webhook-id"], moment, body, [KEY])
    assert {name: headers[name] for name in expected} == expected
    assert headers["content-type"] == "application/json"
    told = json.loads(body)
    mobility = await office.database.fetchval("select mobility_id from mobility")
    subject = told["data"].pop("subject")
    assert told["type"] == "mobility.agreement_sent"
    assert told["data"] == {
        "kind": "agreement_sent",
        "hei_id": HOME,
        "mobility": global_id("Mobility", mobility),
        "sending_hei_id": HOME,
        "receiving_hei_id": "lindental.example",
        "omobility_id": OM,
    }
    person = await office.database.fetchval("select person_id from mobility")
    assert len(subject) == 32
    assert str(person) not in body.decode()
    assert await office.states() == [("agreement_sent", "accepted", 1, None)]


async def test_what_was_rolled_back_is_not_told(office: Office):
    async def change_that_fails() -> None:
        async with RecordTable(office.database).change(HOME, HOME, OM) as change:
            assert change.before is not None
            event = MobilityEvent(event_id=EventId(uuid4()), step=Row.B13)
            teller = Teller(MESSAGES, timedelta(0), {HOME: office.hei})
            await teller(change, [event], change.before, utc_now())
            raise KeyError

    with pytest.raises(KeyError):
        await change_that_fails()
    assert await office.states() == []


async def test_each_endpoint_gets_what_it_wants_and_knows_the_student_by_another_name(
    office: Office, app: App, tmp_path: Path
):
    office.hei = covered(
        tmp_path,
        an_endpoint(tmp_path, app.url + "/all"),
        an_endpoint(tmp_path, app.url + "/one", name="one", kinds=("agreement_signed",)),
        an_endpoint(tmp_path, app.url + "/some", name="some", categories=("nomination",)),
    )
    await office.happen(Row.B13, Row.B15, Row.B2)
    async with office.working():
        await office.until_settled()

    rows = await office.database.fetch("select endpoint, kind from webhook_delivery order by place")
    assert [tuple(row) for row in rows] == [
        *(("app", kind) for kind in ("agreement_sent", "agreement_signed", "nomination_changed")),
        ("one", "agreement_signed"),
        ("some", "nomination_changed"),
    ]
    subjects = {json.loads(body)["data"]["subject"] for _, body in app.got}
    assert (len(app.got), len(subjects)) == (5, 3)


async def test_what_is_not_taken_comes_again_in_order_with_the_same_id_and_body(
    office: Office, app: App
):
    app.answers = [(500, {}), (302, {"location": app.url + "/elsewhere"})]
    await office.happen(Row.B13)
    await office.happen(Row.B15)
    async with office.working():
        for count in (1, 2):
            await until(lambda count=count: len(app.got) >= count)
            await until(lambda: _is(office, "attempts", 1))
            await asyncio.sleep(0.1)
            await office.try_now()
        await office.until_settled()

    assert app.kinds == [*["agreement_sent"] * 3, "agreement_signed"]
    first = app.got[:3]
    assert len({body for _, body in first}) == 1
    assert len({headers["webhook-id"] for headers, _ in first}) == 1
    assert await office.states() == [
        ("agreement_sent", "accepted", 3, None),
        ("agreement_signed", "accepted", 1, None),
    ]


async def _is(office: Office, column: str, least: int) -> bool:
    found = await office.database.fetchval(f"select max({column}) from webhook_delivery")
    return int(found or 0) >= least


async def test_it_is_told_for_three_days_and_an_operator_may_send_it_again(
    office: Office, app: App
):
    await office.happen(Row.B13)
    office.clock = lambda: utc_now() + timedelta(days=3, seconds=1)
    async with office.working():
        await office.until_settled()
    assert await office.states() == [("agreement_sent", "expired", 0, None)]
    assert app.got == []

    table = WebhookTable(office.database)
    assert await table.replay(HOME, "app", "HTTP_500") == 0
    assert await table.replay(HOME, "app", None) == 1
    office.clock = None
    async with office.working():
        await office.until_settled()
    assert app.kinds == ["agreement_sent"]


async def test_410_disables_an_address_until_it_changes_or_an_operator_says_so(
    office: Office, app: App, tmp_path: Path
):
    app.answers = [(410, {})]
    await office.happen(Row.B13)
    await office.happen(Row.B15)
    async with office.working():
        await office.until_settled()
    assert [each[:2] for each in await office.states()] == [
        ("agreement_sent", "failed"),
        ("agreement_signed", "failed"),
    ]
    await office.happen(Row.B14)  # nobody is there to hear it
    assert len(await office.states()) == 2

    office.hei = covered(tmp_path, an_endpoint(tmp_path, app.url + "/new"))
    await office.happen(Row.B14)
    assert len(await office.states()) == 3
    office.hei = covered(tmp_path, an_endpoint(tmp_path, app.url))
    table = WebhookTable(office.database)
    assert [(e.state, e.code, e.deliveries) for e in await table.states()] == [
        ("disabled", None, 0),
        ("failed", "GONE", 2),
        ("pending", None, 1),
    ]
    assert await table.enable(HOME, "app")
    assert not await table.enable(HOME, "app")
    assert await table.replay(HOME, "app", "GONE") == 2
    async with office.working():
        await office.until_settled()
    assert {each[1] for each in await office.states()} == {"accepted"}


async def test_an_endpoint_that_is_no_more_in_the_file_is_told_nothing(
    office: Office, app: App, tmp_path: Path
):
    await office.happen(Row.B13)
    office.hei = covered(tmp_path)
    async with office.working():
        await office.until_settled()

    assert await office.states() == [("agreement_sent", "failed", 0, "NO_ENDPOINT")]
    assert app.got == []


async def test_nobody_inside_is_connected_to_unless_the_file_says_so(
    office: Office, app: App, tmp_path: Path
):
    inside = an_endpoint(tmp_path, app.url, networks=())
    with pytest.raises(SettingsInvalid, match="is no https address"):
        opened_webhooks(
            {HOME: covered(tmp_path, inside)}, trusting(None), utc_now, AsyncExitStack()
        )

    outside = an_endpoint(tmp_path, app.url.replace("http:", "https:"), networks=("10.0.0.0/8",))
    office.hei = covered(tmp_path, outside)
    with pytest.raises(SettingsInvalid, match="not the open internet's"):
        async with office.working():
            pass

    named = an_endpoint(
        tmp_path, app.url.replace("127.0.0.1", "localhost"), networks=("10.0.0.0/8",)
    )
    office.hei = covered(tmp_path, named)
    await office.happen(Row.B13)
    async with office.working():
        await until(lambda: _is(office, "attempts", 1))
    assert await office.states() == [("agreement_sent", "pending", 1, "ADDRESS_INSIDE")]
    assert app.got == []


async def test_whoever_is_forgotten_is_not_told_of(office: Office):
    await office.happen(Row.B13)
    row = await office.database.fetchrow("select tenant, person_id from person")
    assert row is not None
    subject = Subject(accounts=(), persons=((row["tenant"], row["person_id"]),))
    await ErasureTable(office.database).erase(subject, utc_now())

    assert await office.states() == []
    assert await office.database.fetchval("select count(*) from job where kind = 'webhook'") == 0


async def test_an_endpoint_that_wants_what_there_is_not_stops_the_start(tmp_path: Path):
    for strange in ({"kinds": ("agreement_lost",)}, {"categories": ("gossip",)}):
        hei = covered(tmp_path, an_endpoint(tmp_path, "https://app.example/hooks", **strange))
        async with AsyncExitStack() as stack:
            with pytest.raises(SettingsInvalid, match=r"there is no (agreement_lost|gossip)"):
                opened_endpoints(Settings(), {HOME: hei}, MESSAGES, utc_now, stack)
