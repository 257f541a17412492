"""What a CNR or a poll leads to: fetch, merge, diff, and one transaction for what follows.

fetch ─► for each mobility, in one transaction: `mobilities.taking`
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import structlog

from erasmus_app.errors import PartnerFailed
from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.mobilities.consolidate import failed_attempt
from erasmus_app.mobilities.models import Api
from erasmus_app.mobilities.ports import Answer
from erasmus_app.mobilities.refreshes import Refresh
from erasmus_app.mobilities.taking import TakingIn
from erasmus_app.services import Services
from erasmus_app.store.deliveries import Teller
from erasmus_app.store.jobs import Job, Retry
from erasmus_app.store.records import RecordTable

AT_ONCE = 4  # transactions of one answer beside each other

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refresher:
    """Keeps records up to date with what partners answer."""

    services: Services
    records: RecordTable

    @property
    def take_in(self) -> TakingIn:
        """What takes each answer into its record."""
        services = self.services
        return TakingIn(
            absences=services.absences, tell=Teller(services.messages), clock=services.clock
        )

    async def __call__(self, job: Job) -> None:
        """Handle one job of kind `refresh`."""
        asked = msgspec.convert(job.payload, Refresh)
        await self.refresh(
            asked.tenant, asked.hei_id, asked.api, asked.sending_hei_id, [asked.omobility_id]
        )

    async def refresh(
        self,
        tenant: HeiId,
        hei: HeiId,
        api: Api,
        sending: HeiId,
        ids: Sequence[OmobilityId],
        *,
        silent: bool = False,
    ) -> None:
        """Ask and bring the records up to date.

        Raises:
            Retry: the partner did not answer; the job comes again later.
        """
        try:
            answers = await self.services.source.ask(tenant, hei, api, sending, ids)
        except PartnerFailed as error:
            if error.misfit is not None and len(ids) > 1:  # find the one that does not fit
                for each in ids:
                    await self.refresh(tenant, hei, api, sending, [each], silent=silent)
                return
            await self.note_failure(tenant, hei, api, sending, ids, error)
            if error.retry:
                raise Retry(error.code, error.after) from error
            return
        at_once = asyncio.Semaphore(AT_ONCE)

        async def apply(answer: Answer) -> None:
            async with at_once:
                await self._apply(answer, silent=silent)

        try:
            async with asyncio.TaskGroup() as group:
                for answer in answers:
                    group.create_task(apply(answer))
        except ExceptionGroup as several:
            raise several.exceptions[0] from None  # one says it; the job comes again for all

    async def _apply(self, answer: Answer, *, silent: bool) -> None:
        reading = answer.reading
        async with self.records.change(
            reading.tenant, reading.sending_hei_id, reading.omobility_id
        ) as change:
            if change.before is None and not _is_ours(answer):
                log.info("refresh.nobodys", api=reading.api, hei_id=reading.hei_id)
                return
            taken = await self.take_in(change, answer, silent=silent)
        if taken is None or not taken.happened:
            return
        log.info(
            "mobility.changed",
            tenant=reading.tenant,
            sending_hei_id=reading.sending_hei_id,
            omobility_id=reading.omobility_id,
            version=taken.stored.version,
            steps=[event.step.value for event in taken.happened],
            silent=taken.silent,
        )

    async def note_failure(
        self,
        tenant: HeiId,
        hei: HeiId,
        api: Api,
        sending: HeiId,
        ids: Sequence[OmobilityId],
        error: PartnerFailed,
    ) -> None:
        """Write down that a partner's word on these mobilities could not be had."""
        log.warning("partner.failed", tenant=tenant, hei_id=hei, api=api, code=error.code)
        if error.misfit is not None:
            log.warning(
                "partner.quarantined",
                hei_id=hei,
                api=api,
                sha256=error.misfit.sha256.hex(),
                reason=error.misfit.reason,
            )
            await self.records.quarantine(tenant, api, hei, error.misfit)
        for each in ids:
            await self._mark_failed(tenant, sending, each, api, error.code)

    async def _mark_failed(
        self, tenant: HeiId, sending: HeiId, omobility_id: OmobilityId, api: Api, code: str
    ) -> None:
        """Let the student see since when a source could not be read."""
        now: datetime = self.services.clock()
        async with self.records.change(tenant, sending, omobility_id) as change:
            if change.before is not None:
                after = failed_attempt(change.before.mobility, api, now, code)
                if after != change.before.mobility:
                    await change.save(after, None)


def _is_ours(answer: Answer) -> bool:
    """Whether an unknown mobility is of this tenant's student, and there at all."""
    reading = answer.reading
    return answer.document is not None and reading.tenant in {
        reading.sending_hei_id,
        reading.receiving_hei_id,
    }
