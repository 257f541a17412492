"""Deliveries, many at a time: claimed by the hundred, sent side by side, written down together.

docs/decisions/0028 tells the reasons. A delivery is under way from its claim until what became of
it is written; its lease is kept for as long.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import structlog

from erasmus_app.errors import AppError
from erasmus_app.ids import JobId
from erasmus_app.notifications.models import PendingDelivery
from erasmus_app.notifications.ports import Channel, Outcome, PushResult, WideChannel
from erasmus_app.notifications.preferences import How
from erasmus_app.store.database import AWAY
from erasmus_app.store.deliveries import DELIVER
from erasmus_app.store.jobs import (
    BATCHED_ATTEMPTS,
    CHANNEL,
    MOST_ATTEMPTS,
    Job,
    JobQueue,
    LeaseLost,
    together,
)
from erasmus_app.store.outbox import CLOSED, Claimed, Outbox, Verdict
from erasmus_app.telemetry.traces import span
from erasmus_app.worker.deliver import Deliverer
from erasmus_app.worker.lanes import Item, Lane
from erasmus_app.worker.outcomes import Outcomes
from erasmus_app.worker.pace import LONGEST_SLEEP, Pace
from erasmus_app.worker.stopping import DRAIN_SECONDS, GIVE_BACK_SECONDS, ended, until_stopped
from erasmus_app.worker.window import Window
from ewp.errors import place_of

AT_ONCE = 32  # pushes under way on a channel that is not wide
FRESH_SECONDS = 1.0  # what was read is read again after: something may have overtaken it
NOWHERE = ""  # the lane of jobs without a delivery

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Sending:
    """Claims jobs of kind `deliver` and sends them; each channel has a lane of its own."""

    deliverer: Deliverer
    queue: JobQueue
    outbox: Outbox
    lease: timedelta = timedelta(seconds=30)
    name: UUID = field(default_factory=uuid4)
    pace: Pace = field(default_factory=Pace)
    _lanes: dict[str, Lane] = field(default_factory=dict)
    _held: dict[JobId, Job] = field(default_factory=dict)
    _suspect: JobId | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: bool = False
    _brought: int = 0  # by the last look
    _left_some: bool = False  # the last look may not have brought all there was
    _outcomes: Outcomes = field(init=False)

    def __post_init__(self) -> None:
        self._outcomes = Outcomes(
            outbox=self.outbox,
            alone=self.deliverer.write,
            name=self.name,
            lease=self.lease,
            written=self._written,
            failed=self._failed,
        )

    async def run(self, stop: asyncio.Event, *, drain: float = DRAIN_SECONDS) -> None:
        """Work until `stop` is set; then give what is under way `drain` seconds to end.

        What has not been sent by then is given back at once; of what was, and is not answered, it
        is not known whether it arrived: that is given back too.
        """
        for name, channel in self.deliverer.services.channels.items():
            wide = channel if isinstance(channel, WideChannel) else None
            self._lanes[name] = Lane(name, Window(wide.at_most if wide else AT_ONCE), wide)
        self._lanes.setdefault(NOWHERE, Lane(NOWHERE, Window(AT_ONCE)))
        async with self.queue.database.hearing((CHANNEL, CLOSED), self._heard):
            beat = asyncio.create_task(self._beat())
            writer = asyncio.create_task(self._outcomes.write_all())
            stopping = asyncio.create_task(self._stop_with(stop))
            try:
                drain = await until_stopped(stop, self._rounds(beat, writer), drain)
            finally:
                self._stopping = True
                await self._drain(drain)
                await ended({beat, writer, stopping, *self._tasks})

    async def _rounds(self, *others: asyncio.Task[None]) -> None:
        while not self._stopping:
            await self._round()
            for each in others:
                if each.done():
                    each.result()

    def _heard(self, channel: str, told: str | None) -> None:
        """Take notice of work, or of a lane that another worker has found closed."""
        if channel == CHANNEL and told not in {None, "", DELIVER}:
            return  # others' work
        if channel == CLOSED and told is not None:
            name, _, seconds = told.partition(" ")
            lane = self._lanes[name]
            if lane.wide is not None:
                lane.told_until = asyncio.get_running_loop().time() + float(seconds)
                lane.wide.close(float(seconds))
        self._wake.set()

    async def _tell_closed(self, lane: Lane, seconds: float) -> None:
        with suppress(*AWAY):  # each finds out for itself then
            await self.outbox.tell_closed(lane.name, seconds)

    async def _stop_with(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stopping = True
        self._wake.set()

    async def _round(self) -> None:
        """Claim what there is room for, then sleep until there is something to do."""
        self._wake.clear()
        sleep, looked_at = LONGEST_SLEEP, asyncio.get_running_loop().time()
        rooms = {name: room for name, lane in self._lanes.items() if (room := lane.room()) > 0}
        if self._outcomes.are_behind:
            rooms.clear()
        self._left_some = len(rooms) < len(self._lanes)
        try:
            if rooms:
                suspects = 1 if self._suspect is None else 0
                claimed = await self.outbox.claim(
                    rooms, self.lease, self.name, suspects, likely=self._brought
                )
                self._brought = len(claimed)
                await self._take(claimed)
                self._left_some = self._left_some or self._suspect is not None
                taken = Counter(each.lane for each in claimed)
                if any(taken[name] >= room for name, room in rooms.items()):
                    await asyncio.sleep(0)
                    return  # there may be more
                due = await self.outbox.until_next(list(rooms))
                if due is not None and due.total_seconds() > 0:
                    sleep = min(sleep, max(due.total_seconds(), 0.01))
        except AWAY as error:
            self._left_some = True
            log.warning("worker.database_away", error=type(error).__name__)
        with suppress(TimeoutError):
            async with asyncio.timeout(sleep):
                await self._wake.wait()
        if not self._left_some:
            await self.pace.apart(looked_at)

    async def _take(self, claimed: Sequence[Claimed]) -> None:
        """Read what was claimed, and send it as soon as its lane lets it."""
        if not claimed:  # another worker was quicker; to find that out is cheap, to read is not
            return
        for each in claimed:
            self._held[each.job.job_id] = each.job
        if dead := [each.job for each in claimed if each.job.attempts > MOST_ATTEMPTS]:
            log.warning("job.buried", jobs=len(dead), kind=dead[0].kind, code="worker_lost")
            await self.queue.bury(together(dead), "worker_lost")
            self._let_go(each.job_id for each in dead)
        living = [each for each in claimed if each.job.job_id in self._held]
        try:
            found = await self.deliverer.deliveries.pendings([e.delivery_id for e in living])
        except AWAY:
            await self._give_back([each.job for each in living])
            raise
        now = asyncio.get_running_loop().time()
        for each in living:
            if each.job.attempts > BATCHED_ATTEMPTS and self._suspect is None:
                self._suspect = each.job.job_id
            try:
                self._sort(each, found.get(each.delivery_id), now)
            except Exception as error:  # noqa: BLE001 - one delivery's crash is that delivery's
                self._failed(each.job, error)
        for lane in self._lanes.values():
            self._send_from(lane)

    def _sort(
        self, claimed: Claimed, found: PendingDelivery | Exception | None, now: float
    ) -> None:
        """Put one where it is to be sent from, or say at once what becomes of it."""
        if isinstance(found, Exception):
            raise found
        verdict = self.deliverer.unsent(claimed.job, claimed.delivery_id, found)
        if verdict is not None:
            self._outcomes.add(verdict)
            return
        assert found is not None
        departure = self.deliverer.departure(found)
        if departure is How.HELD:
            self._later(self._hold(claimed.job, found))
            return
        push = self.deliverer.push(found, rings=departure is How.AT_ONCE)
        self._lanes[claimed.lane].ready.append(Item(claimed, found, push, now))

    async def _hold(self, job: Job, pending: PendingDelivery) -> None:
        """Leave one for the time at which its student wants it."""
        try:
            await self.deliverer.hold(job, pending)
        except LeaseLost:
            log.warning("job.lease_lost", job_id=job.job_id, kind=job.kind)
        except AWAY:
            await self._give_back([job])
            return
        except Exception as error:  # noqa: BLE001 - one delivery's crash is that delivery's
            self._failed(job, error)
            return
        self._let_go([job.job_id])

    def _send_from(self, lane: Lane) -> None:
        """Send what is ready, as many as the lane's window lets through."""
        loop = asyncio.get_running_loop()
        if lane.ready and (self._stopping or lane.closed() is not None):
            self._later(self._give_back([item.claimed.job for item in lane.ready]))
            lane.ready.clear()
        stale: list[Claimed] = []
        while lane.ready and len(lane.sending) < int(lane.window.size):
            item = lane.ready.popleft()
            now = loop.time()
            if now - item.read_at > FRESH_SECONDS:
                stale.append(item.claimed)
                continue
            item.began = now
            item.attempt = span(
                "push.send",
                "producer",
                of=item.pending.traces,
                lane=lane.name,
                kind=item.pending.kind,
                attempts=item.pending.attempts + 1,
            )
            lane.sending[item.claimed.job.job_id] = item
            channel = self.deliverer.channel(item.pending)
            if channel is lane.wide:
                lane.wide.start(item.push, partial(self._answered, lane, item))
            else:
                self._later(self._send_one(lane, item, channel))
        if stale:
            self._later(self._take_again(stale))

    async def _send_one(self, lane: Lane, item: Item, channel: Channel) -> None:
        try:
            result = await channel.send(item.push)
        except Exception as error:  # noqa: BLE001 - one delivery's crash is that delivery's
            lane.sending.pop(item.claimed.job.job_id, None)
            item.attempt.failed(type(error).__name__)
            item.attempt.end()
            self._failed(item.claimed.job, error)
            self._go_on(lane)
        else:
            self._answered(lane, item, result)

    async def _take_again(self, stale: Sequence[Claimed]) -> None:
        with suppress(*AWAY):  # given back then
            await self._take(stale)

    def _answered(self, lane: Lane, item: Item, result: PushResult) -> None:
        """Note what became of one that was sent."""
        now, under_way = asyncio.get_running_loop().time(), len(lane.sending)
        if lane.sending.pop(item.claimed.job.job_id, None) is None:
            return  # given back meanwhile
        item.attempt.note(outcome=result.outcome, code=result.code)
        item.attempt.end()
        if lane.wide is not None and _is_too_much(result):
            lane.window.set_back(item.began, now)
            closed = lane.closed() if result.code == "QUOTA_EXCEEDED" else None
            if closed is not None and now + closed > lane.told_until + 1:
                lane.told_until = now + closed
                self._later(self._tell_closed(lane, closed))
        elif lane.wide is not None and result.outcome is not Outcome.WAIT:
            lane.window.answered(item.began, now, under_way)
        pending = item.pending
        self.deliverer.measure(pending, result)
        verdict = self.deliverer.verdict(item.claimed.job, pending, result)
        self._outcomes.add(verdict, (pending, result))
        self._go_on(lane)

    def _go_on(self, lane: Lane) -> None:
        if lane.ready:
            self._send_from(lane)
        if self._left_some and not self._wake.is_set() and lane.room() > 0:
            self._wake.set()

    def _written(self, verdicts: Sequence[Verdict]) -> None:
        """Let go of what has been written down; some of it may be asked for once more."""
        self._let_go(each.job.job_id for each in verdicts)
        self._left_some = self._left_some or any(each.state is None for each in verdicts)
        if self._left_some:
            self._wake.set()

    def _failed(self, job: Job, error: Exception) -> None:
        """Note that one could not be sent for a reason of ours."""
        code = error.code if isinstance(error, AppError) else type(error).__name__
        # Where, but not what it says: that may be a student's.
        log.error("job.failed", code=code, where=place_of(error), job_id=job.job_id, kind=job.kind)

        async def fail() -> None:
            with suppress(*AWAY):
                await self.queue.fail(job, code)
            self._let_go([job.job_id])

        self._later(fail())

    async def _give_back(self, jobs: Sequence[Job]) -> None:
        if jobs:
            with suppress(*AWAY):
                async with asyncio.timeout(GIVE_BACK_SECONDS):
                    await self.queue.release(together(jobs))
            self._let_go(each.job_id for each in jobs)

    def _let_go(self, jobs: Iterable[JobId]) -> None:
        for each in jobs:
            self._held.pop(each, None)
            if each == self._suspect:
                self._suspect = None

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _beat(self) -> None:
        """Keep the leases of what is under way."""
        while True:
            await asyncio.sleep(self.lease.total_seconds() / 3)
            try:
                if self._held:
                    await self.queue.heartbeat(list(self._held), self.lease, self.name)
            except AWAY as error:
                log.warning("worker.database_away", error=type(error).__name__)

    async def _drain(self, seconds: float) -> None:
        """Wait for answers; give back what has none, and what was not sent."""
        for lane in self._lanes.values():
            self._send_from(lane)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._held and loop.time() < deadline:
            self._outcomes.hurry()
            await asyncio.sleep(0.01)
        late = list(self._held.values())
        for lane in self._lanes.values():
            lane.sending.clear()
        if late:
            log.warning("worker.gave_back", jobs=len(late))
            await self._give_back(late)


def _is_too_much(result: PushResult) -> bool:
    """Whether an outcome asks for fewer at a time: no time left, or no answer. A crash does not."""
    if result.outcome is Outcome.LANE_DOWN:  # credentials are no matter of how many
        return result.code == "QUOTA_EXCEEDED"
    return result.outcome is Outcome.TRY_AGAIN and result.code not in {"INTERNAL", "DEVICE_QUOTA"}
