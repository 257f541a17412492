"""Calendar feeds in PostgreSQL, and what calendars have seen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from erasmus_app.ids import AccountId
from erasmus_app.notifications.agenda import Entry, Published
from erasmus_app.notifications.calendars import CalendarFeed, Subscriber
from erasmus_app.store.database import Database
from erasmus_app.store.sealed import Vault

_FEED = "account_id, feed_id, created_at, fetched_at"
_NOTED = timedelta(hours=1)  # a fetch is noted this often: calendars ask all day long


def _feed(row: asyncpg.Record) -> CalendarFeed:
    return CalendarFeed(
        account_id=AccountId(row["account_id"]),
        feed_id=row["feed_id"],
        created_at=row["created_at"],
        fetched_at=row["fetched_at"],
    )


@dataclass(frozen=True, slots=True)
class CalendarTable:
    """See `notifications.calendars.CalendarStore`."""

    database: Database

    async def feeds(self, account: AccountId) -> list[CalendarFeed]:
        """Return an account's, the newest first."""
        rows = await self.database.fetch(
            f"""select {_FEED} from calendar_feed where account_id = $1
                order by created_at desc, feed_id""",  # noqa: S608 - a constant
            account,
        )
        return [_feed(row) for row in rows]

    async def create(
        self, account: AccountId, secret_sha256: bytes, at: datetime, most: int
    ) -> CalendarFeed:
        """Keep a new one; of more than `most` the one not read for longest makes room."""
        async with self.database.transaction() as connection:
            await _one_after_the_other(connection, account)
            await connection.execute(
                """delete from calendar_feed where account_id = $1 and feed_id in (
                       select feed_id from calendar_feed where account_id = $1
                       order by coalesce(fetched_at, created_at) desc, feed_id offset $2)""",
                account,
                most - 1,
            )
            row = await connection.fetchrow(
                f"""insert into calendar_feed (account_id, secret_sha256, created_at)
                    values ($1, $2, $3) returning {_FEED}""",  # noqa: S608 - a constant
                account,
                secret_sha256,
                at,
            )
        return _feed(row)

    async def revoke(self, account: AccountId, feed: UUID) -> bool:
        """Forget one; False where it is not the account's."""
        found = await self.database.fetchval(
            "delete from calendar_feed where account_id = $1 and feed_id = $2 returning 1",
            account,
            feed,
        )
        return found is not None

    async def subscriber(self, secret_sha256: bytes, now: datetime) -> Subscriber | None:
        """Return whose it is, and note the hour; None of a secret that opens nothing."""
        row = await self.database.fetchrow(
            """select account_id, feed_id, language, zone,
                   fetched_at is null or fetched_at < $2 as is_to_be_noted
               from calendar_feed join account using (account_id) where secret_sha256 = $1""",
            secret_sha256,
            now - _NOTED,
        )
        if row is None:
            return None
        if row["is_to_be_noted"]:
            await self.database.execute(
                """update calendar_feed set fetched_at = date_trunc('hour', $3::timestamptz)
                   where account_id = $1 and feed_id = $2""",
                row["account_id"],
                row["feed_id"],
                now,
            )
        return Subscriber(
            account_id=AccountId(row["account_id"]),
            feed_id=row["feed_id"],
            language=row["language"],
            zone=row["zone"],
        )

    async def replace(
        self,
        account: AccountId,
        now_shown: Callable[[Mapping[str, Published]], Mapping[str, Published]],
    ) -> Mapping[str, Published]:
        """Put what is shown now in the place of what was, by `now_shown`; one after the other.

        Most fetches find nothing new, and only read.
        """
        before = await self._seen(self.database, account)
        after = now_shown(before)
        if after == before:
            return after
        async with self.database.transaction() as connection:
            await _one_after_the_other(connection, account)
            before = await self._seen(connection, account)
            after = now_shown(before)
            vault = self.database.vault
            await connection.executemany(
                """insert into calendar_entry
                       (account_id, uid, content, sequence, changed_at, cancelled)
                   values ($1, $2, $3, $4, $5, $6)
                   on conflict (account_id, uid) do update set content = excluded.content,
                       sequence = excluded.sequence, changed_at = excluded.changed_at,
                       cancelled = excluded.cancelled""",
                [
                    _values(account, uid, each, vault)
                    for uid, each in after.items()
                    if before.get(uid) != each
                ],
            )
            await connection.execute(
                "delete from calendar_entry where account_id = $1 and uid = any($2)",
                account,
                sorted(before.keys() - after.keys()),
            )
        return after

    async def _seen(
        self, where: Database | asyncpg.Connection, account: AccountId
    ) -> dict[str, Published]:
        rows = await where.fetch(
            """select uid, content, sequence, changed_at, cancelled from calendar_entry
               where account_id = $1""",
            account,
        )
        return {row["uid"]: self._published(account, row) for row in rows}

    def _published(self, account: AccountId, row: asyncpg.Record) -> Published:
        content = self.database.vault.open(
            row["content"], "calendar_entry.content", account, row["uid"]
        )
        return Published(
            entry=msgspec.json.decode(content, type=Entry),
            sequence=row["sequence"],
            changed_at=row["changed_at"],
            cancelled=row["cancelled"],
        )


async def _one_after_the_other(connection: asyncpg.Connection, account: AccountId) -> None:
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('calendar ' || $1::text, 0))", str(account)
    )


def _values(account: AccountId, uid: str, each: Published, vault: Vault) -> tuple[object, ...]:
    content = vault.seal(msgspec.json.encode(each.entry), "calendar_entry.content", account, uid)
    return account, uid, content, each.sequence, each.changed_at, each.cancelled
