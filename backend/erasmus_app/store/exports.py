"""Archives of what is held of an account: asked for, written by a worker, fetched for a week."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from erasmus_app.ids import AccountId, HeiId, PersonId
from erasmus_app.privacy.exports import ASKED_AGAIN, EXPORT, KEPT_FOR, Export
from erasmus_app.store import jobs
from erasmus_app.store.database import Database
from erasmus_app.store.esis import lock_esis
from erasmus_app.store.held import Held, seen_by
from erasmus_app.store.sealed import vault_of

PART = 64 * 1024  # bytes of an archive in one row
_EXPORT = "account_id, export_id, language, requested_at, ready_at, expires_at, size"
_MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class ExportTable:
    """Archives; see `privacy.ports.Exports`."""

    database: Database

    async def request(self, account: AccountId, language: str, now: datetime) -> Export:
        """Note the wish and write the job that fulfils it; within an hour it is the same one."""
        async with self.database.transaction() as connection:
            await lock_esis(connection, [f"export {account}"])
            row = await connection.fetchrow(
                f"""select {_EXPORT} from export
                    where account_id = $1 and requested_at > $2
                        and (expires_at is null or expires_at > $3)
                    order by requested_at desc limit 1""",  # noqa: S608 - a constant
                account,
                now - ASKED_AGAIN,
                now,
            )
            if row is None:
                row = await connection.fetchrow(
                    f"""insert into export (account_id, language, requested_at)
                        values ($1, $2, $3) returning {_EXPORT}""",  # noqa: S608 - a constant
                    account,
                    language,
                    now,
                )
            found = Export(**dict(row))
            if found.ready_at is None:
                await jobs.enqueue(
                    connection,
                    EXPORT,
                    {"export_id": str(found.export_id), "account_id": str(account)},
                    dedupe_key=f"{EXPORT} {found.export_id}",
                )
        return found

    async def of(self, account: AccountId) -> list[Export]:
        """Return the account's, the newest first."""
        rows = await self.database.fetch(
            f"""select {_EXPORT} from export where account_id = $1
                order by requested_at desc, export_id limit {_MOST_LISTED}""",  # noqa: S608 - constants
            account,
        )
        return [Export(**dict(row)) for row in rows]

    async def one(self, account: AccountId, export: UUID) -> Export | None:
        """Return one of the account's."""
        row = await self.database.fetchrow(
            f"select {_EXPORT} from export where account_id = $1 and export_id = $2",  # noqa: S608 - a constant
            account,
            export,
        )
        return Export(**dict(row)) if row else None

    async def content(self, account: AccountId, export: UUID) -> AsyncIterator[bytes]:
        """Yield an archive piece by piece.

        Raises:
            DataKeyMissing, SealBroken: a piece cannot be opened.
        """
        part = 0
        while True:
            sealed = await self.database.fetchval(
                """select content from export_part
                   where account_id = $1 and export_id = $2 and part = $3""",
                account,
                export,
                str(part),
            )
            if sealed is None:
                return
            yield self.database.vault.open(sealed, "export_part.content", export, str(part))
            part += 1

    @asynccontextmanager
    async def writing(self, export: UUID) -> AsyncIterator["Writing | None"]:
        """Open a wish that is still to be fulfilled; None where there is none any more.

        All of it is one transaction: a worker that dies leaves the wish as it was.
        """
        async with (
            self.database.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read"),
        ):
            row = await connection.fetchrow(
                """select account_id, language from export
                   where export_id = $1 and ready_at is null for update""",
                export,
            )
            if row is None:
                yield None
                return
            account = AccountId(row["account_id"])
            held = Held(connection, await seen_by(connection, (account,)))
            yield Writing(held, account, export, row["language"])

    @asynccontextmanager
    async def reading(
        self,
        accounts: tuple[AccountId, ...],
        persons: tuple[tuple[HeiId, PersonId], ...],
    ) -> AsyncIterator[Held]:
        """Open what is held of accounts and persons, without keeping an archive."""
        async with (
            self.database.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read"),
        ):
            yield Held(connection, await seen_by(connection, accounts, persons))


@dataclass(slots=True)
class Writing:
    """An archive being written: sealed row by row as it grows."""

    held: Held
    account: AccountId
    export: UUID
    language: str
    size: int = 0
    _part: int = 0
    _rest: bytes = b""

    async def write(self, piece: bytes) -> None:
        """Take the next piece."""
        self.size += len(piece)
        whole, start = self._rest + piece, 0
        while len(whole) - start >= PART:
            await self._put(whole[start : start + PART])
            start += PART
        self._rest = whole[start:]

    async def finish(self, now: datetime) -> None:
        """Say that it is whole."""
        if self._rest:
            await self._put(self._rest)
            self._rest = b""
        await self._connection.execute(
            """update export set ready_at = $2, expires_at = $3, size = $4 where export_id = $1""",
            self.export,
            now,
            now + KEPT_FOR,
            self.size,
        )

    @property
    def _connection(self) -> asyncpg.Connection:
        return self.held.connection

    async def _put(self, content: bytes) -> None:
        place = ("export_part.content", self.export, str(self._part))
        await self._connection.execute(
            """insert into export_part (account_id, export_id, part, content)
               values ($1, $2, $3, $4)""",
            self.account,
            self.export,
            str(self._part),
            vault_of(self._connection).seal(content, *place),
        )
        self._part += 1
