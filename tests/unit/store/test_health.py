"""How calls of partners go is written down, and read partner by partner."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from structlog.testing import capture_logs
from unit.store.samples import ABROAD, HOME, a_nomination, an_answer, take_in
from unit.store.test_offices import many

from erasmus_app.errors import Misfit
from erasmus_app.ids import HeiId
from erasmus_app.institutions.health import ApiHealth, PartnerHealth, Quarantined, Refused
from erasmus_app.mobilities.models import Api
from erasmus_app.store.database import Database
from erasmus_app.store.health import _PARTNERS, CallLedgerTable, HealthTable
from erasmus_app.store.polls import Asked, PollTable
from erasmus_app.store.records import RecordTable

# A day ahead of the server's clock: what is to come stays to come, however long other tests take.
BEGAN = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
MINUTE = timedelta(minutes=1)


class Clock:
    now = BEGAN

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(database: Database, clock: Clock) -> CallLedgerTable:
    return CallLedgerTable(database, clock)


@pytest.fixture
def health(database: Database) -> HealthTable:
    return HealthTable(database)


async def api(health: HealthTable) -> ApiHealth:
    [partner] = await health.partners(HOME, 10, "", troubled=False)
    [found] = partner.apis
    return found


async def test_what_failed_and_why_stays_known_after_it_went_well_again(
    ledger: CallLedgerTable, health: HealthTable, clock: Clock
):
    call = (HOME, ABROAD, "omobilities")
    await ledger.answered(*call)
    for minutes, rest in ((1, None), (2, BEGAN + 30 * MINUTE)):
        clock.now = BEGAN + minutes * MINUTE
        await ledger.failed(*call, "partner_unreachable", rest)
    down = ApiHealth(
        api="omobilities",
        last_success_at=BEGAN,
        last_failure_at=BEGAN + 2 * MINUTE,
        last_failure="partner_unreachable",
        failures=2,
        left_alone_until=BEGAN + 30 * MINUTE,
    )
    assert await api(health) == down
    assert len(await health.partners(HOME, 10, "", troubled=True)) == 1

    await ledger.answered(*call)  # at once, although it was written a minute ago
    assert await api(health) == ApiHealth(
        api="omobilities",
        last_success_at=clock.now,
        last_failure_at=clock.now,
        last_failure="partner_unreachable",
    )
    assert await health.partners(HOME, 10, "", troubled=True) == []


async def test_that_all_goes_well_is_written_once_a_minute(
    ledger: CallLedgerTable, health: HealthTable, clock: Clock
):
    for seconds in (0, 30, 59):
        clock.now = BEGAN + timedelta(seconds=seconds)
        await ledger.answered(HOME, ABROAD, "imobilities")
    assert (await api(health)).last_success_at == BEGAN
    clock.now = BEGAN + MINUTE
    await ledger.answered(HOME, ABROAD, "imobilities")
    assert (await api(health)).last_success_at == clock.now


async def test_a_partner_that_is_left_alone_with_its_host_has_not_failed_itself(
    ledger: CallLedgerTable, health: HealthTable, database: Database, clock: Clock
):
    call = (HOME, ABROAD, "omobilities")
    await ledger.answered(*call)
    await ledger.left_alone(*call, BEGAN + MINUTE)
    await database.execute("update partner_health set left_alone_until = null")
    await ledger.left_alone(*call, BEGAN + MINUTE)  # is written already
    assert (await api(health)).left_alone_until is None
    await ledger.left_alone(*call, BEGAN + 9 * MINUTE)
    assert await api(health) == ApiHealth(
        api="omobilities", last_success_at=BEGAN, left_alone_until=BEGAN + 9 * MINUTE
    )
    assert len(await health.partners(HOME, 10, "", troubled=True)) == 1
    clock.now = BEGAN + timedelta(seconds=5)
    await ledger.answered(*call)
    assert (await api(health)).left_alone_until is None


async def test_a_call_goes_on_where_nothing_can_be_written(
    ledger: CallLedgerTable, health: HealthTable, database: Database
):
    await database.execute("alter table partner_health rename to away")
    with capture_logs() as logs:
        await ledger.answered(HOME, ABROAD, "imobilities")
        await ledger.failed(HOME, ABROAD, "imobilities", "reply_invalid", None)
    await database.execute("alter table away rename to partner_health")
    await ledger.answered(HOME, ABROAD, "imobilities")  # it was not taken for written

    assert [each["event"] for each in logs] == ["partner_health.not_written"] * 2
    assert (await api(health)).last_success_at == BEGAN


async def test_a_partner_is_shown_with_all_that_is_known_of_it(
    ledger: CallLedgerTable, health: HealthTable, database: Database, clock: Clock
):
    records = RecordTable(database)
    for name in ("om-1", "om-2"):
        await take_in(records, an_answer(a_nomination(), omobility_id=name))
    await take_in(records, an_answer(a_nomination(), tenant=ABROAD))  # another's
    await ledger.answered(HOME, HOME, "omobilities")
    await ledger.failed(ABROAD, HOME, "omobilities", "reply_invalid", None)
    asked = Asked(HOME, HOME, Api.OMOBILITIES)
    await PollTable(database).mark_failed(asked, HOME, ["om-2"], BEGAN, "reply_invalid")
    for size in (*range(1, 8), 1):
        await records.quarantine(
            HOME, Api.IMOBILITY_TORS, ABROAD, Misfit(bytes([size]) * 32, size, f"no {size}")
        )

    abroad, own = await health.partners(HOME, 10, "", troubled=False)
    [tors] = abroad.apis
    assert [(each.reason, each.times) for each in tors.latest_quarantined] == [
        ("no 1", 2),
        *((f"no {n}", 1) for n in (7, 6, 5, 4)),
    ]
    first = tors.latest_quarantined[0]
    assert first == Quarantined(
        sha256=b"\1" * 32,
        size=1,
        reason="no 1",
        first_seen_at=first.first_seen_at,
        last_seen_at=first.last_seen_at,
        times=2,
    )
    assert first.first_seen_at < first.last_seen_at
    assert abroad == PartnerHealth(
        hei_id=ABROAD,
        as_receiving=2,
        as_sending=0,
        apis=(
            ApiHealth(
                api="imobility-tors", quarantined=7, latest_quarantined=tors.latest_quarantined
            ),
        ),
    )
    assert own == PartnerHealth(
        hei_id=HOME,
        as_receiving=0,
        as_sending=2,
        apis=(ApiHealth(api="omobilities", last_success_at=clock.now, unread=1),),
    )
    assert await health.partners(HOME, 10, "", troubled=True) == [own]
    [seen_from_abroad] = await health.partners(ABROAD, 10, "", troubled=True)
    assert [each.last_failure for each in seen_from_abroad.apis] == ["reply_invalid"]


async def test_partners_come_page_by_page_in_the_order_of_their_ids(
    ledger: CallLedgerTable, health: HealthTable, database: Database
):
    await many(database, HOME, 60)
    for hei in ("p0.example", "a.example", "z.example"):
        await ledger.failed(HOME, HeiId(hei), "factsheet", "reply_invalid", None)
    everybody = ["a.example", "p0.example", "p1.example", "p2.example", "z.example"]

    async def walked(size: int, *, troubled: bool) -> list[str]:
        found, after = [], ""
        while page := await health.partners(HOME, size, after, troubled=troubled):
            found += [each.hei_id for each in page]
            after = found[-1]
        return found

    for size in (1, 2, 4, 10):
        assert await walked(size, troubled=False) == everybody
        assert await walked(size, troubled=True) == ["a.example", "p0.example", "z.example"]
    assert await health.partners(HeiId("nobody.example"), 10, "", troubled=False) == []
    page = await health.partners(HOME, 10, "", troubled=False)
    counts = {each.hei_id: (each.as_receiving, each.as_sending) for each in page}
    assert counts == {
        "a.example": (0, 0),
        "p0.example": (18, 2),
        "p1.example": (18, 2),
        "p2.example": (18, 2),
        "z.example": (0, 0),
    }


async def test_partners_of_twenty_thousand_mobilities_are_found_by_steps_through_indexes(
    database: Database,
):
    await many(database, HOME, 20_000)
    await many(database, ABROAD, 20_000)
    await database.execute("vacuum analyze mobility")
    plan = await database.fetchval(
        f"explain (analyze, buffers, format json) {_PARTNERS}", HOME, "", 101
    )
    [whole] = plan if isinstance(plan, list) else json.loads(plan)
    pages = whole["Plan"]["Shared Hit Blocks"] + whole["Plan"]["Shared Read Blocks"]

    assert whole["Plan"]["Actual Rows"] == 3
    assert pages < 200  # of the thousands that the table has; three partners take some forty


async def test_what_was_refused_at_the_door_is_added_up_by_reason(
    health: HealthTable, database: Database
):
    await database.execute(
        """insert into refusal (tenant, api, reason, day, times) values
           ($1, 'omobilities', 'signature_invalid', '2026-11-01', 3),
           ($1, 'omobilities', 'signature_invalid', '2026-11-20', 4),
           ($1, '', 'not_served', '2026-11-19', 9),
           ($1, 'echo', 'signature_invalid', '2026-10-31', 100),
           ($2, 'omobilities', 'signature_invalid', '2026-11-20', 50)""",
        HOME,
        ABROAD,
    )

    assert await health.refused(HOME, date(2026, 11, 1)) == [
        Refused("", "not_served", 9, date(2026, 11, 19)),
        Refused("omobilities", "signature_invalid", 7, date(2026, 11, 20)),
    ]
