"""What partners publish for everybody, once a week (guide §6.4): factsheets, institutions.

For each kind of page one recurring job looks whose matter; each such HEI has one recurring job of
its own, so that a silent one holds up nobody.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic

import msgspec
import structlog

from erasmus_app.errors import PartnerFailed
from erasmus_app.ids import HeiId
from erasmus_app.institutions.asks import Ask
from erasmus_app.institutions.models import PageT
from erasmus_app.institutions.ports import PageSource
from erasmus_app.kit.backoff import backoff
from erasmus_app.services import Services
from erasmus_app.store.jobs import Again, Job, ensure
from erasmus_app.store.pages import PageTable
from erasmus_app.worker.poll import code_of
from ewp.errors import place_of

FACTSHEET, INSTITUTION = "factsheet", "institution"
LONGEST_PLAN = 600.0  # seconds until a new partner's is asked for
FIRST_RETRY, LONGEST_RETRY = 60.0, 86400.0  # seconds

log = structlog.get_logger(__name__)


def plan_of(kind: str) -> str:
    """Return the kind of the job that plans those of a kind of page."""
    return f"plan-{kind}s"


@dataclass(frozen=True, slots=True)
class PageKeeper(Generic[PageT]):
    """Handles the jobs of one kind of page, and the one that plans them."""

    kind: str
    services: Services
    source: PageSource[PageT]
    table: PageTable[PageT]
    wanted: Callable[[HeiId], Awaitable[Collection[HeiId]]]
    """Whose pages matter to a tenant."""

    async def start(self) -> None:
        """Make sure that the recurring job is there."""
        plan = plan_of(self.kind)
        await ensure(self.table.database, plan, {plan: {}})

    async def plan(self, _job: Job) -> None:
        """See to it that each HEI that matters is asked: by one job, whichever tenants it is for.

        What it says is public.
        """
        try:
            for tenant in self.services.heis:
                new = {
                    f"{self.kind} {hei}": msgspec.to_builtins(Ask(tenant=tenant, hei_id=hei))
                    for hei in sorted(await self.wanted(tenant))
                    if self.source.serves(hei, tenant)
                }
                await ensure(self.table.database, self.kind, new)
        except Exception as error:  # noqa: BLE001 - a recurring job has no last attempt
            log.error(  # noqa: TRY400
                "page.not_planned", kind=self.kind, code=code_of(error), where=place_of(error)
            )
        raise Again(min(LONGEST_PLAN, self.services.settings.poll_seconds))

    async def ask(self, job: Job) -> None:
        """Ask one HEI: again in a week, after a failure sooner, but ever later."""
        asked = msgspec.convert(job.payload, Ask)
        told = log.bind(kind=self.kind, hei_id=asked.hei_id)
        now, week = self.services.clock(), self.services.settings.factsheet_seconds
        try:
            known = await self.table.page(asked.hei_id)
            answer = await self.source.ask(
                asked.tenant, asked.hei_id, known.value if known else None
            )
            changed = await self.table.save(asked.hei_id, asked.tenant, answer, now)
        except Exception as error:  # noqa: BLE001 - a recurring job has no last attempt
            code = code_of(error)
            told.warning("page.failed", code=code, where=place_of(error))
            failures = await self.table.failed(asked.hei_id, asked.tenant, code, now)
            wait = backoff(failures, first=FIRST_RETRY, most=LONGEST_RETRY)
            if isinstance(error, PartnerFailed) and error.after is not None:
                wait = max(wait, timedelta(seconds=error.after))
            raise Again(min(wait.total_seconds(), week)) from None
        if changed:
            told.info("page.changed", published=answer.value is not None)
        if answer.lacking is not None:
            told.warning("page.in_parts", code=answer.lacking)
            raise Again(min(LONGEST_RETRY, week))
        raise Again(week)
