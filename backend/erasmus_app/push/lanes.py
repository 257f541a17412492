"""Origins by how they have answered lately, so that one that does not holds up nobody else."""

from collections import OrderedDict
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from erasmus_app.kit.backoff import backoff

MISSES = 3  # without an answer, one after the other
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 600.0  # seconds
MOST_ORIGINS = 2000  # those not asked for longest are forgotten
KNOWN = ("googleapis.com", "push.services.mozilla.com", "push.apple.com", "notify.windows.com")
"""Where the push services of the browsers are."""


def origin_of(url: str) -> str:
    """Return an address's origin, RFC 6454: without the port where it is the scheme's own."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    own = {"https": 443, "http": 80}[parts.scheme]
    port = "" if parts.port in {None, own} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


class Lane:
    """One origin."""

    def __init__(self, origin: str) -> None:
        host = urlsplit(origin).hostname or ""
        self.proven = any(host == each or host.endswith(f".{each}") for each in KNOWN)
        self._misses = 0
        self._closed_until: datetime | None = None
        self._limited: tuple[str, datetime] | None = None  # who, and until when

    def closed(self, now: datetime) -> float | None:
        """Return for how many seconds nothing is to be sent; None where it may be."""
        if self._closed_until is None or now >= self._closed_until:
            return None
        return (self._closed_until - now).total_seconds()

    def missed(self, now: datetime) -> None:
        """Note that no answer came. Several in a row close the lane for a while."""
        self._misses += 1
        self.proven = self.proven and self._misses < MISSES
        if self._misses >= MISSES:
            pause = backoff(self._misses - MISSES + 1, first=FIRST_PAUSE, most=LONGEST_PAUSE)
            self._closed_until = now + pause

    def answered(self, *, accepted: bool) -> None:
        """Note that an answer came."""
        self._misses = 0
        self.proven = self.proven or accepted

    def shut(self, seconds: float, now: datetime) -> None:
        """Close the lane: they want nothing of ours."""
        until = now + timedelta(seconds=seconds)
        self._closed_until = max(until, self._closed_until or until)

    def limited(self, device: str, seconds: float, now: datetime) -> None:
        """Note that it is too much for them: of one device that device's matter, of two ours."""
        until = now + timedelta(seconds=seconds)
        if self._limited is not None and self._limited[0] != device and now < self._limited[1]:
            self._closed_until = max(until, self._closed_until or until)
        self._limited = (device, until)


class Lanes:
    """The lanes of all origins."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, Lane] = OrderedDict()

    def of(self, origin: str) -> Lane:
        """Return an origin's lane."""
        lane = self._lanes.setdefault(origin, Lane(origin))
        self._lanes.move_to_end(origin)
        while len(self._lanes) > MOST_ORIGINS:
            self._lanes.popitem(last=False)
        return lane
