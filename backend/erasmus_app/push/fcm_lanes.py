"""FCM's lanes: one for the project, and behind it one for each kind of device."""

import random
from datetime import datetime

import structlog

from erasmus_app.kit.clock import Clock
from erasmus_app.notifications.ports import Outcome, Push, PushResult
from erasmus_app.push.lanes import Lane
from erasmus_app.push.pace import RAMP, Bucket

PLATFORM_PAUSE = 600.0  # seconds, while somebody puts a credential right
FALLING = ("NO_ANSWER", "UNAVAILABLE", "INTERNAL")
"""Answers of a service that is not well; a proxy's as well (`HTTP_5…`)."""

log = structlog.get_logger(__name__)


class FcmLanes:
    """Says whether a push may go, and learns from what became of it."""

    def __init__(self, clock: Clock, rate: float = 1e9, burst: float = 1e9) -> None:
        self._clock = clock
        self._project = Lane(bucket=Bucket(rate, burst))
        self._platforms: dict[str, Lane] = {}

    def closed(self) -> float | None:
        """Return for how many seconds FCM wants to hear nothing; None where it may."""
        return self._project.closed(self._clock())

    def circuits(self) -> dict[str, float]:
        """Return 2 for what is closed, 0 for what is not: all of FCM, and each platform."""
        now = self._clock()
        lanes = {"fcm": self._project}
        lanes |= {f"fcm:{platform}": lane for platform, lane in self._platforms.items()}
        return {name: 0.0 if lane.closed(now) is None else 2.0 for name, lane in lanes.items()}

    def close(self, seconds: float) -> None:
        """Send nothing for so long; a longer wait stays."""
        self._project.close(seconds, self._clock())

    def room(self) -> int:
        """Return how many pushes could be sent right now."""
        return self._project.room(self._clock())

    def enter(self, push: Push, now: datetime) -> PushResult | None:
        """Return why, and for how long, a push has to wait; None where it may go."""
        platform = self._platforms.get(push.platform)
        if platform is not None and (wait := platform.closed(now)) is not None:
            later = wait + random.uniform(0, RAMP)  # noqa: S311 - no secret
            return PushResult(outcome=Outcome.WAIT, code="PLATFORM_CLOSED", retry_after=later)
        return self._project.enter(now)

    def learn(self, push: Push, result: PushResult, began: datetime) -> PushResult:
        """Note what became of a push that was sent at `began`; return it with the time to wait."""
        now, code = self._clock(), result.code or ""
        if code == "THIRD_PARTY_AUTH_ERROR":
            lane = self._platforms.setdefault(push.platform, Lane())
            if lane.closed(now) is None:
                log.error("push.credential_refused", platform=push.platform, code=code)
            lane.close(PLATFORM_PAUSE, now)
            result = _waiting(result, PLATFORM_PAUSE)
        elif code == "QUOTA_EXCEEDED" and result.outcome is Outcome.LANE_DOWN:
            result = _waiting(result, self._project.overrun(result.retry_after, now))
        if code in FALLING or code.startswith("HTTP_5"):
            self._project.missed(now, began, result.retry_after or 0.0)
        else:
            self._project.answered(accepted=result.outcome is Outcome.ACCEPTED)
        return result


def _waiting(result: PushResult, seconds: float) -> PushResult:
    return PushResult(outcome=result.outcome, code=result.code, retry_after=seconds)
