"""Keeping up with partners: everything that changes is seen, and nobody is asked too much."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from databases import in_clear, until, waits_for_a_lock
from msgspec import structs
from partners import StandIn
from testbed import Bed, bed_running

from erasmus_app.mobilities.models import Api
from erasmus_app.worker.refresh import Refresher
from ewp.host_services import Call, Endpoint
from ewp.ids import HeiId, OmobilityId
from ewp.messages import omobilities
from sandbox import office
from sandbox.cast import STUDENTS
from sandbox.network import services_of

RIBEIRA, CLAIRVAL = HeiId("ribeira.example"), HeiId("clairval.example")
CAMILLE, INES = OmobilityId("CLV/27/E77120"), OmobilityId("rib-2027-0417")
SOURCES = "{ me { mobilities { version sources { api lastConfirmedAt lastError } } } }"
TODAY = datetime.now(UTC).date()
RARELY = {"poll_seconds": "600", "safety_poll_seconds": "600"}


@dataclass
class Heard:
    """What an HEI was asked: API, endpoint, ids, and whether for changes only."""

    calls: list[tuple[str, str, tuple[str, ...], bool]] = field(default_factory=list)
    before: asyncio.Event = field(default_factory=asyncio.Event)  # an answer that is made leaves
    held: int = 0  # so many answers wait for that

    def gets(self, api: str) -> list[tuple[str, ...]]:
        return [ids for name, endpoint, ids, _ in self.calls if (name, endpoint) == (api, "get")]


@dataclass(frozen=True)
class Listening(StandIn):
    """A service that remembers what it was asked."""

    heard: Heard

    def changed(self, name: str, endpoint: Endpoint) -> Endpoint:
        async def handle(call: Call) -> bytes:
            ids = call.all("omobility_id")
            self.heard.calls.append((self.api, name, ids, bool(call.all("modified_since"))))
            answer = await endpoint.handle(call)
            if self.heard.held:
                self.heard.held -= 1
                await self.heard.before.wait()
            return answer

        return replace(endpoint, handle=handle)


def listening(bed: Bed, hei: HeiId) -> Heard:
    heard, network = Heard(), bed.world.network
    network.instead[hei] = tuple(Listening(each, heard) for each in services_of(network.heis[hei]))
    return heard


async def tell(bed: Bed, *ids: str) -> None:
    entry = bed.world.network.known().entry(RIBEIRA, "omobility-cnr", 2)
    assert entry is not None
    key = bed.world.network.keys[CLAIRVAL]
    await bed.world.network.client().send_cnr(key, RIBEIRA, entry, ids)


async def confirmed(bed: Bed, phone) -> dict[str, datetime]:
    [mobility] = (await bed.ask(phone, SOURCES))["me"]["mobilities"]
    return {
        each["api"]: datetime.fromisoformat(each["lastConfirmedAt"]) for each in mobility["sources"]
    }


async def test_what_an_index_does_not_list_is_not_fetched_and_is_confirmed_all_the_same(
    dsn, valkey, tmp_path
):
    async with bed_running(dsn, valkey, tmp_path, poll_overlap_seconds="0.001") as bed:
        phone = await bed.phone("ines")
        await bed.take(5)
        await bed.until_told(phone, "agreement_sent")
        heard = listening(bed, RIBEIRA)

        async def quiet() -> bool:
            heard.calls.clear()
            await bed.until_polled(1)
            return not heard.gets("omobilities") + heard.gets("omobility-las")

        await until(quiet)
        began = datetime.now(UTC)
        await bed.until_polled(2)
        found = await confirmed(bed, phone)

    asked = {(api, endpoint, since) for api, endpoint, _, since in heard.calls}
    assert asked >= {  # nobody would tell of what is gone, so the ids are compared
        (api, "index", since) for api in ("omobilities", "omobility-las") for since in (True, False)
    }
    assert {api: at >= began for api, at in found.items()} == {
        "OMOBILITIES": True,
        "OMOBILITY_LAS": True,
        "IMOBILITIES": True,
    }


async def has_agreement(bed: Bed) -> bool:
    found = await bed.app.database.fetchval(
        "select record #> '{agreement,value}' <> 'null' from mobility where omobility_id = $1",
        CAMILLE,
    )
    return bool(found)


async def test_what_a_silent_partner_withdraws_is_found_by_comparing_ids(dsn, valkey, tmp_path):
    modes = {"omobility-la-cnr": "poll"}
    async with bed_running(dsn, valkey, tmp_path, modes=modes, poll_overlap_seconds="0.001") as bed:
        await bed.take(11)
        await until(lambda: has_agreement(bed))
        heard = listening(bed, CLAIRVAL)
        del bed.world.network.heis[CLAIRVAL].kept.agreements[CAMILLE]

        async def gone() -> bool:
            return not await has_agreement(bed)

        await until(gone)
        asked = len(heard.gets("omobility-las"))
        await bed.until_polled(2)
        assert len(heard.gets("omobility-las")) == asked  # and nobody asks for it any more


async def test_ids_that_a_partner_tells_of_together_are_fetched_by_one_call(dsn, valkey, tmp_path):
    async with bed_running(dsn, valkey, tmp_path, cnr_debounce_seconds="0.5", **RARELY) as bed:
        heard = listening(bed, CLAIRVAL)
        await asyncio.gather(*(tell(bed, f"new-{number}") for number in range(10)))
        await until(lambda: heard.gets("omobilities"))
        await bed.until_idle()

    asked = heard.gets("omobilities")
    assert sorted(each for ids in asked for each in ids) == [f"new-{each}" for each in range(10)]
    assert len(asked) <= 3  # those that were due at one time; the limit is ten


async def test_a_storm_is_one_fetch_a_minute_and_the_last_word_is_not_lost(dsn, valkey, tmp_path):
    async with bed_running(dsn, valkey, tmp_path, refetch_seconds="3600", **RARELY) as bed:
        heard = listening(bed, CLAIRVAL)
        await tell(bed, CAMILLE)
        await until(lambda: heard.gets("omobilities"))
        for _ in range(20):
            await tell(bed, CAMILLE)
        await bed.until_idle()
        assert heard.gets("omobilities") == [(CAMILLE,)]

        database = bed.app.database
        [job] = await database.fetch(
            "select due - now() as wait, attempts from job j where kind = 'refresh'"
        )
        assert (3500 < job["wait"].total_seconds() <= 3600, job["attempts"]) == (True, 0)
        await database.execute("update recent_fetch set fetched_at = fetched_at - interval '1 h'")
        await database.execute("update job set due = now() where kind = 'refresh'")
        await until(lambda: len(heard.gets("omobilities")) > 1)
        await bed.until_idle()

        # Noted by a clock that was ahead, and has been set back.
        await database.execute("update recent_fetch set fetched_at = now() + interval '3 h'")
        await tell(bed, CAMILLE)
        await until(lambda: len(heard.gets("omobilities")) > 2)
        await bed.until_idle()

    assert heard.gets("omobilities") == [(CAMILLE,)] * 3


async def nomination(bed: Bed) -> tuple[str | None, bool]:
    row = await bed.app.database.fetchrow(
        """select record #>> '{nomination,value,status}',
               record #>> '{nomination,source,missing_since}' is not null
           from mobility where omobility_id = $1""",
        CAMILLE,
    )
    assert row is not None
    return row[0], row[1]


async def two_calls_that_end_in_reverse_order(bed: Bed, change) -> tuple[str | None, bool]:
    """Ask; change; ask again, which is answered first; then let the first answer through."""
    refresh = Refresher(bed.app.services, bed.app.records).refresh
    about = (RIBEIRA, CLAIRVAL, Api.OMOBILITIES, CLAIRVAL, [CAMILLE])
    await refresh(*about)
    heard = listening(bed, CLAIRVAL)
    heard.held = 1
    slow = asyncio.create_task(refresh(*about))
    await until(lambda: heard.calls and not heard.held)
    change(bed.world.network.heis[CLAIRVAL])
    await refresh(*about)
    newer = await nomination(bed)
    assert not slow.done()
    heard.before.set()
    await slow
    assert await nomination(bed) == newer
    return newer


async def test_a_slow_answer_does_not_overwrite_a_newer_one(dsn, valkey, tmp_path):
    def goes_live(hei) -> None:
        office.set_status(hei, CAMILLE, omobilities.StatusV2.LIVE)

    async with bed_running(dsn, valkey, tmp_path, worker=False, before=3) as bed:
        assert await two_calls_that_end_in_reverse_order(bed, goes_live) == ("live", False)


async def test_a_slow_answer_does_not_bring_back_what_a_newer_one_left_out(dsn, valkey, tmp_path):
    def withdraws(hei) -> None:
        del hei.kept.old[CAMILLE]

    async with bed_running(dsn, valkey, tmp_path, worker=False, before=3) as bed:
        assert await two_calls_that_end_in_reverse_order(bed, withdraws) == ("nomination", True)


async def test_the_past_of_a_partner_that_is_new_is_not_told_by_whom_it_is_asked_of_later(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
):
    """A partner's first mobilities come silently; so does what our own system has long known."""
    monkeypatch.setattr("erasmus_app.worker.poll.OF_AN_INTERVAL", 10)  # two seconds, here
    heis = bed.world.network.heis
    clairval, home = heis[CLAIRVAL], heis[RIBEIRA]
    phone = await bed.phone("camille")
    other = OmobilityId("CLV/27/E80001")
    for omobility_id in (CAMILLE, other):
        office.nominate_old(clairval, STUDENTS["camille"], RIBEIRA, omobility_id)
    office.receive(home, CLAIRVAL, other, "verified")
    office.confirm_arrival(home, other)
    await bed.until_polled()  # the own system knows of the arrival, and is not asked for it yet

    await tell(bed, CAMILLE)  # hence the partner is known, and read for the first time
    await bed.until_told(phone, "nominated")
    await until(lambda: has_arrived(bed, other))
    assert await bed.kinds(phone, 1) == ["nominated"]
    await until(lambda: is_asked_long_after(bed, other))

    office.confirm_departure(home, other)  # what happens from now on is told
    await bed.until_told(phone, "departure_confirmed")
    assert await bed.kinds(phone, 2) == ["nominated", "departure_confirmed"]


async def has_arrived(bed: Bed, omobility_id: OmobilityId) -> bool:
    facts = await in_clear(bed.app.database, "mobility.sealed", f"omobility_id = '{omobility_id}'")
    return any((json.loads(each).get("reception") or {}).get("actual_arrival") for each in facts)


async def is_asked_long_after(bed: Bed, omobility_id: OmobilityId) -> bool:
    """Whether our own system was asked of it when it was not new any more."""
    found: bool = await bed.app.database.fetchval(
        """select last_success_began_at > created_at + interval '2 s'
           from poll_state, mobility where hei_id = $1 and api = $2 and omobility_id = $3""",
        *(RIBEIRA, Api.IMOBILITIES, omobility_id),
    )
    return found


@pytest.mark.parametrize("arrives", [TODAY, TODAY + timedelta(days=60)])
async def test_a_transcript_that_an_index_lists_before_the_mobility_is_written_is_not_missed(
    dsn, valkey, tmp_path, arrives
):
    async with bed_running(dsn, valkey, tmp_path, poll_overlap_seconds="0.001") as bed:
        heis, database = bed.world.network.heis, bed.app.database
        home, clairval = heis[RIBEIRA], heis[CLAIRVAL]
        first, tiago = OmobilityId("rib-2027-0001"), OmobilityId("rib-2027-0002")
        phone = await bed.phone("tiago")
        office.nominate_old(home, STUDENTS["tiago"], CLAIRVAL, first)
        await bed.until_told(phone, "nominated")
        await bed.until_polled()

        grades = ("16", "14", "18", "12")
        office.issue_transcript(clairval, STUDENTS["tiago"], RIBEIRA, tiago, grades=grades)
        async with database.locked(f"{RIBEIRA} {RIBEIRA} {tiago}"):  # its first write takes long
            office.nominate_old(home, STUDENTS["tiago"], CLAIRVAL, tiago)
            nomination = home.kept.old[tiago]
            home.kept.old[tiago] = structs.replace(nomination, planned_arrival_date=arrives)
            await until(lambda: waits_for_a_lock(database))
            for _ in range(3):
                listed_at = await last_asked(bed, Api.IMOBILITY_TORS)
                await until(lambda at=listed_at: is_asked_after(bed, Api.IMOBILITY_TORS, at))
        await bed.until_told(phone, "transcript_issued")


async def last_asked(bed: Bed, api: Api) -> datetime:
    """When Clairval was last asked for it, with an answer."""
    at: datetime = await bed.app.database.fetchval(
        "select last_success_began_at from poll_state where hei_id = $1 and api = $2", CLAIRVAL, api
    )
    return at


async def is_asked_after(bed: Bed, api: Api, at: datetime) -> bool:
    return await last_asked(bed, api) > at
