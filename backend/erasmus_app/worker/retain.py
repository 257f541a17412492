"""What is over is deleted, every few hours."""

from dataclasses import dataclass

import structlog

from erasmus_app.kit.clock import Clock
from erasmus_app.store.jobs import Again, Job, ensure
from erasmus_app.store.retention import RetentionTable
from erasmus_app.worker.poll import code_of
from ewp.errors import place_of

RETAIN = "retain"
EVERY = 6 * 3600.0  # seconds; an archive is gone at most that long after its week
AFTER_FAILURE = 600.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retainer:
    """Handles the recurring job `retain`."""

    table: RetentionTable
    clock: Clock

    async def start(self) -> None:
        """Make sure that the recurring job is there."""
        await ensure(self.table.database, RETAIN, {RETAIN: {}})

    async def __call__(self, _job: Job) -> None:
        """Delete what is over, say how much that was, and come again."""
        try:
            found = await self.table.delete(self.clock())
        except Exception as error:  # noqa: BLE001 - a recurring job has no last attempt
            log.error("data.not_retained", code=code_of(error), where=place_of(error))  # noqa: TRY400
            raise Again(AFTER_FAILURE) from None
        if found:
            log.info("data.retained", rows=found)
        raise Again(EVERY)
