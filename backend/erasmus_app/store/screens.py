"""First screens as they were last read: each account's in one sealed row, until something changes.

Nothing is in them that other tables do not hold. Whatever changes in those takes the screen away,
in the same transaction, by triggers of the database (migration 0020); so what is there is current.
docs/decisions/0023-screens.md says why it is done so.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from erasmus_app.errors import AppError
from erasmus_app.ids import AccountId
from erasmus_app.store.database import AWAY, Database

MOST_AT_ONCE = 200  # accounts of one statement
_SEALED = "screen.sealed"

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ScreenTable:
    """The screens of all accounts over one database.

    Reads that come while another is on its way go together in the next: under load a statement
    brings the screens of many, and nobody waits for others to come.
    """

    database: Database
    _waiting: list[tuple[AccountId, asyncio.Future[bytes | None]]] = field(default_factory=list)
    _reading: asyncio.Task[None] | None = None

    async def screen(self, account: AccountId) -> bytes | None:
        """Return an account's screen as it was kept; None where it is to be made."""
        mine: asyncio.Future[bytes | None]
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append((account, mine))
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_all())
        return await mine

    async def _read_all(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                try:
                    await self._read(some)
                except Exception as error:  # noqa: BLE001 - it is everybody's who waits for it
                    for _, mine in some:
                        if not mine.done():
                            mine.set_exception(error)
        finally:
            self._reading = None
            for _, mine in self._waiting:  # none, unless the loop is being closed
                mine.cancel()

    async def _read(self, some: Sequence[tuple[AccountId, asyncio.Future[bytes | None]]]) -> None:
        given: Any = [account for account, _ in some]
        if len(given) == 1:  # which PostgreSQL plans once, and an array of it each time anew
            whose, given = "$1", given[0]
        else:
            whose = "any($1::uuid[])"
        rows = await self.database.fetch(
            f"select account_id, sealed from screen where account_id = {whose}",  # noqa: S608
            given,
        )
        found = {row["account_id"]: row["sealed"] for row in rows}
        for account, mine in some:
            if not mine.done():  # else whoever asked has gone
                mine.set_result(self._opened(account, found.get(account)))

    def _opened(self, account: AccountId, sealed: bytes | None) -> bytes | None:
        if sealed is None:
            return None
        try:
            return self.database.vault.open(sealed, _SEALED, account)
        except AppError as error:  # what is not ours is made anew
            log.warning("screen.unreadable", code=error.code)
            return None

    async def keep(self, account: AccountId, content: bytes, stamp: int) -> None:
        """Keep a screen that was read with this stamp, unless something has changed since.

        It can always be made again: nobody waits for a lock or the disk, nor fails, for its sake.
        """
        try:
            await self.database.execute(
                """with hurried as (select set_config('synchronous_commit', 'off', true))
                   update screen set sealed = $2 from hurried
                   where account_id = (select account_id from screen
                       where account_id = $1 and stamp = $3 for update skip locked)""",
                account,
                self.database.vault.seal(content, _SEALED, account),
                stamp,
            )
        except AWAY as error:
            log.info("screen.not_kept", error=type(error).__name__)
