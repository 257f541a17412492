"""A partner reads what we serve for a university; the student sees who it was."""

from collections.abc import AsyncIterator
from pathlib import Path

import fed
import pytest
from fed import CLAIRVAL, LINDENTAL, OM, OUTONO, Feed, agreement, agreements, call
from testbed import Bed, bed_running

from ewp.errors import EwpError

LOG = """{ me {
    accessLog { nodes { actor heiId purpose api outcome times mobilityId } } mobilities { id }
} }"""


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, prepare=fed.outono, worker=False) as bed:
        yield bed


async def test_the_student_sees_which_university_read_and_another_student_does_not(bed: Bed):
    feed = Feed(bed)
    await feed.given(fed.nominations(fed.nomination()))
    await feed.given(agreements(agreement()))
    ines, zofia = await bed.signed_in("ines"), await bed.signed_in("zofia")
    nominated = [("omobility_id", OM)]
    agreed = [("sending_hei_id", OUTONO), ("omobility_id", OM)]

    await call(bed, LINDENTAL, "omobilities", 3, "get", nominated)
    await call(bed, LINDENTAL, "omobilities", 3, "get", [*nominated, ("omobility_id", "other")])
    await call(bed, LINDENTAL, "omobilities", 3, "index")
    await call(bed, LINDENTAL, "omobility-las", 1, "get", agreed)
    await call(bed, CLAIRVAL, "omobilities", 3, "get", nominated)  # is shown nothing of it
    await call(bed, LINDENTAL, "omobilities", 2, "get", agreed)  # it is kept as version 3

    seen = (await bed.ask(ines, LOG))["me"]
    [mobility] = seen["mobilities"]
    read = {
        "actor": "PARTNER",
        "heiId": LINDENTAL,
        "purpose": "mobility",
        "outcome": "SHOWN",
        "mobilityId": mobility["id"],
    }
    rows = sorted(seen["accessLog"]["nodes"], key=lambda each: each["api"])
    # A whole hour may have begun meanwhile, so that the two of one object are counted together.
    assert sum(each.pop("times") for each in rows) == 3
    assert [each for n, each in enumerate(rows) if each not in rows[:n]] == [
        read | {"api": "omobilities"},
        read | {"api": "omobility-las"},
    ]
    assert (await bed.ask(zofia, LOG))["me"]["accessLog"]["nodes"] == []


async def test_what_cannot_be_noted_is_not_shown(bed: Bed):
    feed = Feed(bed)
    await feed.given(fed.nominations(fed.nomination()))
    await bed.app.database.execute("alter table access_log rename to away")

    with pytest.raises(EwpError) as refused:
        await call(bed, LINDENTAL, "omobilities", 3, "get", [("omobility_id", OM)])

    assert "family-name" not in str(refused.value)
