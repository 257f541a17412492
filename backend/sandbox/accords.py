"""Agreements of the sandbox's universities: each with each of the others.

Those whose systems speak version 7 have approved each other's copies. Jezioro has no such system:
what the others have with it is a draft.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal

import msgspec

from ewp.host_agreements import Partners
from ewp.ids import AcademicYearId, HeiId, IiaId
from ewp.messages import iia_conditions as conditions
from ewp.messages import iia_hash, iias, iias_approval
from sandbox.cast import UNIVERSITIES, University
from sandbox.clock import academic_year, today
from sandbox.units import EXCHANGE_ID, contacts_of

AREAS = {"PT": "0613", "DE": "0613", "FR": "0232", "PL": "0311"}  # by the host's country
LANGUAGES = {"PT": ("pt", "B1"), "DE": ("de", "B1"), "FR": ("fr", "B2"), "PL": ("en", "B2")}
PLACES, MONTHS, YEARS = 4, Decimal(20), 5  # from the year before this one


def iia_id(own: University, other: University) -> IiaId:
    """Return the id of a university's copy of its agreement with another."""
    return IiaId(f"{own.hei_id.split('.')[0]}/{other.hei_id.split('.')[0]}")


def accord(own: University, other: University, day: date) -> iias.IiaV7:
    """Return a university's copy: students both ways, and a few who teach."""
    agreed = other.iias is not None and own.iias is not None
    return iias.IiaV7(
        partners=(
            iias.Partner(
                hei_id=own.hei_id, iia_id=iia_id(own, other), iia_code=iia_id(own, other).upper()
            ),
            iias.Partner(
                hei_id=other.hei_id, iia_id=iia_id(other, own) if other.iias is not None else None
            ),
        ),
        in_effect=agreed,
        cooperation_conditions=conditions.CooperationConditionsV7(
            student_studies_mobility_specs=tuple(
                _studies(*ends, day) for ends in sorted_ends(own, other)
            ),
            student_traineeship_mobility_specs=(_traineeships(*sorted_ends(own, other)[0], day),),
            staff_teacher_mobility_specs=(_teaching(*sorted_ends(own, other)[0], day),),
        ),
    )


def sorted_ends(own: University, other: University) -> list[tuple[University, University]]:
    """Return both directions, in the order that both copies have."""
    one, two = sorted((own, other), key=lambda each: each.hei_id)
    return [(one, two), (two, one)]


def _years(day: date) -> tuple[AcademicYearId, AcademicYearId]:
    first = int(academic_year(day)[:4]) - 1
    last = first + YEARS - 1
    return AcademicYearId(f"{first}/{first + 1}"), AcademicYearId(f"{last}/{last + 1}")


def _area(host: University) -> conditions.SubjectArea:
    return conditions.SubjectArea(isced_f_code=conditions.IscedFCode(value=AREAS[host.country]))


def _studies(home: University, host: University, day: date) -> conditions.StudentMobilitySpecV7:
    first, last = _years(day)
    language, level = LANGUAGES[host.country]
    return conditions.StudentMobilitySpecV7(
        sending_hei_id=home.hei_id,
        receiving_hei_id=host.hei_id,
        receiving_ounit_id=EXCHANGE_ID,
        receiving_contacts=contacts_of(host),
        receiving_first_academic_year_id=first,
        receiving_last_academic_year_id=last,
        mobilities_per_year=conditions.MobilitiesPerYear(value=PLACES),
        recommended_language_skills=(
            conditions.RecommendedLanguageSkill(language=language, cefr_level=level),
        ),
        subject_areas=(_area(host),),
        other_info_terms="A room in a residence cannot be promised.",
        total_months_per_year=MONTHS,
        blended=False,
        eqf_levels=(6, 7),
    )


def _traineeships(
    home: University, host: University, day: date
) -> conditions.StudentMobilitySpecV7:
    this = academic_year(day)
    return conditions.StudentMobilitySpecV7(
        sending_hei_id=home.hei_id,
        receiving_hei_id=host.hei_id,
        receiving_first_academic_year_id=this,
        receiving_last_academic_year_id=this,
        mobilities_per_year=conditions.MobilitiesPerYear(value=1),
        total_months_per_year=Decimal(3),
        blended=False,
    )


def _teaching(home: University, host: University, day: date) -> conditions.StaffMobilitySpecV7:
    first, last = _years(day)
    return conditions.StaffMobilitySpecV7(
        sending_hei_id=home.hei_id,
        receiving_hei_id=host.hei_id,
        receiving_first_academic_year_id=first,
        receiving_last_academic_year_id=last,
        mobilities_per_year=conditions.MobilitiesPerYear(value=2),
        recommended_language_skills=(
            conditions.RecommendedLanguageSkill(language="en", cefr_level="B2"),
        ),
        total_days_per_year=Decimal(10),
    )


def older(iia: iias.IiaV7) -> iias.IiaV6:
    """Return the same in the words of version 6."""
    new = iia.cooperation_conditions
    return iias.IiaV6(
        partners=iia.partners,
        in_effect=iia.in_effect,
        cooperation_conditions=conditions.CooperationConditionsV6(
            student_studies_mobility_specs=tuple(
                map(_older_students, new.student_studies_mobility_specs)
            ),
            student_traineeship_mobility_specs=tuple(
                map(_older_students, new.student_traineeship_mobility_specs)
            ),
        ),
    )


def _older_students(spec: conditions.StudentMobilitySpecV7) -> conditions.StudentMobilitySpecV6:
    first = int(spec.receiving_first_academic_year_id[:4])
    last = int(spec.receiving_last_academic_year_id[:4])
    given = msgspec.structs.asdict(spec)
    for name in ("receiving_first_academic_year_id", "receiving_last_academic_year_id"):
        del given[name]
    years = tuple(AcademicYearId(f"{year}/{year + 1}") for year in range(first, last + 1))
    return conditions.StudentMobilitySpecV6(receiving_academic_year_ids=years, **given)


@dataclass(slots=True)
class Accords:
    """One university's copies, and which of its partners' it has approved.

    `copies` and `approved` may be changed; a change is noted in `changed`.
    """

    university: University
    copies: dict[IiaId, iias.IiaV7] = field(default_factory=dict)
    changed: dict[IiaId, datetime] = field(default_factory=dict)
    approves: bool = True

    def __post_init__(self) -> None:
        day = today()
        since = datetime.combine(date(int(academic_year(day)[:4]), 8, 1), time(), UTC)
        for other in UNIVERSITIES.values():
            if other is not self.university:
                self.put(accord(self.university, other, day), since)

    def put(self, copy: iias.IiaV7, at: datetime | None = None) -> None:
        """Change a copy, or add one."""
        own = copy.partners[0].iia_id
        assert own is not None  # each of its own has one
        self.copies[own] = copy
        self.changed[own] = at or datetime.now(UTC)

    async def iia_copies(
        self,
        major: int,
        partners: Partners,
        ids: Sequence[IiaId] | None,
        modified_since: datetime | None,
    ) -> Sequence[iias.Iia]:
        """Return the copies that are asked for."""
        found = [
            each
            for name, each in self.copies.items()
            if (ids is None or name in ids)
            and (partners is None or each.partners[1].hei_id in partners)
            and (modified_since is None or self.changed[name] >= modified_since)
        ]
        return found if major >= 7 else list(map(older, found))

    async def iia_copies_by_code(
        self, partners: Partners, codes: Sequence[str]
    ) -> Sequence[iias.IiaV6]:
        """Return those with these codes."""
        return [
            older(each)
            for each in self.copies.values()
            if each.partners[0].iia_code in codes
            and (partners is None or each.partners[1].hei_id in partners)
        ]

    async def iia_stats(self) -> iias.IiaStats:
        """Return how many there are."""
        both = sum(1 for each in self.copies.values() if each.in_effect)
        return iias.IiaStats(
            iia_fetchable=len(self.copies),
            iia_local_unapproved_partner_approved=0,
            iia_local_approved_partner_unapproved=0,
            iia_both_approved=both,
        )

    async def iia_approvals(
        self, major: int, owners: frozenset[HeiId], ids: Sequence[IiaId]
    ) -> Sequence[iias_approval.Approval]:
        """Return that the owners' copies are approved as they first were."""
        del major
        found: list[iias_approval.Approval] = []
        for owner in (UNIVERSITIES[each] for each in owners if each in UNIVERSITIES):
            copy = accord(owner, self.university, today())
            name = copy.partners[0].iia_id
            if self.approves and copy.in_effect and name is not None and name in ids:
                digits = iia_hash.sealed(copy).iia_hash
                assert digits is not None  # it was made just now
                found.append(iias_approval.ApprovalV2(iia_id=name, iia_hash=digits))
        return found
