"""Devices that have fallen silent are told nothing, and forgotten at last."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.jobs import Again, Job, ensure
from erasmus_app.worker.poll import code_of
from ewp.errors import place_of

SWEEP = "devices"
EVERY = 6 * 3600.0  # seconds
AFTER_FAILURE = 600.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Handles the recurring job `devices`."""

    devices: DeviceTable
    quiet_after: timedelta
    gone_after: timedelta

    async def start(self) -> None:
        """Make sure that the recurring job is there."""
        await ensure(self.devices.database, SWEEP, {SWEEP: {}})

    async def __call__(self, _job: Job) -> None:
        """Look for silent devices, say how many there were, and come again."""
        try:
            quiet = await self.devices.silence(self.quiet_after)
            gone = await self.devices.forget(self.gone_after)
        except Exception as error:  # noqa: BLE001 - a recurring job has no last attempt
            log.error("devices.not_swept", code=code_of(error), where=place_of(error))  # noqa: TRY400
            raise Again(AFTER_FAILURE) from None
        if quiet or gone:
            log.info("devices.swept", quiet=quiet, gone=gone)
        raise Again(EVERY)
