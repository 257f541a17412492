"""Telling phones to fetch what has changed, where nothing of it is worth a message.

A courtesy and no more: what does not arrive is fetched when the app is opened. So nothing is tried
twice, and a push service that wants to hear less is left alone.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from erasmus_app.ids import AccountId
from erasmus_app.notifications.models import Urgency
from erasmus_app.notifications.ports import Outcome, Push
from erasmus_app.services import Services
from erasmus_app.store.jobs import Job
from erasmus_app.store.syncs import SleepingApp, SyncTable
from erasmus_app.worker.loop import waiting

LIFETIME = timedelta(hours=12)  # a phone that comes back later is opened by then, or waits
DATA = {"sync": "record"}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Syncer:
    """Handles jobs of kind `sync`."""

    services: Services
    table: SyncTable

    async def __call__(self, job: Job) -> None:
        """Tell each of an account's phones once."""
        outcomes: Counter[str] = Counter()
        for app in await self.table.apps(AccountId(UUID(job.payload["account_id"]))):
            channel = self.services.channels[app.target_kind.channel]
            if not channel.ready:
                continue
            with waiting():
                result = await channel.send(self._push(app))
            outcomes[result.outcome] += 1
            if result.outcome is Outcome.DEVICE_GONE:
                await self.table.forget(app)
        if outcomes:
            log.info("sync.sent", outcomes=dict(outcomes))

    def _push(self, app: SleepingApp) -> Push:
        return Push(
            message_id="sync",  # the next one takes its place while a phone is off
            platform=app.platform,
            target_kind=app.target_kind,
            target=app.target,
            title="",
            body="",
            data=DATA,
            urgency=Urgency.NORMAL,
            expires_at=self.services.clock() + LIFETIME,
            is_silent=True,
        )
