"""Who waits for whom, kept beside each record; written with it, and when the calendar turns."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import structlog

from erasmus_app.mobilities.models import Mobility
from erasmus_app.mobilities.papers import esi_state
from erasmus_app.mobilities.stays import academic_year
from erasmus_app.mobilities.waits import wait
from erasmus_app.store.database import Database
from erasmus_app.store.sealed import vault_of
from erasmus_app.store.sealed_records import joined

log = structlog.get_logger(__name__)


class Beside(NamedTuple):
    """The columns, in the order of migration 0015."""

    waits_for: str
    waiting_since: datetime | None  # None is kept as infinity
    waits_until: date | None
    academic_year: str | None
    esi_state: str | None


def beside(mobility: Mobility, today: date) -> Beside:
    """Return what is kept beside a record, as of a day (UTC)."""
    found, esi = wait(mobility, today), esi_state(mobility)
    year = academic_year(mobility)
    return Beside(found.party.value, found.since, found.until, year, esi.value if esi else None)


@dataclass(frozen=True, slots=True)
class WaitTable:
    """The waits of all tenants' mobilities over one database."""

    database: Database

    async def bring_up(self, today: date, limit: int) -> int:
        """Compute anew what may have turned by `today` (UTC); return of how many mobilities.

        Whoever is writing a record just now writes this as well, so they are not waited for. What
        cannot be opened is left as it is until tomorrow.
        """
        async with self.database.transaction() as connection:
            rows = await connection.fetch(
                """select mobility_id, record::text as record, sealed from mobility
                   where waits_until <= $1 order by waits_until limit $2
                   for no key update skip locked""",
                today,
                limit,
            )
            found, broken, vault = [], [], vault_of(connection)
            for row in rows:
                try:
                    found.append((row["mobility_id"], *beside(joined(row, vault), today)))
                except Exception as error:  # noqa: BLE001 - one must not hold up the others
                    log.error(  # noqa: TRY400 - what it says may be a student's
                        "waits.unreadable",
                        mobility_id=str(row["mobility_id"]),
                        error=type(error).__name__,
                    )
                    broken.append(row["mobility_id"])
            await connection.executemany(
                """update mobility set waits_for = $2,
                       waiting_since = coalesce($3::timestamptz, 'infinity'), waits_until = $4,
                       academic_year = $5, esi_state = $6
                   where mobility_id = $1""",
                found,
            )
            await connection.execute(
                "update mobility set waits_until = $2::date + 1 where mobility_id = any($1)",
                broken,
                today,
            )
        return len(rows)
