from datetime import datetime, timedelta

from sandbox.clock import utc_now


class HandClock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **passed: float) -> None:
        self.now += timedelta(**passed)
