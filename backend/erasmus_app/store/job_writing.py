"""Jobs that an API process writes: those asked for at the same time go in one statement.

A storm of notifications so costs a round trip, a transaction and a turn of the disk for many.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec

from erasmus_app.store.database import Database
from erasmus_app.store.gathering import Gathering
from erasmus_app.store.jobs import MOST_TRACES, New, causes, put

MOST_AT_ONCE = 200  # requests of one statement


@dataclass(slots=True)
class JobWriting:
    """Writes jobs down, see `mobilities.ports.JobWriter`.

    One statement is on its way at a time. What PostgreSQL cannot hold fails alone.
    """

    database: Database
    _write: Gathering[Mapping[str, New], None] = field(init=False)

    def __post_init__(self) -> None:
        self._write = Gathering(self._write_all, MOST_AT_ONCE, one_by_one=(asyncpg.DataError,))

    async def write(self, kind: str, jobs: Mapping[str, Any], *, after: timedelta) -> None:
        """Write jobs by their dedupe keys; when this returns, they are committed.

        They are due in `after` by the database's clock: it is that which their claim looks at.
        """
        traces = causes()
        await self._write(
            {
                key: New(kind=kind, payload=each, dedupe_key=key, after=after, traces=traces)
                for key, each in jobs.items()
            }
        )

    async def _write_all(self, asked: Sequence[Mapping[str, New]]) -> list[None]:
        new: dict[str, New] = {}
        for some in asked:
            for key, each in some.items():
                new[key] = _joined(new[key], each) if key in new else each
        async with self.database.pool.acquire() as connection:
            await put(connection, [new[key] for key in sorted(new)])
        return [None] * len(asked)


def _joined(one: New, other: New) -> New:
    """Return one job for two with a key: due as the earlier one, with the causes of both."""
    return msgspec.structs.replace(
        one,
        after=min(one.after, other.after),
        traces=(*one.traces, *other.traces)[:MOST_TRACES],
    )
