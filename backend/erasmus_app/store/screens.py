"""First screens as they were last read: each account's in one sealed row, until something changes.

Nothing is in them that other tables do not hold. Whatever changes in those takes the screen away,
in the same transaction, by triggers of the database (migration 0020); so what is there is current.
docs/decisions/0023-screens.md says why it is done so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from erasmus_app.errors import AppError
from erasmus_app.ids import AccountId
from erasmus_app.store.database import AWAY, Database
from erasmus_app.store.gathering import Gathering

MOST_AT_ONCE = 200  # accounts of one statement
_SEALED = "screen.sealed"

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ScreenTable:
    """The screens of all accounts over one database; those of many are read together."""

    database: Database
    _read: Gathering[AccountId, bytes | None] = field(init=False)

    def __post_init__(self) -> None:
        self._read = Gathering(self._read_some, MOST_AT_ONCE)

    async def screen(self, account: AccountId) -> bytes | None:
        """Return an account's screen as it was kept; None where it is to be made."""
        return await self._read(account)

    async def _read_some(self, accounts: Sequence[AccountId]) -> list[bytes | None]:
        given: Any = accounts
        whose = "any($1::uuid[])"
        if len(accounts) == 1:  # which PostgreSQL plans once, and an array of it each time anew
            whose, given = "$1", accounts[0]
        rows = await self.database.fetch(
            f"select account_id, sealed from screen where account_id = {whose}",  # noqa: S608
            given,
        )
        found = {row["account_id"]: row["sealed"] for row in rows}
        return [self._opened(each, found.get(each)) for each in accounts]

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
