"""What a university saves in a row reaches the phone as one push, and the inbox as it happened."""

from collections.abc import AsyncIterator

import pytest
from databases import until
from journeys.scenes import Scene
from testbed import Bed, bed_running

from ewp.ids import OmobilityId

WINDOW = 8.0  # seconds: long enough for two fetches on a busy machine
INBOX = "{ me { inbox(first: 50) { nodes { kind } } } }"


@pytest.fixture
async def bed(dsn, valkey, tmp_path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, merge_seconds=str(WINDOW)) as bed:
        yield bed


async def accepted(bed: Bed) -> Scene:
    """A student whose phone knows that she is accepted."""
    scene = Scene(bed, await bed.phone("ines"), "ines", OmobilityId("om-row"))
    await scene.nominated_and_accepted()
    await scene.announce()
    await bed.until_told(scene.phone, "nomination_accepted")
    return scene


async def inbox(scene: Scene) -> list[str]:
    nodes = (await scene.bed.ask(scene.phone, INBOX))["me"]["inbox"]["nodes"]
    return [each["kind"] for each in reversed(nodes)]


async def test_what_is_saved_in_a_row_is_one_push_and_several_messages(bed: Bed):
    scene = await accepted(bed)
    phone = scene.phone
    before = len(await bed.pushes(phone, 0))

    await scene.corrected(email="ines@new.example")
    await scene.announce()
    await until(lambda: told(scene, "personal_data_changed"))
    await scene.sent()
    await scene.announce()
    await until(lambda: told(scene, "agreement_sent"))
    assert len(await bed.pushes(phone, 0)) == before  # they wait for each other

    pushes = (await bed.pushes(phone, before + 1))[before:]
    await bed.until_idle(WINDOW * 3)
    assert [(each.title, each.data["kind"], each.data["more"]) for each in pushes] == [
        ("News about your stay abroad", "personal_data_changed", "1")
    ]
    assert len(await bed.pushes(phone, 0)) == before + 1
    assert (await inbox(scene))[-2:] == ["personal_data_changed", "agreement_sent"]


async def told(scene: Scene, kind: str) -> bool:
    return kind in await inbox(scene)


async def test_an_agreement_that_is_signed_while_its_sending_waits_is_told_once(bed: Bed):
    scene = await accepted(bed)
    phone = scene.phone
    await scene.sent()
    await scene.announce()
    await until(lambda: told(scene, "agreement_sent"))
    await scene.signed()
    await scene.announce()
    await bed.until_told(phone, "agreement_signed")
    await bed.until_idle(WINDOW * 3)

    kinds = [each.data["kind"] for each in await bed.pushes(phone, 0)]
    assert "agreement_sent" not in kinds
    assert kinds.count("agreement_signed") == 1
    assert {"agreement_sent", "agreement_signed"} <= set(await inbox(scene))
