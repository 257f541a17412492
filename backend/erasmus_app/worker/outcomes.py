"""What has become of deliveries, written down together: for `sending.py`."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog

from erasmus_app.ids import JobId
from erasmus_app.notifications.models import PendingDelivery
from erasmus_app.notifications.ports import Outcome, PushResult
from erasmus_app.store.database import AWAY
from erasmus_app.store.jobs import Job, LeaseLost
from erasmus_app.store.outages import is_away
from erasmus_app.store.outbox import OF_A_ROW, Outbox, Verdict
from erasmus_app.students.models import TargetKind
from erasmus_app.worker.deliver import count_end

TOGETHER, TOGETHER_SECONDS = 250, 0.01  # outcomes that are written in one go, or after that time
MOST_UNWRITTEN = 5_000  # outcomes; with more the database does not keep up, and nothing is claimed

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Outcomes:
    """Gathers for a moment what has become of deliveries, and writes it in one statement.

    `written` hears of all that need not be held any longer, `failed` of one that cannot be written
    for a reason of ours. `alone` writes one for which the statement for many had no row.
    """

    outbox: Outbox
    alone: Callable[[Verdict], Awaitable[None]]
    name: UUID
    lease: timedelta
    written: Callable[[Sequence[Verdict]], None]
    failed: Callable[[Job, Exception], None]
    _verdicts: deque[Verdict] = field(default_factory=deque)
    _sent: Counter[tuple[str, str, Outcome, str | None]] = field(default_factory=Counter)
    _due: asyncio.Event = field(default_factory=asyncio.Event)
    _is_stuck: bool = False  # what was sent cannot be written down just now

    @property
    def are_behind(self) -> bool:
        """Whether so much is unwritten that nothing more may be sent."""
        return self._is_stuck or len(self._verdicts) > MOST_UNWRITTEN

    def add(
        self, verdict: Verdict, answered: tuple[PendingDelivery, PushResult] | None = None
    ) -> None:
        """Take what has become of one, and what its channel has answered where it was sent."""
        if answered is not None:
            pending, result = answered
            self._sent[pending.kind, pending.target_kind, result.outcome, result.code] += 1
        self._verdicts.append(verdict)
        if len(self._verdicts) == 1:
            asyncio.get_running_loop().call_later(TOGETHER_SECONDS, self._due.set)
        elif len(self._verdicts) >= TOGETHER:
            self._due.set()

    def hurry(self) -> None:
        """Wait for no more of them."""
        self._due.set()

    async def write_all(self) -> None:
        """Write down all that there is together, for as long as somebody sends."""
        while True:
            await self._due.wait()
            self._due.clear()
            while self._verdicts:
                verdicts = [
                    self._verdicts.popleft() for _ in range(min(len(self._verdicts), TOGETHER * 2))
                ]
                self._log()
                await self._write(verdicts)
                self.written(verdicts)

    def _log(self) -> None:
        for (kind, target_kind, outcome, code), count in self._sent.items():
            log.info(
                "push.sent",
                kind=kind,
                target_kind=target_kind,
                lane=TargetKind(target_kind).channel,
                outcome=outcome,
                code=code,
                count=count,
            )
        self._sent.clear()

    async def _write(self, verdicts: Sequence[Verdict]) -> None:
        """Write, if need be after the database is back.

        The lease is the limit, but not while it is away: nobody can take these over then, and
        what nobody remembers would be sent again. One that cannot be written is no matter of the
        others.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.lease.total_seconds()
        written: set[JobId] | None = None
        while written is None:
            try:
                written = await self.outbox.write(verdicts, self.name)
            except OF_A_ROW as error:
                if len(verdicts) == 1:
                    self.failed(verdicts[0].job, error)
                    return
                middle = len(verdicts) // 2
                await self._write(verdicts[:middle])
                await self._write(verdicts[middle:])
                return
            except AWAY as error:
                log.warning("worker.database_away", error=type(error).__name__)
                self._is_stuck = is_away(error)
                if loop.time() >= deadline and not self._is_stuck:
                    return  # the leases run out, and somebody does these once more
                await asyncio.sleep(min(0.5, self.lease.total_seconds() / 4))
        self._is_stuck = False
        for each in verdicts:
            if each.job.job_id not in written:
                await self._write_alone(each)
            else:
                count_end(each)

    async def _write_alone(self, verdict: Verdict) -> None:
        """Write what did not go with the others: asked for once more, or another's by now."""
        try:
            if verdict.state is not None:
                await self.alone(verdict)
                return
            raise LeaseLost(f"job {verdict.job.job_id}")
        except LeaseLost:
            log.warning("job.lease_lost", job_id=verdict.job.job_id, kind=verdict.job.kind)
        except AWAY as error:
            log.warning("worker.database_away", error=type(error).__name__)
