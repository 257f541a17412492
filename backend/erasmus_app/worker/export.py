"""A student's wish for a copy of everything, fulfilled."""

from dataclasses import dataclass
from uuid import UUID

import structlog

from erasmus_app.kit.clock import Clock
from erasmus_app.store.exports import ExportTable
from erasmus_app.store.jobs import Job
from erasmus_app.worker.archive import Archivist

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Exporter:
    """Handles jobs of kind `export`. Run twice, the second time finds nothing to do."""

    exports: ExportTable
    archivist: Archivist
    clock: Clock

    async def __call__(self, job: Job) -> None:
        """Write the archive in one transaction, and say how big it is."""
        export, now = UUID(job.payload["export_id"]), self.clock()
        async with self.exports.writing(export) as writing:
            if writing is None:
                return
            await self.archivist.write(writing.held, writing.language, now, writing.write)
            await writing.finish(now)
        log.info("student.exported", export_id=str(export), bytes=writing.size)
