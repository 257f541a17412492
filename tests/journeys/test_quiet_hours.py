"""A phone by night: what can wait for the morning does, and what is urgent comes in silence."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from databases import until
from journeys.scenes import Scene
from journeys.test_one_push_of_several import accepted, told
from testbed import Bed

CHOOSE = """mutation($preferences: NotificationPreferencesInput!) {
  setNotificationPreferences(preferences: $preferences) { __typename }
}"""


async def choose(scene: Scene, **preferences: Any) -> None:
    answer = await scene.bed.ask(scene.phone, CHOOSE, preferences=preferences)
    assert answer["setNotificationPreferences"]["__typename"] == "NotificationPreferences"


def around_now() -> dict[str, str]:
    """Hours of the student's clock that have begun, and last."""
    now = datetime.now(ZoneInfo("Europe/Brussels"))
    hours = (now - timedelta(hours=2), now + timedelta(hours=6))
    return dict(zip(("begin", "end"), (f"{each:%H:%M}" for each in hours), strict=True))


async def held(scene: Scene) -> None:
    """Let two things happen, neither of which is urgent."""
    await scene.corrected(email="ines@new.example")
    await scene.announce()
    await until(lambda: told(scene, "personal_data_changed"))
    await scene.sent()
    await scene.announce()
    await until(lambda: told(scene, "agreement_sent"))


async def test_by_night_only_what_is_urgent_comes_and_the_rest_is_one_push_in_the_morning(bed: Bed):
    scene = await accepted(bed)
    phone = scene.phone
    before = len(await bed.pushes(phone, 0))
    await choose(scene, quietHours=around_now())

    await held(scene)
    await scene.commented()
    await scene.announce()
    await bed.until_told(phone, "agreement_sent_back")

    [urgent] = (await bed.pushes(phone, before + 1))[before:]
    assert urgent.raw["android"]["priority"] == "normal"  # shown, without a sound
    await choose(scene, quietHours=None)  # the student is up
    [_, morning] = (await bed.pushes(phone, before + 2))[before:]
    assert (morning.data["kind"], "more" in morning.data) == ("personal_data_changed", False)


async def test_a_digest_gathers_the_day_and_a_change_of_mind_lets_it_go(bed: Bed):
    scene = await accepted(bed)
    before = len(await bed.pushes(scene.phone, 0))
    await choose(scene, digest="DAILY")
    await held(scene)
    assert len(await bed.pushes(scene.phone, 0)) == before

    await choose(scene, digest="OFF")
    [gathered] = (await bed.pushes(scene.phone, before + 1))[before:]
    assert (gathered.title, gathered.data["more"]) == ("New messages: 2", "1")
