"""A student asks to be forgotten, thinks again; and is forgotten, by the worker or by hand."""

import asyncio
import json
import os
import sys

from databases import until
from pooler import engines_of
from testbed import Bed, bed_running, kept

ASK = "mutation { requestErasure { state requestedAt dueAt } }"


async def test_a_wish_to_be_forgotten_is_seen_and_taken_back(bed: Bed):
    phone = await bed.signed_in("ines")

    asked = (await bed.ask(phone, ASK))["requestErasure"]
    again = (await bed.ask(phone, ASK))["requestErasure"]
    seen = (await bed.ask(phone, "{ me { erasure { state dueAt } } }"))["me"]["erasure"]
    taken_back = await bed.ask(phone, "mutation { cancelErasure { state } }")
    too_late = await bed.ask(phone, "mutation { cancelErasure { state } }")

    assert (again, asked["state"]) == (asked, "REQUESTED")
    assert asked["requestedAt"] < asked["dueAt"]
    assert seen == {"state": "REQUESTED", "dueAt": asked["dueAt"]}
    assert taken_back == {"cancelErasure": {"state": "CANCELLED"}}
    assert too_late == {"cancelErasure": None}


async def test_another_student_sees_and_changes_nothing_of_it(bed: Bed):
    await bed.ask(await bed.signed_in("ines"), ASK)
    other = await bed.signed_in("zofia")

    assert await bed.ask(other, "{ me { erasure { state } } }") == {"me": {"erasure": None}}
    assert await bed.ask(other, "mutation { cancelErasure { id } }") == {"cancelErasure": None}


async def test_the_worker_erases_when_the_time_is_over_and_polls_bring_nothing_back(
    dsn: str, valkey: str, tmp_path
):
    days = {"erasure_days": "0.000001"}
    async with bed_running(dsn, valkey, tmp_path, before=3, poll_seconds="1", **days) as bed:
        phone = await bed.phone("ines")
        await bed.until_idle()
        database = bed.app.database
        mine = (await bed.ask(phone, "{ me { mobilities { id } } }"))["me"]["mobilities"]
        assert mine

        await bed.ask(phone, ASK)

        async def done() -> bool:
            sql = "select count(*) from erasure where executed_at is not null"
            return await database.fetchval(sql) == 1

        await until(done)
        assert await bed.ask(phone, "{ me { id } }") == {"me": None}
        await bed.until_polled()
        await bed.until_idle()
        left = "select count(*) from mobility where mobility_id = any($1::uuid[])"
        assert await database.fetchval(left, [kept(each["id"], "Mobility") for each in mine]) == 0
        known = await database.fetchval("select count(*) from account_person")
        assert known == 0


async def test_an_operator_counts_first_and_then_erases(bed: Bed):
    phone = await bed.signed_in("ines")
    account = (await bed.ask(phone, "{ me { id } }"))["me"]["id"]
    settings = bed.app.services.settings
    environment = os.environ | {
        **engines_of(settings.database_url, settings.redis_url),
        "ERASMUS_APP_DATA_DIR": str(settings.data_dir),
    }

    async def run(*words: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "erasmus_app.cli", "student", "erase", *words),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        return process.returncode, out.decode()

    status, counted = await run(account, "--dry-run")
    assert status == 0
    assert (await bed.ask(phone, "{ me { id } }"))["me"] is not None
    status, certificate = await run(account, "--now")
    assert status == 0
    assert json.loads(certificate)["erased"] == json.loads(counted)["would_erase"]
    assert json.loads(certificate)["erased"]["account"] == 1
    assert (await bed.ask(phone, "{ me { id } }"))["me"] is None
    assert (await run(account, "--now"))[0] == 1
