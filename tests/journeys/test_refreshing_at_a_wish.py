"""«Look again now»: what a student's wish leads to, and how often."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from testbed import Bed, bed_running

from erasmus_app.cli.phones import Phone
from erasmus_app.errors import TooMany
from erasmus_app.ids import global_id
from erasmus_app.limits.rules import Limit

WISH = """mutation($id: ID!) { refreshNow(mobilityId: $id) {
    __typename ... on RefreshQueued { apis } ... on RefreshTooSoon { againAt }
    ... on RefreshImpossible { code }
} }"""
MINE = "{ me { mobilities { id } } }"


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    """Polls come once a day: what is new meanwhile is seen by nobody."""
    slow = {"poll_seconds": "86400", "safety_poll_seconds": "86400"}
    modes = dict.fromkeys(("omobility-cnr", "omobility-la-cnr"), "poll")
    async with bed_running(dsn, valkey, tmp_path, before=2, modes=modes, **slow) as bed:
        yield bed


async def wish(bed: Bed, phone: Phone, id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await bed.ask(phone, WISH, id=id))["refreshNow"]
    return found


async def its_id(bed: Bed, phone: Phone) -> str:
    [mobility] = (await bed.ask(phone, MINE))["me"]["mobilities"]
    return str(mobility["id"])


async def test_what_is_new_is_there_at_once_and_a_second_wish_is_too_soon(bed: Bed):
    phone = await bed.phone("ines")
    id = await its_id(bed, phone)
    await bed.take(3)  # two of Camille's, and Inês sends the agreement
    first = await wish(bed, phone, id)
    await bed.until_told(phone, "agreement_sent")
    second = await wish(bed, phone, id)

    assert first["__typename"] == "RefreshQueued"
    assert {"OMOBILITIES", "OMOBILITY_LAS"} <= set(first["apis"])
    assert second["__typename"] == "RefreshTooSoon"
    again = datetime.fromisoformat(second["againAt"])
    assert timedelta(0) < again - datetime.now(UTC) <= timedelta(minutes=1)


async def test_anothers_mobility_is_as_unknown_as_none(bed: Bed):
    ines, zofia = await bed.phone("ines"), await bed.phone("zofia")
    unknown = {"__typename": "RefreshImpossible", "code": "unknown"}

    assert await wish(bed, zofia, await its_id(bed, ines)) == unknown
    assert await wish(bed, zofia, global_id("Mobility", uuid4())) == unknown
    assert await wish(bed, zofia, "no id") == unknown


async def test_what_was_refused_counts_for_nothing(bed: Bed):
    limits, clock = bed.app.services.limits, bed.app.services.clock
    account, mobilities = str(uuid4()), [str(uuid4()) for _ in range(11)]

    def of(mobility: str) -> tuple[tuple[Limit, str], tuple[Limit, str]]:
        return (Limit.ASK_PARTNERS_MOBILITY, mobility), (Limit.ASK_PARTNERS, account)

    began = clock()
    for each in mobilities[:10]:
        await limits.take(*of(each))
    with pytest.raises(TooMany) as again:
        await limits.take(*of(mobilities[0]))
    with pytest.raises(TooMany) as one_more:
        await limits.take(*of(mobilities[10]))
    waited = (clock() - began).total_seconds()

    assert 360 - waited - 1 <= one_more.value.after <= again.value.after <= 360
    await limits.take(of(mobilities[10])[0])
