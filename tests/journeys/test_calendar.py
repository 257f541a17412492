"""A student's calendar: subscribed at a secret address, kept true, taken back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from icalendar import Calendar
from journeys.looking import Hand
from journeys.scenes import APPLY, DAY, Scene
from testbed import bed_running

from erasmus_app.mobilities.models import Api
from sandbox.cast import LINDENTAL

CREATE = "mutation { createCalendarFeed { url feed { id lastFetchedAt } } }"
REVOKE = "mutation($id: ID!) { revokeCalendarFeed(id: $id) }"
FEEDS = "{ me { calendarFeeds { id createdAt lastFetchedAt } } }"
MOBILITY = "{ me { mobilities { id } } }"


@dataclass
class Desk:
    """A student with a calendar, and the work that is done by hand."""

    hand: Hand
    scene: Scene

    async def subscribed(self) -> tuple[str, str]:
        """A new feed: its id, and its address on this machine."""
        made = (await self.hand.bed.ask(self.scene.phone, CREATE))["createCalendarFeed"]
        return made["feed"]["id"], self.hand.bed.address + httpx.URL(made["url"]).path

    async def get(self, url: str, **headers: str) -> httpx.Response:
        self.hand.bed.http.cookies.clear()
        return await self.hand.bed.http.get(url, headers=headers)

    async def events(self, url: str, **headers: str) -> dict[str, Any]:
        answer = (await self.get(url, **headers)).raise_for_status()
        return events(answer.content)


def events(content: bytes) -> dict[str, Any]:
    """What a feed has, by what it is about."""
    found = Calendar.from_ical(content).walk("VEVENT")
    return {str(each["UID"]).partition(".")[0]: each for each in found}


def days(found: dict[str, Any]) -> dict[str, tuple[date, int, str]]:
    return {
        what: (each.decoded("DTSTART"), int(each["SEQUENCE"]), str(each["STATUS"]))
        for what, each in found.items()
    }


@pytest.fixture
async def desk(dsn, valkey, tmp_path) -> AsyncIterator[Desk]:
    async with bed_running(dsn, valkey, tmp_path, worker=False) as bed:
        await bed.app.own_systems.read()
        hand = Hand(bed)
        scene = await hand.scene("ines")
        await scene.nominated(before=APPLY)
        await hand.fetch(scene, Api.OMOBILITIES)
        await hand.read_factsheet(LINDENTAL.hei_id)
        yield Desk(hand, scene)


async def test_a_calendar_reads_what_is_due_and_whose_it_is(desk: Desk):
    _, url = await desk.subscribed()

    answer = await desk.get(url)
    found = events(answer.content)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["cache-control"] == "private, no-cache"
    application = found["application"]
    assert application.decoded("DTSTART") == APPLY
    assert application.decoded("DTEND") == APPLY + DAY
    assert str(application["SUMMARY"]) == "Apply to Lindental University of Technology"
    assert str(application["DESCRIPTION"]).startswith(
        "Lindental University of Technology publishes this."
    )
    assert [each.decoded("TRIGGER") for each in application.walk("VALARM")] == [
        timedelta(hours=9) - timedelta(days=7),
        timedelta(hours=9) - timedelta(days=1),
    ]
    assert str(found["decision"]["STATUS"]) == "CONFIRMED"
    assert found["decision"].walk("VALARM") == []  # nothing that the student could do
    assert "Ferreira" not in answer.text
    assert "Inês" not in answer.text


async def test_what_has_not_changed_is_not_sent_again(desk: Desk):
    _, url = await desk.subscribed()
    first = await desk.get(url)
    second = await desk.get(url, **{"If-None-Match": f'"another", {first.headers["etag"]}'})
    third = await desk.get(url, **{"If-None-Match": '"another"'})

    assert (second.status_code, second.content) == (304, b"")
    assert second.headers["etag"] == first.headers["etag"]
    assert (third.status_code, third.content) == (200, first.content)


async def test_a_day_that_moves_and_a_step_that_is_done_arrive(desk: Desk):
    _, url = await desk.subscribed()
    before = days(await desk.events(url))
    other = APPLY - 20 * DAY
    desk.scene.host.publish(nominations=f"{other:--%m-%d}", applications=f"{other:--%m-%d}")
    await desk.hand.read_factsheet(LINDENTAL.hei_id)
    moved = days(await desk.events(url))
    await desk.scene.becomes("cancelled")
    await desk.hand.fetch(desk.scene, Api.OMOBILITIES)
    gone = days(await desk.events(url))

    assert before["application"] == (APPLY, 0, "CONFIRMED")
    assert moved["application"] == (other, 1, "CONFIRMED")
    assert gone["application"] == (other, 2, "CANCELLED")
    assert {status for _, _, status in gone.values()} == {"CANCELLED"}


async def test_an_address_that_was_taken_back_or_never_given_opens_nothing(desk: Desk):
    bed, phone = desk.hand.bed, desk.scene.phone
    first, url = await desk.subscribed()
    second, other = await desk.subscribed()
    await desk.get(url)
    listed = (await bed.ask(phone, FEEDS))["me"]["calendarFeeds"]

    assert [each["id"] for each in listed] == [second, first]
    assert [each["lastFetchedAt"] is None for each in listed] == [True, False]
    assert (await bed.ask(phone, REVOKE, id=first))["revokeCalendarFeed"] is True
    assert (await bed.ask(phone, REVOKE, id=first))["revokeCalendarFeed"] is False
    assert (await bed.ask(phone, REVOKE, id="nonsense"))["revokeCalendarFeed"] is False
    statuses = [
        (await desk.get(each)).status_code
        for each in (
            url,
            other,
            other.removesuffix(".ics"),
            f"{other}x",
            f"{bed.address}/calendar/{'A' * 43}.ics",
            f"{bed.address}/calendar/.ics",
            f"{bed.address}/calendar/{'A' * 5000}.ics",
        )
    ]
    assert statuses == [404, 200, 404, 404, 404, 404, 404]


async def test_another_student_neither_sees_nor_takes_back_a_feed(desk: Desk):
    bed = desk.hand.bed
    first, url = await desk.subscribed()
    tiago = await bed.signed_in("tiago")

    assert (await bed.ask(tiago, FEEDS))["me"]["calendarFeeds"] == []
    assert (await bed.ask(tiago, REVOKE, id=first))["revokeCalendarFeed"] is False
    assert (await desk.get(url)).status_code == 200


async def test_a_secret_is_kept_by_nobody_but_the_calendar(desk: Desk):
    _, url = await desk.subscribed()
    secret = url.rpartition("/")[2].removesuffix(".ics")
    rows = await desk.hand.bed.app.database.fetch("select t::text as row from calendar_feed t")

    assert len(secret) == 43
    assert rows
    assert not any(secret in row["row"] for row in rows)


async def test_one_mobility_is_passed_on_once_in_the_language_asked_for(desk: Desk):
    bed, phone = desk.hand.bed, desk.scene.phone
    [mobility] = (await bed.ask(phone, MOBILITY))["me"]["mobilities"]
    url = f"{bed.address}/calendar/mobilities/{mobility['id']}"
    mine = {"Authorization": f"Bearer {phone.token}", "Accept-Language": "de"}
    tiago = await bed.signed_in("tiago")

    whole = await desk.get(url, **mine)
    one = await desk.get(f"{url}?only=application", **mine)
    none = await desk.get(f"{url}?only=recognition", **mine)
    others = await desk.get(url, Authorization=f"Bearer {tiago.token}")
    nobodys = await desk.get(url)

    assert {"application", "decision"} <= events(whole.content).keys()
    assert list(events(one.content)) == ["application"]
    [application] = events(one.content).values()
    assert str(application["SUMMARY"]).startswith("Bewerbung bei ")
    assert one.headers["content-disposition"] == 'attachment; filename="erasmus.ics"'
    assert [each.status_code for each in (none, others, nobodys)] == [404, 404, 401]
