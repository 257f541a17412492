"""What the statistics portal reads of a covered HEI: counts over its records (guide §3.5)."""

from collections.abc import Sequence
from dataclasses import dataclass

from erasmus_app.ids import HeiId
from erasmus_app.mobilities.figures import Figures
from ewp.messages.imobility_tors import YearStats
from ewp.messages.omobility_stats import IncomingLaStats, MobilityStats, OutgoingLaStats


@dataclass(frozen=True, slots=True)
class Counted:
    """The providers of `ewp.host_stats` for one HEI."""

    hei_id: HeiId
    figures: Figures

    async def omobility_stats(self) -> Sequence[MobilityStats]:
        """Return the nominations that it sends."""
        return [
            MobilityStats(
                receiving_academic_year_id=each.year,
                omobility_pending=each.pending,
                omobility_approved=each.approved,
            )
            for each in await self.figures.nominations(self.hei_id)
        ]

    async def outgoing_la_stats(self) -> Sequence[OutgoingLaStats]:
        """Return the learning agreements of its students."""
        return [
            OutgoingLaStats(
                receiving_academic_year_id=each.year,
                la_outgoing_total=each.total,
                la_outgoing_not_modified_after_approval=each.some_approved - each.modified,
                la_outgoing_modified_after_approval=each.modified,
                la_outgoing_latest_version_approved=each.latest_approved,
                la_outgoing_latest_version_rejected=each.latest_rejected,
                la_outgoing_latest_version_awaiting=each.latest_awaiting,
            )
            for each in await self.figures.agreements(self.hei_id, outgoing=True)
        ]

    async def incoming_la_stats(self) -> Sequence[IncomingLaStats]:
        """Return the learning agreements of its guests, as far as their home HEIs show them."""
        return [
            IncomingLaStats(
                receiving_academic_year_id=each.year,
                la_incoming_total=each.total,
                la_incoming_some_version_approved=each.some_approved,
                la_incoming_latest_version_approved=each.latest_approved,
                la_incoming_latest_version_rejected=each.latest_rejected,
                la_incoming_latest_version_awaiting=each.latest_awaiting,
            )
            for each in await self.figures.agreements(self.hei_id, outgoing=False)
        ]

    async def tor_stats(self) -> Sequence[YearStats]:
        """Return the transcripts that it has issued."""
        return [
            YearStats(receiving_academic_year_id=each.year, imobility_tor_total=each.total)
            for each in await self.figures.transcripts(self.hei_id)
        ]
