"""What apps, browsers and partners hear while an engine is gone, full or takes no writes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from pooler import BEHIND
from testbed import Bed

from erasmus_app.cli.phones import Phone
from ewp.errors import EwpError
from sandbox.cast import LINDENTAL, RIBEIRA

REGISTER = """mutation($device: DeviceInput!) { registerDevice(device: $device) { __typename } }"""
LIST = "{ me { devices { id } inbox { nodes { id } } } }"


async def answer(bed: Bed, phone: Phone, query: str, **variables: object) -> dict[str, object]:
    """Return the status and what there is in an answer of GraphQL's."""
    got = await bed.http.post(
        f"{bed.address}/graphql",
        json={"query": query, "variables": variables},
        headers={"authorization": f"Bearer {phone.token}"},
    )
    said = got.json()
    errors = [each["extensions"] for each in said.get("errors", [])]
    return {"status": got.status_code, "data": said.get("data"), "errors": errors}


async def codes(bed: Bed, phone: Phone, query: str) -> list[str]:
    errors: Any = (await answer(bed, phone, query))["errors"]
    return [each["code"] for each in errors]


async def register(bed: Bed, phone: Phone) -> dict[str, object]:
    device = {"platform": "ANDROID", "target": bed.world.push.register(), "language": "pt"}
    return await answer(bed, phone, REGISTER, device=device)


async def logged_in(bed: Bed) -> dict[str, object]:
    """Return the answer to a browser that comes back from the login, which is a write."""
    bed.http.cookies.clear()
    left = await bed.http.get(f"{bed.address}/auth/login", params={"login_hint": "ines"})
    provider = await bed.http.get(left.headers["location"])
    got = await bed.http.get(provider.headers["location"])
    said = got.json() if got.status_code >= 400 else {}
    return {
        "status": got.status_code,
        "after": got.headers.get("retry-after"),
        "what": (said.get("code"), said.get("reason")),
    }


def unavailable(reason: str) -> dict[str, object]:
    return {"status": 503, "after": "5", "what": ("unavailable", reason)}


def told(reason: str) -> dict[str, object]:
    error = {"code": "unavailable", "reason": reason, "retryAfter": 5}
    return {"status": 200, "data": None, "errors": [error]}


@asynccontextmanager
async def read_only(bed: Bed) -> AsyncIterator[None]:
    """Let the database take no writes, as a standby or one whose operator wants it so."""
    name = urlsplit(bed.app.database.dsn).path[1:]
    writable = {"default_transaction_read_only": "off"}
    dsn = bed.app.database.direct or bed.app.database.dsn
    other = await asyncpg.connect(dsn, server_settings=writable)
    await other.execute(f"alter database {name} set default_transaction_read_only = on")
    await bed.app.database.pool.expire_connections()
    try:
        yield
    finally:
        await other.execute(f"alter database {name} reset default_transaction_read_only")
        await other.close()
        await bed.app.database.pool.expire_connections()


@pytest.mark.skipif(BEHIND, reason="a pooler's own connections are not made anew")
async def test_a_database_that_takes_no_writes_is_read_and_says_so_to_who_writes(bed: Bed):
    phone = await bed.signed_in("ines")
    before = await answer(bed, phone, LIST)
    async with read_only(bed):
        ready = await bed.http.get(f"{bed.address}/readyz")
        assert (ready.status_code, ready.json()["database"]) == (200, "degraded: read-only")
        assert await answer(bed, phone, LIST) == before
        assert await register(bed, phone) == told("database_read_only")
        assert await logged_in(bed) == unavailable("database_read_only")
    assert (await bed.http.get(f"{bed.address}/readyz")).json()["database"] == "ok"
    assert (await register(bed, phone))["errors"] == []
    assert (await logged_in(bed))["status"] == 302


async def test_a_database_without_room_is_read_and_says_so_to_who_writes(bed: Bed):
    phone = await bed.signed_in("ines")
    assert ((await register(bed, phone))["errors"], (await logged_in(bed))["status"]) == ([], 302)
    await bed.app.database.execute(  # a browser's device that was not heard of for two days
        """update device set last_seen_at = now() - interval '2 days',
               session_id = (select session_id from session where kind = 'browser')"""
    )
    await bed.app.database.execute(
        """create function no_room() returns trigger language plpgsql as $$
               begin raise exception using errcode = '53100'; end $$;"""
    )
    for table in ("device", "session"):
        await bed.app.database.execute(
            f"""create trigger no_room before insert or update on {table}
                execute function no_room()"""
        )
    by_cookie = await bed.http.post(f"{bed.address}/graphql", json={"query": LIST})
    assert (by_cookie.status_code, len(by_cookie.json()["data"]["me"]["devices"])) == (200, 1)
    assert (await answer(bed, phone, LIST))["errors"] == []
    assert await register(bed, phone) == told("database_full")
    assert await logged_in(bed) == unavailable("database_full")

    for table in ("device", "session"):
        await bed.app.database.execute(f"drop trigger no_room on {table}")
    assert (await register(bed, phone))["errors"] == []
    assert (await logged_in(bed))["status"] == 302


async def test_a_database_that_is_gone_is_told_to_apps_and_partners(bed: Bed):
    phone = await bed.signed_in("ines")
    network, hei = bed.world.network, LINDENTAL.hei_id
    entry = network.known().entry(RIBEIRA.hei_id, "omobility-cnr", 2)
    assert entry is not None
    bed.app.database.pool.terminate()

    assert await logged_in(bed) == unavailable("database_away")
    assert await codes(bed, phone, LIST) == ["unavailable"]  # of the session, or of what it asks
    with pytest.raises(EwpError) as refused:
        await network.client().send_cnr(network.keys[hei], RIBEIRA.hei_id, entry, ["om-1"], [])
    assert getattr(refused.value, "status", None) == 503
