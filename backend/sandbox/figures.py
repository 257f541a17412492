"""What a university of the sandbox counts for the statistics portal, from what it has."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ewp.ids import AcademicYearId
from ewp.messages.imobility_tors import YearStats
from ewp.messages.omobilities import StatusV2, StatusV3
from ewp.messages.omobility_las import LearningAgreement
from ewp.messages.omobility_stats import IncomingLaStats, MobilityStats, OutgoingLaStats
from sandbox.hei import SandboxHei

APPROVED = frozenset({StatusV3.APPROVED, StatusV2.LIVE, StatusV2.RECOGNIZED})
PENDING = frozenset({StatusV3.PENDING, StatusV2.NOMINATION})


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts for one HEI; `partners` are those whose agreements it reads as the receiving HEI."""

    hei: SandboxHei
    partners: Callable[[], Iterable[SandboxHei]]

    async def omobility_stats(self) -> Sequence[MobilityStats]:
        """Return the nominations, of both families."""
        found = Counter[tuple[str, str]]()
        for new in self.hei.kept.new.values():
            found[new.nomination.receiving_academic_year_id, new.status] += 1
        for old in self.hei.kept.old.values():
            found[old.receiving_academic_year_id, old.status] += 1
        return [
            MobilityStats(
                receiving_academic_year_id=AcademicYearId(year),
                omobility_pending=sum(found[year, each] for each in PENDING),
                omobility_approved=sum(found[year, each] for each in APPROVED),
            )
            for year in sorted({year for year, _ in found})
        ]

    async def outgoing_la_stats(self) -> Sequence[OutgoingLaStats]:
        """Return the agreements of its own students; one that was sent back is no agreement."""
        return [
            OutgoingLaStats(
                receiving_academic_year_id=year,
                la_outgoing_total=len(found),
                la_outgoing_not_modified_after_approval=sum(
                    each.first_version is not None and each.approved_changes is None
                    for each in found
                ),
                la_outgoing_modified_after_approval=sum(
                    each.approved_changes is not None for each in found
                ),
                la_outgoing_latest_version_approved=sum(map(_approved, found)),
                la_outgoing_latest_version_rejected=0,
                la_outgoing_latest_version_awaiting=sum(map(_awaits, found)),
            )
            for year, found in _by_year(self.hei.kept.agreements.values())
        ]

    async def incoming_la_stats(self) -> Sequence[IncomingLaStats]:
        """Return the agreements of its guests, as their home universities have them."""
        incoming = [
            each
            for partner in self.partners()
            for each in partner.kept.agreements.values()
            if each.receiving_hei.hei_id == self.hei.hei_id
        ]
        return [
            IncomingLaStats(
                receiving_academic_year_id=year,
                la_incoming_total=len(found),
                la_incoming_some_version_approved=sum(
                    each.first_version is not None for each in found
                ),
                la_incoming_latest_version_approved=sum(map(_approved, found)),
                la_incoming_latest_version_rejected=0,
                la_incoming_latest_version_awaiting=sum(map(_awaits, found)),
            )
            for year, found in _by_year(incoming)
        ]

    async def tor_stats(self) -> Sequence[YearStats]:
        """Return the transcripts issued."""
        found = Counter(
            each.receiving_academic_year_id
            for each in self.hei.kept.transcripts.values()
            if each.receiving_academic_year_id is not None
        )
        return [
            YearStats(receiving_academic_year_id=year, imobility_tor_total=found[year])
            for year in sorted(found)
        ]


def _awaits(agreement: LearningAgreement) -> bool:
    return agreement.changes_proposal is not None


def _approved(agreement: LearningAgreement) -> bool:
    return not _awaits(agreement)


def _by_year(
    agreements: Iterable[LearningAgreement],
) -> list[tuple[AcademicYearId, list[LearningAgreement]]]:
    found: dict[AcademicYearId, list[LearningAgreement]] = {}
    for each in agreements:
        found.setdefault(AcademicYearId(each.receiving_academic_year_id), []).append(each)
    return sorted(found.items())
