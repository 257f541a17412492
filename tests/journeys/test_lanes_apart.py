"""One push service that wants to be left alone delays nobody at another, in one worker."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from databases import until
from subscribers import a_message, account_of
from testbed import Bed, bed_running, of_one_process

from erasmus_app.cli.phones import Phone
from erasmus_app.kit.clock import utc_now
from erasmus_app.store.telling import tell
from erasmus_app.worker.window import FIRST

MANY = 60
AT_ONCE = int(FIRST)  # under way to a service that nothing is known of yet


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, worker=False, WORKER_CONCURRENCY="4") as bed:
        yield bed


async def tell_many(bed: Bed, phone: Phone, numbers: range) -> None:
    account = await account_of(bed, phone)
    async with bed.app.database.transaction() as connection:
        for number in numbers:
            message = msgspec.structs.replace(a_message(account, number), push=True)
            assert await tell(connection, message, utc_now())


@of_one_process
async def test_a_closed_lane_holds_up_nobody_else_and_costs_no_attempts(bed: Bed):
    phone = await bed.phone("ines")
    browser = await bed.browser(phone)
    received, browsed = bed.world.push.received, bed.world.web_push.received
    async with bed.working():  # a push service of browsers that has taken something is known
        await tell_many(bed, phone, range(MANY, MANY + 1))
        await until(lambda: len(browsed[browser]) == len(received[phone.fid]) == 1)
    bed.world.push.fail_next("QUOTA_EXCEEDED", times=AT_ONCE, retry_after=6)
    await tell_many(bed, phone, range(MANY))
    # All that is FCM's is due first, so that it would be in the way.
    await bed.app.database.execute(
        "update job set due = due - interval '1 hour' where kind = 'deliver' and lane = 'fcm'"
    )
    began = utc_now()
    async with bed.working():
        await until(lambda: len(browsed[browser]) == 1 + MANY, 5)
        assert len(received[phone.fid]) == 1
        rows = await bed.app.database.fetch(
            """select attempts, count(*) from delivery
               where channel = 'fcm' and state = 'pending' group by 1"""
        )
        tried = {row["attempts"]: row["count"] for row in rows}
        assert tried == {0: MANY - AT_ONCE, 1: AT_ONCE}  # those that were under way when it closed
        touched = await bed.app.database.fetchval(
            "select count(*) from job where lane = 'fcm' and due < $1", began
        )
        assert touched > 0  # the others were not even claimed

        await bed.pushes(phone, 1 + MANY)
        assert (utc_now() - began).total_seconds() > 6
