"""What every way to FCM has in common: its quota holds for all messages, and closes the lane."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from erasmus_app.kit.clock import Clock
from erasmus_app.notifications.ports import Outcome, Push, PushResult

QUOTA_WAIT = 60.0  # seconds: FCM asks for at least a minute where it names no time


class Sender:
    """Sends pushes through FCM, one message a request (there is no batch endpoint any more)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._closed_until: datetime | None = None  # the whole lane waits
        self._tasks: set[asyncio.Task[PushResult]] = set()

    async def send(self, push: Push) -> PushResult:
        """Send one. Every answer, and none, is an outcome."""
        raise NotImplementedError

    def start(self, push: Push, done: Callable[[PushResult], None]) -> None:
        """Send one as `send` does, and call `done` with what became of it."""
        self._later(self.send(push), done)

    def closed(self) -> float | None:
        """Return for how many seconds FCM wants to hear nothing; None where it may."""
        if self._closed_until is None:
            return None
        wait = (self._closed_until - self._clock()).total_seconds()
        return wait if wait > 0 else None

    def _refused(self) -> PushResult | None:
        """Return what becomes of a push while the lane is closed."""
        if (wait := self.closed()) is None:
            return None
        return PushResult(outcome=Outcome.LANE_DOWN, code="LANE_CLOSED", retry_after=wait)

    def _noted(self, result: PushResult, now: datetime) -> PushResult:
        """Close the lane where a result says so."""
        if result.code == "QUOTA_EXCEEDED" and result.retry_after is not None:
            until = now + timedelta(seconds=result.retry_after)
            self._closed_until = max(until, self._closed_until or until)
        return result

    def _later(
        self, sending: Coroutine[Any, Any, PushResult], done: Callable[[PushResult], None]
    ) -> None:
        task = asyncio.create_task(sending)
        self._tasks.add(task)

        def ended(task: asyncio.Task[PushResult]) -> None:
            self._tasks.discard(task)
            if not task.cancelled():
                done(task.result())

        task.add_done_callback(ended)
