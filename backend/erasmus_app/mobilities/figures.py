"""What the network's statistics portal counts, by academic year of the host (guide §3.5)."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from erasmus_app.ids import AcademicYearId, HeiId


class Nominations(msgspec.Struct, frozen=True, kw_only=True):
    """The nominations that an HEI sends for one year."""

    year: AcademicYearId
    pending: int
    approved: int  # and what comes after that: live, recognized


class Agreements(msgspec.Struct, frozen=True, kw_only=True):
    """The learning agreements of one year, of those who go or of those who come."""

    year: AcademicYearId
    total: int
    some_approved: int  # all three have signed some version
    modified: int  # and a change of it
    latest_rejected: int  # the receiving HEI sent the latest change back
    latest_awaiting: int

    @property
    def latest_approved(self) -> int:
        """How many stand as they were signed last."""
        return self.total - self.latest_rejected - self.latest_awaiting


class Transcripts(msgspec.Struct, frozen=True, kw_only=True):
    """The transcripts that an HEI has issued for one year."""

    year: AcademicYearId
    total: int


class Figures(Protocol):
    """Counts an HEI's records."""

    async def nominations(self, hei: HeiId) -> Sequence[Nominations]:
        """Return those that the HEI sends, by year."""

    async def agreements(self, hei: HeiId, *, outgoing: bool) -> Sequence[Agreements]:
        """Return those of its students, or of its guests, by year, from 2021/2022 on."""

    async def transcripts(self, hei: HeiId) -> Sequence[Transcripts]:
        """Return those that the HEI has issued, by year."""
