"""One delivery: what is sent, and what its outcome means; `worker/sending.py` does many."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from erasmus_app.ids import DeliveryId, global_id
from erasmus_app.kit.backoff import backoff
from erasmus_app.notifications.models import Medium, PendingDelivery, Urgency
from erasmus_app.notifications.ports import Channel, Outcome, Push, PushResult
from erasmus_app.notifications.preferences import How, passage
from erasmus_app.services import Services
from erasmus_app.store.database import Database
from erasmus_app.store.deliveries import DeliveryTable
from erasmus_app.store.jobs import Again, Job, complete
from erasmus_app.store.outbox import Verdict
from erasmus_app.store.preferences import chosen, hold_account
from erasmus_app.store.replanning import replan
from erasmus_app.students.models import TargetKind
from erasmus_app.telemetry.metrics import (
    CNR_TO_PUSH,
    DELIVERIES,
    PUSH_ATTEMPTS,
    PUSH_LATENCY,
    Words,
)

_OUTCOME = Words(60)  # codes of push services
SHORT_WAIT = 1.0  # seconds, where a lane names none

log = structlog.get_logger(__name__)

_FINAL = {
    Outcome.ACCEPTED: "accepted",
    Outcome.DEVICE_GONE: "device_gone",
    Outcome.REJECTED: "failed",
}


def count_end(verdict: Verdict) -> None:
    """Count a push that has come to an end; not a job that has found it ended."""
    if verdict.state is not None and (verdict.attempts or verdict.state != "device_gone"):
        DELIVERIES[verdict.state].inc()


def pause(attempts: int) -> timedelta:
    """Return how long a push waits that so many attempts have not settled.

    Half an hour without a push service takes eleven attempts at most, however the waits are drawn.
    """
    return backoff(attempts, first=10, most=3600, floor=0.25)


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Handles one job of kind `deliver`."""

    services: Services
    database: Database
    deliveries: DeliveryTable
    merge_for: timedelta = timedelta(0)  # how long a push that merges waits, for who measures

    async def __call__(self, job: Job) -> None:
        """Send one push. An attempt that did not settle it comes again until it has expired."""
        delivery = DeliveryId(UUID(job.payload["delivery_id"]))
        pending = await self.deliveries.pending(delivery)
        verdict = self.unsent(job, delivery, pending)
        if verdict is None:
            assert pending is not None
            departure = self.departure(pending)
            if departure is How.HELD:
                await self.hold(job, pending)
                return
            push = self.push(pending, rings=departure is How.AT_ONCE)
            result = await self.channel(pending).send(push)
            log.info(
                "push.sent",
                kind=pending.kind,
                target_kind=pending.target_kind,
                lane=TargetKind(pending.target_kind).channel,
                outcome=result.outcome,
                code=result.code,
                count=1,
            )
            self.measure(pending, result)
            verdict = self.verdict(job, pending, result)
        await self.write(verdict)
        if verdict.state is None:
            raise Again(verdict.after)

    def unsent(
        self, job: Job, delivery: DeliveryId, pending: PendingDelivery | None
    ) -> Verdict | None:
        """Return what becomes of one that is not to be sent; None where it is."""
        if pending is None:  # sent, superseded, or the device is gone: nothing to do
            return Verdict(job=job, delivery_id=delivery, state="device_gone", attempts=0)
        if self.services.clock() >= pending.expires_at:
            return Verdict(job=job, delivery_id=delivery, state="expired", attempts=0)
        if not self.channel(pending).ready:
            return Verdict(
                job=job, delivery_id=delivery, state="failed", attempts=0, code="no_push_service"
            )
        return None

    def departure(self, pending: PendingDelivery) -> How:
        """Return whether a push may go now, as its student wants it; `HELD` where not all of it.

        It was planned for this moment. But a worker may be late, and a push service was away.
        """
        now, kinds = self.services.clock(), self.services.messages.kinds
        found = [
            passage(
                pending.preferences,
                kinds[kind],
                Medium.PUSH,
                now,
                pending.zone,
                last_day=last_day,
                for_digest=False,
            ).how
            for kind, last_day in zip(
                (pending.kind, *pending.with_it), pending.last_days, strict=True
            )
        ]
        if How.NEVER in found or set(found) == {How.HELD}:
            return How.HELD
        return How.AT_ONCE if How.AT_ONCE in found else How.SILENTLY

    async def hold(self, job: Job, pending: PendingDelivery) -> None:
        """End the job, and plan anew what waits for the account.

        Raises:
            LeaseLost: the job is another worker's by now.
        """
        async with self.database.transaction() as connection:
            await hold_account(connection, pending.account_id)
            await complete(connection, job)
            await replan(
                connection,
                pending.account_id,
                await chosen(connection, pending.account_id),
                self.services.messages.kinds,
                self.services.clock(),
                freed=pending.delivery_id,
            )

    def channel(self, pending: PendingDelivery) -> Channel:
        """Return the way to the device."""
        return self.services.channels[TargetKind(pending.target_kind).channel]

    def push(self, pending: PendingDelivery, *, rings: bool) -> Push:
        """Write what is sent. Raises KeyError for a kind that is none."""
        services = self.services
        if pending.is_held and pending.with_it:
            count = 1 + len(pending.with_it)
            text = services.preference_words.gathered(count, pending.language)
        else:
            text = services.messages.render_push(pending.kind, pending.language, pending.with_it)
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
            urgency=services.messages.urgency(pending.kind, *pending.with_it)
            if rings
            else Urgency.NORMAL,
            expires_at=pending.expires_at,
        )

    def measure(self, pending: PendingDelivery, result: PushResult) -> None:
        """Count an attempt, and how long after its time its push went out."""
        if result.outcome is Outcome.WAIT:  # nothing was sent
            return
        lane = TargetKind(pending.target_kind).channel
        PUSH_ATTEMPTS[lane, _OUTCOME(result.code or result.outcome.value)].inc()
        if result.outcome is not Outcome.ACCEPTED or pending.told_at is None:
            return
        merging = self.merge_for if pending.merges else timedelta(0)
        planned, now = pending.held_until or pending.told_at + merging, self.services.clock()
        late = max((now - planned).total_seconds(), 0.0)
        PUSH_LATENCY[lane].observe(late)
        if pending.heard_at is not None:
            heard = max((pending.told_at - pending.heard_at).total_seconds(), 0.0)
            CNR_TO_PUSH.observe(heard + late)

    def verdict(self, job: Job, pending: PendingDelivery, result: PushResult) -> Verdict:
        """Tell what the outcome of one that was sent means."""
        if result.outcome is Outcome.WAIT:  # nothing was sent
            return Verdict(
                job=job,
                delivery_id=pending.delivery_id,
                state=None,
                attempts=0,
                code=result.code,
                after=result.retry_after or SHORT_WAIT,
            )
        state = _FINAL.get(result.outcome)
        wait = 0.0
        if state is None:
            wait = pause(pending.attempts + 1).total_seconds()
        return Verdict(
            job=job,
            delivery_id=pending.delivery_id,
            state=state,
            code=result.code,
            provider_id=result.provider_id,
            told=pending.told if result.outcome is Outcome.ACCEPTED else (),
            gone=pending if result.outcome is Outcome.DEVICE_GONE else None,
            after=max(wait, result.retry_after or 0),
        )

    async def write(self, verdict: Verdict) -> None:
        """Write down what became of one; its job stays where it comes again.

        Raises:
            LeaseLost: the job is another's by now; nothing is written.
        """
        if verdict.state is None:
            await self.deliveries.attempted(verdict.delivery_id, verdict.code)
            return
        async with self.database.transaction() as connection:
            await self.deliveries.end(
                connection,
                verdict.delivery_id,
                verdict.state,
                attempts=verdict.attempts,
                code=verdict.code,
                provider_id=verdict.provider_id,
                told=verdict.told,
            )
            if verdict.gone is not None:
                await self.deliveries.forget_device(connection, verdict.gone)
            await complete(connection, verdict.job)
        count_end(verdict)
