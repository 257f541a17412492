"""What the office of a covered HEI sees, over one database: only of the HEI's own records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec

from erasmus_app.ids import HeiId
from erasmus_app.mobilities.consolidate import confirmed_by_index
from erasmus_app.mobilities.offices import BrokenEsis, Listed, Narrowed, Place
from erasmus_app.store.database import Database
from erasmus_app.store.polls import CONFIRMED_BY_INDEX, as_of_indexes
from erasmus_app.store.records import STORED, read_stored
from erasmus_app.store.sealed import Vault

WAY = "(case when sending_hei_id = tenant then 'outgoing' else 'incoming' end)"
PARTNER = "(case when sending_hei_id = tenant then receiving_hei_id else sending_hei_id end)"
"""As migration 0015 has them in its index: in other words it would not be used."""
BROKEN_ESI = "esi_state in ('missing', 'invalid')"
"""As the same migration says which rows its other index has."""


def listing(
    hei: HeiId,
    narrowed: Narrowed,
    first: int,
    after: Place | None,
    *,
    broken_esi: bool = False,
) -> tuple[str, tuple[Any, ...]]:
    """Return the statement of a page, and what is given to it."""
    given: list[Any] = [hei, first]
    conditions = ["tenant = $1", *([BROKEN_ESI] if broken_esi else [])]
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
        return await self._page(*listing(hei, narrowed, first, after))

    async def broken_esis(self, hei: HeiId) -> BrokenEsis:
        """Count the mobilities in whose papers an ESI is missing or invalid."""
        row = await self.database.fetchrow(
            f"""select count(*) filter (where esi_state = 'missing') as missing,
                   count(*) filter (where esi_state = 'invalid') as invalid
               from mobility where tenant = $1 and {BROKEN_ESI}""",  # noqa: S608 - a constant
            hei,
        )
        assert row is not None
        return BrokenEsis(row["missing"], row["invalid"])

    async def with_broken_esi(
        self, hei: HeiId, first: int, after: Place | None
    ) -> Sequence[Listed]:
        """Return these mobilities, the longest waits first."""
        return await self._page(*listing(hei, Narrowed(), first, after, broken_esi=True))

    async def _page(self, statement: str, given: Sequence[Any]) -> Sequence[Listed]:
        rows = await self.database.fetch(statement, *given)
        return [_listed(row, self.database.vault) for row in rows]


def _listed(row: asyncpg.Record, vault: Vault) -> Listed:
    found = read_stored(row, vault)
    mobility = confirmed_by_index(found.mobility, as_of_indexes(row))
    place = Place(row["since"], found.mobility_id)
    return Listed(place, msgspec.structs.replace(found, mobility=mobility))
