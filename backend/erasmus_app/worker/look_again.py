"""After a rule of an HEI was set: everything that it may be for is looked at again (guide §4.3)."""

from dataclasses import dataclass

import msgspec
import structlog

from erasmus_app.store.database import Database
from erasmus_app.store.deadline_rules import LookAgain, look_again
from erasmus_app.store.jobs import Job

PAGE = 500  # mobilities that one transaction touches

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LookingAgain:
    """Handles `look-again`; one that is broken off begins anew: looks tell nothing twice."""

    database: Database
    page: int = PAGE

    async def __call__(self, job: Job) -> None:
        """Go through the mobilities page by page, each a transaction of its own."""
        of = msgspec.convert(job.payload, LookAgain)
        pages, after = 1, await look_again(self.database, of, None, self.page)
        while after is not None:
            after = await look_again(self.database, of, after, self.page)
            pages += 1
        log.info("deadline_rules.looking_again", hei_id=of.hei_id, role=of.role.value, pages=pages)
