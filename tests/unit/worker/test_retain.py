"""The recurring job that deletes what is over."""

from datetime import UTC, datetime

import pytest
from databases import VAULT
from unit.store.samples import a_nomination, an_answer, take_in
from unit.store.test_retention import KEEPING, age

from erasmus_app.store.database import open_database
from erasmus_app.store.jobs import Again
from erasmus_app.store.records import RecordTable
from erasmus_app.store.retention import RetentionTable
from erasmus_app.worker.retain import AFTER_FAILURE, EVERY, RETAIN, Retainer

LATER = datetime(2040, 2, 29, tzinfo=UTC)


async def test_it_deletes_counts_and_comes_again(dsn: str):
    async with open_database(dsn, VAULT) as database:
        await take_in(RecordTable(database), an_answer(a_nomination()))
        await age(database)
        retainer = Retainer(RetentionTable(database, KEEPING), lambda: LATER)
        await retainer.start()
        await retainer.start()

        for _ in range(2):
            with pytest.raises(Again) as again:
                await retainer(None)  # type: ignore[arg-type]
            assert again.value.after == EVERY

        jobs = await database.fetchval("select count(*) from job where kind = $1", RETAIN)
        rows = await database.fetchval("select rows from retained where class = 'mobilities'")
        assert (jobs, rows) == (1, 1)
        assert await database.fetchval("select count(*) from mobility") == 0


async def test_a_failure_is_another_day_s_work(dsn: str):
    async with open_database(dsn, VAULT) as database:
        await database.execute("alter table access_log rename to away")
        retainer = Retainer(RetentionTable(database, KEEPING), lambda: LATER)

        with pytest.raises(Again) as again:
            await retainer(None)  # type: ignore[arg-type]

        assert again.value.after == AFTER_FAILURE
