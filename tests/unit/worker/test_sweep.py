"""The recurring job that looks for silent devices."""

from datetime import timedelta

import pytest
from databases import VAULT
from unit.store.samples import log_in
from unit.store.test_deliveries import a_phone

from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import open_database
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.jobs import Again
from erasmus_app.worker.sweep import AFTER_FAILURE, EVERY, SWEEP, Sweeper


async def test_it_silences_forgets_and_comes_again(dsn: str):
    async with open_database(dsn, VAULT) as database:
        account, devices = await log_in(AccountTable(database)), DeviceTable(database)
        for number in range(3):
            await a_phone(devices, account, f"phone-{number}")
        rows = await devices.devices(account)
        for device, days in zip(rows, (10, 60, 300), strict=True):
            await database.execute(
                "update device set last_seen_at = now() - $2::interval where device_id = $1",
                device.device_id,
                timedelta(days=days),
            )
        sweeper = Sweeper(devices, timedelta(days=45), timedelta(days=180))
        await sweeper.start()
        await sweeper.start()

        for _ in range(2):
            with pytest.raises(Again) as again:
                await sweeper(None)  # type: ignore[arg-type]
            assert again.value.after == EVERY

        jobs = await database.fetchval("select count(*) from job where kind = $1", SWEEP)
        left = await database.fetch(
            "select device_id, quiet_since is null as alive from device order by last_seen_at desc"
        )
        assert jobs == 1
        assert [tuple(row) for row in left] == [
            (rows[0].device_id, True),
            (rows[1].device_id, False),
        ]


async def test_a_failure_is_tried_again_soon(dsn: str):
    async with open_database(dsn, VAULT) as database:
        await database.execute("alter table device rename to away")
        sweeper = Sweeper(DeviceTable(database), timedelta(days=60), timedelta(days=270))

        with pytest.raises(Again) as again:
            await sweeper(None)  # type: ignore[arg-type]

        assert again.value.after == AFTER_FAILURE
