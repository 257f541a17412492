"""How often one push is tried while its service is away."""

import random
from datetime import timedelta

import pytest

from erasmus_app.worker.deliver import pause


def attempts_within(seconds: float) -> int:
    waited, attempts = timedelta(0), 1
    while waited < timedelta(seconds=seconds):
        waited += pause(attempts)
        attempts += 1
    return attempts


def test_half_an_hour_takes_no_more_than_eleven_attempts_however_lucky_the_draws(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(random, "uniform", lambda least, _: least)

    assert attempts_within(1800) == 11


def test_those_that_failed_together_are_spread_over_most_of_the_wait():
    waits = sorted(pause(5).total_seconds() for _ in range(2_000))

    assert 40 <= waits[0] < 45
    assert 155 < waits[-1] <= 160
    assert 90 < waits[1_000] < 110  # spread evenly


def test_a_push_waits_an_hour_at_most():
    assert max(pause(40) for _ in range(200)) <= timedelta(hours=1)
