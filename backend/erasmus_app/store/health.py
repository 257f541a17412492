"""How it goes with partners, over one database: written by who calls them, read by offices."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg
import structlog

from erasmus_app.ids import HeiId
from erasmus_app.institutions.health import (
    MOST_SHOWN,
    ApiHealth,
    PartnerHealth,
    Quarantined,
    Refused,
)
from erasmus_app.kit.clock import Clock
from erasmus_app.store.database import AWAY, Database

OFTEN = timedelta(minutes=1)  # between two notes that a partner still answers

log = structlog.get_logger(__name__)

_FAILING = """(last_failure_at > coalesce(last_success_at, '-infinity')
    or left_alone_until > now())"""


def _others(end: str) -> str:
    """Each HEI at one end of the tenant's mobilities, step by step through an index."""
    return f"""{end} (hei) as (
        (select {end}_hei_id::text collate "C" from mobility
         where tenant = $1 and {end}_hei_id > $2 order by {end}_hei_id limit 1)
        union all
        select (select m.{end}_hei_id::text collate "C" from mobility m
                where m.tenant = $1 and m.{end}_hei_id > {end}.hei
                order by m.{end}_hei_id limit 1)
        from {end} where hei is not null)"""  # noqa: S608 - constants


_PARTNERS = f"""with recursive {_others("receiving")}, {_others("sending")}
    select hei from (
        (select hei from receiving where hei <> $1 limit $3)
        union (select hei from sending where hei <> $1 limit $3)
        union select hei_id::text from partner_health where tenant = $1 and hei_id > $2
        union select hei_id::text from quarantine where tenant = $1 and hei_id > $2
    ) as known order by hei collate "C" limit $3"""  # noqa: S608 - constants
_TROUBLED = f"""select hei from (
        select hei_id::text as hei from partner_health
        where tenant = $1 and hei_id > $2 and {_FAILING}
        union select hei_id::text from source_document
        where tenant = $1 and hei_id > $2 and last_error is not null
    ) as known order by hei collate "C" limit $3"""  # noqa: S608 - constants


_Call = tuple[HeiId, HeiId, str]
"""Tenant, partner and API."""


@dataclass(slots=True)
class CallLedgerTable:
    """See `institutions.health.CallLedger`; successes are written once a minute."""

    database: Database
    clock: Clock
    _answered: dict[_Call, datetime] = field(default_factory=dict)
    _left_alone: dict[_Call, datetime] = field(default_factory=dict)

    async def answered(self, tenant: HeiId, hei: HeiId, api: str) -> None:
        """Note that a call of `tenant`'s brought what it should."""
        key, now = (tenant, hei, api), self.clock()
        before = self._answered.get(key)
        if before is not None and now - before < OFTEN:
            return
        if await self._written(
            """insert into partner_health as known (tenant, hei_id, api, last_success_at)
               values ($1, $2, $3, $4)
               on conflict (tenant, hei_id, api) do update set
                   last_success_at = greatest(known.last_success_at, excluded.last_success_at),
                   failures = 0, left_alone_until = null""",
            *key,
            now,
        ):
            self._answered[key] = now
            self._left_alone.pop(key, None)

    async def failed(
        self, tenant: HeiId, hei: HeiId, api: str, code: str, left_alone_until: datetime | None
    ) -> None:
        """Note that it did not, and until when the partner is left alone now."""
        key = (tenant, hei, api)
        self._answered.pop(key, None)  # that it answers again is written at once
        await self._written(
            """insert into partner_health as known (tenant, hei_id, api, last_failure_at,
                   last_failure, failures, left_alone_until)
               values ($1, $2, $3, $4, $5, 1, $6)
               on conflict (tenant, hei_id, api) do update set
                   last_failure_at = excluded.last_failure_at,
                   last_failure = excluded.last_failure,
                   failures = known.failures + 1,
                   left_alone_until = excluded.left_alone_until""",
            *key,
            self.clock(),
            code,
            left_alone_until,
        )

    async def left_alone(self, tenant: HeiId, hei: HeiId, api: str, until: datetime) -> None:
        """Note that no call was made; once for each time that the partner is left alone."""
        key = (tenant, hei, api)
        if self._left_alone.get(key) == until:
            return
        self._answered.pop(key, None)
        if await self._written(
            """insert into partner_health as known (tenant, hei_id, api, left_alone_until)
               values ($1, $2, $3, $4)
               on conflict (tenant, hei_id, api) do update set
                   left_alone_until = excluded.left_alone_until""",
            *key,
            until,
        ):
            self._left_alone[key] = until

    async def _written(self, statement: str, *given: Any) -> bool:
        try:
            await self.database.execute(statement, *given)
        except AWAY as error:
            log.warning("partner_health.not_written", error=type(error).__name__)
            return False
        return True


@dataclass(frozen=True, slots=True)
class HealthTable:
    """See `institutions.health.HealthStore`."""

    database: Database

    async def partners(
        self, hei: HeiId, first: int, after: str, *, troubled: bool
    ) -> Sequence[PartnerHealth]:
        """Return partners by id, from behind `after` on; `troubled`: only where something fails."""
        statement = _TROUBLED if troubled else _PARTNERS
        heis = [row["hei"] for row in await self.database.fetch(statement, hei, after, first)]
        apis = await self._apis(hei, heis)
        rows = await self.database.fetch(
            """select partner,
                   (select count(*) from mobility
                    where tenant = $1 and receiving_hei_id = partner) as as_receiving,
                   (select count(*) from mobility
                    where tenant = $1 and sending_hei_id = partner) as as_sending
               from unnest($2::text[]) with ordinality as asked (partner, place) order by place""",
            hei,
            heis,
        )
        return [
            PartnerHealth(
                hei_id=HeiId(row["partner"]),
                as_receiving=row["as_receiving"],
                as_sending=row["as_sending"],
                apis=tuple(sorted(apis[row["partner"]], key=lambda each: each.api)),
            )
            for row in rows
        ]

    async def _apis(self, hei: HeiId, heis: Sequence[str]) -> dict[str, list[ApiHealth]]:
        """Return by partner what is known of each of its APIs."""
        rows = await self.database.fetch(
            """with called as (
                   select * from partner_health where tenant = $1 and hei_id = any($2)
               ), unread as (
                   select hei_id, api, count(*) as unread from source_document
                   where tenant = $1 and hei_id = any($2) and last_error is not null group by 1, 2
               ), held as (
                   select hei_id, api, count(*) as quarantined from quarantine
                   where tenant = $1 and hei_id = any($2) group by 1, 2
               )
               select hei_id, api, last_success_at, last_failure_at, last_failure,
                   coalesce(failures, 0) as failures, left_alone_until,
                   coalesce(unread, 0) as unread, coalesce(quarantined, 0) as quarantined
               from called full join unread using (hei_id, api)
               full join held using (hei_id, api)""",
            hei,
            heis,
        )
        latest = defaultdict(list)
        for row in await self._latest(hei, [row for row in rows if row["quarantined"]]):
            latest[row["hei_id"], row["api"]].append(_quarantined(row))
        found: dict[str, list[ApiHealth]] = defaultdict(list)
        for row in rows:
            known = {name: value for name, value in row.items() if name != "hei_id"}
            held = tuple(latest[row["hei_id"], row["api"]])
            found[row["hei_id"]].append(ApiHealth(**known, latest_quarantined=held))
        return found

    async def _latest(self, hei: HeiId, of: Sequence[asyncpg.Record]) -> Sequence[asyncpg.Record]:
        """Return the newest fingerprints of these partners' APIs."""
        return await self.database.fetch(
            """select hei_id, api, latest.* from unnest($2::text[], $3::text[]) as of (hei_id, api),
               lateral (
                   select sha256, size, reason, first_seen_at, last_seen_at, times from quarantine q
                   where q.tenant = $1 and q.hei_id = of.hei_id and q.api = of.api
                   order by last_seen_at desc limit $4) as latest
               order by last_seen_at desc""",
            hei,
            [row["hei_id"] for row in of],
            [row["api"] for row in of],
            MOST_SHOWN,
        )

    async def refused(self, hei: HeiId, since: date) -> Sequence[Refused]:
        """Return what was refused at the HEI's door, the most frequent first."""
        rows = await self.database.fetch(
            """select api, reason, sum(times)::bigint as times, max(day) as last_on from refusal
               where tenant = $1 and day >= $2 group by api, reason
               order by times desc, api, reason""",
            hei,
            since,
        )
        return [Refused(*row) for row in rows]


def _quarantined(row: asyncpg.Record) -> Quarantined:
    return Quarantined(
        sha256=row["sha256"],
        size=row["size"],
        reason=row["reason"],
        first_seen_at=row["first_seen_at"],
        last_seen_at=row["last_seen_at"],
        times=row["times"],
    )
