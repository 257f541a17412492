"""One delivery: render, send, and write down what became of it."""

from dataclasses import dataclass
from uuid import UUID

import structlog

from erasmus_app.ids import DeliveryId, global_id
from erasmus_app.kit.backoff import backoff
from erasmus_app.notifications.models import PendingDelivery
from erasmus_app.notifications.ports import Outcome, Push, PushResult
from erasmus_app.services import Services
from erasmus_app.store.database import Database
from erasmus_app.store.deliveries import DeliveryTable
from erasmus_app.store.jobs import Again, Job, Later, complete
from erasmus_app.students.models import TargetKind
from erasmus_app.worker.loop import waiting

SHORT_WAIT = 1.0  # seconds, where a lane names none

log = structlog.get_logger(__name__)

_FINAL = {
    Outcome.ACCEPTED: "accepted",
    Outcome.DEVICE_GONE: "device_gone",
    Outcome.REJECTED: "failed",
}


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Handles jobs of kind `deliver`."""

    services: Services
    database: Database
    deliveries: DeliveryTable

    async def __call__(self, job: Job) -> None:
        """Send one push. An attempt that did not settle it comes again until it has expired."""
        delivery = DeliveryId(UUID(job.payload["delivery_id"]))
        pending = await self.deliveries.pending(delivery)
        if pending is None:  # sent, superseded, or the device is gone: nothing to do
            await self._settle(job, delivery, "device_gone", attempts=0)
            return
        if self.services.clock() >= pending.expires_at:
            await self._settle(job, delivery, "expired", attempts=0)
            return
        channel = self.services.channels[TargetKind(pending.target_kind).channel]
        if not channel.ready:
            await self._settle(job, delivery, "failed", attempts=0, code="no_push_service")
            return
        with waiting():  # a service that does not answer keeps its place from nobody
            result = await channel.send(self._push(pending))
        if result.outcome is Outcome.WAIT:
            raise Later(result.retry_after or SHORT_WAIT)
        log.info(
            "push.sent",
            kind=pending.kind,
            target_kind=pending.target_kind,
            outcome=result.outcome,
            code=result.code,
        )
        if (final := _FINAL.get(result.outcome)) is not None:
            await self._settle(job, delivery, final, result=result, gone=pending)
            return
        await self.deliveries.attempted(delivery, result.code)
        wait = backoff(pending.attempts + 1, first=10, most=3600).total_seconds()
        raise Again(max(wait, result.retry_after or 0))

    def _push(self, pending: PendingDelivery) -> Push:
        text = self.services.messages.render_push(pending.kind, pending.language, pending.with_it)
        data = {"id": global_id("Message", pending.entry_id), "kind": pending.kind}
        if pending.mobility_id is not None:
            data["mobility"] = global_id("Mobility", pending.mobility_id)
        if pending.with_it:
            data["more"] = str(len(pending.with_it))
        return Push(
            message_id=str(pending.entry_id),
            platform=pending.platform,
            target_kind=pending.target_kind,
            target=pending.target,
            title=text.title,
            body=text.body,
            data=data,
            urgency=self.services.messages.urgency(pending.kind, *pending.with_it),
            expires_at=pending.expires_at,
        )

    async def _settle(
        self,
        job: Job,
        delivery: DeliveryId,
        state: str,
        *,
        attempts: int = 1,
        code: str | None = None,
        result: PushResult | None = None,
        gone: PendingDelivery | None = None,
    ) -> None:
        async with self.database.transaction() as connection:
            await self.deliveries.end(
                connection,
                delivery,
                state,
                attempts=attempts,
                code=result.code if result else code,
                provider_id=result.provider_id if result else None,
            )
            if gone is not None and state == "device_gone":
                await self.deliveries.forget_device(connection, gone)
            await complete(connection, job)
