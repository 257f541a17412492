"""What is over is deleted, a batch at a time; what is in use stays (decision 0011)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from erasmus_app.identity.models import REFRESH_LIFETIME
from erasmus_app.ids import HeiId, PersonId
from erasmus_app.mobilities.models import Mobility
from erasmus_app.privacy.models import Subject
from erasmus_app.privacy.retention import DataClass, Keeping, before, end_of, is_over
from erasmus_app.store.database import Database
from erasmus_app.store.erasures import lapse
from erasmus_app.store.sealed_records import joined

BATCH = 500


class _Lapsing(NamedTuple):
    """Rows of a table that are over before `$1`."""

    kind: DataClass
    table: str
    over: str
    emptied: str | None = None  # what is set in place of deleting the row


_GONE = "not exists (select 1 from mobility m where m.mobility_id = {0}.mobility_id)"

LAPSING = (
    _Lapsing(DataClass.SESSIONS, "session", "least(revoked_at, expires_at) < $1"),
    _Lapsing(DataClass.REFRESH_TOKENS, "spent_refresh", "spent_at < $1"),
    # Those of a mobility that is still there keep things from being told twice.
    _Lapsing(DataClass.EVENTS, "event", f"happened_at < $1 and {_GONE.format('event')}"),
    _Lapsing(
        DataClass.MESSAGES, "inbox_entry", f"created_at < $1 and {_GONE.format('inbox_entry')}"
    ),
    _Lapsing(
        DataClass.IDENTIFIERS,
        "account_esi",
        """last_seen_at < $1 and not exists (
               select 1 from account_person p where p.account_id = account_esi.account_id)
           and not exists (select 1 from account a
               where a.account_id = account_esi.account_id and a.last_login_at >= $1)""",
    ),
    _Lapsing(
        DataClass.AFFILIATIONS,
        "account_identity",
        "last_login_at < $1 and (affiliations <> '{}' or home_hei_ids <> '{}')",
        "affiliations = '{}', home_hei_ids = '{}'",
    ),
    _Lapsing(DataClass.ACCESS_LOG, "access_log", "hour < $1"),
    _Lapsing(DataClass.ACCESS_LOG, "operator_log", "at < $1"),
    _Lapsing(DataClass.CONSENTS, "consent", "withdrawn_at < $1"),
    _Lapsing(  # counted from the month in which it was last asked
        DataClass.QUESTIONS,
        "unanswered_question",
        "(month + interval '1 month') at time zone 'UTC' < $1",
    ),
    _Lapsing(
        DataClass.EXPORTS,
        "export",
        "coalesce(expires_at, requested_at + interval '14 days') <= $1",
    ),
    _Lapsing(DataClass.HASHES, "forgotten", "until < $1"),
    # Longer than what is too old to be taken: what comes again is known, or not taken.
    _Lapsing(DataClass.HASHES, "chat_message", "seen_at < $1::timestamptz - interval '2 days'"),
    # Kept for a day, so that it is counted how often a code was asked for.
    _Lapsing(
        DataClass.HASHES,
        "mail_address",
        """asked_at < $1::timestamptz - interval '1 day'
           and (removed_at is not null or (confirmed_at is null and code_until < $1))""",
    ),
)


@dataclass(frozen=True, slots=True)
class RetentionTable:
    """What is over, in every table."""

    database: Database
    keeping: Keeping

    async def count(self, now: datetime) -> dict[str, int]:
        """Return how much would go, by class; nothing is changed."""
        found: dict[str, int] = {}
        for each in LAPSING:
            rows = await self.database.fetchval(
                f"select count(*) from {each.table} where {each.over}",  # noqa: S608 - constants
                self._since(each.kind, now),
            )
            found[each.kind.value] = found.get(each.kind.value, 0) + rows
        found[DataClass.MOBILITIES.value] = 0
        async for person in self._over(now):
            found[DataClass.MOBILITIES.value] += person.mobilities
        return {kind: rows for kind, rows in found.items() if rows}

    async def delete(self, now: datetime) -> dict[str, int]:
        """Delete what is over; return how much that was, by class.

        Broken off, it has done a part, and the next one does the rest.
        """
        found: dict[str, int] = {}
        async for person in self._over(now):
            # First the mobilities: what belongs to none any more is over as well.
            await self._lapse(person, now, found)
        for each in LAPSING:
            while rows := await self._batch(each, self._since(each.kind, now)):
                await self._note(each.kind, rows, now, found)
        return found

    def _since(self, kind: DataClass, now: datetime) -> datetime:
        keeping = self.keeping
        months = {
            DataClass.SESSIONS: keeping.session,
            DataClass.EVENTS: keeping.message,
            DataClass.MESSAGES: keeping.message,
            DataClass.IDENTIFIERS: keeping.mobility,
            DataClass.AFFILIATIONS: keeping.affiliation,
            DataClass.ACCESS_LOG: keeping.access_log,
            DataClass.CONSENTS: keeping.consent,
            DataClass.QUESTIONS: keeping.question,
        }
        if kind is DataClass.REFRESH_TOKENS:
            return now - REFRESH_LIFETIME
        return before(now, months[kind]) if kind in months else now

    async def _batch(self, lapsing: _Lapsing, since: datetime) -> int:
        what = (
            f"update {lapsing.table} set {lapsing.emptied}"  # noqa: S608 - constants
            if lapsing.emptied
            else f"delete from {lapsing.table}"  # noqa: S608 - constants
        )
        done: str = await self.database.pool.execute(
            f"""{what} where ctid = any(array(
                    select ctid from {lapsing.table} where {lapsing.over} limit {BATCH}))
                and ({lapsing.over})""",  # noqa: S608 - constants
            since,
        )
        return int(done.rpartition(" ")[2])

    async def _over(self, now: datetime) -> AsyncIterator["_Person"]:
        """Yield the persons all of whose mobilities are over, in their order."""
        since = before(now, self.keeping.mobility)
        last: tuple[str, UUID] = ("", UUID(int=0))
        while True:
            rows = await self.database.fetch(
                f"""select tenant, person_id from person
                    where (tenant, person_id) > ($1, $2)
                        and created_at < $3
                        and not exists (select 1 from mobility m where m.tenant = person.tenant
                            and m.person_id = person.person_id and m.changed_at >= $3)
                    order by tenant, person_id limit {BATCH}""",  # noqa: S608 - a constant
                *last,
                since,
            )
            for row in rows:
                person = _Person(HeiId(row["tenant"]), PersonId(row["person_id"]))
                async with self.database.pool.acquire() as connection:
                    mobilities = await self._all_over(connection, person, now)
                if mobilities is not None:
                    yield person._replace(mobilities=mobilities)
            if len(rows) < BATCH:
                return
            last = (rows[-1]["tenant"], rows[-1]["person_id"])

    async def _all_over(
        self, connection: asyncpg.Connection, person: "_Person", now: datetime
    ) -> int | None:
        """Return how many mobilities a person has, where all are over."""
        rows = await connection.fetch(
            """select record::text as record, sealed, changed_at from mobility
               where tenant = $1 and person_id = $2""",
            person.tenant,
            person.person_id,
        )
        for row in rows:
            mobility = joined(row, self.database.vault)
            if not is_over(_end(mobility, row["changed_at"]), now, self.keeping.mobility):
                return None
        return len(rows)

    async def _lapse(self, person: "_Person", now: datetime, found: dict[str, int]) -> None:
        async with self.database.transaction() as connection:
            subject = Subject(accounts=(), persons=((person.tenant, person.person_id),))
            # What came in meanwhile is seen under the locks.
            if await lapse(
                connection, subject, now, lambda: self._all_over(connection, person, now)
            ):
                await self._note_within(
                    connection, DataClass.MOBILITIES, person.mobilities, now, found
                )

    async def _note(self, kind: DataClass, rows: int, now: datetime, found: dict[str, int]) -> None:
        async with self.database.pool.acquire() as connection:
            await self._note_within(connection, kind, rows, now, found)

    async def _note_within(
        self,
        connection: asyncpg.Connection,
        kind: DataClass,
        rows: int,
        now: datetime,
        found: dict[str, int],
    ) -> None:
        found[kind.value] = found.get(kind.value, 0) + rows
        await connection.execute(
            """insert into retained (class, rows, last_at) values ($1, $2, $3)
               on conflict (class) do update set rows = retained.rows + excluded.rows,
                   last_at = excluded.last_at""",
            kind.value,
            rows,
            now,
        )


class _Person(NamedTuple):
    tenant: HeiId
    person_id: PersonId
    mobilities: int = 0


def _end(mobility: Mobility, changed_at: datetime) -> date:
    nomination = mobility.nomination and mobility.nomination.value
    reception = mobility.reception and mobility.reception.value
    agreement = mobility.agreement and mobility.agreement.value
    known = nomination or agreement
    return end_of(
        [
            nomination.planned_departure if nomination else None,
            reception.actual_departure if reception else None,
            agreement.planned_end if agreement else None,
        ],
        known.receiving_academic_year_id if known else None,
        changed_at,
    )
