"""A bed without a worker, whose work is done by hand: for tests of what the calendar makes due."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from uuid import uuid4

import pytest
from journeys.scenes import TODAY, Scene
from testbed import Bed, bed_running

from erasmus_app.ids import JobId
from erasmus_app.mobilities.models import OF_RECEIVING, Api
from erasmus_app.store.factsheets import FactsheetTable
from erasmus_app.store.jobs import Again, Job
from erasmus_app.store.looks import LookTable
from erasmus_app.worker.pages import FACTSHEET, PageKeeper
from erasmus_app.worker.refresh import Refresher
from erasmus_app.worker.remind import Reminder
from ewp.ids import HeiId, OmobilityId
from sandbox import clock
from sandbox.cast import RIBEIRA

WEEK = 7 * 86400


@dataclass(slots=True)
class Hand:
    """Does what the worker does, when the test says so."""

    bed: Bed

    async def scene(self, key: str, omobility_id: str = "om-1") -> Scene:
        """A mobility of a student who is signed in."""
        phone = await self.bed.signed_in(key)
        return Scene(self.bed, phone, key, OmobilityId(omobility_id))

    async def fetch(self, scene: Scene, api: Api, *, silent: bool = False) -> None:
        """Ask the university that is master of it."""
        hei = (scene.host if api in OF_RECEIVING else scene.home).hei_id
        refresher = Refresher(self.bed.app.services, self.bed.app.records)
        await refresher.refresh(
            RIBEIRA.hei_id, hei, api, scene.home.hei_id, [scene.omobility_id], silent=silent
        )

    async def read_factsheet(self, hei: HeiId) -> float:
        """Ask for a factsheet; return in how many seconds it is asked for again."""
        app = self.bed.app
        table = FactsheetTable(app.database)
        keeper = PageKeeper(FACTSHEET, app.services, app.factsheets, table, app.records.hosts)
        payload = {"tenant": RIBEIRA.hei_id, "hei_id": hei}
        with pytest.raises(Again) as again:
            await keeper.ask(a_job("factsheet", payload))
        return again.value.after

    async def look(self, at: date | datetime | None = None) -> None:
        """Take the worker's look at everything that is due, at a moment (noon of a day, now)."""
        app = self.bed.app
        if at is not None and not isinstance(at, datetime):
            at = datetime.combine(at, time(12), tzinfo=UTC)
        services = replace(app.services, clock=(lambda: at)) if at else app.services
        with pytest.raises(Again):
            await Reminder(services, app.records, LookTable(app.database), app.factsheets)(
                a_job("remind", {})
            )

    async def inbox(self, scene: Scene) -> list[str]:
        """The kinds of all messages about a mobility, the oldest first."""
        rows = await self.bed.app.database.fetch(
            """select kind from inbox_entry join mobility using (mobility_id)
               where omobility_id = $1 order by inbox_entry.created_at, kind""",
            scene.omobility_id,
        )
        return [row["kind"] for row in rows]

    async def next_look(self, scene: Scene) -> datetime | None:
        found: datetime | None = await self.bed.app.database.fetchval(
            "select next_look_at from mobility where omobility_id = $1", scene.omobility_id
        )
        return found


def a_job(kind: str, payload: object) -> Job:
    now = datetime.now(UTC)
    return Job(
        job_id=JobId(1), kind=kind, payload=payload, attempts=1, requested_at=now, leased_by=uuid4()
    )


@contextmanager
def on_the_day_of_the_tests() -> Iterator[None]:
    """Let universities stay on the day that tests count from: midnight may have come since."""

    def now() -> datetime:
        return datetime.combine(TODAY, datetime.now(UTC).timetz())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "utc_now", now)
        yield


@asynccontextmanager
async def working_by_hand(dsn: str, valkey: str, folder: Path) -> AsyncIterator[Hand]:
    bed = bed_running(dsn, valkey, folder, worker=False, factsheet_seconds=str(WEEK))
    with on_the_day_of_the_tests():
        async with bed as running:
            await running.app.own_systems.read()
            yield Hand(running)
