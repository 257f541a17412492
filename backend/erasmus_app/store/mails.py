"""Messages that are mailed where nobody opens them: what waits, and what became of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from erasmus_app.ids import AccountId, InboxEntryId, MobilityId
from erasmus_app.notifications.mail_addresses import MOST_REFUSALS
from erasmus_app.notifications.mailing import Fate, Reader, Unseen, Verdict
from erasmus_app.store import jobs
from erasmus_app.store.database import Database
from erasmus_app.store.devices import ALIVE
from erasmus_app.store.mail_addresses import MailAddressTable

MAIL = "mail"
"""The job that mails an account what waits; one for each account, see `job_key`."""
_REACHED = """confirmed_at is not null and removed_at is null and stopped_at is null
    and gone_at is null"""
_FORGET = "address = null, gone_at = $2"


def job_key(account: AccountId) -> str:
    """Return the dedupe key of an account's job; a trigger of `device` writes the same."""
    return f"{MAIL} {account}"


async def look_at(
    connection: asyncpg.Connection, account: AccountId, due: datetime | None = None
) -> None:
    """Have an account's mails looked at, in the caller's transaction."""
    await jobs.enqueue(
        connection, MAIL, {"account_id": str(account)}, dedupe_key=job_key(account), due=due
    )


async def plan_mails(
    connection: asyncpg.Connection,
    account: AccountId,
    entries: Collection[InboxEntryId],
    now: datetime,
    wait: timedelta,
) -> None:
    """Let messages wait to be mailed, where there is anywhere to mail them.

    They are looked at after `wait`, so that those of one change are found together.
    """
    planned = await connection.fetch(
        f"""insert into mail_delivery (account_id, inbox_entry_id, planned_at)
            select $1, entry, $3 from unnest($2::uuid[]) as new (entry)
            where exists (select from mail_address where account_id = $1 and {_REACHED})
            on conflict do nothing returning 1""",  # noqa: S608 - a constant
        account,
        list(entries),
        now,
    )
    if planned:
        await look_at(connection, account, now + wait if wait else None)


@dataclass(frozen=True, slots=True)
class MailTable:
    """The mails of all accounts."""

    database: Database
    addresses: MailAddressTable

    async def reader(self, account: AccountId) -> Reader | None:
        """Return whom an account's mail goes to; None where it goes nowhere."""
        row = await self.database.fetchrow(
            f"""select address_id, address,
                    coalesce((select device.language from device
                        where device.account_id = $1 and device.language is not null
                        order by last_seen_at desc limit 1), account.language) as language,
                    exists (select from device
                        where device.account_id = $1 and {ALIVE}) as has_device
                from mail_address join account using (account_id)
                where account_id = $1 and {_REACHED}""",  # noqa: S608 - a constant
            account,
        )
        if row is None:
            return None
        return Reader(
            account_id=account,
            address_id=row["address_id"],
            address=self.database.vault.open(
                row["address"], "mail_address.address", row["address_id"]
            ).decode(),
            stop_token=self.addresses.token(row["address_id"]),
            language=row["language"],
            has_device=row["has_device"],
        )

    async def unseen(self, account: AccountId) -> list[Unseen]:
        """Return what waits to be mailed, the oldest first, with what speaks against it."""
        rows = await self.database.fetch(
            """select mail_delivery.*, inbox_entry.kind, mobility_id, arguments,
                   read_at is not null or exists (
                       select from delivery mine join delivery shown
                           on shown.account_id = mine.account_id
                           and coalesce(shown.carried_by, shown.delivery_id)
                               = coalesce(mine.carried_by, mine.delivery_id)
                       where mine.account_id = $1
                           and mine.inbox_entry_id = inbox_entry.inbox_entry_id
                           and shown.opened_at is not null) as is_seen,
                   array(select distinct event.kind
                       from mobility join event using (tenant, person_id, mobility_id)
                       where mobility_id = inbox_entry.mobility_id
                           and happened_at > inbox_entry.created_at) as happened_since
               from mail_delivery join inbox_entry using (account_id, inbox_entry_id)
               where account_id = $1 and state = 'pending'
               order by inbox_entry.created_at, inbox_entry_id""",
            account,
        )
        vault = self.database.vault
        return [
            Unseen(
                entry_id=InboxEntryId(row["inbox_entry_id"]),
                mobility_id=MobilityId(row["mobility_id"]) if row["mobility_id"] else None,
                kind=row["kind"],
                arguments=msgspec.json.decode(
                    vault.open(
                        row["arguments"], "inbox_entry.arguments", account, row["inbox_entry_id"]
                    ),
                    type=dict[str, str],
                ),
                planned_at=row["planned_at"],
                mail_id=row["mail_id"],
                attempts=row["attempts"],
                is_seen=row["is_seen"],
                happened_since=frozenset(row["happened_since"]),
            )
            for row in rows
        ]

    async def note(self, account: AccountId, said: Mapping[InboxEntryId, Verdict]) -> None:
        """Write down what is not mailed."""
        for fate in (Fate.DROPPED, Fate.EXPIRED):
            over = [(entry, each.why) for entry, each in said.items() if each.fate is fate]
            if over:
                await self.database.execute(
                    """update mail_delivery set state = $4, last_error = why, finished_at = now()
                       from unnest($2::uuid[], $3::text[]) as over (entry, why)
                       where account_id = $1 and inbox_entry_id = entry and state = 'pending'""",
                    account,
                    [entry for entry, _ in over],
                    [why for _, why in over],
                    fate.value,
                )

    async def drop(self, account: AccountId, why: str) -> None:
        """Mail nothing of what waits."""
        await self.database.execute(
            """update mail_delivery set state = 'dropped', last_error = $2, finished_at = now()
               where account_id = $1 and state = 'pending'""",
            account,
            why,
        )

    async def begin(
        self, account: AccountId, mail: UUID, entries: Collection[InboxEntryId]
    ) -> None:
        """Note which messages a mail is about to go out with, before it does."""
        await self.database.execute(
            """update mail_delivery set mail_id = $2, attempts = attempts + 1
               where account_id = $1 and inbox_entry_id = any($3) and state = 'pending'""",
            account,
            mail,
            list(entries),
        )

    async def put_off(self, account: AccountId, mail: UUID, code: str | None) -> None:
        """Note why a mail did not go out yet."""
        await self.database.execute(
            """update mail_delivery set last_error = $3
               where account_id = $1 and mail_id = $2 and state = 'pending'""",
            account,
            mail,
            code,
        )

    async def sent(self, reader: Reader, mail: UUID) -> None:
        """Note that a mail was taken, and that its address takes mail."""
        async with self.database.transaction() as connection:
            await self._end(connection, reader, mail, "sent", None)
            await connection.execute(
                "update mail_address set refusals = 0 where address_id = $1", reader.address_id
            )

    async def refused(self, reader: Reader, mail: UUID, code: str | None, now: datetime) -> bool:
        """Note that a mail was not taken and never will be.

        Returns whether its address counts as gone now, because it was one too many in a row.
        """
        async with self.database.transaction() as connection:
            await self._end(connection, reader, mail, "failed", code)
            gone = await connection.fetchval(
                """update mail_address set refusals = refusals + 1
                   where address_id = $1 and removed_at is null returning refusals >= $2""",
                reader.address_id,
                MOST_REFUSALS,
            )
            if gone:
                await self._forget(connection, reader, now)
        return bool(gone)

    async def gone(self, reader: Reader, mail: UUID, code: str | None, now: datetime) -> None:
        """Forget an address that there is no more; its student sees that it is gone."""
        async with self.database.transaction() as connection:
            await self._end(connection, reader, mail, "failed", code)
            await self._forget(connection, reader, now)

    async def _forget(self, connection: asyncpg.Connection, reader: Reader, now: datetime) -> None:
        # An address that was given anew meanwhile is another row.
        await connection.execute(
            f"update mail_address set {_FORGET} where address_id = $1 and removed_at is null",  # noqa: S608 - a constant
            reader.address_id,
            now,
        )

    async def _end(
        self,
        connection: asyncpg.Connection,
        reader: Reader,
        mail: UUID,
        state: str,
        code: str | None,
    ) -> None:
        await connection.execute(
            """update mail_delivery set state = $3, last_error = $4, finished_at = now()
               where account_id = $1 and mail_id = $2 and state = 'pending'""",
            reader.account_id,
            mail,
            state,
            code,
        )
