"""A student's wish to be forgotten, fulfilled when it can be taken back no more."""

from dataclasses import dataclass
from uuid import UUID

import structlog

from erasmus_app.kit.clock import Clock
from erasmus_app.store.erasures import ErasureTable
from erasmus_app.store.jobs import Job

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Eraser:
    """Handles jobs of kind `erase`. Run twice, the second time finds nothing to do."""

    erasures: ErasureTable
    clock: Clock

    async def __call__(self, job: Job) -> None:
        """Erase in one transaction, and say how much that was."""
        erasure, now = UUID(job.payload["erasure_id"]), self.clock()
        await self.erasures.forget_hashes(now)
        await self.erasures.forget_joined(now)
        certificate = await self.erasures.fulfil(erasure, now)
        if certificate is not None:
            log.info("student.erased", erasure_id=str(erasure), rows=certificate.erased)
