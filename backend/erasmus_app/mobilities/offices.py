"""What the office of a covered HEI sees of that HEI's own records."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from erasmus_app.ids import HeiId, MobilityId
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.mobilities.steps import Party


class Way(StrEnum):
    """Which way a student goes, seen from the HEI whose office looks."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


class Place(NamedTuple):
    """Where a mobility stands in an office's list: the longest wait first.

    `since` None: nobody waits, or nobody can tell since when; these come last.
    """

    since: datetime | None
    mobility_id: MobilityId


class Narrowed(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is narrowed down to; None: it is not."""

    way: Way | None = None
    party: Party | None = None
    partner: HeiId | None = None
    academic_year: str | None = None


class Listed(NamedTuple):
    """A mobility in its place."""

    place: Place
    stored: StoredMobility


class BrokenEsis(NamedTuple):
    """How many mobilities no ESI leads to, as far as papers are visible."""

    missing: int
    invalid: int


class OfficeStore(Protocol):
    """Lists of an HEI's own records, page by page, each page from one piece of an index.

    A mobility that stays where it is stands on one page exactly, whatever moves around it. One that
    moves on while somebody reads may be met a second time, at its new place.
    """

    async def waiting(
        self, hei: HeiId, narrowed: Narrowed, first: int, after: Place | None
    ) -> Sequence[Listed]:
        """Return mobilities, the longest waits first."""

    async def broken_esis(self, hei: HeiId) -> BrokenEsis:
        """Count the mobilities in whose papers an ESI is missing or invalid."""

    async def with_broken_esi(
        self, hei: HeiId, first: int, after: Place | None
    ) -> Sequence[Listed]:
        """Return these mobilities, the longest waits first."""
