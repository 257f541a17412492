"""What institutions say of themselves, kept as every page is, but without the answers."""

from erasmus_app.institutions.places import Institution
from erasmus_app.store.database import Database
from erasmus_app.store.pages import PageTable


class InstitutionTable(PageTable[Institution]):
    """The institutions over one database."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "institution", Institution, as_sent=False)
