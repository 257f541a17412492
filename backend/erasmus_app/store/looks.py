"""Which mobilities are to be looked at for what is due, and what the look before saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec

from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.mobilities.events import MobilityEvent
from erasmus_app.mobilities.seen import Seen
from erasmus_app.store.database import Database
from erasmus_app.store.records import RecordChangeRow

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Seen).decode

Key = tuple[HeiId, HeiId, OmobilityId]
"""Tenant, sending HEI and omobility id."""


@dataclass(frozen=True, slots=True)
class LookTable:
    """The looks of all tenants' mobilities over one database."""

    database: Database

    async def due(self, now: datetime, limit: int) -> list[Key]:
        """Return mobilities to look at, the longest due first. Idle ones cost nothing here."""
        rows = await self.database.fetch(
            """select tenant, sending_hei_id, omobility_id from mobility
               where next_look_at <= $1 order by next_look_at limit $2""",
            now,
            limit,
        )
        return [(row[0], row[1], row[2]) for row in rows]

    async def put_off(self, key: Key, until: datetime) -> None:
        """Leave a mobility alone for a while: a look that fails must not hold up the others."""
        await self.database.execute(
            """update mobility set next_look_at = $4
               where tenant = $1 and sending_hei_id = $2 and omobility_id = $3""",
            *key,
            until,
        )


class Before(NamedTuple):
    """What the look before left."""

    seen: Seen
    silent: bool  # whether this one is to be
    due: str | None  # when it was to be, as the database writes it


async def seen_before(change: RecordChangeRow) -> Before:
    """Return what the look before saw, and whether this one is to be silent."""
    assert change.before is not None
    row = await change.connection.fetchrow(
        """select seen::text as seen, look_silently, next_look_at::text as due
           from mobility where mobility_id = $1""",
        change.before.mobility_id,
    )
    assert row is not None
    seen = _decode(row["seen"]) if row["seen"] else Seen()
    return Before(seen, row["look_silently"], row["due"])


async def not_yet_recorded(
    change: RecordChangeRow, events: Sequence[MobilityEvent]
) -> list[MobilityEvent]:
    """Leave out the events that were recorded before, told or not."""
    assert change.before is not None
    rows = await change.connection.fetch(
        """select event_id from event
           where tenant = $1 and person_id = $2 and event_id = any($3)""",
        change.before.mobility.tenant,
        change.before.person_id,
        [each.event_id for each in events],
    )
    known = {row["event_id"] for row in rows}
    return [each for each in events if each.event_id not in known]


async def looked(
    change: RecordChangeRow,
    before: Before,
    seen: Seen,
    next_look: datetime | None,
    *,
    silently: bool,
) -> None:
    """Note what was seen, and when to look again; `silently` says how.

    Where something had the mobility looked at again meanwhile, that look is still to come.
    """
    assert change.before is not None
    await change.connection.execute(
        """update mobility set seen = $2::text::jsonb, look_silently = $4,
               next_look_at =
                   case when next_look_at::text is distinct from $5 then next_look_at else $3 end
           where mobility_id = $1""",
        change.before.mobility_id,
        _encode(seen).decode(),
        next_look,
        silently,
        before.due,
    )
