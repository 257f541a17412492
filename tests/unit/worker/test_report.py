"""Failed calls are reported to the statistics portal: once each, and nothing personal."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from databases import VAULT, until
from unit.ewp.catalogues import a_host, entry
from unit.ewp.client.partner import HEI, KEY, OTHER, PARTNER, Calls, calling
from unit.ewp.stranger import NOW

from erasmus_app.errors import PartnerFailed
from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.mobilities.models import Api
from erasmus_app.partners.breakers import Breakers
from erasmus_app.partners.monitoring import REPORT, Monitoring
from erasmus_app.partners.network import EwpPartners
from erasmus_app.partners.own_systems import OwnSystems
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.job_writing import JobWriting
from erasmus_app.store.jobs import JobQueue
from erasmus_app.worker.loop import Worker
from erasmus_app.worker.report import Reporter
from ewp.messages import common, monitoring
from ewp.messages.monitoring import PORTAL

TENANT, ASKED = HeiId(OTHER), HeiId(HEI)
IDS = [OmobilityId("om-of-a-student")]


@dataclass
class Bench:
    """We, a partner that is asked, and the portal that hears of it."""

    partner: Calls
    portal: Calls
    database: Database
    partners: EwpPartners

    async def fails(self, what: str = "get") -> str:
        about = (TENANT, ASKED, Api.OMOBILITIES)
        if what == "get":
            asking: Coroutine[Any, Any, object] = self.partners.ask(*about, ASKED, IDS)
        else:
            asking = self.partners.index(*about, modified_since=None)
        with pytest.raises(PartnerFailed) as failed:
            await asking
        return failed.value.code

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        assert self.partners.monitoring is not None
        queue = JobQueue(self.database)
        worker = Worker(queue=queue, handlers={REPORT: Reporter(self.partners.monitoring)})
        stop = asyncio.Event()
        task = asyncio.create_task(worker.run(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    async def jobs(self) -> int:
        return int(await self.database.fetchval("select count(*) from job"))

    async def reported(self) -> list[tuple[tuple[str, str], ...]]:
        """What the portal heard, once everything was sent."""

        async def idle() -> bool:
            return not await self.jobs()

        async with self.working():
            await until(idle)
        return [tuple(each.parameters) for each in self.portal.partner.heard]


@pytest.fixture
async def bench(dsn: str) -> AsyncIterator[Bench]:
    async with calling() as partner, calling() as portal, open_database(dsn, VAULT) as database:
        portal.partner.body = monitoring.write_response()
        url = f"<url>{portal.partner.origin}/report</url>"
        listed = a_host(
            entry("monitoring", "0.2.0", major=1, inner=url),
            [PORTAL],
            server_keys=[PARTNER.key_id],
        )
        asked = partner.partner.entry("omobilities", "3.0.0", urls=("get-url", "index-url"))
        partner.know(asked, before=[listed])
        client = partner.client(silent_seconds=0.5)
        breakers = Breakers(lambda: NOW)
        common_parts = {
            "client": client,
            "catalogue": lambda: partner.catalogue,
            "keys": {TENANT: KEY},
            "breakers": breakers,
            "clock": lambda: NOW,
        }
        partners = EwpPartners(
            own_systems=OwnSystems(partner.http, {}, lambda: NOW),
            monitoring=Monitoring(jobs=JobWriting(database), **common_parts),
            **common_parts,
        )
        yield Bench(partner, portal, database, partners)


async def test_a_refusal_is_reported_without_what_was_said_of_students(bench: Bench):
    bench.partner.partner.status = 400
    bench.partner.partner.body = common.write_error_response(
        common.ErrorResponse(developer_message="om-of-a-student: not Inês Almeida's")
    )

    assert await bench.fails() == "partner_refused"
    assert await bench.reported() == [
        (
            ("server_hei_id", HEI),
            ("api_name", "omobilities"),
            ("endpoint_name", "get"),
            ("http_code", "400"),
            ("client_message", "partner_refused"),
        )
    ]


async def test_what_an_index_said_names_nobody_and_goes_along(bench: Bench):
    bench.partner.partner.status = 400
    bench.partner.partner.body = common.write_error_response(
        common.ErrorResponse(developer_message="modified_since: no such parameter")
    )
    await bench.fails("index")

    [report] = await bench.reported()
    assert dict(report)["server_message"] == "modified_since: no such parameter"
    assert dict(report)["endpoint_name"] == "index"


async def test_an_answer_that_does_not_fit_had_a_good_status(bench: Bench):
    bench.partner.partner.body = "<html>Inês Almeida</html>".encode()
    assert await bench.fails() == "reply_invalid"

    [report] = await bench.reported()
    assert dict(report)["http_code"] == "200"
    assert "Almeida" not in str(report)


async def test_a_silent_partner_is_reported_once_and_left_alone_without_further_reports(
    bench: Bench,
):
    bench.partner.partner.raw = b""
    for _ in range(4):
        assert await bench.fails() == "partner_unreachable"

    [report] = await bench.reported()
    assert report == (
        ("server_hei_id", HEI),
        ("api_name", "omobilities"),
        ("endpoint_name", "get"),
        ("client_message", "partner_unreachable"),
    )


async def test_a_portal_that_takes_no_reports_gets_each_once_and_delays_nothing(bench: Bench):
    bench.portal.partner.status = 400
    bench.partner.partner.body = b"<nothing/>"
    for _ in range(3):
        await bench.fails()

    assert len(await bench.reported()) == 3


async def test_a_silent_portal_is_left_alone_and_its_reports_are_forgotten(bench: Bench):
    bench.portal.partner.raw = b""
    bench.partner.partner.body = b"<nothing/>"
    await bench.fails()
    assert len(await bench.reported()) == 1
    await bench.fails()

    assert len(await bench.reported()) == 1
    assert await bench.jobs() == 0


async def test_without_a_portal_in_the_catalogue_nothing_is_written_down(bench: Bench):
    asked = bench.partner.partner.entry("omobilities", "3.0.0", urls=("get-url", "index-url"))
    bench.partner.know(asked)
    bench.partner.partner.body = b"<nothing/>"
    await bench.fails()

    assert await bench.jobs() == 0
