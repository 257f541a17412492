"""Agreements, once a day: a covered HEI's own copies, and its partners' of those with it.

Each pair of tenant and HEI has one recurring job, which a notification of the HEI's brings forward.
Once a week it looks at every copy; in between at those that are new or said to have changed.
"""

from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import msgspec
import structlog

from erasmus_app.errors import PartnerFailed
from erasmus_app.ids import HeiId, IiaId
from erasmus_app.institutions.asks import AGREEMENTS, Ask
from erasmus_app.institutions.ports import AgreementSource
from erasmus_app.kit.backoff import backoff
from erasmus_app.services import Services
from erasmus_app.store.agreements import AgreementTable
from erasmus_app.store.jobs import Again, Job, ensure
from erasmus_app.store.records import RecordTable
from erasmus_app.worker.pages import FIRST_RETRY, LONGEST_PLAN, LONGEST_RETRY
from erasmus_app.worker.poll import code_of
from ewp.errors import place_of

PLAN = "plan-agreements"
MOST_COPIES = 5000  # of an HEI's own
MOST_OF_A_PARTNER = 100
MOST_SECONDS = 600.0  # for one HEI's copies; the others are read the next time
MOST_FAILURES = 3  # calls that may fail before the others are left for another time

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AgreementReader:
    """Handles the jobs, and the one that plans them."""

    services: Services
    source: AgreementSource
    table: AgreementTable
    records: RecordTable

    async def start(self) -> None:
        """Make sure that the recurring job is there."""
        await ensure(self.table.database, PLAN, {PLAN: {}})

    async def plan(self, _job: Job) -> None:
        """See to it that each tenant, and each partner of it that may have a copy, is asked."""
        try:
            for tenant in self.services.heis:
                partners = await self.records.partners(tenant) | await self.table.partners(tenant)
                asks = [
                    Ask(tenant=tenant, hei_id=hei)
                    for hei in sorted({tenant, *partners})
                    if self.source.serves(hei, tenant)
                ]
                new = {each.of_agreements(): msgspec.to_builtins(each) for each in asks}
                await ensure(self.table.database, AGREEMENTS, new)
        except Exception as error:  # noqa: BLE001 - a recurring job has no last attempt
            log.error("agreements.not_planned", code=code_of(error), where=place_of(error))  # noqa: TRY400
        raise Again(min(LONGEST_PLAN, self.services.settings.poll_seconds))

    async def read(self, job: Job) -> None:
        """Read one HEI's copies: again in a day, after a failure sooner, but ever later."""
        asked = msgspec.convert(job.payload, Ask)
        if asked.tenant not in self.services.heis:
            return  # no tenant any more
        if not self.source.serves(asked.hei_id, asked.tenant):
            return  # it shows none, whatever it has told us; the plan comes back to it
        told = log.bind(tenant=asked.tenant, hei_id=asked.hei_id)
        now, day = self.services.clock(), self.services.settings.agreements_seconds
        try:
            lacking = await self._read(asked.tenant, asked.hei_id)
        except Exception as error:  # noqa: BLE001 - a recurring job has no last attempt
            code = code_of(error)
            told.warning("agreements.failed", code=code, where=place_of(error))
            failures = await self.table.failed(asked.tenant, asked.hei_id, code, now)
            wait = backoff(failures, first=FIRST_RETRY, most=LONGEST_RETRY)
            if isinstance(error, PartnerFailed) and error.after is not None:
                wait = max(wait, timedelta(seconds=error.after))
            raise Again(min(wait.total_seconds(), day)) from None
        if lacking is not None:
            told.warning("agreements.in_parts", code=lacking)
        raise Again(day)

    async def _read(self, tenant: HeiId, hei: HeiId) -> str | None:
        """Read what is new; return why a part is missing."""
        began, settings = self.services.clock(), self.services.settings
        state = await self.table.state(tenant, hei)
        most = MOST_COPIES if hei == tenant else MOST_OF_A_PARTNER
        listed = (await self.source.index(tenant, hei))[:most]
        week = timedelta(seconds=settings.sweep_seconds)
        whole = state.whole_since is None or began - state.whole_since >= week
        wanted = listed
        if not whole and state.good_since is not None:
            overlap = timedelta(seconds=settings.poll_overlap_seconds)
            changed = set(await self.source.index(tenant, hei, state.good_since - overlap))
            known = await self.table.known(tenant, hei)
            wanted = [each for each in listed if each in changed or each not in known]
        missing, lacking = await self._take(tenant, hei, wanted)
        if hei != tenant:
            lacking = await self._approvals(tenant, hei) or lacking
        there = [each for each in listed if each not in missing]
        await self.table.finished(tenant, hei, there, at=began, whole=whole, lacking=lacking)
        return lacking

    async def _take(
        self, tenant: HeiId, hei: HeiId, ids: list[IiaId]
    ) -> tuple[set[IiaId], str | None]:
        """Read copies; return those that are listed but not there, and why some were not read."""
        missing, lacking, failures, started = set[IiaId](), None, 0, monotonic()
        for part in self.source.parts(tenant, hei, ids) if ids else ():
            if monotonic() - started > MOST_SECONDS:
                return missing, "agreements_slow"
            began = self.services.clock()
            try:
                found = await self.source.copies(tenant, hei, part)
            except PartnerFailed as error:
                lacking, failures = error.code, failures + 1
                if error.retry or failures == MOST_FAILURES:
                    break
                continue
            await self.table.save(tenant, found, began)
            missing |= set(part) - {each.iia_id for each in found}
        return missing, lacking

    async def _approvals(self, tenant: HeiId, hei: HeiId) -> str | None:
        """Ask a partner which of our copies it has approved; return why that did not go well."""
        try:
            ours = await self.table.own_with(tenant, hei)
            approvals = await self.source.approvals(tenant, hei, ours)
        except PartnerFailed as error:
            return error.code
        if approvals is not None:
            await self.table.approved(tenant, hei, approvals)
        return None
