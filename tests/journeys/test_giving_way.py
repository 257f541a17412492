"""Where apps have to wait, workers do their work more slowly, and all of it."""

import asyncio

import pytest
from databases import until
from testbed import OWN_SYSTEM_APIS, Bed, bed_running

from erasmus_app.bootstrap.beside import beside
from erasmus_app.bootstrap.work import worker_of
from erasmus_app.telemetry import lag
from erasmus_app.worker import pace
from sandbox.cast import RIBEIRA


async def test_a_student_is_told_all_the_same_while_workers_give_way(
    dsn, valkey, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pace, "EVERY", 0.02)
    monkeypatch.setattr(lag, "LATE", 3600.0)  # the api itself is not, busy as this machine may be
    options = {"worker": False, "worker_least_share": "0.5"}
    async with bed_running(dsn, valkey, tmp_path, **options) as bed:
        crowding = bed.app.crowding

        async def an_api_is_late() -> None:
            while True:
                await crowding.tell(9, 1)
                await asyncio.sleep(0.2)

        async with worker_of(bed.app) as worker:
            async with beside(an_api_is_late()):
                await until(lambda: worker.pace.share == 0.5)
                ines = await bed.phone("ines")
                await until(lambda: has_read_ribeira(bed))  # what it finds first is nobody's news
                await bed.take()
                await bed.until_told(ines, "nominated")
                assert worker.pace.share == 0.5
            await until(lambda: worker.pace.share == 1)


async def has_read_ribeira(bed: Bed) -> bool:
    read = await bed.app.database.fetchval(
        "select count(*) from poll_state where hei_id = $1 and first_sync_done_at is not null",
        RIBEIRA.hei_id,
    )
    return int(read) == OWN_SYSTEM_APIS
