"""What an `index` asks for, and what of an object it is compared with (guide §4.2.1, §4.5.1)."""

from datetime import datetime

import msgspec

from ewp.ids import HeiId
from ewp.messages.omobilities import StudentMobility, StudentMobilityV3
from ewp.messages.omobility_las import LearningAgreement

MOBILITY_TYPES = frozenset({"blended", "doctoral", "semester"})


def student_key(esi: str | None) -> str:
    """Return an ESI in the form that is compared; empty where there is none."""
    return (esi or "").strip().lower()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Of one nomination or learning agreement, all that an index can ask for."""

    sending_hei_id: HeiId
    receiving_hei_id: HeiId
    receiving_academic_year_id: str
    student_key: str
    kind: str | None  # a nomination's activity attributes, a learning agreement's mobility type


class IndexFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What an index asks for: everything that is said must hold.

    A store that is large answers it by an index of its own; `takes` is for those that are small.
    """

    parties: frozenset[HeiId]  # whom the caller speaks for: one of them must take part
    receiving_hei_ids: frozenset[HeiId] = frozenset()  # empty: all
    receiving_academic_year_id: str | None = None
    student_key: str | None = None
    kind: str | None = None
    modified_since: datetime | None = None  # aware; this moment included

    def takes(self, facts: Facts, changed: datetime) -> bool:
        """Whether an object of these facts, changed then, belongs into the answer."""
        return (
            not self.parties.isdisjoint({facts.sending_hei_id, facts.receiving_hei_id})
            and (not self.receiving_hei_ids or facts.receiving_hei_id in self.receiving_hei_ids)
            and self.receiving_academic_year_id in {None, facts.receiving_academic_year_id}
            and self.student_key in {None, facts.student_key}
            and self.kind in {None, facts.kind}
            and (self.modified_since is None or changed >= self.modified_since)
        )


def nomination_facts(mobility: StudentMobility) -> Facts:
    """Return what an index looks at, which stands elsewhere in each version."""
    of = mobility.nomination if isinstance(mobility, StudentMobilityV3) else mobility
    return Facts(
        sending_hei_id=of.sending_hei.hei_id,
        receiving_hei_id=of.receiving_hei.hei_id,
        receiving_academic_year_id=of.receiving_academic_year_id,
        student_key=student_key(mobility.student.global_id),
        kind=of.activity_attributes,
    )


def agreement_facts(agreement: LearningAgreement) -> Facts:
    """Return what an index looks at."""
    return Facts(
        sending_hei_id=agreement.sending_hei.hei_id,
        receiving_hei_id=agreement.receiving_hei.hei_id,
        receiving_academic_year_id=agreement.receiving_academic_year_id,
        student_key=student_key(agreement.student.global_id),
        kind=mobility_type(agreement),
    )


def mobility_type(agreement: LearningAgreement) -> str:
    """Tell the type of mobility: its components say it, no element does (guide §4.5.2)."""
    versions = [agreement.first_version, agreement.approved_changes, agreement.changes_proposal]
    there = [each for each in versions if each is not None]
    if any(each.short_term_doctoral_components for each in there):
        return "doctoral"
    if any(each.blended_mobility_components for each in there):
        return "blended"
    return "semester"
