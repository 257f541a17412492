"""How much waits in the database, and for how long: what `/metrics` asks for.

It is asked often, and at night as well, so nothing here reads a table through: each figure is the
end of an index or a walk along a part of one, and no walk is longer than `MOST_COUNTED` rows. What
has come to an end is counted where it ends, see `telemetry.metrics`.
docs/decisions/0039-metrics.md has the plans.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import asyncpg

from erasmus_app.mobilities.models import Api
from erasmus_app.store.database import Database
from erasmus_app.students.models import TargetKind
from erasmus_app.telemetry.exposition import Figure

MOST_COUNTED = 50_000  # rows of one figure; as many, or more
SELDOM = 600.0  # seconds between two counts of devices, which are millions and change slowly

LANES = tuple(dict.fromkeys(kind.channel for kind in TargetKind))
_WAITS = "state = 'pending' and carried_by is null"
_IDLE = "kind <> 'deliver' and dead_at is null and leased_by is null"

_OUTBOX = f"""
    select lane, state, rows from unnest($1::text[]) as of (lane), lateral (
        select 'waiting' as state, count(*) as rows from (
            select from delivery where {_WAITS} and channel = lane and held_until is null limit $2
        ) as those
        union all
        select 'late', count(*) from (
            select from delivery where {_WAITS} and channel = lane and held_until <= now() limit $2
        ) as those
        union all
        select 'held', count(*) from (
            select from delivery where {_WAITS} and channel = lane and held_until > now() limit $2
        ) as those) as counted"""  # noqa: S608 - constants
_OLDEST = f"""
    select lane, extract(epoch from now() - least(
        (select created_at + case when merges then $2 else interval '0' end
         from delivery where {_WAITS} and channel = lane and held_until is null
         order by held_until, created_at limit 1),
        (select held_until from delivery where {_WAITS} and channel = lane and held_until <= now()
         order by held_until limit 1)))::float8 as age
    from unnest($1::text[]) as of (lane)"""  # noqa: S608 - constants
_FAILED = """
    select channel as lane, count(*) as rows from (
        select channel from delivery where state = 'failed' limit $1) as those group by 1"""
_JOBS = f"""
    with recursive kinds (kind) as (
        (select kind from job where {_IDLE} order by kind limit 1)
        union all
        select (select kind from job where {_IDLE} and kind > kinds.kind order by kind limit 1)
        from kinds where kind is not null),
    living as (select kind from kinds where kind is not null)
    select kind, state, rows from living, lateral (
        select 'waiting' as state, count(*) as rows from (
            select from job where {_IDLE} and kind = living.kind and due <= now() limit $1
        ) as those
        union all
        select 'planned', count(*) from (
            select from job where {_IDLE} and kind = living.kind and due > now() limit $1
        ) as those) as counted
    union all
    select kind, 'running', count(*) from (
        select kind from job where kind <> 'deliver' and dead_at is null and leased_by is not null
        limit $1) as those group by 1
    union all
    select kind, 'dead', count(*) from (
        select kind from job where dead_at is not null limit $1) as those group by 1"""  # noqa: S608
_OVERDUE = f"""
    with recursive kinds (kind, due) as (
        (select kind, due from job where {_IDLE} order by kind, due limit 1)
        union all
        select next.kind, next.due from kinds, lateral (
            select kind, due from job where {_IDLE} and kind > kinds.kind
            order by kind, due limit 1) as next)
    select kind, greatest(extract(epoch from now() - min(due)), 0)::float8 as age from (
        table kinds
        union all  -- of a worker that died, while none is there to notice
        select kind, lease_until from job
        where kind <> 'deliver' and dead_at is null and leased_by is not null
            and lease_until <= now()) as known group by kind"""  # noqa: S608
_POLLS = """
    select api, state, rows from unnest($1::text[]) as of (api), lateral (
        select 'synchronised' as state, count(*) as rows from (
            select from poll_state p where p.api = of.api and last_success_began_at is not null
            limit $2) as those
        union all
        select 'first', count(*) from (
            select from poll_state p where p.api = of.api and last_success_began_at is null
            limit $2) as those) as counted"""
_STALEST = """
    select api, extract(epoch from now() - (
        select last_success_began_at from poll_state p
        where p.api = of.api and last_success_began_at is not null and exists (
            select from job where dead_at is null
                and dedupe_key = 'poll ' || p.tenant || ' ' || p.hei_id || ' ' || p.api)
        order by last_success_began_at limit 1))::float8 as age
    from unnest($1::text[]) as of (api)"""
_DEVICES = """
    select target_kind as kind,
        case when quiet_since is null then 'alive' else 'quiet' end as state, count(*) as rows
    from device group by 1, 2"""
_SERVER = """
    select pg_database_size(current_database())::float8 as bytes,
        (select count(*) from pg_stat_activity where datname = current_database())::float8 as used,
        current_setting('max_connections')::float8 as most,
        age(datfrozenxid)::float8 as xid_age
    from pg_database where datname = current_database()"""


@dataclass(slots=True)
class Measures:
    """Counts over one database; of devices one in a while."""

    database: Database
    merge_for: timedelta  # how long a push may wait for others before it is late
    _devices: Figure | None = None
    _counted_at: float = 0.0

    async def figures(self) -> list[Figure]:
        """Return all of them. Raises what is in `AWAY`."""
        apis = [each.value for each in Api]
        async with self.database.pool.acquire() as connection:
            ask = connection.fetch
            outbox = await ask(_OUTBOX, LANES, MOST_COUNTED)
            failed = await ask(_FAILED, MOST_COUNTED)
            oldest = await ask(_OLDEST, LANES, self.merge_for)
            jobs = await ask(_JOBS, MOST_COUNTED)
            overdue = await ask(_OVERDUE)
            polls = await ask(_POLLS, apis, MOST_COUNTED)
            stalest = await ask(_STALEST, apis)
            retained = await ask("select class, rows from retained")
            server = (await ask(_SERVER))[0]
            devices = await self._devices_there(connection)
        return [
            Figure(
                "erasmus_outbox_rows",
                "Pushes that are not out yet, or have failed: waiting to go, late (were held), "
                "held for their student, failed.",
                ("lane", "state"),
                _by(outbox) | {(row["lane"], "failed"): row["rows"] for row in failed},
            ),
            Figure(
                "erasmus_outbox_oldest_age_seconds",
                "How long ago the oldest push that is not out should have gone.",
                ("lane",),
                {(row["lane"],): max(row["age"] or 0.0, 0.0) for row in oldest},
            ),
            Figure("erasmus_jobs", "Jobs but for pushes.", ("kind", "state"), _by(jobs)),
            Figure(
                "erasmus_jobs_overdue_seconds",
                "How long ago the next job of a kind should have begun.",
                ("kind",),
                _by(overdue),
            ),
            Figure(
                "erasmus_polls",
                "Pairs of a university and a partner that are read, by whether they ever were.",
                ("api", "state"),
                _by(polls),
            ),
            Figure(
                "ewp_freshness_seconds",
                "How long ago the pair that was read longest ago was read.",
                ("api",),
                {(row["api"],): row["age"] for row in stalest if row["age"] is not None},
            ),
            Figure(
                "erasmus_retained_rows_total",
                "Rows that were deleted as their time was over.",
                ("class",),
                _by(retained),
            ),
            devices,
            Figure.one("erasmus_database_bytes", "Size of the database.", server["bytes"]),
            Figure(
                "erasmus_database_connections",
                "Connections to the server: in use of this database, and the most there can be.",
                ("state",),
                {("used",): server["used"], ("most",): server["most"]},
            ),
            Figure.one(
                "erasmus_database_transaction_age",
                "Transactions since the oldest row was frozen; PostgreSQL stops at 2 thousand "
                "million.",
                server["xid_age"],
            ),
        ]

    async def _devices_there(self, connection: asyncpg.Connection) -> Figure:
        if self._devices is None or monotonic() - self._counted_at > SELDOM:
            values = _by(await connection.fetch(_DEVICES))
            says = "Devices by how they are reached, and whether they were heard of lately."
            self._devices = Figure("erasmus_devices", says, ("kind", "state"), values)
            self._counted_at = monotonic()
        return self._devices


def _by(rows: Sequence[asyncpg.Record]) -> dict[tuple[str, ...], float]:
    """Return the last column by the others."""
    return {tuple(row.values())[:-1]: float(row[-1]) for row in rows}
