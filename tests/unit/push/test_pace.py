"""Token buckets: a pace that is kept, a slow start, and clocks that jump."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.push.pace import LONGEST_WAIT, RAMP, Bucket

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def taken(bucket: Bucket, now: datetime) -> int:
    """How many get a token at a moment."""
    count = 0
    while bucket.take(now) is None:
        count += 1
    return count


@given(
    rate=st.floats(0.5, 500),
    burst=st.integers(1, 200),
    steps=st.lists(st.floats(0, 20), max_size=20),
)
def test_no_more_pass_than_the_burst_and_the_rate(rate: float, burst: int, steps: list[float]):
    bucket, now, passed = Bucket(rate, burst), 0.0, taken(Bucket(rate, burst), NOW)
    assert passed == burst
    passed = taken(bucket, NOW)
    for step in steps:
        now += step
        passed += taken(bucket, at(now))
        assert passed <= burst + rate * now + 1e-3


def test_who_is_sent_away_comes_again_when_there_is_a_token_for_each():
    bucket = Bucket(10, 1)
    assert bucket.take(NOW) is None
    waits = [bucket.take(NOW) or 0 for _ in range(50)]

    assert all(n / 10 <= wait <= n / 10 * 1.25 + 1e-9 for n, wait in enumerate(waits, 1))
    come = [sum(wait <= second for wait in waits) for second in range(1, 7)]
    assert all(10 * second >= count for second, count in enumerate(come, 1))


def test_after_a_closure_the_rate_grows_over_a_minute_and_no_burst_was_saved_up():
    bucket = Bucket(100, 500)
    bucket.closed_until(at(30))
    by_second = [taken(bucket, at(second)) for second in range(30 + int(RAMP) + 21)]

    assert sum(by_second[:31]) == 0
    assert all(
        count <= 100 * (second - 30) / RAMP + 1 for second, count in enumerate(by_second[31:90], 31)
    )
    assert sum(by_second[31:91]) in range(2995, 3001)  # half of what a full minute has
    assert {*by_second[91:]} <= {99, 100, 101}


def test_those_who_wait_for_an_opening_are_spread_over_the_slow_start():
    bucket = Bucket(100, 500)
    bucket.closed_until(at(60))
    waits = sorted(bucket.take(NOW) or 0 for _ in range(1000))

    assert waits[0] >= 60
    by_second = [sum(int(wait) == second for wait in waits) for second in range(60, 140)]
    assert max(by_second) <= 100
    assert by_second[0] <= 5


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing():
    bucket = Bucket(10, 5)
    assert taken(bucket, at(3600)) == 5
    assert taken(bucket, NOW) == 0
    assert taken(bucket, at(0.2)) == 2


def test_nobody_waits_for_ever():
    bucket = Bucket(0.001, 1)
    bucket.take(NOW)
    assert LONGEST_WAIT <= (bucket.take(NOW) or 0) <= LONGEST_WAIT * 1.25
