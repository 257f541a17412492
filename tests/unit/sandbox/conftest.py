import pytest
from unit.sandbox.hand_clock import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()
