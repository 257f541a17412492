"""What every way to FCM has in common: its lanes, on which all messages go."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from erasmus_app.kit.clock import Clock
from erasmus_app.notifications.ports import Push, PushResult
from erasmus_app.push.fcm_lanes import FcmLanes

QUOTA_WAIT = 60.0  # seconds: FCM asks for at least a minute where it names no time, of a device


class Sender:
    """Sends pushes through FCM, one message a request (there is no batch endpoint any more)."""

    def __init__(self, clock: Clock, lanes: FcmLanes | None = None) -> None:
        self._clock = clock
        self.lanes = lanes or FcmLanes(clock)
        self._tasks: set[asyncio.Task[PushResult]] = set()

    async def send(self, push: Push) -> PushResult:
        """Send one. Every answer, and none, is an outcome."""
        raise NotImplementedError

    def start(self, push: Push, done: Callable[[PushResult], None]) -> None:
        """Send one as `send` does, and call `done` with what became of it."""
        self._later(self.send(push), done)

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
