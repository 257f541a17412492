"""How fast a lane goes: a token bucket that starts slowly after it was closed."""

import math
import random
from datetime import datetime

RAMP = 60.0  # seconds from nothing to the full rate after a closure
LONGEST_WAIT = 900.0  # seconds; who waits longer looks again
JITTER = 0.25  # of a wait, so that those who wait together do not come together


class Bucket:
    """Tokens that come at a rate, and of which `burst` are kept at most.

    Who finds none is told when to come again, each a little later than the one before, so that as
    many come as there will be tokens. Times are handed in; a clock that goes back costs nothing.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._tokens = self._burst
        self._promised = 0.0  # tokens that those who were sent away will come for
        self._at: datetime | None = None
        self._opened: datetime | None = None  # after a closure; it may be still to come

    def take(self, now: datetime) -> float | None:
        """Take a token; where there is none return in how many seconds to come again."""
        self._refill(now)
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        self._promised += 1
        wait = self._until(now, self._promised - self._tokens)
        return min(wait, LONGEST_WAIT) * (1 + random.uniform(0, JITTER))  # noqa: S311 - no secret

    def ready(self, now: datetime) -> int:
        """Return how many tokens there are right now."""
        self._refill(now)
        return int(self._tokens)

    def closed_until(self, moment: datetime) -> None:
        """Give nothing out before a moment, and from then on slowly at first."""
        self._tokens, self._promised = 0.0, 0.0
        self._opened = moment

    def _refill(self, now: datetime) -> None:
        before, self._at = self._at, now
        if before is None or now <= before:
            return
        gained = self._given_by(now) - self._given_by(before)
        self._tokens = min(self._tokens + gained, self._burst)
        self._promised = max(self._promised - gained, 0.0)

    def _given_by(self, moment: datetime) -> float:
        """Return how many tokens come from some fixed moment to this one."""
        if self._opened is None:
            return self._rate * moment.timestamp()
        seconds = (moment - self._opened).total_seconds()
        return self._rate * _ramped(seconds)

    def _until(self, now: datetime, tokens: float) -> float:
        """Return in how many seconds so many more will have come."""
        if self._opened is None:
            return tokens / self._rate
        seconds = (now - self._opened).total_seconds()
        wanted = _ramped(seconds) + tokens / self._rate
        return _when_ramped(wanted) - seconds


def _ramped(seconds: float) -> float:
    """Return for how many seconds at the full rate so many since the opening stand."""
    if seconds <= 0:
        return 0.0
    return seconds * seconds / (2 * RAMP) if seconds < RAMP else seconds - RAMP / 2


def _when_ramped(full: float) -> float:
    """Return how many seconds since the opening stand for so many at the full rate."""
    return math.sqrt(full * 2 * RAMP) if full < RAMP / 2 else full + RAMP / 2
