"""Lanes: one for each push service, with a pace and a breaker of its own.

One that does not answer, or says that it is too much, holds up nobody but itself. What has to wait
for its lane was not sent, and is no attempt.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from erasmus_app.kit.backoff import backoff
from erasmus_app.notifications.ports import Outcome, PushResult
from erasmus_app.push.pace import Bucket

MISSES = 3  # without an answer, one after the other
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 600.0  # seconds
QUOTA_PAUSE, LONGEST_QUOTA_PAUSE = 60.0, 3600.0  # seconds, where a service names none
MOST_ORIGINS = 2000  # those not asked for longest are forgotten
KNOWN = ("googleapis.com", "push.services.mozilla.com", "push.apple.com", "notify.windows.com")
"""Where the push services of the browsers are."""


@runtime_checkable
class HasCircuits(Protocol):
    """A channel that says which of its push services it leaves alone."""

    def circuits(self) -> dict[str, float]:
        """Return 2 for each that is closed, 0 for one that is not; names of services we know."""


def origin_of(url: str) -> str:
    """Return an address's origin, RFC 6454: without the port where it is the scheme's own."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    own = {"https": 443, "http": 80}[parts.scheme]
    port = "" if parts.port in {None, own} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


class Lane:
    """One origin, or one service."""

    def __init__(self, origin: str = "", bucket: Bucket | None = None) -> None:
        host = urlsplit(origin).hostname or ""
        self.proven = any(host == each or host.endswith(f".{each}") for each in KNOWN)
        self._bucket = bucket or Bucket(1e9, 1e9)
        self._misses = 0
        self._missed_at: datetime | None = None
        self._quotas = 0  # closures in a row that the service asked for
        self._closed: tuple[datetime, float] | None = None  # until when, and for how long
        self._limited: tuple[str, datetime] | None = None  # who, and until when

    def enter(self, now: datetime) -> PushResult | None:
        """Take a place on the lane; where there is none, say for how long to wait."""
        closed, wait = self.closed(now), self._bucket.take(now)
        if closed is None and wait is None:
            return None
        code = "LANE_BUSY" if closed is None else "LANE_CLOSED"
        return PushResult(
            outcome=Outcome.WAIT, code=code, retry_after=max(closed or 0.0, wait or 0.0)
        )

    def room(self, now: datetime) -> int:
        """Return how many could enter."""
        return self._bucket.ready(now) if self.closed(now) is None else 0

    def closed(self, now: datetime) -> float | None:
        """Return for how many seconds nothing is to be sent; None where it may be."""
        if self._closed is None:
            return None
        left = (self._closed[0] - now).total_seconds()
        if left > self._closed[1]:  # the clock has gone back
            self._closed = None
            self._bucket.closed_until(now)
            return None
        return left if left > 0 else None

    def close(self, seconds: float, now: datetime) -> None:
        """Send nothing for a while, and slowly at first after it."""
        if seconds <= (self.closed(now) or 0.0):
            return
        until = now + timedelta(seconds=seconds)
        self._closed = (until, seconds)
        self._bucket.closed_until(until)

    def missed(self, now: datetime, began: datetime | None = None, least: float = 0.0) -> None:
        """Note that no answer came, to what was sent at `began`.

        Several in a row close the lane for a while, `least` seconds where somebody asked for that;
        those that were under way together are one.
        """
        if began is not None and self._missed_at is not None and began < self._missed_at:
            return
        self._missed_at = now
        self._misses += 1
        self.proven = self.proven and self._misses < MISSES
        if self._misses >= MISSES:
            pause = backoff(self._misses - MISSES + 1, first=FIRST_PAUSE, most=LONGEST_PAUSE)
            self.close(max(pause.total_seconds(), least), now)

    def answered(self, *, accepted: bool) -> None:
        """Note that an answer came."""
        self._misses, self._missed_at = 0, None
        if accepted:
            self._quotas = 0
            self.proven = True

    def overrun(self, seconds: float | None, now: datetime) -> float:
        """Note that it is too much for the service; return for how long the lane is closed.

        Where it names no time, each closure is twice as long as the one before.
        """
        if self.closed(now) is None:  # not for all that were under way together
            self._quotas += 1
        pause = seconds or min(QUOTA_PAUSE * 2 ** (self._quotas - 1), LONGEST_QUOTA_PAUSE)
        self.close(pause, now)
        return pause

    def limited(self, device: str, seconds: float, now: datetime) -> None:
        """Note that it is too much for them: of one device that device's matter, of two ours."""
        if self._limited is not None and self._limited[0] != device and now < self._limited[1]:
            self.close(seconds, now)
        self._limited = (device, now + timedelta(seconds=seconds))


class Lanes:
    """The lanes of all origins."""

    def __init__(self, rate: float = 1e9, burst: float = 1e9) -> None:
        self._rate, self._burst = rate, burst  # of each
        self._lanes: OrderedDict[str, Lane] = OrderedDict()

    def of(self, origin: str) -> Lane:
        """Return an origin's lane."""
        if (lane := self._lanes.get(origin)) is None:
            lane = self._lanes[origin] = Lane(origin, Bucket(self._rate, self._burst))
        self._lanes.move_to_end(origin)
        while len(self._lanes) > MOST_ORIGINS:
            self._lanes.popitem(last=False)
        return lane

    def closed(self, now: datetime) -> dict[str, bool]:
        """Return of each service that browsers have whether it is closed; others are `others`.

        Where a subscription leads somebody else says: such names are not ours to repeat.
        """
        found = dict.fromkeys((*KNOWN, "others"), False)
        for origin, lane in self._lanes.items():
            host = urlsplit(origin).hostname or ""
            name = next((each for each in KNOWN if host.endswith(f".{each}")), "others")
            found[name] = found[name] or lane.closed(now) is not None
        return found
