"""`erasmus-app dead` and `deliveries`, as processes of their own beside a working backend."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from databases import until
from pooler import engines_of
from subscribers import a_message, account_of
from testbed import Bed, bed_running

from erasmus_app.ids import AccountId
from erasmus_app.kit.clock import utc_now
from erasmus_app.store.jobs import enqueue
from erasmus_app.store.telling import tell


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, worker=False) as bed:
        yield bed


async def command(bed: Bed, *arguments: str) -> tuple[int, list[str], str]:
    """Run one command; its status, its lines, and what it says beside them."""
    settings = bed.app.services.settings
    assert settings.database_url is not None
    assert settings.redis_url is not None
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "erasmus_app.cli", *arguments),
        env=os.environ
        | dict(bed.world.environment)
        | {
            **engines_of(settings.database_url, settings.redis_url),
            "ERASMUS_APP_DATA_DIR": str(settings.data_dir),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode().splitlines(), err.decode()


@pytest.mark.long
async def test_pushes_that_failed_at_night_are_sent_in_the_morning(bed: Bed):
    phone = await bed.phone("ines")
    bed.world.push.fail_next("INVALID_ARGUMENT")
    async with bed.working():
        await tell_one(bed, await account_of(bed, phone))
        await until_failed(bed, 1)

        status, lines, _ = await command(bed, "deliveries", "list")
        assert (status, lines[0].split()) == (
            0,
            ["deliveries", "state", "channel", "kind", "code", "today", "last", "first"],
        )
        assert lines[1].split()[1:3] == ["failed", "fcm"]
        assert "worth_telling" in lines[1]
        status, lines, _ = await command(bed, "deliveries", "list", "--each")
        status, lines, _ = await command(bed, "deliveries", "show", lines[1].split()[0])
        shown = json.loads("\n".join(lines))
        assert (status, shown["standing"], shown["code"]) == (
            0,
            "worth_telling",
            "INVALID_ARGUMENT",
        )
        everything = " ".join(lines)
        assert phone.fid not in everything
        assert phone.name not in everything

        assert (await command(bed, "deliveries", "replay"))[0] == 1  # which?
        _, lines, _ = await command(bed, "deliveries", "replay", "--all", "--dry-run")
        assert lines[-1].endswith("are meant; nothing was done.")
        status, lines, err = await command(
            bed, "deliveries", "replay", "--code", "INVALID_ARGUMENT", "--by", "Ana"
        )
        assert (status, lines[0].split(" ", 1)[1]) == (0, "deliveries are on their way again.")
        assert '"event": "operator.acted"' in err
        await bed.pushes(phone, 1)

    _, lines, _ = await command(bed, "deliveries", "log")
    assert lines[1].split()[2:] == [
        *("Ana", "1", "deliveries", "replay", "--code", "INVALID_ARGUMENT"),
    ]


async def tell_one(bed: Bed, account: AccountId) -> None:
    message = msgspec.structs.replace(a_message(account, 1), push=True)
    async with bed.app.database.transaction() as connection:
        assert await tell(connection, message, utc_now())


async def until_failed(bed: Bed, count: int) -> None:
    async def failed() -> bool:
        found = await bed.app.database.fetchval(
            "select count(*) from delivery where state = 'failed'"
        )
        return int(found) >= count

    await until(failed)


async def test_dead_jobs_are_replayed_and_discarded_beside_a_worker(bed: Bed):
    async with bed.app.database.transaction() as connection:
        for number in range(3):
            await enqueue(connection, "look-again", {"number": number}, dedupe_key=f"n {number}")
    await bed.app.database.execute(
        "update job set dead_at = now(), last_error = 'KeyError' where kind = 'look-again'"
    )
    _, lines, _ = await command(bed, "dead", "list")
    assert [line.split()[:3] for line in lines[1:-1]] == [["3", "look-again", "KeyError"]]
    _, lines, _ = await command(bed, "dead", "list", "--each")
    first = lines[1].split()[0]
    async with bed.working():
        status, lines, _ = await command(bed, "dead", "replay", first)
        assert (status, lines) == (0, ["1 dead jobs wait again."])

        async def tried() -> bool:
            attempts = await bed.app.database.fetchval(
                "select attempts from job where job_id = $1", int(first)
            )
            return attempts != 0  # a worker has it, or had it

        await until(tried)
    status, lines, _ = await command(bed, "dead", "discard", "--kind", "look-again")
    assert (status, lines) == (0, ["2 dead jobs are gone."])
    assert (await command(bed, "dead", "show", "424242"))[0] == 1
    status, lines, _ = await command(bed, "dead", "list", "--kind", "look-again")
    assert (status, lines) == (0, ["0 dead jobs."])


async def test_webhooks_that_were_not_taken_are_seen_and_sent_again(bed: Bed):
    await bed.app.database.execute(
        """with person as (insert into person (tenant, person_id)
               values ('ribeira.example', gen_random_uuid()) returning tenant, person_id),
           mobility as (insert into mobility (tenant, person_id, sending_hei_id, omobility_id,
                   receiving_hei_id, record, sealed)
               select tenant, person_id, tenant, 'om-1', 'lindental.example', '{}', ''
               from person returning mobility_id)
           select mobility_id from mobility"""
    )
    await bed.app.database.execute(
        """insert into webhook_delivery (tenant, endpoint, person_id, mobility_id, event_id, kind,
               state, last_error, expires_at)
           select tenant, 'app', person_id, mobility_id, gen_random_uuid(), 'nominated', 'expired',
               'HTTP_500', now() from mobility, generate_series(1, 3)"""
    )
    await bed.app.database.execute(
        "insert into webhook_disabled (tenant, endpoint, url) values ('ribeira.example', 'app', '')"
    )

    _, lines, _ = await command(bed, "webhooks", "list")
    assert [line.split()[:5] for line in lines[1:-1]] == [
        ["ribeira.example", "app", "disabled", "-", "0"],
        ["ribeira.example", "app", "expired", "HTTP_500", "3"],
    ]
    where = ("ribeira.example", "app", "--by", "Ana")
    status, lines, _ = await command(bed, "webhooks", "enable", *where)
    assert (status, lines) == (0, ["The endpoint is told again."])
    status, lines, _ = await command(bed, "webhooks", "replay", *where, "--code", "HTTP_500")
    assert (status, lines) == (0, ["3 deliveries are on their way again."])
    assert (await command(bed, "webhooks", "replay", *where))[0] == 1
    waiting = await bed.app.database.fetchval("select count(*) from job where kind = 'webhook'")
    assert waiting == 3
    status, lines, _ = await command(bed, "webhooks", "new-secret")
    assert (status, lines[0][:6], len(lines[0])) == (0, "whsec_", 50)
