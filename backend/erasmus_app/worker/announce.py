"""Tells partners what has changed in the data that we serve for a covered HEI (guide §3.4)."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import structlog

from erasmus_app.errors import PartnerFailed
from erasmus_app.ids import OmobilityId
from erasmus_app.mobilities.own import Announcement, KeptObject
from erasmus_app.services import Services
from erasmus_app.store.jobs import Again, Job
from erasmus_app.store.own_objects import OwnObjectTable
from erasmus_app.worker.loop import waiting as lent

BATCH = 200  # objects; a first document of a whole university's is told in several
GIVEN_UP_AFTER = timedelta(hours=24)
MOST_WAIT = 900.0  # seconds

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Announcer:
    """Handles `announce`: all that one partner was not told of yet, in one API."""

    services: Services
    objects: OwnObjectTable

    async def __call__(self, job: Job) -> None:
        """Send notices until nothing is left; a silent partner is tried again for a day.

        A refusal (4xx) is final: the same call would be refused again. It is logged.
        """
        of = msgspec.convert(job.payload, Announcement)
        while waiting := await self.objects.to_announce(of, BATCH):
            ids = list(dict.fromkeys(OmobilityId(each.object_id) for each in waiting))
            about = {"tenant": of.tenant, "hei_id": of.partner, "api": of.api, "ids": len(ids)}
            try:
                with lent():
                    sent = await self.services.notices.send(
                        of.tenant, of.partner, of.api, of.major, ids
                    )
            except PartnerFailed as error:
                if error.retry:
                    await self._wait_or_give_up(of, waiting, error)
                    continue
                log.warning("announce.refused", code=error.code, **about)
            else:
                if sent:
                    log.info("announce.sent", **about)
                else:
                    log.info("announce.nobody_listens", **about)
            await self.objects.announced(of.tenant, waiting)

    async def _wait_or_give_up(
        self, of: Announcement, waiting: Sequence[KeptObject], error: PartnerFailed
    ) -> None:
        """Give up what is a day old. Raises Again where anything is left to be told later."""
        now = self.services.clock()
        late = [each for each in waiting if now - each.changed_at >= GIVEN_UP_AFTER]
        if late:
            log.warning(
                "announce.given_up",
                tenant=of.tenant,
                hei_id=of.partner,
                api=of.api,
                code=error.code,
                ids=len(late),
            )
            await self.objects.announced(of.tenant, late)
        if len(late) < len(waiting):
            raise Again(max(error.after or 0.0, _wait(now, waiting[-1].changed_at)))


def _wait(now: datetime, changed_at: datetime) -> float:
    """Return seconds: half as long as the change has waited already, with chance in it."""
    waited = (now - changed_at).total_seconds() / 2
    return min(max(waited, 0.5), MOST_WAIT) * random.uniform(0.9, 1.1)  # noqa: S311 - no secret
