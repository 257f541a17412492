"""A calendar of others reads our feed, its changes and its ends: ical.js, which Thunderbird has."""

import asyncio
import json
from datetime import date, datetime, time
from types import SimpleNamespace
from typing import Any

import pytest
from interop.certified import HERE, NODE
from journeys.scenes import APPLY, DAY
from journeys.test_calendar import Desk, desk  # noqa: F401 - a fixture

from erasmus_app.api.rest.calendar import written
from erasmus_app.ids import HeiId
from erasmus_app.mobilities.models import Api
from erasmus_app.notifications.agenda import Entry, Published
from erasmus_app.notifications.agenda_words import load_agenda_words
from erasmus_app.notifications.calendars import Shown
from erasmus_app.notifications.catalogue import catalogue_folder
from sandbox.cast import LINDENTAL

pytestmark = pytest.mark.skipif(
    NODE is None or not (HERE / "node_modules" / "ical.js").is_dir(),
    reason="ical.js is not installed; `make test-interop` does that",
)


async def read(content: bytes) -> dict[str, Any]:
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        NODE,
        "calendar.mjs",
        cwd=HERE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(content), 20)
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(out)
    return found


async def application(at: Desk, url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    found = await read((await at.get(url)).content)
    events = found.pop("events")
    [one] = [each for each in events if each["uid"].startswith("application.")]
    return found, one


async def test_changes_and_cancellations_arrive_with_the_same_id(desk: Desk):  # noqa: F811
    _, url = await desk.subscribed()
    about, first = await application(desk, url)
    other = APPLY - 20 * DAY
    desk.scene.host.publish(nominations=f"{other:--%m-%d}", applications=f"{other:--%m-%d}")
    await desk.hand.read_factsheet(LINDENTAL.hei_id)
    _, moved = await application(desk, url)
    await desk.scene.becomes("cancelled")
    await desk.hand.fetch(desk.scene, Api.OMOBILITIES)
    _, gone = await application(desk, url)

    assert about == {"name": "Erasmus+", "refresh": 4 * 3600}
    assert first == {
        "uid": first["uid"],
        "sequence": 0,
        "summary": "Apply to Lindental University of Technology",
        "status": "CONFIRMED",
        "wholeDay": True,
        "start": f"{APPLY}",
        "moment": None,
        "end": f"{APPLY + DAY}",
        "alarms": [9 * 3600 - 7 * 86400, 9 * 3600 - 86400],
    }
    there = {"sequence": 1, "start": f"{other}", "end": f"{other + DAY}"}
    assert moved == first | there
    assert gone == first | there | {"sequence": 2, "status": "CANCELLED", "alarms": []}


async def test_a_time_of_a_zone_is_the_same_moment_there_also_when_clocks_change():
    entry = Entry(
        uid="application.1@erasmus-app",
        what="application",
        sending_hei_id=HeiId("ribeira.example"),
        receiving_hei_id=HeiId("lindental.example"),
        on=date(2027, 3, 28),
        at=time(15),
        zone="Europe/Lisbon",
    )
    services: Any = SimpleNamespace(
        agenda=load_agenda_words(catalogue_folder(), ("en",)),
        names=SimpleNamespace(name=lambda hei, language: "Lindental"),
    )
    shown = Shown(
        published=Published(entry=entry, changed_at=datetime.fromisoformat("2026-11-02T09:00Z")),
        deadline=None,
    )
    [event] = (await read(written([shown], "en", services)))["events"]

    assert (event["moment"], event["start"]) == ("2027-03-28T14:00:00.000Z", "2027-03-28T15:00:00")
