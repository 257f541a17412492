"""Forgetting a student: one transaction over every table, and the proof of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import msgspec

from erasmus_app.identity.linking import UNDO
from erasmus_app.ids import AccountId, EuropeanStudentId, HeiId, PersonId, read_global_id
from erasmus_app.privacy.models import NOT_AGAIN, NOT_AGAIN_LAPSED, Certificate, Erasure, Subject
from erasmus_app.store import jobs
from erasmus_app.store.consents import withdraw_all
from erasmus_app.store.database import Database
from erasmus_app.store.esis import lock_esis
from erasmus_app.store.forgotten import remember
from erasmus_app.store.holdings import ERASED, KEPT
from erasmus_app.store.records import lock_mobilities

ERASE = "erase"
_ERASURE = "erasure_id, account_id, requested_at, due_at, cancelled_at, executed_at"


@dataclass(frozen=True, slots=True)
class ErasureTable:
    """Wishes to be forgotten, and their fulfilment; see `privacy.ports.Erasures`."""

    database: Database

    async def request(self, account: AccountId, now: datetime, cooling_off: timedelta) -> Erasure:
        """Note the wish and write the job that fulfils it; a second one is the first."""
        async with self.database.transaction() as connection:
            row = await connection.fetchrow(
                f"""insert into erasure (account_id, requested_at, due_at) values ($1, $2, $3)
                    on conflict (account_id) where cancelled_at is null and executed_at is null
                    do update set account_id = excluded.account_id returning {_ERASURE}""",  # noqa: S608 - a constant
                account,
                now,
                now + cooling_off,
            )
            found = Erasure(**dict(row))
            await jobs.enqueue(
                connection,
                ERASE,
                {"erasure_id": str(found.erasure_id)},
                dedupe_key=f"{ERASE} {found.erasure_id}",
                due=found.due_at,
            )
        return found

    async def cancel(self, account: AccountId, now: datetime) -> Erasure | None:
        """Take an open wish back; None where there is none."""
        row = await self.database.fetchrow(
            f"""update erasure set cancelled_at = $2
                where account_id = $1 and cancelled_at is null and executed_at is null
                returning {_ERASURE}""",  # noqa: S608 - a constant
            account,
            now,
        )
        return Erasure(**dict(row)) if row else None

    async def latest(self, account: AccountId) -> Erasure | None:
        """Return the account's latest wish."""
        row = await self.database.fetchrow(
            f"""select {_ERASURE} from erasure where account_id = $1
                order by requested_at desc, erasure_id limit 1""",  # noqa: S608 - a constant
            account,
        )
        return Erasure(**dict(row)) if row else None

    async def fulfil(self, erasure: UUID, now: datetime) -> Certificate | None:
        """Fulfil an open wish; None where it was taken back, or is fulfilled."""
        async with self.database.transaction() as connection:
            row = await connection.fetchrow(
                """select account_id, requested_at from erasure
                   where erasure_id = $1 and cancelled_at is null and executed_at is null
                   for update""",
                erasure,
            )
            if row is None:
                return None
            subject = await _subject_of(connection, [AccountId(row["account_id"])], [])
            return await _forget(connection, subject, erasure, row["requested_at"], now)

    async def erase(self, subject: Subject, now: datetime) -> Certificate:
        """Forget a student at once, as an operator does."""
        async with self.database.transaction() as connection:
            return await _forget(connection, subject, uuid4(), now, now)

    async def what_would_go(self, subject: Subject) -> dict[str, int]:
        """Count what would go, by table; nothing is changed."""
        found = {}
        for held in ERASED:
            found[held.table] = await self.database.fetchval(
                f"select count(*) from {held.table} where $1::uuid[] is not null "  # noqa: S608 - constants
                f"and $2::text[] is not null and $3::uuid[] is not null and ({held.rows})",
                *_given(subject),
            )
        return {table: rows for table, rows in found.items() if rows}

    async def subject(self, who: str) -> Subject:
        """Find a student by account id, as the app shows it or as it is kept, or by ESI.

        One whom we do not know has nothing.
        """
        kind, account = read_global_id(who) or ("", None)
        async with self.database.pool.acquire() as connection:
            try:
                account = account if kind == "Student" and account else UUID(who)
                return await _subject_of(connection, [AccountId(account)], [])
            except ValueError:
                key = self.database.vault.esi_key(EuropeanStudentId(who))
            accounts = await connection.fetch(
                """select account_id from account_esi
                   where esi_key = $1 and current and hold is distinct from 'elsewhere'""",
                key,
            )
            persons = await connection.fetch(
                "select tenant, person_id from person_esi where esi_key = $1", key
            )
            return await _subject_of(
                connection,
                [AccountId(row["account_id"]) for row in accounts],
                [(HeiId(row["tenant"]), PersonId(row["person_id"])) for row in persons],
            )

    async def forget_joined(self, now: datetime) -> int:
        """Take away what joined accounts kept for their undoing, when that is over.

        That they were joined stays on record. Returns how many accounts it was.
        """
        rows = await self.database.fetch(
            """with over as (
                   update account_link set moved = null
                   where state = 'joined' and moved is not null and decided_at < $1
                   returning joined_account_id)
               , emptied as (delete from inbox_entry
                   where account_id in (select joined_account_id from over))
               select 1 from over""",
            now - UNDO,
        )
        return len(rows)

    async def forget_hashes(self, now: datetime) -> int:
        """Take away the hashes whose time is over; return how many."""
        rows = await self.database.fetch("delete from forgotten where until < $1 returning 1", now)
        return len(rows)


async def _subject_of(
    connection: asyncpg.Connection,
    accounts: list[AccountId],
    persons: list[tuple[HeiId, PersonId]],
) -> Subject:
    """Add what was joined with the accounts, and their persons but for those others see too."""
    joined = await connection.fetch(
        """with recursive whole (account_id) as (
               select unnest($1::uuid[])
               union select joined_account_id from account_link
                   join whole on kept_account_id = account_id where state = 'joined')
           select account_id from whole order by 1""",
        accounts,
    )
    accounts = [AccountId(row["account_id"]) for row in joined]
    rows = await connection.fetch(
        """select p.tenant, p.person_id, exists (
               select 1 from account_person other
               where other.tenant = p.tenant and other.person_id = p.person_id
                   and other.account_id <> all($1::uuid[])) as shared
           from (select tenant, person_id from account_person where account_id = any($1::uuid[])
                 union select * from unnest($2::text[], $3::uuid[])) as p
           order by 1, 2""",
        accounts,
        [tenant for tenant, _ in persons],
        [person for _, person in persons],
    )
    known = await connection.fetch(
        "select account_id from account where account_id = any($1::uuid[]) order by 1", accounts
    )
    return Subject(
        accounts=tuple(AccountId(row["account_id"]) for row in known),
        persons=tuple((row["tenant"], row["person_id"]) for row in rows if not row["shared"]),
        shared=sum(row["shared"] for row in rows),
    )


def _given(subject: Subject) -> tuple[list[AccountId], list[HeiId], list[PersonId]]:
    """Return the parameters of a `Holding`."""
    persons = subject.persons
    return list(subject.accounts), [each for each, _ in persons], [each for _, each in persons]


async def _forget(
    connection: asyncpg.Connection,
    subject: Subject,
    erasure: UUID,
    requested_at: datetime,
    now: datetime,
) -> Certificate:
    """Take everything away, in the caller's transaction, and write the proof."""
    subject = await _keep_others_away(connection, subject)
    await remember(
        connection,
        await _mobilities(connection, subject),
        await _esi_keys(connection, subject),
        until=now + NOT_AGAIN,
    )
    await withdraw_all(connection, list(subject.accounts), now)
    given = _given(subject)
    erased: dict[str, int] = {}
    for held in ERASED:
        done = await connection.execute(
            f"delete from {held.table} where $1::uuid[] is not null "  # noqa: S608 - constants
            f"and $2::text[] is not null and $3::uuid[] is not null and ({held.rows})",
            *given,
        )
        if number := int(done.rpartition(" ")[2]):
            erased[held.table] = number
    certificate = Certificate(
        erasure_id=erasure,
        requested_at=requested_at,
        executed_at=now,
        erased=erased,
        kept=KEPT,
        shared=subject.shared,
    )
    await connection.execute(
        """insert into erasure (erasure_id, requested_at, due_at, executed_at, counts, sha256)
           values ($1, $2, $3, $3, $4::text::jsonb, $5)
           on conflict (erasure_id) do update set account_id = null,
               executed_at = excluded.executed_at, counts = excluded.counts,
               sha256 = excluded.sha256""",
        erasure,
        requested_at,
        now,
        msgspec.json.encode(erased).decode(),
        certificate.sha256,
    )
    await connection.execute(
        "update erasure set account_id = null where account_id = any($1::uuid[])", given[0]
    )
    return certificate


async def lapse(
    connection: asyncpg.Connection,
    subject: Subject,
    now: datetime,
    still: Callable[[], Awaitable[object]],
) -> bool:
    """Delete persons whose time is over, in the caller's transaction; their accounts stay.

    `still` is asked once nobody can write about them any more; None is a no. Their mobilities do
    not come back with the next poll; the students themselves may, with another one.
    """
    # Unlike an erasure it takes away what several logins see: it is over for all of them.
    found = await _lock_all_of(connection, subject)
    if await still() is None:
        return False
    await remember(connection, found, [], until=now + NOT_AGAIN_LAPSED)
    for held in ERASED:
        await connection.execute(
            f"delete from {held.table} where $1::uuid[] is not null "  # noqa: S608 - constants
            f"and $2::text[] is not null and $3::uuid[] is not null and ({held.rows})",
            *_given(subject),
        )
    return True


async def _keep_others_away(connection: asyncpg.Connection, subject: Subject) -> Subject:
    """Let nobody write about the student until the end; return all that is known of them then."""
    await _lock_all_of(connection, subject)
    return await _subject_of(connection, list(subject.accounts), list(subject.persons))


async def _lock_all_of(connection: asyncpg.Connection, subject: Subject) -> list[asyncpg.Record]:
    """Lock the mobilities and ESIs; return the mobilities."""
    found = await _mobilities(connection, subject)
    for tenant in sorted({row["tenant"] for row in found}):
        own = [(row["sending_hei_id"], row["omobility_id"]) for row in found if row[0] == tenant]
        await lock_mobilities(connection, tenant, own)
    # In this order, as who takes a partner's answer in.
    await lock_esis(connection, await _esi_keys(connection, subject))
    return found


async def _mobilities(connection: asyncpg.Connection, subject: Subject) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        """select tenant, sending_hei_id, omobility_id from mobility
           where (tenant, person_id) in (select * from unnest($1::text[], $2::uuid[]))""",
        *_given(subject)[1:],
    )
    return rows


async def _esi_keys(connection: asyncpg.Connection, subject: Subject) -> list[str]:
    rows = await connection.fetch(
        """select esi_key from account_esi
           where account_id = any($1::uuid[]) and hold is distinct from 'elsewhere'
           union select esi_key from person_esi
           where (tenant, person_id) in (select * from unnest($2::text[], $3::uuid[]))""",
        *_given(subject),
    )
    return [row["esi_key"] for row in rows]
