"""Jobs of kind `report`: one failed call each, told to the statistics portal once."""

from dataclasses import dataclass
from datetime import timedelta

import msgspec

from erasmus_app.partners.monitoring import FailedCall, Monitoring
from erasmus_app.store.jobs import Job
from erasmus_app.worker.loop import waiting

AT_ONCE = 2  # reports under way in one worker
STALE = timedelta(hours=1)  # who was not told by then need not hear of it


@dataclass(frozen=True, slots=True)
class Reporter:
    """Sends reports; none is tried twice."""

    monitoring: Monitoring

    async def __call__(self, job: Job) -> None:
        """Handle one job."""
        if self.monitoring.clock() - job.requested_at < STALE:
            with waiting():
                await self.monitoring.send(msgspec.convert(job.payload, FailedCall))
