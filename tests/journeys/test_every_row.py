"""Every row of the table of steps (guide §5.3), from a university's endpoints to a phone.

All rows live at the same time on one bed: each on a mobility of its own, first in the state before
(that is synchronised), then after what the row tells of.
"""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from databases import opened, until
from journeys.every_row import AFTER, ASKED, BEFORE, DURING, MOVED, OTHER_DAY, ROWS, Row
from journeys.scenes import GO, Scene
from testbed import Bed, bed_running

from erasmus_app.ids import global_id
from erasmus_app.mobilities.events import KINDS
from ewp.ids import OmobilityId
from sandbox.cast import LINDENTAL

RECORD = """query($id: ID!) { me {
    mobility(id: $id) { state whoseMove { party } }
    inbox(first: 100) { nodes { kind mobilityId body } }
} }"""

PATIENCE = 90.0  # seconds: some seventy mobilities move at once


@dataclass(frozen=True)
class Outcome:
    """What a row brought: events, what the inbox and the phone got, and where it stands."""

    events: list[tuple[str, dict[str, str]]]
    inbox: list[str]
    pushes: list[str]
    state: str
    party: str


async def settle(bed: Bed) -> None:
    """Wait until everybody was asked again, and nothing is left to do."""

    before, now = -1, await told(bed)
    while now != before:  # a busy machine may still be at what it heard before
        await bed.until_polled(seconds=PATIENCE)
        await bed.until_idle(PATIENCE)  # also what must be absent a second time
        await bed.until_looked(PATIENCE)
        await bed.until_idle(PATIENCE)
        before, now = now, await told(bed)


async def told(bed: Bed) -> int:
    """How much has happened so far."""
    sql = "select (select count(*) from event) + (select coalesce(sum(version), 0) from mobility)"
    return int(await bed.app.database.fetchval(sql))


async def together(scenes: list[Scene]) -> None:
    """Announce what changed, and let it come through."""
    await asyncio.gather(*(each.announce() for each in scenes))
    await settle(scenes[0].bed)


@dataclass
class Ledger:
    """Tells what is new about each mobility since the last time."""

    bed: Bed
    seen: set[str]

    async def new(self, scene: Scene) -> Outcome:
        mobility = await self.bed.app.database.fetchval(
            "select mobility_id from mobility where omobility_id = $1", scene.omobility_id
        )
        database = self.bed.app.database
        rows = await database.fetch(
            """select tenant, mobility_id, event_id, step, kind, detail from event
               where mobility_id = $1 and not silent order by happened_at, step""",
            mobility,
        )
        seen = global_id("Mobility", mobility)
        fresh = [each for each in rows if str(each["event_id"]) not in self.seen]
        me = (await self.bed.ask(scene.phone, RECORD, id=seen))["me"]
        entries = [e for e in me["inbox"]["nodes"] if e["mobilityId"] == seen]
        assert not any("{" in each["body"] for each in entries)
        known = {each["kind"] for each in fresh}
        pushes = await self.bed.pushes(scene.phone, 0)
        details = [json.loads(opened(database, "event.detail", each)) for each in fresh]
        steps = [each["step"] for each in fresh]
        return Outcome(
            events=list(zip(steps, details, strict=True)),
            inbox=[each["kind"] for each in entries if each["kind"] in known][: len(fresh)],
            pushes=[
                each.data["kind"]
                for each in pushes
                if each.data["mobility"] == seen and each.data["kind"] in known
            ][-len(fresh) :],
            state=me["mobility"]["state"],
            party=me["mobility"]["whoseMove"]["party"],
        )

    async def close(self) -> None:
        """Take all there is as known."""
        rows = await self.bed.app.database.fetch("select event_id from event")
        self.seen = {str(each["event_id"]) for each in rows}


async def play(bed: Bed) -> dict[str, Outcome]:
    """Live through every row."""
    phones = {key: await bed.phone(key) for key in GO}
    # The first synchronisation with each partner is silent: one mobility each goes before.
    first = [Scene(bed, phones[key], key, OmobilityId(f"first-{key}")) for key in GO]
    for scene in first:
        await scene.nominated()
    await together(first)

    scenes = {
        each.name: Scene(bed, phones[each.key], each.key, OmobilityId(f"row-{number}"))
        for number, each in enumerate(ROWS)
    }
    for each in ROWS:
        for act in each.before:
            await act(scenes[each.name])
    await together(list(scenes.values()))

    ledger, found = Ledger(bed, set()), dict[str, Outcome]()
    await ledger.close()
    for each in ROWS:
        for act in each.act:
            await act(scenes[each.name])
    await together(list(scenes.values()))
    for each in ROWS:
        if each.act:
            found[each.name] = await ledger.new(scenes[each.name])

    lindental, day = bed.world.network.heis[LINDENTAL.hei_id], f"{OTHER_DAY:--%m-%d}"
    for each, papers in ((MOVED, ()), (ASKED, ("Language certificate",))):
        await ledger.close()
        lindental.publish(nominations=day, applications=day, requirements=papers)
        await until_read(bed, day, papers)
        await settle(bed)
        found[each.name] = await ledger.new(scenes[each.name])
    return found


async def until_read(bed: Bed, applications: str, papers: tuple[str, ...]) -> None:
    """Wait until the backend has read the factsheet that is published now."""

    async def read() -> bool:
        known = await bed.app.services.factsheets.factsheet(LINDENTAL.hei_id)
        assert known is not None
        assert known.value is not None
        names = tuple(each.name for each in known.value.requirements)
        return (known.value.applications.autumn, names) == (applications, papers)

    await until(read, PATIENCE)


def brought_by(row: Row) -> Outcome:
    """What a row of the guide is to bring."""
    step = {"D8": "D5"}.get(row.step, row.step)  # D8 is what D5 says of a course
    kind = {each.value: name for each, name in KINDS.items()}[step]
    return Outcome(
        events=[(step, row.detail)],
        inbox=[kind],
        pushes=[] if step in {"B7", "D11"} else [kind],
        state=row.state,
        party=row.party,
    )


@pytest.mark.long
async def test_each_row_reaches_the_record_the_inbox_and_the_phone(
    dsn: str, valkey: str, tmp_path: Path
):
    async with bed_running(dsn, valkey, tmp_path, poll_seconds="1") as bed:
        played = await play(bed)

    assert played == {each.name: brought_by(each) for each in ROWS}


def test_every_row_of_the_guide_is_here():
    rows = [
        f"{phase}{n}"
        for phase, last in (("B", 17), ("D", 12), ("A", 10))
        for n in range(1, last + 1)
    ]

    assert len({each.name for each in ROWS}) == len(ROWS)
    assert list(dict.fromkeys(each.step for each in [*BEFORE, *DURING, *AFTER])) == rows
