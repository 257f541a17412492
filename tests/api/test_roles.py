"""What `me` says that somebody is, and what follows from it."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from testbed import Bed, bed_running, kept
from unit.store.samples import a_nomination, an_answer, take_in

from erasmus_app.kit.clock import utc_now
from sandbox.login_people import PEOPLE
from sandbox.world import World

ROLES = "{ me { roles { hei { heiId } role } } }"
BY_KEY = {each.key: each for each in PEOPLE}


def with_an_office(world: World) -> None:
    """Name Marta as coordinator, and an alias, in the file of HEIs."""
    file = Path(world.environment["ERASMUS_APP_EWP_HEIS"])
    more = (
        f'coordinators = ["{BY_KEY["marta"].subject.upper()}"]\ndomains = ["ribeira-old.example"]\n'
    )
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("\n\n[hei.api]", f"\n{more}\n[hei.api]"), encoding="utf-8")


@pytest.fixture
async def office(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, worker=False, prepare=with_an_office) as bed:
        yield bed


async def roles(bed: Bed, key: str) -> list[tuple[str, str]]:
    phone = await bed.signed_in(key)
    found = (await bed.ask(phone, ROLES))["me"]["roles"]
    return [(each["hei"]["heiId"], each["role"]) for each in found]


async def test_each_is_what_their_university_and_the_file_of_heis_say(office: Bed):
    old = ("student@fc.ribeira-old.example",)
    beatriz = msgspec.structs.replace(BY_KEY["beatriz"], key="old", affiliations=old)
    office.world.login.people = (*PEOPLE, beatriz)

    assert {key: await roles(office, key) for key in ("ines", "marta", "emil", "guest", "old")} == {
        "ines": [("ribeira.example", "STUDENT")],
        "marta": [("ribeira.example", "COORDINATOR"), ("ribeira.example", "STAFF")],
        "emil": [("lindental.example", "STUDENT")],  # staff of a university not served here
        "guest": [],
        "old": [("ribeira.example", "STUDENT")],
    }


async def test_alumni_see_the_stays_that_are_over_and_no_others(bed: Bed):
    [esi] = BY_KEY["ines"].unique_codes
    coming, records = utc_now().date() + timedelta(days=30), bed.app.records
    names = {}
    for om, until in (("om-now", coming), ("om-then", date(2024, 7, 1))):
        nomination = a_nomination(esi, planned_departure=until)
        stored = await take_in(records, an_answer(nomination, omobility_id=om))
        names[stored.mobility_id] = om
    seen = {}
    for kind in ("student", "alum", "staff"):
        now = msgspec.structs.replace(BY_KEY["ines"], affiliations=(f"{kind}@ribeira.example",))
        bed.world.login.people = (now,)
        phone = await bed.signed_in("ines")
        found = (await bed.ask(phone, "{ me { mobilities { id } } }"))["me"]
        seen[kind] = sorted(names[kept(each["id"], "Mobility")] for each in found["mobilities"])

    assert seen == {
        "student": ["om-now", "om-then"],
        "alum": ["om-then"],
        "staff": ["om-now", "om-then"],  # an office's word about roles takes no stay away
    }
