"""Where polls stand, whom a partner can say something about, and how fresh that is by its index."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import asyncpg
import msgspec

from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.mobilities.consolidate import FIELD
from erasmus_app.mobilities.models import OF_RECEIVING, Api
from erasmus_app.mobilities.ports import Answer
from erasmus_app.store.database import Database


async def synchronised(dsn: str) -> int:
    """Return how many partners' APIs have been read for the first time, of the database there."""
    connection = await asyncpg.connect(dsn)
    try:
        found: int = await connection.fetchval(
            "select count(*) from poll_state where first_sync_done_at is not null"
        )
    finally:
        await connection.close()
    return found


UNREAD = frozenset({"reply_invalid", "reply_not_trusted", "partner_refused"})
"""Errors after which an object may have changed without our having read it."""


def _mobilities(whose: str) -> str:
    """Return what takes the records first, as who changes one does, and in one order for all."""
    return f"""mobilities as materialized (
        select omobility_id from mobility
        where tenant = $1 and sending_hei_id = $4 and omobility_id = {whose}
        order by omobility_id for update)"""  # noqa: S608 - a constant


class PollState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the poller stands with one partner and API. Times are UTC."""

    last_success_began_at: datetime | None = None
    last_full_sweep_at: datetime | None = None
    first_sync_done_at: datetime | None = None
    interval_seconds: float | None = None  # None: it has never succeeded
    failures: int = 0  # in a row


class Known(NamedTuple):
    """One mobility of a tenant's that a partner can say something about through one API."""

    sending_hei_id: HeiId
    omobility_id: OmobilityId
    created_at: datetime
    found_silently: bool  # by a first synchronisation
    awaited: bool  # it may still get news from there
    shown: bool  # the partner has shown it, and it is not confirmed as gone
    doubted: bool  # shown once, and left out of the latest answer
    last_error: str | None  # why the latest attempt to read it failed; None: it did not
    last_attempt_at: datetime | None


class Asked(NamedTuple):
    """A tenant, a partner and an API: what a poll is about."""

    tenant: HeiId
    hei_id: HeiId
    api: Api


@dataclass(frozen=True, slots=True)
class PollTable:
    """The states of polls, and what they need to know of records."""

    database: Database

    async def state(self, asked: Asked) -> PollState:
        """Return where the poll stands; a fresh state where it has never been made."""
        row = await self.database.fetchrow(
            """select last_success_began_at, last_full_sweep_at, first_sync_done_at,
                   interval_seconds, failures
               from poll_state where tenant = $1 and hei_id = $2 and api = $3""",
            *asked,
        )
        return PollState(**dict(row)) if row else PollState()

    async def succeeded(
        self, asked: Asked, began: datetime, *, by_index: bool, sweep: bool, interval: float
    ) -> None:
        """Note a good poll. `by_index`: what it did not list as changed is confirmed by it."""
        await self.database.execute(
            """insert into poll_state as known (tenant, hei_id, api, last_success_began_at,
                   last_full_sweep_at, first_sync_done_at, last_attempt_at, interval_seconds,
                   last_index_at)
               values ($1, $2, $3, $4::timestamptz, case when $5 then $4::timestamptz end,
                   $4::timestamptz, now(), $6, case when $7 then $4::timestamptz end)
               on conflict (tenant, hei_id, api) do update set
                   last_success_began_at = excluded.last_success_began_at,
                   last_full_sweep_at =
                       coalesce(excluded.last_full_sweep_at, known.last_full_sweep_at),
                   first_sync_done_at =
                       coalesce(known.first_sync_done_at, excluded.first_sync_done_at),
                   last_attempt_at = excluded.last_attempt_at,
                   last_error = null,
                   failures = 0,
                   interval_seconds = excluded.interval_seconds,
                   last_index_at = excluded.last_index_at""",
            *asked,
            began,
            sweep,
            interval,
            by_index,
        )

    async def failed(self, asked: Asked, code: str) -> int:
        """Note a failed poll; return how many in a row that makes."""
        failures: int = await self.database.fetchval(
            """insert into poll_state as known
                   (tenant, hei_id, api, last_attempt_at, last_error, failures)
               values ($1, $2, $3, now(), $4, 1)
               on conflict (tenant, hei_id, api) do update set
                   last_attempt_at = excluded.last_attempt_at,
                   last_error = excluded.last_error,
                   failures = known.failures + 1
               returning failures""",
            *asked,
            code,
        )
        return failures

    async def known(self, asked: Asked, today: datetime) -> list[Known]:
        """Return the tenant's mobilities that the partner can say something about."""
        # `lateral`: each by the whole key, also before the server has statistics of the tables.
        end = "receiving_hei_id" if asked.api in OF_RECEIVING else "sending_hei_id"
        rows = await self.database.fetch(
            f"""select m.sending_hei_id, m.omobility_id, m.created_at,
                   m.found_silently,
                   m.awaited is null or (m.awaited ? $3
                       and coalesce((m.awaited -> $3 ->> 0)::date, '-infinity') <= $4::date
                       and coalesce((m.awaited -> $3 ->> 1)::date, 'infinity') >= $4::date
                   ) as awaited,
                   d.xml is not null
                       and (d.missing_since is null or d.fetched_at < d.missing_since) as shown,
                   coalesce(d.fetched_at < d.missing_since, false) as doubted,
                   d.last_error, d.last_attempt_at
               from mobility m left join lateral (
                   select * from source_document
                   where tenant = m.tenant and api = $3 and hei_id = $2
                       and sending_hei_id = m.sending_hei_id and object_id = m.omobility_id
                   limit 1) d on true
               where m.tenant = $1 and m.{end} = $2 order by m.omobility_id""",  # noqa: S608 - two constants
            asked.tenant,
            asked.hei_id,
            asked.api.value,
            today.date(),
        )
        return [Known(*row) for row in rows]

    async def mark_failed(
        self, asked: Asked, sending: HeiId, ids: Sequence[OmobilityId], at: datetime, code: str
    ) -> None:
        """Let students see why a source could not be read; one statement for all.

        What it said last stays. A record that shows the same reason already is left as it is: an
        outage is written down when it begins, and once an hour that it lasts.
        """
        await self.database.execute(
            """with documents as (
                   update source_document set last_attempt_at = $6, last_error = $7
                   where tenant = $1 and hei_id = $2 and api = $3 and sending_hei_id = $4
                       and object_id = any($5) and (last_error is distinct from $7
                           or last_attempt_at < $6::timestamptz - interval '1 hour'))
               update mobility set version = version + 1, changed_at = now(),
                   record = jsonb_set(record, array[$8, 'source'], (record -> $8 -> 'source')
                       || jsonb_build_object('last_attempt_at', $9::text, 'last_error', $7::text))
               where tenant = $1 and sending_hei_id = $4 and omobility_id = any($5)
                   and record -> $8 <> 'null'
                   and record #>> array[$8, 'source', 'last_error'] is distinct from $7""",
            *asked,
            sending,
            list(ids),
            at,
            code,
            FIELD[asked.api],
            at.isoformat(),
        )

    async def recovered(
        self, asked: Asked, sending: HeiId, ids: Collection[OmobilityId], began: datetime
    ) -> None:
        """Take away what failed before `began`: an index has said that nothing changed since."""
        await self.database.execute(
            f"""with {_mobilities("any($5)")},
               documents as (
                   update source_document set last_attempt_at = null, last_error = null
                   from mobilities
                   where tenant = $1 and hei_id = $2 and api = $3 and sending_hei_id = $4
                       and object_id = any($5) and object_id = mobilities.omobility_id
                       and last_attempt_at < $6
                   returning object_id)
               update mobility set version = version + 1, changed_at = now(),
                   record = jsonb_set(record, array[$7, 'source'], (record -> $7 -> 'source')
                       || '{{"last_attempt_at": null, "last_error": null}}')
               from documents
               where tenant = $1 and sending_hei_id = $4 and omobility_id = any($5)
                   and omobility_id = object_id
                   and record #>> array[$7, 'source', 'last_error'] is not null""",  # noqa: S608 - a constant
            *asked,
            sending,
            list(ids),
            began,
            FIELD[asked.api],
        )

    async def confirm(
        self, asked: Asked, sending: HeiId, answers: Sequence[Answer]
    ) -> set[OmobilityId]:
        """Take in the answers that say byte for byte what is known, with one statement for all.

        It moves when their facts were last confirmed and nothing else. Returns whose those are;
        the others, in doubt or in error among them, are for `mobilities.consolidate` to judge.
        """
        # `any($5)`, here and there: by the whole key, also before the server has statistics.
        there = [(each.reading, each.document) for each in answers if each.document is not None]
        if not there:
            return set()
        if len(there) == 1:  # which PostgreSQL plans once, and an array of it each time anew
            whose, said = "$5", "(values ($5::text, $6::bytea, $7::integer, $8::timestamptz))"
        else:
            whose = "any($5)"
            said = "unnest($5::text[], $6::bytea[], $7::integer[], $8::timestamptz[])"
        given = (
            [reading.omobility_id for reading, _ in there],
            [document.sha256 for _, document in there],
            [reading.major for reading, _ in there],
            [reading.at for reading, _ in there],
        )
        rows = await self.database.fetch(
            f"""with {_mobilities(whose)},
               same as (
                   select d.object_id, s.at from mobilities
                   join source_document d on d.object_id = mobilities.omobility_id
                   join {said} as s (id, sha256, major, at)
                       on d.object_id = s.id and d.sha256 = s.sha256 and d.major = s.major
                   where d.tenant = $1 and d.hei_id = $2 and d.api = $3 and d.sending_hei_id = $4
                       and d.object_id = {whose} and d.last_confirmed_at <= s.at
                       and d.missing_since is null and d.last_error is null
                   order by d.object_id for update of d),
               documents as (
                   update source_document d set last_confirmed_at = same.at from same
                   where d.tenant = $1 and d.hei_id = $2 and d.api = $3 and d.sending_hei_id = $4
                       and d.object_id = {whose} and d.object_id = same.object_id)
               update mobility set record = jsonb_set(record,
                   array[$9, 'source', 'last_confirmed_at'], to_jsonb(to_char(
                       same.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
               from same
               where tenant = $1 and sending_hei_id = $4 and omobility_id = {whose}
                   and omobility_id = same.object_id
                   and record #>> array[$9, 'source', 'hei_id'] = $2
               returning omobility_id""",  # noqa: S608 - constants
            *asked,
            sending,
            *(given if len(there) > 1 else (each for (each,) in given)),
            FIELD[asked.api],
        )
        return {row["omobility_id"] for row in rows}

    async def recently(
        self, asked: Asked, sending: HeiId, ids: Sequence[OmobilityId], after: datetime
    ) -> dict[OmobilityId, datetime]:
        """Return which of the ids a notification has had fetched since `after`, and when."""
        rows = await self.database.fetch(
            """select object_id, fetched_at from recent_fetch
               where tenant = $1 and hei_id = $2 and api = $3 and sending_hei_id = $4
                   and object_id = any($5) and fetched_at > $6""",
            *asked,
            sending,
            list(ids),
            after,
        )
        return {row["object_id"]: row["fetched_at"] for row in rows}

    async def fetched(
        self, asked: Asked, sending: HeiId, ids: Sequence[OmobilityId], at: datetime
    ) -> None:
        """Note that a notification has had these ids fetched."""
        await self.database.execute(
            """insert into recent_fetch (tenant, hei_id, api, sending_hei_id, object_id, fetched_at)
               select $1, $2, $3, $4, id, $6 from unnest($5::text[]) as new (id)
               on conflict (tenant, api, hei_id, sending_hei_id, object_id)
               do update set fetched_at = excluded.fetched_at""",
            *asked,
            sending,
            sorted(ids),  # the same order for all, so that nobody waits in a circle
            at,
        )

    async def forget_fetches(self, before: datetime) -> None:
        """Take away what nobody asks about any more."""
        await self.database.execute("delete from recent_fetch where fetched_at < $1", before)


CONFIRMED_BY_INDEX = """(
    select jsonb_object_agg(api, last_index_at) from poll_state p
    where p.tenant = mobility.tenant and last_index_at is not null and (
        (p.hei_id = sending_hei_id and api in ('omobilities', 'omobility-las'))
        or (p.hei_id = receiving_hei_id and api = 'imobility-tors'))
) as confirmed"""
"""Per API, as of when its index last said what had changed: a column for whoever reads records."""


def as_of_indexes(row: asyncpg.Record) -> dict[Api, datetime]:
    """Read `CONFIRMED_BY_INDEX`."""
    return msgspec.convert(row["confirmed"] or {}, dict[Api, datetime])
