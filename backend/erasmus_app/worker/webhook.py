"""One event to one app of a university's: sign, send, and write down what became of it."""

import random
from dataclasses import dataclass
from uuid import UUID

import structlog

from erasmus_app.kit.backoff import backoff
from erasmus_app.kit.clock import Clock
from erasmus_app.notifications.ports import Outcome
from erasmus_app.push.webhooks import DISABLED, Webhook, Webhooks, body_of
from erasmus_app.store.jobs import Again, Job, Later, complete
from erasmus_app.store.webhooks import PendingWebhook, WebhookTable
from erasmus_app.worker.loop import waiting

FIRST, LONGEST = 5.0, 3600.0  # seconds between two attempts
BEHIND = 1.0  # seconds after the one before it, of the same mobility

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Handles jobs of kind `webhook`."""

    table: WebhookTable
    webhooks: Webhooks
    clock: Clock

    async def __call__(self, job: Job) -> None:
        """Tell an endpoint once; what did not settle it comes again until it has expired."""
        pending = await self.table.pending(UUID(job.payload["webhook_id"]))
        if pending is None:
            return
        url = self.webhooks.url(pending.tenant, pending.endpoint)
        if url is None:
            await self._end(job, pending, "failed", code="NO_ENDPOINT")
            return
        if pending.disabled_for == url:
            await self._end(job, pending, "failed", code=DISABLED)
            return
        if self.clock() >= pending.expires_at:
            await self._end(job, pending, "expired")
            return
        if pending.after is not None:
            raise Later(pending.after + BEHIND + random.uniform(0, BEHIND))  # noqa: S311 - no secret
        with waiting():
            result = await self.webhooks.send(
                pending.tenant,
                pending.endpoint,
                Webhook(webhook_id=pending.webhook_id, body=_body(pending)),
            )
        if result.outcome is Outcome.WAIT:
            raise Later(result.retry_after or BEHIND)
        log.info(
            "webhook.sent",
            hei_id=pending.tenant,
            endpoint=pending.endpoint,
            kind=pending.kind,
            outcome=result.outcome,
            code=result.code,
        )
        if result.outcome is Outcome.ACCEPTED:
            await self._end(job, pending, "accepted", attempts=1)
        elif result.outcome is Outcome.DEVICE_GONE:
            await self._disable(job, pending, url)
        else:
            await self.table.attempted(pending.webhook_id, result.code or "")
            wait = backoff(pending.attempts + 1, first=FIRST, most=LONGEST).total_seconds()
            raise Again(max(wait, result.retry_after or 0))

    async def _disable(self, job: Job, pending: PendingWebhook, url: str) -> None:
        async with self.table.database.transaction() as connection:
            failed = await self.table.disable(connection, pending.tenant, pending.endpoint, url)
            await complete(connection, job)
        log.error(
            "webhook.disabled", hei_id=pending.tenant, endpoint=pending.endpoint, failed=failed
        )

    async def _end(
        self,
        job: Job,
        pending: PendingWebhook,
        state: str,
        *,
        attempts: int = 0,
        code: str | None = None,
    ) -> None:
        async with self.table.database.transaction() as connection:
            await self.table.end(
                connection, pending.webhook_id, state, attempts=attempts, code=code
            )
            await complete(connection, job)


def _body(pending: PendingWebhook) -> bytes:
    return body_of(
        kind=pending.kind,
        at=pending.created_at,
        tenant=pending.tenant,
        mobility=pending.mobility_id,
        sending=pending.sending_hei_id,
        receiving=pending.receiving_hei_id,
        omobility=pending.omobility_id,
        subject=pending.subject,
    )
