"""A mobility in short: what it says, and that it holds until its next turn, day by day."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from factories import LINDENTAL, RIBEIRA, TODAY, a_mobility, a_nomination, an_old_nomination
from msgspec.structs import replace
from unit.mobilities.test_state import ABROAD, AWAITING, ROWS, TO_SIGN, host, staying

from erasmus_app.ids import AccountId, HeiId, MobilityId, OmobilityId, PersonId
from erasmus_app.mobilities.agreements import AgreementState
from erasmus_app.mobilities.brief import Brief, brief
from erasmus_app.mobilities.models import Mobility
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.mobilities.state import MobilityState, next_turn

DAY = timedelta(days=1)
FIRST, LAST = date(2026, 7, 1), date(2028, 3, 1)
ME, MINE = AccountId(UUID(int=1)), MobilityId(UUID(int=2))


def stored(mobility: Mobility) -> StoredMobility:
    return StoredMobility(
        mobility_id=MINE,
        person_id=PersonId(UUID(int=3)),
        version=7,
        changed_at=datetime(2026, 11, 2, tzinfo=UTC),
        mobility=mobility,
        account_id=ME,
    )


def test_it_says_what_the_record_says():
    mobility = a_mobility(a_nomination("approved"), AWAITING)

    assert brief(stored(mobility), TODAY) == Brief(
        mobility_id=MINE,
        account_id=ME,
        tenant=mobility.tenant,
        sending_hei_id=HeiId(RIBEIRA),
        receiving_hei_id=HeiId(LINDENTAL),
        omobility_id=OmobilityId(mobility.omobility_id),
        version=7,
        state=MobilityState.LA_AWAITING_RECEIVING,
        is_past=False,
        agreement=AgreementState.AWAITING_RECEIVING,
        move=TO_SIGN,
    )


WRITTEN_DOWN_WRONG = [staying("2026-13", "2027-02-30"), staying("0001-01-01", "9999-12-31")]
WITHOUT_AGREEMENT = replace(
    an_old_nomination("live"),
    planned_arrival=date(2026, 9, 1),
    planned_departure=date(2027, 2, 28),
)
LEAP_DAY = host(None, date(2027, 9, 1), date(2028, 2, 29))


@pytest.mark.parametrize(
    "facts",
    [
        *(facts for facts, *_ in ROWS),
        [staying("2026-09", "2028-02")],
        [ABROAD, LEAP_DAY],
        [WITHOUT_AGREEMENT],
        [WITHOUT_AGREEMENT, LEAP_DAY],
        *([each] for each in WRITTEN_DOWN_WRONG),
    ],
    ids=repr,
)
def test_it_holds_on_every_day_before_the_next_turn(facts: list[object]):
    known = stored(a_mobility(*facts))
    day = FIRST
    while day < LAST:
        says, turn = brief(known, day), next_turn(known.mobility, day)
        assert turn is None or turn > day
        until = min(turn or LAST, LAST)
        while (day := day + DAY) < until:
            assert brief(known, day) == says


def test_a_mobility_without_days_never_turns():
    assert next_turn(a_mobility(a_nomination()), TODAY) is None


def test_a_stay_turns_when_it_begins_and_when_it_is_over():
    mobility = a_mobility(a_nomination("approved"), staying("2027-02", "2027-02"))

    assert next_turn(mobility, TODAY) == date(2027, 2, 1)
    assert next_turn(mobility, date(2027, 2, 1)) == date(2027, 3, 1)
    assert next_turn(mobility, date(2027, 3, 1)) is None
