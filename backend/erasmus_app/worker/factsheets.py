"""Partners' factsheets, once a week (guide §6.4): where the deadlines of the host are.

One recurring job looks whose factsheets matter; each such HEI has one recurring job of its own, so
that a silent one holds up nobody.
"""

from dataclasses import dataclass
from datetime import timedelta

import msgspec
import structlog

from erasmus_app.errors import PartnerFailed
from erasmus_app.ids import HeiId
from erasmus_app.institutions.ports import FactsheetSource
from erasmus_app.kit.backoff import backoff
from erasmus_app.services import Services
from erasmus_app.store.factsheets import FactsheetTable
from erasmus_app.store.jobs import Again, Job, ensure
from erasmus_app.store.records import RecordTable
from erasmus_app.worker.poll import code_of
from ewp.errors import place_of

FACTSHEET = "factsheet"
PLAN = "plan-factsheets"
LONGEST_PLAN = 600.0  # seconds until a new partner's is asked for
FIRST_RETRY, LONGEST_RETRY = 60.0, 86400.0  # seconds

log = structlog.get_logger(__name__)


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Ask `hei_id` for its factsheet as `tenant`."""

    tenant: HeiId
    hei_id: HeiId

    @property
    def dedupe_key(self) -> str:
        """One recurring job an HEI, whichever tenants it matters to: what it says is public."""
        return f"{FACTSHEET} {self.hei_id}"


@dataclass(frozen=True, slots=True)
class FactsheetKeeper:
    """Handles the jobs of kind `plan-factsheets` and `factsheet`."""

    services: Services
    source: FactsheetSource
    table: FactsheetTable
    records: RecordTable

    async def start(self) -> None:
        """Make sure that the recurring job is there."""
        await ensure(self.table.database, PLAN, {PLAN: {}})

    async def plan(self, _job: Job) -> None:
        """Handle `plan-factsheets`: see to it that each receiving HEI of a mobility is asked."""
        try:
            for tenant in self.services.heis:
                asks = [
                    Ask(tenant=tenant, hei_id=hei)
                    for hei in sorted(await self.records.hosts(tenant))
                    if self.source.serves(hei, tenant)
                ]
                new = {each.dedupe_key: msgspec.to_builtins(each) for each in asks}
                await ensure(self.table.database, FACTSHEET, new)
        except Exception as error:  # noqa: BLE001 - a recurring job has no last attempt
            log.error("factsheet.not_planned", code=code_of(error), where=place_of(error))  # noqa: TRY400
        raise Again(min(LONGEST_PLAN, self.services.settings.poll_seconds))

    async def ask(self, job: Job) -> None:
        """Handle one `factsheet`: again in a week, after a failure sooner, but ever later."""
        asked = msgspec.convert(job.payload, Ask)
        now, week = self.services.clock(), self.services.settings.factsheet_seconds
        try:
            answer = await self.source.ask(asked.tenant, asked.hei_id)
            changed = await self.table.save(asked.hei_id, asked.tenant, answer, now)
        except Exception as error:  # noqa: BLE001 - a recurring job has no last attempt
            code = code_of(error)
            log.warning("factsheet.failed", hei_id=asked.hei_id, code=code, where=place_of(error))
            failures = await self.table.failed(asked.hei_id, asked.tenant, code, now)
            wait = backoff(failures, first=FIRST_RETRY, most=LONGEST_RETRY)
            if isinstance(error, PartnerFailed) and error.after is not None:
                wait = max(wait, timedelta(seconds=error.after))
            raise Again(min(wait.total_seconds(), week)) from None
        if changed:
            log.info("factsheet.changed", hei_id=asked.hei_id, published=answer.value is not None)
        raise Again(week)
