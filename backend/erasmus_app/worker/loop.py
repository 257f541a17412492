"""The loop that claims jobs and hands them to their handlers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import structlog

from erasmus_app.ids import JobId
from erasmus_app.store.jobs import CHANNEL, Again, Bury, Job, JobQueue, LeaseLost, Retry

Handler = Callable[[Job], Awaitable[None]]
LONGEST_SLEEP = 1.0  # seconds: polling is the floor under NOTIFY

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Worker:
    """Claims jobs in batches and runs them side by side; each touches only itself."""

    queue: JobQueue
    handlers: Mapping[str, Handler]
    concurrency: int = 16
    lease: timedelta = timedelta(seconds=30)
    name: UUID = field(default_factory=uuid4)
    _running: dict[JobId, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event, *, drain: float = 10.0) -> None:
        """Work until `stop` is set; then give what is under way `drain` seconds to end."""
        async with self.queue.database.listening(CHANNEL) as heard:
            beat = asyncio.create_task(self._beat())
            stopping = asyncio.create_task(stop.wait())
            try:
                while not stop.is_set():
                    await self._round(heard, stopping)
            finally:
                stopping.cancel()
                if self._running:
                    await asyncio.wait(self._running.values(), timeout=drain)
                for task in self._running.values():
                    task.cancel()  # its lease runs out and somebody else takes it up
                await asyncio.gather(*self._running.values(), return_exceptions=True)
                beat.cancel()
                with suppress(asyncio.CancelledError):
                    await beat

    async def _round(self, heard: asyncio.Event, stopping: asyncio.Task[bool]) -> None:
        heard.clear()
        free = self.concurrency - len(self._running)
        claimed: list[Job] = []
        sleep = LONGEST_SLEEP
        try:
            if free:
                claimed = await self.queue.claim(free, self.lease, self.name)
                if not claimed and (due := await self.queue.next_due()):
                    sleep = max(0.01, min(sleep, (due - self.queue.clock()).total_seconds()))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("worker.database_away", error=type(error).__name__)
        for job in claimed:
            task = asyncio.create_task(self._do(job))
            self._running[job.job_id] = task
            task.add_done_callback(lambda _, job_id=job.job_id: self._running.pop(job_id, None))
        if claimed and free > len(claimed):
            return  # there may be more
        waits: set[asyncio.Task[object]] = {asyncio.ensure_future(heard.wait()), stopping}
        waits |= set(self._running.values())
        try:
            await asyncio.wait(waits, timeout=sleep, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits - {stopping} - set(self._running.values()):
                each.cancel()

    async def _do(self, job: Job) -> None:
        """Run one job; whatever happens is written to its row."""
        handler = self.handlers.get(job.kind)
        try:
            if handler is None:
                await self.queue.bury(job, "unknown_kind")
                return
            try:
                await handler(job)
            except Again as again:
                await self.queue.postpone(job, timedelta(seconds=again.after), None)
            except Retry as later:
                log.info("job.later", kind=job.kind, code=later.code, attempts=job.attempts)
                await self.queue.fail(job, later.code, later.after)
            except Bury as never:
                log.warning("job.buried", kind=job.kind, code=never.code)
                await self.queue.bury(job, never.code)
            except LeaseLost:
                log.warning("job.lease_lost", kind=job.kind)
            except Exception as error:
                log.error("job.failed", kind=job.kind, error=type(error).__name__, exc_info=True)
                await self.queue.fail(job, type(error).__name__)
            else:
                with suppress(LeaseLost):  # the handler completed it in its own transaction
                    await self.queue.finish(job)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("worker.database_away", kind=job.kind, error=type(error).__name__)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.lease.total_seconds() / 3)
            if self._running:
                with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await self.queue.heartbeat(list(self._running), self.lease, self.name)
