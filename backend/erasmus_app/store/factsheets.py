"""Factsheets of partners, kept as every page is; a changed one has mobilities looked at."""

from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import Factsheet, KnownFactsheet
from erasmus_app.store.database import Database
from erasmus_app.store.pages import PageTable

_LOOK = "update mobility set next_look_at = '-infinity' where receiving_hei_id = $1"


class FactsheetTable(PageTable[Factsheet]):
    """The factsheets over one database."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "factsheet", Factsheet, on_change=_LOOK)

    async def factsheet(self, hei: HeiId) -> KnownFactsheet | None:
        """Return what is known of an HEI's factsheet; None where nobody has asked yet."""
        return await self.page(hei)
