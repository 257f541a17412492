"""What operators did by command, kept beside what they did it to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from erasmus_app.store.database import Database


class OperatorAct(msgspec.Struct, frozen=True, kw_only=True):
    """One command: who gave it, when, and how many rows it was about."""

    at: datetime
    actor: str
    command: str
    rows: int


@dataclass(frozen=True, slots=True)
class OperatorLog:
    """The log; rows are only added, and lapse with the access log."""

    database: Database

    async def note(self, actor: str, command: str, rows: int) -> None:
        """Write down what was done."""
        await self.database.execute(
            "insert into operator_log (actor, command, rows) values ($1, $2, $3)",
            actor,
            command,
            rows,
        )

    async def latest(self, most: int) -> Sequence[OperatorAct]:
        """Return the last ones, the newest first."""
        rows = await self.database.fetch(
            """select at, actor, command, rows from operator_log
               order by at desc, operator_log_id desc limit $1""",
            most,
        )
        return [OperatorAct(**row) for row in rows]
