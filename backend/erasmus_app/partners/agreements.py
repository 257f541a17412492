"""Copies of agreements over the EWP network (iias 6 and 7, iias-approval, guide §4.11).

A covered HEI is asked for its own copies, by its own key; its partners for theirs of agreements
with it, and for whether they have approved its own. Not everybody lets the owner in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from erasmus_app.errors import PartnerFailed
from erasmus_app.ids import HeiId, IiaId
from erasmus_app.institutions.agreements import (
    AgreementCopy,
    Cooperation,
    CooperationKind,
    LanguageSkill,
    SubjectArea,
)
from erasmus_app.kit.plain import plain, shown
from erasmus_app.partners.institutions import offices
from erasmus_app.partners.network import EwpPartners, fitting
from ewp.apis import in_parts
from ewp.catalogue import ApiEntry
from ewp.client import Reply
from ewp.client_agreements import about_approvals, about_get, about_index
from ewp.messages import iia_conditions, iia_hash, iias, iias_approval

API, APPROVALS = "iias", "iias-approval"
MAJORS = (7, 6)
APPROVES = {7: 2, 6: 1}  # which version of approvals belongs to which of agreements
MOST_ROWS = 200  # of one agreement that are kept
MOST = 50  # languages or subject areas of one row

_STUDENTS = (iia_conditions.StudentMobilitySpecV6, iia_conditions.StudentMobilitySpecV7)


@dataclass(frozen=True, slots=True)
class EwpAgreements:
    """Asks for copies of agreements, as `EwpPartners` asks for the rest."""

    partners: EwpPartners

    def serves(self, hei: HeiId, tenant: HeiId) -> bool:
        """Return whether `tenant` can ask `hei` by what is listed today."""
        return self._entry(tenant, hei) is not None

    async def index(
        self, tenant: HeiId, hei: HeiId, modified_since: datetime | None = None
    ) -> list[IiaId]:
        """Return the ids of `hei`'s copies that `tenant` may see. Raises PartnerFailed."""
        entry = self._served(tenant, hei)
        about = list(about_index(entry, hei, tenant))
        if modified_since is not None:
            about.append(("modified_since", modified_since.isoformat(timespec="seconds")))
        found = await self.partners.asked(tenant, hei, entry, "index-url", about, _index)
        return list(dict.fromkeys(found))

    async def copies(self, tenant: HeiId, hei: HeiId, ids: Sequence[IiaId]) -> list[AgreementCopy]:
        """Return `hei`'s copies with these ids, as many as the partner gives in one call.

        What is not in the answer is not there, or not to be seen. Raises PartnerFailed.
        """
        entry = self._served(tenant, hei)
        about = [*about_get(entry, hei), *(("iia_id", each) for each in ids)]
        found = await self.partners.asked(tenant, hei, entry, "get-url", about, _checked)
        # A copy of others' agreements, or one in whose name another speaks, is none of ours.
        return [
            translated(each)
            for each in found
            if each.iia.partners[0].hei_id == hei
            and each.iia.partners[0].iia_id in ids
            and tenant in {partner.hei_id for partner in each.iia.partners}
        ]

    def parts(self, tenant: HeiId, hei: HeiId, ids: Sequence[IiaId]) -> list[list[IiaId]]:
        """Return ids in parts, as many in each as one call may have. Raises PartnerFailed."""
        entry = self._served(tenant, hei)
        parts = in_parts(entry.api, entry.major, entry.limits, "iia_id", ids)
        return [[IiaId(value) for _, value in part] for part in parts]

    async def approvals(
        self, tenant: HeiId, hei: HeiId, ids: Sequence[IiaId]
    ) -> dict[IiaId, str] | None:
        """Return which of `tenant`'s copies `hei` has approved, by the hash it approved.

        None where it does not tell. Raises PartnerFailed.
        """
        own = self._entry(tenant, tenant)  # the hash is that of our copies' version
        major = APPROVES[own.major if own else MAJORS[0]]
        entry = self.partners.entry(tenant, hei, APPROVALS, major)
        if entry is None or not ids:
            return None
        found: dict[IiaId, str] = {}
        for part in in_parts(entry.api, entry.major, entry.limits, "iia_id", ids):
            about = [*about_approvals(entry, hei, tenant), *part]
            for each in await self.partners.asked(tenant, hei, entry, "url", about, _approved):
                found[each.iia_id] = (
                    each.conditions_hash
                    if isinstance(each, iias_approval.ApprovalV1)
                    else each.iia_hash
                )
        return found

    def _entry(self, tenant: HeiId, hei: HeiId) -> ApiEntry | None:
        found = (self.partners.entry(tenant, hei, API, major) for major in MAJORS)
        return next((each for each in found if each is not None), None)

    def _served(self, tenant: HeiId, hei: HeiId) -> ApiEntry:
        entry = self._entry(tenant, hei)
        if entry is None:
            raise PartnerFailed("api_not_served", f"{hei} does not serve {API}", retry=True)
        return entry


def _index(reply: Reply) -> tuple[IiaId, ...]:
    return fitting(reply, iias.read_index_response)


def _checked(reply: Reply) -> tuple[iia_hash.Checked, ...]:
    return fitting(reply, iia_hash.read_checked)


def _approved(reply: Reply) -> tuple[iias_approval.Approval, ...]:
    return fitting(reply, iias_approval.read_response)


def translated(checked: iia_hash.Checked) -> AgreementCopy:
    """Make a copy of ours, its words harmless, persons left out."""
    iia = checked.iia
    ours, theirs = iia.partners
    assert ours.iia_id is not None  # its id was asked for
    conditions = iia.cooperation_conditions
    ended = isinstance(iia, iias.IiaV7) and iia.cooperation_conditions.terminated_as_a_whole
    rows = [
        *((CooperationKind.STUDIES, each) for each in conditions.student_studies_mobility_specs),
        *(
            (CooperationKind.TRAINEESHIP, each)
            for each in conditions.student_traineeship_mobility_specs
        ),
        *((CooperationKind.TEACHING, each) for each in conditions.staff_teacher_mobility_specs),
        *((CooperationKind.TRAINING, each) for each in conditions.staff_training_mobility_specs),
    ]
    heis = {ours.hei_id, theirs.hei_id}
    return AgreementCopy(
        hei_id=ours.hei_id,
        iia_id=ours.iia_id,
        code=_short(ours.iia_code),
        partner_id=theirs.hei_id,
        partner_iia_id=theirs.iia_id,
        partner_code=_short(theirs.iia_code),
        in_effect=iia.in_effect,
        is_terminated=ended,
        cooperations=tuple(
            _cooperation(kind, spec)
            for kind, spec in rows[:MOST_ROWS]
            if {spec.sending_hei_id, spec.receiving_hei_id} == heis
        ),
        carried=checked.carried,
        computed=checked.computed,
    )


def _cooperation(kind: CooperationKind, spec: iia_conditions.MobilitySpec) -> Cooperation:
    if isinstance(spec, iia_conditions.StudentMobilitySpecV6 | iia_conditions.StaffMobilitySpecV6):
        years = spec.receiving_academic_year_ids
        first, last = min(years), max(years)
    else:
        first = spec.receiving_first_academic_year_id
        last = spec.receiving_last_academic_year_id
    of_students = spec if isinstance(spec, _STUDENTS) else None
    of_staff = None if isinstance(spec, _STUDENTS) else spec
    people = spec.mobilities_per_year
    return Cooperation(
        kind=kind,
        sending=spec.sending_hei_id,
        receiving=spec.receiving_hei_id,
        sending_unit=spec.sending_ounit_id,
        receiving_unit=spec.receiving_ounit_id,
        first_year=first,
        last_year=last,
        per_year=people.value if people and not people.not_yet_defined else None,
        months_per_year=of_students.total_months_per_year if of_students else None,
        days_per_year=of_staff.total_days_per_year if of_staff else None,
        languages=tuple(
            LanguageSkill(
                language=plain(each.language, 35),
                level=each.cefr_level,
                subject_area=_area(each.subject_area) if each.subject_area else None,
            )
            for each in spec.recommended_language_skills[:MOST]
            if not each.not_yet_defined
        ),
        subject_areas=_areas(spec.subject_areas),
        levels=tuple(sorted(set(of_students.eqf_levels))) if of_students else (),
        blended=of_students.blended if of_students else None,
        terms=shown(spec.other_info_terms),
        contacts=offices(spec.receiving_contacts),
    )


def _areas(found: Iterable[iia_conditions.SubjectArea]) -> tuple[SubjectArea, ...]:
    return tuple(dict.fromkeys(map(_area, found)))[:MOST]


def _area(message: iia_conditions.SubjectArea) -> SubjectArea:
    return SubjectArea(
        code=plain(message.isced_f_code.value, 10), clarification=shown(message.isced_clarification)
    )


def _short(text: str | None) -> str | None:
    return (plain(text, 200) or None) if text is not None else None
