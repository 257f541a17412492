"""The loop that claims jobs and hands them to their handlers."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from uuid import UUID, uuid4

import structlog

from erasmus_app.errors import AppError
from erasmus_app.store.database import AWAY
from erasmus_app.store.jobs import (
    BATCH,
    CHANNEL,
    MOST_ATTEMPTS,
    Again,
    Bury,
    Job,
    JobQueue,
    Later,
    LeaseLost,
    Retry,
    together,
)
from erasmus_app.store.outages import OUTAGE_SECONDS, is_away, is_outage
from erasmus_app.telemetry.metrics import JOB_ATTEMPTS
from erasmus_app.telemetry.traces import span
from erasmus_app.worker.pace import LONGEST_SLEEP, Pace
from erasmus_app.worker.stopping import DRAIN_SECONDS, GIVE_BACK_SECONDS, ended, until_stopped
from ewp.errors import place_of

Handler = Callable[[Job], Awaitable[None]]
"""Does one job. May raise Retry, Later, Bury or Again; anything else is a failed attempt."""

OUTAGE = timedelta(seconds=OUTAGE_SECONDS)
PATIENCE = 0.5  # seconds that a job may wait for somebody outside before its place is lent
MOST_WAITING = 8  # jobs under way at most, in `concurrency`: what they hold has to fit in memory


def lane_limit(concurrency: int) -> int:
    """Return how many of one lane may be under way: those that hang leave the others room."""
    return max(concurrency * MOST_WAITING // 4, 1)


log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Place:
    """A job under way, and since when (the loop's clock) it waits for somebody outside."""

    job: Job
    waits_since: float | None = None


_place: ContextVar[_Place | None] = ContextVar("_place", default=None)


@contextmanager
def waiting() -> Iterator[None]:
    """Say that the job waits for somebody outside: its place is lent to others where that lasts.

    So a partner that takes requests and never answers does not keep the worker from the others.
    """
    place = _place.get()
    if place is None:  # no worker's job
        yield
        return
    place.waits_since = asyncio.get_running_loop().time()
    try:
        yield
    finally:
        place.waits_since = None


@dataclass(slots=True, kw_only=True)
class Worker:
    """Claims jobs in batches and runs them side by side; each touches only itself.

    `concurrency` counts those at work: who waits for a partner (`waiting`) lends his place. It
    claims only the kinds that it has a handler for. `limits` says how many of a kind may run at
    the same time; a kind that is not named may fill all places.
    """

    queue: JobQueue
    handlers: Mapping[str, Handler]
    concurrency: int = 16
    lease: timedelta = timedelta(seconds=30)
    limits: Mapping[str, int] = field(default_factory=dict)
    name: UUID = field(default_factory=uuid4)
    pace: Pace = field(default_factory=Pace)
    beaten_at: float = -inf  # by the loop's clock, when the database last took a heartbeat
    _running: dict[asyncio.Task[None], _Place] = field(default_factory=dict)
    _news: set[str] | None = None  # kinds that there may be work of; None: any
    _is_tight: bool = False  # some kinds were not looked for, as there was no room

    async def run(self, stop: asyncio.Event, *, drain: float = DRAIN_SECONDS) -> None:
        """Work until `stop` is set; then give what is under way `drain` seconds to end.

        What has not ended by then is cancelled and given back for another worker at once.
        """
        wake = asyncio.Event()

        def hear(_: str, kind: str | None) -> None:
            if not kind or kind in self.handlers:  # what others do need not wake this one
                self._hear_of(kind or None)
                wake.set()

        async with self.queue.database.hearing((CHANNEL,), hear):
            beat = asyncio.create_task(self._beat(wake))
            stopping = asyncio.create_task(_pass_on(stop, wake))
            try:
                drain = await until_stopped(stop, self._rounds(stop, wake, beat), drain)
            finally:
                await self._drain(drain)
                await ended({beat, stopping})

    async def _rounds(
        self, stop: asyncio.Event, wake: asyncio.Event, beat: asyncio.Task[None]
    ) -> None:
        while not stop.is_set():
            await self._round(wake)
            if beat.done():  # without heartbeats no lease is ours for long
                beat.result()

    def _hear_of(self, kind: str | None) -> None:
        if kind is None:
            self._news = None
        elif self._news is not None:
            self._news.add(kind)

    async def _round(self, wake: asyncio.Event) -> None:
        """Claim what there is room for, then sleep until there is something to do.

        Whoever is woken by one kind looks for that alone: when others are due, the sleep is over.
        """
        wake.clear()
        sleep, next_kind = LONGEST_SLEEP, None
        looked_at = asyncio.get_running_loop().time()
        news, self._news = self._news, set()
        try:
            full = False  # whether some claim brought all it asked for
            for kinds, room in self._rooms():
                if news is not None and news.isdisjoint(kinds):
                    continue
                claimed = await self.queue.claim(
                    room, self.lease, self.name, kinds, self.pace.places(BATCH)
                )
                for job in claimed:
                    self._begin(job, wake)
                full = full or sum(len(job.all) for job in claimed) >= room
            open_kinds = [kind for kinds, _ in self._rooms() for kind in kinds]
            self._is_tight = len(open_kinds) < len(self.handlers)
            if not open_kinds:
                sleep = min(sleep, PATIENCE)  # a place may be lent by then
            else:
                if full:
                    self._news = None
                    await self.pace.give_way()
                    return  # there may be more
                found = await self.queue.until_next(open_kinds)
                if found is not None and found[0].total_seconds() < sleep:
                    due, next_kind = found
                    sleep = max(due.total_seconds(), 0.01)
        except AWAY as error:
            self._news = None
            log.warning("worker.database_away", error=type(error).__name__)
        try:
            async with asyncio.timeout(sleep):
                await wake.wait()
        except TimeoutError:
            self._hear_of(next_kind)
        await (self.pace.give_way() if self._is_tight else self.pace.apart(looked_at))

    def _rooms(self) -> Iterator[tuple[list[str], int]]:
        """Yield kinds and how many more of them may start now."""
        running = Counter(place.job.kind for place in self._running.values())
        for kind, limit in self.limits.items():
            room = min(limit - running[kind], self._room())
            if room > 0 and kind in self.handlers:
                yield [kind], room
        kinds = [kind for kind in self.handlers if kind not in self.limits]
        room = self._room()
        if room > 0 and kinds:
            yield kinds, room

    def _room(self) -> int:
        """Return how many places are free, those included that are lent."""
        now = asyncio.get_running_loop().time()
        lent = sum(
            place.waits_since is not None and now - place.waits_since >= PATIENCE
            for place in self._running.values()
        )
        most = self.concurrency * MOST_WAITING
        places = self.pace.places(self.concurrency)
        return min(places + lent, most) - len(self._running)

    def _begin(self, job: Job, wake: asyncio.Event) -> None:
        place = _Place(job)
        context = copy_context()
        context.run(_place.set, place)
        task = asyncio.create_task(self._do(job), context=context)
        self._running[task] = place

        def ended(_: asyncio.Task[None]) -> None:
            del self._running[task]
            self._hear_of(None if self._is_tight else job.kind)
            wake.set()

        task.add_done_callback(ended)

    async def _do(self, job: Job) -> None:
        """Run one job; whatever happens is written to its row."""
        try:
            if job.attempts > MOST_ATTEMPTS:  # its workers died over it
                log.warning("job.buried", job_id=job.job_id, kind=job.kind, code="worker_lost")
                await self._write(lambda: self.queue.bury(job, "worker_lost"))
                return
            ending = await self._outcome(job)
            if ending is not None:
                await self._write(ending)
        except asyncio.CancelledError:
            with suppress(*AWAY):
                async with asyncio.timeout(GIVE_BACK_SECONDS):
                    await self.queue.release(job)
            raise

    async def _outcome(self, job: Job) -> Callable[[], Awaitable[object]] | None:
        """Run the handler; return what is to be written down, and count it."""
        told, ending = await self._ending(job)
        JOB_ATTEMPTS[job.kind, told].inc()
        return ending

    async def _ending(self, job: Job) -> tuple[str, Callable[[], Awaitable[object]] | None]:
        """Run the handler; return a word for how it went, and what is to be written down."""
        about = {"job_id": job.job_id, "kind": job.kind, "attempts": job.attempts}
        began = asyncio.get_running_loop().time()

        def ms() -> int:
            return round((asyncio.get_running_loop().time() - began) * 1000)

        try:
            await self._handled(job)
        except Again as again:
            after = timedelta(seconds=again.after)
            return "again", lambda: self.queue.postpone(job, after, None)
        except Later as later:
            return "later", self._partly(job, later)
        except Retry as failed:
            log.info("job.later", code=failed.code, ms=ms(), **about)
            code, seconds = failed.code, failed.after
            return "retry", lambda: self.queue.fail(job, code, seconds)
        except Bury as never:
            log.warning("job.buried", code=never.code, ms=ms(), **about)
            code = never.code
            return "buried", lambda: self.queue.bury(job, code)
        except LeaseLost:
            log.warning("job.lease_lost", **about)
            return "lease_lost", None
        except Exception as error:  # noqa: BLE001 - one job's crash is that job's
            if is_outage(error):  # no matter of the job's: no attempt of its is spent on that
                log.warning("worker.database_away", error=type(error).__name__)
                return "later", lambda: self.queue.release(job, OUTAGE)
            code = error.code if isinstance(error, AppError) else type(error).__name__
            # Where, but not what it says: that may be a student's.
            log.error(  # noqa: TRY400
                "job.failed", code=code, where=place_of(error), ms=ms(), **about
            )
            return "failed", lambda: self.queue.fail(job, code)
        return "done", lambda: self.queue.finish(job)

    async def _handled(self, job: Job) -> None:
        """Run the handler, as part of what asked for the job."""
        causes = [trace for each in job.all for trace in each.traces]
        about = {"kind": job.kind, "jobs": len(job.all), "attempts": job.attempts}
        with span(f"job {job.kind}", "consumer", of=causes, **about) as working:
            try:
                await self.handlers[job.kind](job)
            except (Again, Later) as ending:
                working.note(outcome=type(ending).__name__.lower())
                done: Exception | None = ending
            else:
                done = None
        if done is not None:  # which is no failure
            raise done

    def _partly(self, job: Job, later: Later) -> Callable[[], Awaitable[object]]:
        """Return what gives some of a batch back and ends the others."""
        back = list(job.all if later.jobs is None else later.jobs)
        done = [each for each in job.all if each not in back]

        async def write() -> None:
            await self.queue.release(together(back), timedelta(seconds=later.after))
            if done:
                await self.queue.finish(together(done))

        return write

    async def _write(self, ending: Callable[[], Awaitable[object]]) -> None:
        """Write how a job ended, if need be after the database is back.

        The lease is the limit, but not while it is away: nobody can take the job over then.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.lease.total_seconds()
        while True:
            try:
                await ending()
            except AWAY as error:
                log.warning("worker.database_away", error=type(error).__name__)
                if loop.time() >= deadline and not is_away(error):
                    return  # the lease runs out, and somebody does it once more
                await asyncio.sleep(min(0.5, self.lease.total_seconds() / 4))
            else:
                return

    async def _beat(self, wake: asyncio.Event) -> None:
        """Keep our leases, and look for those that nobody keeps any more."""
        while True:
            try:
                if self._running:
                    ids = [job.job_id for place in self._running.values() for job in place.job.all]
                    await self.queue.heartbeat(ids, self.lease, self.name)
                if found := await self.queue.take_over():
                    log.warning("worker.took_over", jobs=found)
                    self._news = None
                    wake.set()
                self.beaten_at = asyncio.get_running_loop().time()
            except AWAY as error:
                log.warning("worker.database_away", error=type(error).__name__)
            await asyncio.sleep(self.lease.total_seconds() / 3)

    async def _drain(self, seconds: float) -> None:
        self.pace.hurry()
        tasks = list(self._running)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=seconds)
        if late:
            log.warning("worker.gave_back", jobs=len(late))
            await ended(late)


async def _pass_on(stop: asyncio.Event, wake: asyncio.Event) -> None:
    await stop.wait()
    wake.set()
