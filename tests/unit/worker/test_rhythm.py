"""How often partners are asked, and for how much."""

from datetime import UTC, datetime, timedelta

import pytest

from erasmus_app.institutions.models import ApiMode
from erasmus_app.mobilities.models import Api
from erasmus_app.settings import Settings
from erasmus_app.store.polls import PollState
from erasmus_app.worker.rhythm import (
    Band,
    Scope,
    after_failure,
    after_success,
    band,
    is_night,
    jittered,
    scope,
)

SETTINGS = Settings()
QUARTER, HOUR, DAY = 900.0, 3600.0, 86400.0
OFTEN = Band(shortest=QUARTER, longest=HOUR)
SAFETY = Band(shortest=6 * HOUR, longest=DAY)
NOON = datetime(2028, 2, 29, 12, tzinfo=UTC)
MIDNIGHT = NOON + timedelta(hours=12)


@pytest.mark.parametrize(
    ("api", "mode", "own_system", "expected"),
    [
        (Api.OMOBILITIES, ApiMode.OWN, True, OFTEN),
        (Api.IMOBILITIES, ApiMode.OWN, True, OFTEN),
        (Api.OMOBILITIES, ApiMode.OWN, False, SAFETY),
        (Api.OMOBILITY_LAS, ApiMode.FORWARDED, False, SAFETY),
        (Api.IMOBILITIES, ApiMode.FORWARDED, False, SAFETY),
        (Api.OMOBILITIES, ApiMode.POLL, False, OFTEN),
        (Api.IMOBILITY_TORS, ApiMode.POLL, False, OFTEN),
        (Api.IMOBILITIES, ApiMode.POLL, False, Band(shortest=DAY, longest=DAY)),
    ],
)
def test_how_often_is_asked_follows_from_who_tells_us(api, mode, own_system, expected):
    assert band(api, mode, SETTINGS, own_system=own_system) == expected


def test_no_interval_is_shorter_than_the_shortest():
    slow = Settings(poll_seconds=DAY)

    assert band(Api.OMOBILITIES, ApiMode.OWN, slow, own_system=False).shortest == DAY


def next_interval(was: float | None, **given: bool) -> float:
    known = {"changed": False, "anybody_awaited": True, "may_begin": False} | given
    return after_success(OFTEN, PollState(interval_seconds=was), **known)


def test_the_first_interval_is_the_shortest():
    assert next_interval(None) == QUARTER


def test_changes_shorten_the_interval_and_quiet_makes_it_longer_within_the_band():
    quiet = [QUARTER]
    for _ in range(5):
        quiet.append(next_interval(quiet[-1]))
    lively = [quiet[-1]]
    for _ in range(3):
        lively.append(next_interval(lively[-1], changed=True))

    assert quiet == [900, 1350, 2025, 3037.5, 3600, 3600]
    assert lively == [3600, 1800, 900, 900]


def test_an_interval_of_other_settings_comes_into_the_band():
    assert next_interval(DAY, changed=True) == HOUR
    assert next_interval(0.2) == QUARTER


def test_where_nothing_can_come_the_interval_is_the_longest_at_once():
    assert next_interval(QUARTER, anybody_awaited=False) == HOUR
    assert next_interval(None, anybody_awaited=False) == HOUR
    assert next_interval(QUARTER, anybody_awaited=False, may_begin=True) == 1350
    assert next_interval(HOUR, anybody_awaited=False, changed=True) == 1800


def test_failures_double_the_wait_from_the_shortest_up_to_the_bands_longest():
    waits = [after_failure(SAFETY, SETTINGS, failures) for failures in (1, 2, 3, 7, 8, 4000)]

    assert waits == [QUARTER, 2 * QUARTER, HOUR, 16 * HOUR, DAY, DAY]
    assert after_failure(OFTEN, SETTINGS, 4000) == HOUR


def test_chance_makes_an_interval_shorter_by_a_fifth_at_most():
    assert [round(jittered(1000, draw)) for draw in (0, 0.5, 1)] == [1000, 900, 800]


def state(**given) -> PollState:
    known = {"first_sync_done_at": NOON - timedelta(days=30), "last_full_sweep_at": NOON}
    return PollState(**known | given)


def swept(**ago: float) -> PollState:
    return state(last_full_sweep_at=MIDNIGHT - timedelta(**ago))


def test_the_first_poll_is_a_sweep_at_any_hour():
    assert scope(PollState(), NOON, SETTINGS, is_told=True) is Scope.SWEEP


def test_who_tells_us_is_asked_for_changes_and_who_does_not_is_compared():
    assert scope(state(), NOON, SETTINGS, is_told=True) is Scope.CHANGES
    assert scope(state(), NOON, SETTINGS, is_told=False) is Scope.COMPARISON


def test_a_weekly_sweep_waits_for_the_night_but_not_for_more_than_a_day():
    six_days, due = swept(days=6, hours=23), swept(days=7, hours=12)

    assert scope(six_days, MIDNIGHT, SETTINGS, is_told=True) is Scope.CHANGES
    assert scope(due, MIDNIGHT - timedelta(hours=12), SETTINGS, is_told=True) is Scope.CHANGES
    assert scope(due, MIDNIGHT, SETTINGS, is_told=True) is Scope.SWEEP
    assert scope(swept(days=8), MIDNIGHT, SETTINGS, is_told=True) is Scope.SWEEP
    late = MIDNIGHT + timedelta(hours=12)
    assert scope(swept(days=7, hours=12), late, SETTINGS, is_told=True) is Scope.SWEEP


def test_where_sweeps_come_daily_or_more_often_no_hour_matters():
    often = Settings(sweep_seconds=3600)

    assert scope(state(), NOON + timedelta(hours=1), often, is_told=True) is Scope.SWEEP
    assert scope(state(), NOON + timedelta(minutes=59), often, is_told=True) is Scope.CHANGES


def test_after_an_outage_the_ids_are_compared():
    assert scope(state(failures=2), NOON, SETTINGS, is_told=True) is Scope.CHANGES
    assert scope(state(failures=3), NOON, SETTINGS, is_told=True) is Scope.COMPARISON


def test_night_is_when_it_is_night_all_over_europe():
    hours = [hour for hour in range(24) if is_night(NOON.replace(hour=hour))]

    assert hours == [0, 1, 2, 3, 23]
