"""Who read what of a student, in PostgreSQL.

A row is written before the answer goes out, in one statement for all of its objects: what cannot be
noted is not shown. docs/decisions/0011-what-is-held.md tells why, and what it costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from erasmus_app.ids import AccountId, HeiId
from erasmus_app.privacy.access import Access, AccessOutcome, ActorKind, Noted, Read, Served
from erasmus_app.privacy.models import Subject
from erasmus_app.store.database import Database

MOST_AT_ONCE = 200

_COUNTED = """on conflict (tenant, subject_id, hour, actor_kind, actor, actor_hei_id, purpose, api,
        object_id, outcome)
    do update set times = access_log.times + 1,
        last_at = greatest(access_log.last_at, excluded.last_at)"""
_NOTED = """access_id, first_at, last_at, times, actor_kind, actor, actor_hei_id, purpose, api,
    outcome, object_id"""
PURPOSE_OF_PARTNERS = "mobility"  # both universities need it for the student's stay


@dataclass(frozen=True, slots=True)
class AccessLogTable:
    """The log; see `privacy.ports.AccessLog`."""

    database: Database

    async def note(self, access: Access, of: Sequence[Read], now: datetime) -> None:
        """Note that somebody read, or was refused; once an hour a row, then it is counted."""
        async with self.database.pool.acquire() as connection:
            await note_within(connection, access, of, now)

    async def note_served(self, served: Served, now: datetime) -> None:
        """Note what a partner's HEI was shown of a covered HEI's own data.

        Of a mobility that we have no record of, as after an erasure, there is no one to tell.
        """
        await self.database.execute(
            f"""insert into access_log (tenant, subject_id, hour, actor_kind, actor, purpose, api,
                    object_id, outcome, first_at, last_at)
                select m.tenant, m.person_id, date_trunc('hour', $6::timestamptz, 'UTC'), 'partner',
                    coalesce((select caller from unnest($2::text[]) as caller
                              where caller = o.partner_hei_id), $1),
                    $7, $3, m.mobility_id::text, 'shown', $6, $6
                from own_object o join mobility m on m.tenant = o.tenant
                    and m.sending_hei_id = o.sending_hei_id and m.omobility_id = o.object_id
                where o.tenant = $1 and o.api = $3 and o.major = any($4)
                    and o.object_id = any($5) and o.removed_at is null
                    and ($1 = any($2::text[]) or o.partner_hei_id = any($2::text[]))
                order by m.person_id, m.mobility_id
                {_COUNTED}""",  # noqa: S608 - a constant
            served.tenant,
            sorted(served.callers),
            served.api,
            list(served.majors),
            list(served.ids),
            now,
            PURPOSE_OF_PARTNERS,
        )

    async def of(
        self, account: AccountId, *, first: int = 50, after: UUID | None = None
    ) -> list[Noted]:
        """Return what was read of the account and of its persons, the newest first."""
        rows = await self.database.fetch(
            f"""with mine as (
                   select {_NOTED} from access_log where tenant = '' and subject_id = $1
                   union all
                   select {_NOTED} from access_log where (tenant, subject_id) in (
                       select tenant, person_id from account_person where account_id = $1))
                select {_NOTED} from mine
                where $3::uuid is null or (first_at, access_id) < (
                    select first_at, access_id from mine where access_id = $3)
                order by first_at desc, access_id desc limit $2""",  # noqa: S608 - constants
            account,
            max(0, min(first, MOST_AT_ONCE)),
            after,
        )
        return [noted(row) for row in rows]

    async def whole(self, subject: Subject) -> list[Noted]:
        """Return all of what was read of accounts and persons, the newest first."""
        rows = await self.database.fetch(
            f"""select {_NOTED} from access_log
                where (tenant = '' and subject_id = any($1::uuid[]))
                    or (tenant, subject_id) in (select * from unnest($2::text[], $3::uuid[]))
                order by first_at desc, access_id desc""",  # noqa: S608 - a constant
            list(subject.accounts),
            [tenant for tenant, _ in subject.persons],
            [person for _, person in subject.persons],
        )
        return [noted(row) for row in rows]


async def note_within(
    connection: asyncpg.Connection, access: Access, of: Sequence[Read], now: datetime
) -> None:
    """Write rows of the log in the caller's transaction."""
    await connection.execute(
        f"""insert into access_log (tenant, subject_id, hour, actor_kind, actor, actor_hei_id,
                purpose, api, object_id, outcome, first_at, last_at)
            select distinct tenant, subject_id, date_trunc('hour', $10::timestamptz, 'UTC'),
                $4, $5, $6, $7, $8, object_id, $9, $10::timestamptz, $10::timestamptz
            from unnest($1::text[], $2::uuid[], $3::text[]) as read (tenant, subject_id, object_id)
            order by tenant, subject_id, object_id  -- whoever notes the same waits in this order
            {_COUNTED}""",  # noqa: S608 - a constant
        [each.tenant or "" for each in of],
        [each.subject for each in of],
        [str(each.mobility or "") for each in of],
        access.kind.value,
        access.actor,
        access.hei or "",
        access.purpose,
        access.api,
        access.outcome.value,
        now,
    )


def noted(row: asyncpg.Record) -> Noted:
    """Read a row as the student may see it."""
    kind = ActorKind(row["actor_kind"])
    hei = row["actor"] if kind is ActorKind.PARTNER else row["actor_hei_id"]
    return Noted(
        access_id=row["access_id"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        times=row["times"],
        kind=kind,
        hei=HeiId(hei) if hei else None,
        purpose=row["purpose"],
        api=row["api"],
        outcome=AccessOutcome(row["outcome"]),
        mobility=UUID(row["object_id"]) if row["object_id"] else None,
    )
