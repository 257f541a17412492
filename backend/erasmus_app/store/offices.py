"""What the office of a covered HEI sees, over one database: only of the HEI's own records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec

from erasmus_app.ids import HeiId
from erasmus_app.mobilities.consolidate import confirmed_by_index
from erasmus_app.mobilities.offices import Listed, Narrowed, Place
from erasmus_app.store.database import Database
from erasmus_app.store.polls import CONFIRMED_BY_INDEX, as_of_indexes
from erasmus_app.store.records import STORED, read_stored
from erasmus_app.store.sealed import Vault

WAY = "(case when sending_hei_id = tenant then 'outgoing' else 'incoming' end)"
PARTNER = "(case when sending_hei_id = tenant then receiving_hei_id else sending_hei_id end)"
"""As migration 0015 has them in its index: in other words it would not be used."""


def listing(
    hei: HeiId, narrowed: Narrowed, first: int, after: Place | None
) -> tuple[str, tuple[Any, ...]]:
    """Return the statement of a page, and what is given to it."""
    given: list[Any] = [hei, first]
    conditions = ["tenant = $1"]
    if after is not None:
        given += [after.since, after.mobility_id]
        conditions.append(
            "(waiting_since, mobility_id) > (coalesce($3::timestamptz, 'infinity'), $4::uuid)"
        )
    for what, value in (
        ("waits_for", narrowed.party),
        ("academic_year", narrowed.academic_year),
        (WAY, narrowed.way),
        (PARTNER, narrowed.partner),
    ):
        if value is not None:
            given.append(str(value))
            conditions.append(f"{what} = ${len(given)}")
    return (
        f"""select {STORED}, nullif(waiting_since, 'infinity') as since, {CONFIRMED_BY_INDEX}
            from mobility where {" and ".join(conditions)}
            order by waiting_since, mobility_id limit $2""",  # noqa: S608 - constants and numbers
        tuple(given),
    )


@dataclass(frozen=True, slots=True)
class OfficeTable:
    """The offices' lists; see `mobilities.offices.OfficeStore`."""

    database: Database

    async def waiting(
        self, hei: HeiId, narrowed: Narrowed, first: int, after: Place | None
    ) -> Sequence[Listed]:
        """Return mobilities, the longest waits first."""
        statement, given = listing(hei, narrowed, first, after)
        rows = await self.database.fetch(statement, *given)
        return [_listed(row, self.database.vault) for row in rows]


def _listed(row: asyncpg.Record, vault: Vault) -> Listed:
    found = read_stored(row, vault)
    mobility = confirmed_by_index(found.mobility, as_of_indexes(row))
    place = Place(row["since"], found.mobility_id)
    return Listed(place, msgspec.structs.replace(found, mobility=mobility))
