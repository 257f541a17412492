"""Rules that coordinators set: who may, what students see of them, and what they are told."""

from calendar import isleap
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from api.test_roles import with_an_office
from databases import until
from journeys.looking import Hand, a_job, on_the_day_of_the_tests
from journeys.scenes import APPLY, DAY, TODAY, Scene
from testbed import bed_running

from erasmus_app.cli.phones import Phone
from erasmus_app.mobilities.models import Api
from erasmus_app.store.deadline_rules import LOOK_AGAIN
from erasmus_app.worker.look_again import LookingAgain
from sandbox.cast import LINDENTAL, RIBEIRA

RULE = "id version isEnded kind direction current { name version }"
SET = f"""mutation($rule: DeadlineRuleInput!) {{ setDeadlineRule(rule: $rule) {{ __typename
    ... on DeadlineRule {{ {RULE} }}
    ... on DeadlineRuleInvalid {{ field code }}
    ... on DeadlineRuleOverlaps {{ other {{ {RULE} }} }}
    ... on DeadlineRuleStale {{ current {{ {RULE} }} }} }} }}"""
END = f"""mutation($id: ID!, $version: Int!) {{
    endDeadlineRule(id: $id, expectedVersion: $version) {{ __typename
    ... on DeadlineRule {{ {RULE} }} ... on DeadlineRuleInvalid {{ field code }} }} }}"""
OFFICE = """query($hei: String!) { office(heiId: $hei) { deadlineRules { id isEnded
    institution { heiId } current { version }
    history { version isEnded changedByMe name url time zone
        basis { kind monthDay on event offset unit }
        appliesTo { direction activityType term firstYear lastYear firstDay lastDay } } } } }"""
DUE = """{ me { mobilities { deadlines { kind on owner confidence countsFirst notes isPast daysLeft
    movedFrom movedAt explanation time zone endsAt source { name url version } } } } }"""
SOON = APPLY - 20 * DAY
HEI = RIBEIRA.hei_id


@dataclass
class Office:
    """A coordinator of Ribeira, and the work that is done by hand."""

    hand: Hand
    marta: Phone

    async def set(self, phone: Phone | None = None, **given: Any) -> dict[str, Any]:
        known = {"heiId": HEI, "kind": "APPLICATION", "direction": "OUTGOING", "name": "Call"}
        rule = known | {"monthDay": f"{SOON:--%m-%d}"} | given
        rule = {name: value for name, value in rule.items() if value is not None}
        return (await self.hand.bed.ask(phone or self.marta, SET, rule=rule))["setDeadlineRule"]

    async def end(self, id: str, version: int, phone: Phone | None = None) -> dict[str, Any]:
        answer = await self.hand.bed.ask(phone or self.marta, END, id=id, version=version)
        return answer["endDeadlineRule"]

    async def rules(self, phone: Phone | None = None) -> Any:
        return (await self.hand.bed.ask(phone or self.marta, OFFICE, hei=HEI))["office"]

    async def look_again(self) -> None:
        """Do what a rule has made due."""
        database = self.hand.bed.app.database
        for row in await database.fetch(
            "delete from job where kind = $1 returning payload", LOOK_AGAIN
        ):
            await LookingAgain(database, page=2)(a_job(LOOK_AGAIN, row["payload"]))
        await self.hand.look()

    async def due(self, scene: Scene) -> list[dict[str, Any]]:
        answer = await self.hand.bed.ask(scene.phone, DUE)
        [mobility] = answer["me"]["mobilities"]
        return [each for each in mobility["deadlines"] if each["kind"] == "APPLICATION"]


@pytest.fixture
async def office(dsn, valkey, tmp_path) -> AsyncIterator[Office]:
    running = bed_running(dsn, valkey, tmp_path, worker=False, prepare=with_an_office)
    with on_the_day_of_the_tests():
        async with running as bed:
            await bed.app.own_systems.read()
            yield Office(Hand(bed), await bed.signed_in("marta"))


async def nominated(office: Office, *names: str) -> Scene:
    """Ines' nominations, with a host whose day for applications is known."""
    scene = await office.hand.scene("ines", names[0] if names else "om-1")
    await scene.nominated(before=APPLY)
    await office.hand.fetch(scene, Api.OMOBILITIES)
    await office.hand.read_factsheet(LINDENTAL.hei_id)
    await office.hand.look()
    return scene


async def test_a_rule_that_is_set_moves_a_student_s_day_and_is_told_once(office: Office):
    scene = await nominated(office)
    [before] = await office.due(scene)
    assert (before["on"], before["owner"], before["movedFrom"]) == (APPLY.isoformat(), "HOST", None)

    made = await office.set(time="15:00", zone="Europe/Lisbon", url="https://ribeira.example/call")
    assert (made["__typename"], made["version"]) == ("DeadlineRule", 1)
    first, second = await office.due(scene)  # at once, before anything was looked at
    assert (first["on"], first["countsFirst"], first["movedFrom"]) == (SOON.isoformat(), True, None)
    await office.look_again()
    await office.look_again()

    assert await office.hand.inbox(scene) == ["nominated", "deadline_moved"]
    first, second = await office.due(scene)
    moment = first.pop("endsAt")
    assert moment.startswith(f"{SOON}T15:00:00+0")
    assert first == {
        "kind": "APPLICATION",
        "on": SOON.isoformat(),
        "owner": "HOME",
        "confidence": "LOCAL_RULE",
        "countsFirst": True,
        "notes": ["DISAGREES"],
        "isPast": False,
        "daysLeft": (SOON - datetime.now(ZoneInfo("Europe/Brussels")).date()).days,  # hers
        "movedFrom": APPLY.isoformat(),
        "movedAt": first["movedAt"],
        "explanation": first["explanation"],
        "time": "15:00",
        "zone": "Europe/Lisbon",
        "source": {"name": "Call", "url": "https://ribeira.example/call", "version": "1"},
    }
    assert TODAY - DAY <= type(TODAY).fromisoformat(first["movedAt"]) <= TODAY
    assert "A rule of Ribeira University: Call." in first["explanation"]
    assert "This is the earliest" in first["explanation"]
    assert (second["on"], second["countsFirst"], second["movedFrom"]) == (
        APPLY.isoformat(),
        False,
        None,
    )


async def test_the_worker_itself_tells_of_a_rule(office: Office):
    scene = await nominated(office)
    async with office.hand.bed.working():
        await office.set()

        async def told() -> bool:
            return "deadline_moved" in await office.hand.inbox(scene)

        await until(told)


async def test_ending_a_rule_moves_the_day_back(office: Office):
    scene = await nominated(office)
    made = await office.set()
    await office.look_again()
    ended = await office.end(made["id"], 1)
    assert (ended["version"], ended["isEnded"]) == (2, True)
    await office.look_again()

    assert await office.hand.inbox(scene) == ["nominated", "deadline_moved", "deadline_moved"]
    [after] = await office.due(scene)
    assert (after["on"], after["movedFrom"]) == (APPLY.isoformat(), SOON.isoformat())


async def test_a_rule_of_who_is_no_part_of_it_moves_nothing(office: Office):
    scene = await nominated(office)
    await office.set(direction="INCOMING")
    await office.look_again()

    assert await office.hand.inbox(scene) == ["nominated"]
    assert [each["owner"] for each in await office.due(scene)] == ["HOST"]


async def test_a_first_look_at_a_rule_tells_nothing(office: Office):
    await office.set()
    scene = await nominated(office)
    await office.look_again()

    assert await office.hand.inbox(scene) == ["nominated"]


async def test_reminders_follow_the_earlier_day(office: Office):
    await office.set()
    scene = await nominated(office)
    for day in (SOON - DAY, SOON + DAY, APPLY - DAY):
        await office.hand.look(day)

    assert await office.hand.inbox(scene) == ["nominated", "application_due"]


def next_day(month: int, day: int) -> date:
    """The next such day of a year; that it is more than two months away lets every rung come."""
    years = (year for year in range(TODAY.year, TODAY.year + 9) if day != 29 or isleap(year))
    return next(d for year in years if (d := date(year, month, day)) > TODAY + 60 * DAY)


def last_sunday(month: int) -> date:
    """The next day on which Europe's clocks move."""
    return (last := next_day(month, 31)) - (last.isoweekday() % 7) * DAY


EDGES = {
    "a leap day": (next_day(2, 29), "Europe/Lisbon"),
    "two days after a leap day, far in the east": (next_day(2, 29) + 2 * DAY, "Pacific/Auckland"),
    "a day that has 23 hours": (last_sunday(3), "Europe/Brussels"),
    "two days after one of 25": (last_sunday(10) + 2 * DAY, "Atlantic/Azores"),
    "the turn of the year, far in the west": (next_day(1, 1), "Pacific/Honolulu"),
}


@pytest.mark.parametrize(("on", "zone"), EDGES.values(), ids=EDGES)
async def test_reminders_come_at_nine_whatever_the_calendar_does(
    office: Office, on: date, zone: str
):
    await office.set(monthDay=None, on=on.isoformat())
    scene = await office.hand.scene("ines")
    await office.hand.bed.app.database.execute("update account set zone = $1", zone)
    await scene.nominated(before=APPLY)
    await office.hand.fetch(scene, Api.OMOBILITIES)
    await office.hand.look()

    told = ["nominated"]
    for days in (30, 14, 7, 2, 0):
        morning = datetime.combine(on - days * DAY, time(9), tzinfo=ZoneInfo(zone))
        assert await office.hand.next_look(scene) == morning
        await office.hand.look(morning - timedelta(seconds=1))
        assert await office.hand.inbox(scene) == told
        for seconds in (0, 1, 3600):  # also where a worker starts anew
            await office.hand.look(morning + timedelta(seconds=seconds))
        told.append("application_due")
        assert await office.hand.inbox(scene) == told
    assert await office.hand.next_look(scene) is None


async def test_a_look_that_a_rule_overtakes_is_taken_again(office: Office):
    """A rule may be set between a look's reading of the rules and its end."""
    scene = await nominated(office)
    database = office.hand.bed.app.database
    await database.execute("update mobility set next_look_at = now() - interval '1 day'")
    refresh = office.hand.bed.app.local_rules.refresh
    overtaken: list[object] = []

    class Overtaken:
        """The rules, which somebody sets right after they were read."""

        book = office.hand.bed.app.local_rules.book

        async def refresh(self) -> object:
            book = await refresh()
            if not overtaken:
                overtaken.append(await office.set())
                rows = await database.fetch(
                    "delete from job where kind = $1 returning payload", LOOK_AGAIN
                )
                await database.execute(
                    "update mobility set next_look_at = now() where $1 > 0", len(rows)
                )
            return book

    services = office.hand.bed.app.services
    object.__setattr__(services, "local_rules", Overtaken())
    await office.hand.look()

    assert len(overtaken) == 1
    assert await office.hand.inbox(scene) == ["nominated", "deadline_moved"]


async def test_showing_deadlines_reads_no_rule(office: Office):
    scene = await nominated(office)
    await office.set()
    services = office.hand.bed.app.services

    class InMemory:
        """The rules as they are known; whoever reads them is found."""

        book = services.local_rules.book

        async def refresh(self) -> object:
            raise AssertionError

    object.__setattr__(services, "local_rules", InMemory())
    assert [each["owner"] for each in await office.due(scene)] == ["HOME", "HOST"]


async def test_every_version_stays_to_be_read(office: Office):
    made = await office.set(time="15:00", zone="Europe/Lisbon", term="SPRING")
    again = await office.set(
        id=made["id"],
        expectedVersion=1,
        monthDay=None,
        event="STAY_BEGINS",
        offset=-2,
        unit="MONTHS",
        name="New call",
        firstYear="2026/2027",
    )
    assert (again["id"], again["version"]) == (made["id"], 2)
    await office.end(made["id"], 2)
    [rule] = (await office.rules())["deadlineRules"]

    nothing = dict.fromkeys(("monthDay", "on", "event", "offset", "unit"))
    scope = dict.fromkeys(("activityType", "term", "firstYear", "lastYear", "firstDay", "lastDay"))
    ended = {
        "version": 3,
        "isEnded": True,
        "changedByMe": True,
        "name": "New call",
        **dict.fromkeys(("url", "time", "zone")),
        "basis": nothing
        | {"kind": "RELATIVE", "event": "STAY_BEGINS", "offset": -2, "unit": "MONTHS"},
        "appliesTo": scope | {"direction": "OUTGOING", "firstYear": "2026/2027"},
    }
    assert rule == {
        "id": made["id"],
        "isEnded": True,
        "institution": {"heiId": HEI},
        "current": {"version": 3},
        "history": [
            ended,
            ended | {"version": 2, "isEnded": False},
            {
                "version": 1,
                "isEnded": False,
                "changedByMe": True,
                "name": "Call",
                "url": None,
                "time": "15:00",
                "zone": "Europe/Lisbon",
                "basis": nothing | {"kind": "ANNUAL", "monthDay": f"{SOON:--%m-%d}"},
                "appliesTo": scope | {"direction": "OUTGOING", "term": "SPRING"},
            },
        ],
    }


async def test_what_is_refused_says_why(office: Office):
    made = await office.set()
    refused = [
        await office.set(name="Another"),
        await office.set(id=made["id"], expectedVersion=7),
        await office.set(id=made["id"]),
        await office.set(url="http://ribeira.example/"),
        await office.set(monthDay="--02-30"),
        await office.set(on=TODAY.isoformat()),
        await office.set(time="25:00", zone="Europe/Lisbon"),
        await office.set(heiId=LINDENTAL.hei_id),
        await office.set(heiId="nowhere.example"),
        await office.set(id="no id", expectedVersion=1),
        await office.set(heiId=LINDENTAL.hei_id, id=made["id"], expectedVersion=1),
        await office.end("no id", 1),
    ]

    def said(code: str, field: str) -> dict[str, str]:
        return {"__typename": "DeadlineRuleInvalid", "code": code, "field": field}

    rule = {name: value for name, value in made.items() if name != "__typename"}
    assert refused == [
        {"__typename": "DeadlineRuleOverlaps", "other": rule},
        {"__typename": "DeadlineRuleStale", "current": rule},
        {"__typename": "DeadlineRuleStale", "current": rule},
        said("url_invalid", "url"),
        said("day_invalid", "monthDay"),
        said("basis_invalid", "on"),
        said("time_invalid", "time"),
        *[said("rule_unknown", "id")] * 5,
    ]


async def test_only_coordinators_of_the_hei_set_its_rules_or_read_them(office: Office):
    made = await office.set()
    ines = await office.hand.bed.signed_in("ines")

    assert await office.rules(ines) is None
    given = {"heiId": HEI, "kind": "DECISION", "direction": "OUTGOING", "on": "2027-01-01"}
    ask = office.hand.bed.ask
    assert await ask(ines, SET, rule=given | {"name": "Mine"}) is None
    assert await ask(ines, END, id=made["id"], version=1) is None
    [rule] = (await office.rules())["deadlineRules"]
    assert (rule["current"], rule["isEnded"]) == ({"version": 1}, False)


async def test_a_student_s_day_is_the_one_of_their_zone(office: Office):
    scene = await nominated(office)
    database, found = office.hand.bed.app.database, []
    for zone in ("Pacific/Kiritimati", "Pacific/Niue"):  # 25 hours apart: never the same day
        await database.execute("update account set zone = $1", zone)
        [each] = await office.due(scene)
        found.append(each["daysLeft"])

    assert found[1] - found[0] in {1, 2}
    assert abs(found[0] - (APPLY - TODAY).days) <= 1
