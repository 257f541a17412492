from datetime import UTC, timedelta

from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.kit.backoff import backoff
from erasmus_app.kit.clock import utc_now

WAITS = st.floats(0.01, 100)


@given(st.integers(-5, 10_000), WAITS, st.floats(100, 10_000))
def test_a_wait_is_never_nothing_and_never_more_than_allowed(
    attempts: int, first: float, most: float
):
    ceiling = min(most, first * 2 ** max(0, min(attempts - 1, 60)))

    waits = [backoff(attempts, first=first, most=most).total_seconds() for _ in range(20)]

    assert first / 2 - 1e-6 <= min(waits) <= max(waits) <= ceiling + 1e-6


@given(st.integers(1, 100))
def test_the_least_wait_wins_over_a_limit_below_it(attempts: int):
    assert backoff(attempts, first=4, most=1) >= timedelta(seconds=2)


def test_those_who_failed_together_do_not_come_back_together():
    assert len({backoff(9) for _ in range(20)}) > 10


def test_the_clock_tells_the_time_with_its_zone():
    assert utc_now().tzinfo is UTC
