"""The clients of npm against our subscriptions: they subscribe, come back and leave cleanly."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from interop.npm_clients import WHY_NOT, App, npm_app
from subscribers import MESSAGES, RECORD, account_of, changed, numbers, told, with_token
from testbed import Bed, bed_running

pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
FOLLOW_INBOX = {"id": "inbox", "query": MESSAGES, "field": "inboxMessage", "cursor": "id"}
FOLLOW_RECORD = {"id": "record", "query": RECORD, "field": "recordChanged", "cursor": "version"}


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, worker=False) as bed:
        yield bed


async def message_of(app: App) -> int:
    found = await app.hear()
    return numbers([found["data"]["inboxMessage"]])[0]


@pytest.mark.parametrize("way", ["ws", "sse"])
async def test_a_client_follows_and_leaves(bed: Bed, way: str):
    phone = await bed.signed_in("ines")
    account = await account_of(bed, phone)
    async with npm_app(way, bed.address, phone.token) as app:
        app.say(do="follow", **FOLLOW_RECORD)
        first = (await app.hear())["data"]["recordChanged"]
        app.say(do="follow", **FOLLOW_INBOX)
        await bed.until_waiting(2)
        await told(bed.app.database, account, 1)
        assert await message_of(app) == 1
        await changed(bed.app, "ines", 0)
        second = (await app.hear())["data"]["recordChanged"]
        app.say(do="leave", id="record")
        assert await app.hear() == {"id": "record", "complete": True}
        await bed.until_waiting(1)
        app.say(do="leave", id="inbox")
        assert await app.hear() == {"id": "inbox", "complete": True}
        await bed.until_waiting(0)
        if way == "ws":
            assert await app.hear() == {"closed": 1000, "reason": "Normal Closure"}

    assert (first["me"]["mobilities"], second["me"]["mobilities"]) == (
        [],
        [{"state": "NOMINATED"}],
    )


@pytest.mark.parametrize("way", ["ws", "sse"])
async def test_a_client_comes_back_after_its_token_was_over_and_has_missed_nothing(
    bed: Bed, way: str
):
    phone = await bed.signed_in("ines")
    account = await account_of(bed, phone)
    soon = await with_token(bed, phone, expires_at=bed.app.services.clock() + timedelta(seconds=3))
    ended: dict[str, Any] = (
        {"closed": 4403, "reason": "The session is over"}
        if way == "ws"
        else {"id": "inbox", "ended": "session_over"}
    )
    async with npm_app(way, bed.address, soon.token) as app:
        app.say(do="follow", **FOLLOW_INBOX)
        await bed.until_waiting(1)
        await told(bed.app.database, account, 1)
        assert await message_of(app) == 1
        app.say(do="token", token=phone.token)
        await bed.until_waiting(0)
        await told(bed.app.database, account, 2)
        assert await app.hear() == ended
        assert await message_of(app) == 2
        await told(bed.app.database, account, 3)
        assert await message_of(app) == 3


@pytest.mark.parametrize("way", ["ws", "sse"])
async def test_an_error_and_a_query_reach_the_client(bed: Bed, way: str):
    phone = await bed.signed_in("ines")
    async with npm_app(way, bed.address, phone.token) as app:
        app.say(do="ask", id="1", query="{ me { displayName } }")
        assert await app.hear() == {"id": "1", "data": {"me": {"displayName": "Inês Duarte"}}}
        assert await app.hear() == {"id": "1", "complete": True}
        heard = [await app.hear()] if way == "ws" else []
        app.say(do="follow", after="none", **FOLLOW_INBOX)
        found = await app.hear()
        if way == "ws":
            assert found == {"id": "inbox", "error": "message_unknown"}
            assert heard == [{"closed": 1000, "reason": "Normal Closure"}]
        else:
            assert found["errors"][0]["extensions"]["code"] == "message_unknown"
            assert await app.hear() == {"id": "inbox", "complete": True}


async def test_the_single_connection_mode_is_refused_in_a_way_that_the_client_understands(bed: Bed):
    phone = await bed.signed_in("ines")
    async with npm_app("single", bed.address, phone.token) as app:
        app.say(do="follow", **FOLLOW_INBOX)
        assert await app.hear() == {"id": "inbox", "error": 405}


@pytest.mark.parametrize(("way", "refused"), [("ws", 4403), ("sse", 401)])
async def test_a_client_without_a_session_is_told(bed: Bed, way: str, refused: int):
    phone = await bed.signed_in("ines")
    async with npm_app(way, bed.address, "none") as app:
        app.say(do="follow", **FOLLOW_INBOX)
        found = await app.hear()
        app.say(do="token", token=phone.token)  # and asks again, or has it done by its client
        app.say(do="follow", **FOLLOW_RECORD)
        while "data" not in (heard := await app.hear()):
            pass

    assert found.get("closed", found.get("error")) == refused
    assert heard["data"]["recordChanged"]["me"]["mobilities"] == []
