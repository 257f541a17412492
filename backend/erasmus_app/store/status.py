"""How it goes with everybody, over one database; for the status page."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from erasmus_app.institutions.status import Calls, Own
from erasmus_app.store.database import Database


@dataclass(frozen=True, slots=True)
class StatusTable:
    """See `institutions.status.StatusStore`."""

    database: Database
    catalogue_age: Callable[[], timedelta | None]
    lanes: Collection[str]

    async def calls(self) -> Sequence[Calls]:
        """Return how calls went, by HEI and API: of several tenants', the latest."""
        rows = await self.database.fetch(
            """select hei_id, api, max(last_success_at) as last_success_at,
                   max(last_failure_at) as last_failure_at,
                   (array_agg(last_failure order by last_failure_at desc nulls last))[1]
                       as last_failure,
                   (array_agg(failures order by last_failure_at desc nulls last))[1] as failures,
                   max(left_alone_until) as left_alone_until
               from partner_health group by hei_id, api order by hei_id, api"""
        )
        return [msgspec.convert(dict(row), Calls) for row in rows]

    async def own(self) -> Own:
        """Return what is ours: of each lane, how long the oldest waits that could go out."""
        rows = await self.database.fetch(
            """select lane, greatest(now() - first, interval '0') as wait
               from unnest($1::text[]) as open (lane)
               left join lateral (
                   select due as first from job
                   where kind = 'deliver' and dead_at is null and leased_by is null
                       and job.lane = open.lane
                   order by due limit 1) as waiting on true""",
            sorted(self.lanes),
        )
        waits = {row["lane"]: row["wait"] or timedelta(0) for row in rows}
        return Own(self.catalogue_age(), waits)
