"""What the fields of a mobility are made of: it in brief, and its record where that is read."""

from datetime import date

import strawberry

from erasmus_app.mobilities.brief import Brief
from erasmus_app.mobilities.ports import StoredMobility


class RecordNotRead(RuntimeError):
    """A mistake of ours: see `access.field`."""


@strawberry.type(description="What a mobility is shown from.")
class OfRecord:
    """A base of `Mobility` and of the parts that it is put together from."""

    brief: strawberry.Private[Brief]
    today: strawberry.Private[date]
    read: strawberry.Private[StoredMobility | None] = None

    @property
    def stored(self) -> StoredMobility:
        """The record, for fields that a brief does not do for. Raises RecordNotRead."""
        if self.read is None:
            raise RecordNotRead("a field with brief=True wants more than a brief has")
        return self.read
