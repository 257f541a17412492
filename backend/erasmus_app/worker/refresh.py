"""What a CNR or a poll leads to: fetch, merge, diff, and one transaction for what follows.

fetch ─► for each mobility, in one transaction: `mobilities.taking`
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType

import msgspec
import structlog

from erasmus_app.errors import PartnerBusy, PartnerFailed
from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.mobilities.models import Api
from erasmus_app.mobilities.ports import Answer
from erasmus_app.mobilities.refreshes import Refresh
from erasmus_app.mobilities.taking import TakingIn
from erasmus_app.services import Services
from erasmus_app.store.jobs import Job, Later, Retry
from erasmus_app.store.polls import Asked, PollTable
from erasmus_app.store.records import RecordTable
from erasmus_app.store.telling import Teller
from erasmus_app.telemetry.traces import beside, span
from erasmus_app.worker.loop import waiting
from erasmus_app.worker.pace import Pace

AT_ONCE = 4  # transactions of one answer beside each other

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refresher:
    """Keeps records up to date with what partners answer."""

    services: Services
    records: RecordTable
    pace: Pace = field(default_factory=Pace)

    @property
    def polls(self) -> PollTable:
        """What polls know, over the same database."""
        return PollTable(self.records.database)

    @property
    def take_in(self) -> TakingIn:
        """What takes each answer into its record."""
        services = self.services
        return TakingIn(
            absences=services.absences,
            tell=Teller(services.messages, services.settings.merge_for, services.heis),
            clock=services.clock,
        )

    async def __call__(self, job: Job) -> None:
        """Handle jobs of kind `refresh`: those of one batch with one question to the partner.

        An object is fetched at once when a partner first tells of it, and then once a minute
        (`refetch_seconds`) however often it does: the rest of the batch waits.
        """
        wanted = [msgspec.convert(each.payload, Refresh) for each in job.all]
        of = wanted[0]
        asked, sending = Asked(of.tenant, of.hei_id, of.api), of.sending_hei_id
        minute = timedelta(seconds=self.services.settings.refetch_seconds)
        now = self.services.clock()
        ids = [each.omobility_id for each in wanted]
        recent = await self.polls.recently(asked, sending, ids, now - minute)
        # What a clock has noted that was ahead, or before it was set back, is not waited for.
        recent = {key: at for key, at in recent.items() if at <= now + minute}
        fresh = list(dict.fromkeys(each for each in ids if each not in recent))
        if fresh:
            try:
                with self.services.source.turn(*asked, urgent=True):
                    heard_at = min(each.requested_at for each in job.all)
                    causes = {id: each.traces for each, id in zip(job.all, ids, strict=True)}
                    await self.refresh(*asked, sending, fresh, heard_at=heard_at, causes=causes)
            except PartnerBusy as busy:
                raise Later(busy.after) from busy
            await self.polls.fetched(asked, sending, fresh, now)
        if recent:
            wait = max(recent.values()) + minute - self.services.clock()
            late = [each for each, id in zip(job.all, ids, strict=True) if id in recent]
            raise Later(max(wait.total_seconds(), 0.0), late)

    async def refresh(
        self,
        tenant: HeiId,
        hei: HeiId,
        api: Api,
        sending: HeiId,
        ids: Sequence[OmobilityId],
        *,
        silent: bool = False,
        thorough: bool = False,
        heard_at: datetime | None = None,
        causes: Mapping[OmobilityId, Sequence[str]] = MappingProxyType({}),
    ) -> int:
        """Ask and bring the records up to date; return how many mobilities changed.

        What is byte for byte as before is not looked at again unless `thorough`: only then does a
        newer reader of ours find in it what an older one had left out. `heard_at`: when the
        notification came that has it asked. `causes` are the traces of who asked for each: what has
        changed belongs to theirs, whoever was asked for with it.

        Raises:
            Later: the partner is left alone for a while.
            Retry: the partner did not answer; the job comes again later.
        """
        asked = Asked(tenant, hei, api)
        try:
            with waiting():
                answers = await self.services.source.ask(tenant, hei, api, sending, ids)
        except PartnerFailed as error:
            if error.misfit is not None and len(ids) > 1:  # find the one that does not fit
                alone = partial(
                    self.refresh,
                    *asked,
                    sending,
                    silent=silent,
                    thorough=thorough,
                    heard_at=heard_at,
                    causes=causes,
                )
                return sum([await alone([each]) for each in ids])
            await self.note_failure(asked, {sending: ids}, error)
            if error.after is not None:
                raise Later(error.after) from error
            if error.retry:
                raise Retry(error.code, error.after) from error
            return 0
        if not thorough:
            same = await self.polls.confirm(asked, sending, answers)
            answers = [each for each in answers if each.reading.omobility_id not in same]
        at_once = asyncio.Semaphore(self.pace.places(AT_ONCE))

        async def apply(answer: Answer) -> bool:
            async with at_once:
                await self.pace.give_way()
                of = beside(causes.get(answer.reading.omobility_id, ()))
                with span("record.change", of=of, api=api, tenant=tenant) as working:
                    changed = await self._apply(answer, silent=silent, heard_at=heard_at)
                    working.note(changed=changed)
                    return changed

        try:
            async with asyncio.TaskGroup() as group:
                applied = [group.create_task(apply(answer)) for answer in answers]
        except ExceptionGroup as several:
            raise several.exceptions[0] from None  # one says it; the job comes again for all
        return sum(each.result() for each in applied)

    async def _apply(self, answer: Answer, *, silent: bool, heard_at: datetime | None) -> bool:
        """Take one answer in; return whether the mobility is another one now."""
        reading = answer.reading
        async with self.records.change(
            reading.tenant,
            reading.sending_hei_id,
            reading.omobility_id,
            silent=silent,
            heard_at=heard_at,
        ) as change:
            if change.before is None and not _is_ours(answer):
                log.info("refresh.nobodys", api=reading.api, hei_id=reading.hei_id)
                return False
            version = change.before.version if change.before else 0
            taken = await self.take_in(change, answer, silent=silent)
        if taken is None:
            return False
        changed = taken.stored.version > version
        if not taken.happened:
            return changed
        log.info(
            "mobility.changed",
            tenant=reading.tenant,
            sending_hei_id=reading.sending_hei_id,
            omobility_id=reading.omobility_id,
            version=taken.stored.version,
            steps=[event.step.value for event in taken.happened],
            silent=taken.silent,
        )
        return changed

    async def note_failure(
        self,
        asked: Asked,
        ids: Mapping[HeiId, Sequence[OmobilityId]],
        error: PartnerFailed,
    ) -> None:
        """Write down that a partner's word on these mobilities could not be had.

        `ids` are by their sending HEI.
        """
        tenant, hei, api = asked
        log.warning(
            "partner.failed",
            tenant=tenant,
            hei_id=hei,
            api=api,
            code=error.code,
            **({"why": error.how} if error.how else {}),
        )
        if error.misfit is not None:
            log.warning(
                "partner.quarantined",
                hei_id=hei,
                api=api,
                sha256=error.misfit.sha256.hex(),
                reason=error.misfit.reason,
            )
            await self.records.quarantine(tenant, api, hei, error.misfit)
        now = self.services.clock()
        for sending, of_sender in ids.items():
            await self.polls.mark_failed(asked, sending, of_sender, now, error.code)


def _is_ours(answer: Answer) -> bool:
    """Whether an unknown mobility is of this tenant's student, and there at all."""
    reading = answer.reading
    return answer.document is not None and reading.tenant in {
        reading.sending_hei_id,
        reading.receiving_hei_id,
    }
