"""Cooperation conditions of agreements 6 and 7: who sends how many to whom, and when (guide §4.11).

Each specification is one direction: students or staff go from one HEI to the other. What the
version of today wants of every row, older rows may lack: they say so by `not_yet_defined` or
`v6_value`, and can then not be approved.
"""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any, TypeVar

import msgspec

from ewp.ids import AcademicYearId, HeiId, OunitId
from ewp.messages import values
from ewp.messages.common import CONTACT_ENTRY, Contact
from ewp.messages.shapes import Field, Shape, attribute, content, maybe, one, shape, wanted
from ewp.messages.writing import CONTACT


class IscedFCode(msgspec.Struct, frozen=True, kw_only=True):
    """A field of education, ISCED-F: four digits since version 7, with leading zeros."""

    value: str
    v6_value: str | None = None  # 7: the shorter code under which the row was approved in 6


class SubjectArea(msgspec.Struct, frozen=True, kw_only=True):
    """What is studied or taught."""

    isced_f_code: IscedFCode
    isced_clarification: str | None = None  # "" is said, and hashed, in another way than nothing


class RecommendedLanguageSkill(msgspec.Struct, frozen=True, kw_only=True):
    """What those who come should speak, in all subject areas or in one."""

    language: str  # BCP 47
    cefr_level: str | None = None  # A1 to C2
    subject_area: SubjectArea | None = None
    not_yet_defined: bool = False  # 7: the row was approved in 6 without it


class MobilitiesPerYear(msgspec.Struct, frozen=True, kw_only=True):
    """How many people at most in each academic year."""

    value: int
    not_yet_defined: bool = False  # 7: the row was approved in 6 without it


class _Spec(msgspec.Struct, frozen=True, kw_only=True):
    """One direction of exchange, whoever goes; the years are of the receiving HEI."""

    sending_hei_id: HeiId
    sending_ounit_id: OunitId | None = None
    sending_contacts: tuple[Contact, ...] = ()
    receiving_hei_id: HeiId
    receiving_ounit_id: OunitId | None = None
    receiving_contacts: tuple[Contact, ...] = ()
    mobilities_per_year: MobilitiesPerYear | None = None
    recommended_language_skills: tuple[RecommendedLanguageSkill, ...] = ()
    subject_areas: tuple[SubjectArea, ...] = ()
    other_info_terms: str | None = None  # with its blanks: they are hashed


class _OfStudents(_Spec, frozen=True, kw_only=True):
    total_months_per_year: Decimal | None = None  # of all students together
    blended: bool | None = None  # whether blended stays are welcome; None: not said
    eqf_levels: tuple[int, ...] = ()  # 1 to 8; none: of all levels


class _OfStaff(_Spec, frozen=True, kw_only=True):
    total_days_per_year: Decimal | None = None  # of all together


class StudentMobilitySpecV6(_OfStudents, frozen=True, kw_only=True):
    """Students go to study or for a traineeship, version 6."""

    receiving_academic_year_ids: tuple[AcademicYearId, ...]  # in order, without gaps


class StaffMobilitySpecV6(_OfStaff, frozen=True, kw_only=True):
    """Staff go to teach or to be trained, version 6."""

    receiving_academic_year_ids: tuple[AcademicYearId, ...]  # in order, without gaps


class StudentMobilitySpecV7(_OfStudents, frozen=True, kw_only=True):
    """Students go to study or for a traineeship, version 7."""

    receiving_first_academic_year_id: AcademicYearId
    receiving_last_academic_year_id: AcademicYearId


class StaffMobilitySpecV7(_OfStaff, frozen=True, kw_only=True):
    """Staff go to teach or to be trained, version 7."""

    receiving_first_academic_year_id: AcademicYearId
    receiving_last_academic_year_id: AcademicYearId


MobilitySpecV6 = StudentMobilitySpecV6 | StaffMobilitySpecV6
MobilitySpec = MobilitySpecV6 | StudentMobilitySpecV7 | StaffMobilitySpecV7
SpecT = TypeVar("SpecT", bound=MobilitySpec)


class CooperationConditionsV6(msgspec.Struct, frozen=True, kw_only=True):
    """All that was agreed, version 6. Their order counts: it is hashed."""

    student_studies_mobility_specs: tuple[StudentMobilitySpecV6, ...] = ()
    student_traineeship_mobility_specs: tuple[StudentMobilitySpecV6, ...] = ()
    staff_teacher_mobility_specs: tuple[StaffMobilitySpecV6, ...] = ()
    staff_training_mobility_specs: tuple[StaffMobilitySpecV6, ...] = ()


class CooperationConditionsV7(msgspec.Struct, frozen=True, kw_only=True):
    """All that was agreed, version 7. Their order counts: it is hashed."""

    terminated_as_a_whole: bool = False  # ended before anybody went
    student_studies_mobility_specs: tuple[StudentMobilitySpecV7, ...] = ()
    student_traineeship_mobility_specs: tuple[StudentMobilitySpecV7, ...] = ()
    staff_teacher_mobility_specs: tuple[StaffMobilitySpecV7, ...] = ()
    staff_training_mobility_specs: tuple[StaffMobilitySpecV7, ...] = ()


CooperationConditions = CooperationConditionsV6 | CooperationConditionsV7


def specs_of(conditions: CooperationConditions) -> tuple[MobilitySpec, ...]:
    """Return every specification, in the order of the document."""
    return (
        *conditions.student_studies_mobility_specs,
        *conditions.student_traineeship_mobility_specs,
        *conditions.staff_teacher_mobility_specs,
        *conditions.staff_training_mobility_specs,
    )


def is_for_year(spec: MobilitySpec, receiving_academic_year_id: AcademicYearId) -> bool:
    """Whether the specification holds in an academic year, `YYYY/YYYY`, of the receiving HEI."""
    if isinstance(spec, MobilitySpecV6):
        return receiving_academic_year_id in spec.receiving_academic_year_ids
    first, last = spec.receiving_first_academic_year_id, spec.receiving_last_academic_year_id
    return first <= receiving_academic_year_id <= last


def _not_yet_defined(major: int) -> tuple[Field, ...]:
    return (attribute("not-yet-defined", values.BOOLEAN),) if major >= 7 else ()


def _check_defined(value: RecommendedLanguageSkill | MobilitiesPerYear) -> None:
    if value.not_yet_defined:
        raise ValueError("version 6 knows nothing that is not yet defined")


def _check_isced_6(code: IscedFCode) -> None:
    if code.v6_value is not None:
        raise ValueError("version 6 has no value of version 6 beside its own")


def _subject_area(major: int) -> Field:
    """Return the element, which stands in a specification and in a language skill."""
    code = (
        shape(IscedFCode, content("value", values.STRING), check_write=_check_isced_6)
        if major < 7
        else shape(
            IscedFCode,
            content("value", values.ISCED_F),
            attribute("v6-value", values.ISCED_F_V6, name="v6_value"),
        )
    )
    return maybe(
        "subject-area",
        shape(
            SubjectArea,
            one("isced-f-code", code),
            maybe("isced-clarification", values.EXACT_STRING),
            lenient=True,
        ),
    )


def _skill(major: int, subject_area: Field) -> Shape[RecommendedLanguageSkill]:
    return shape(
        RecommendedLanguageSkill,
        _not_yet_defined(major),
        one("language", values.LANGUAGE),
        maybe("cefr-level", values.LEARNT_CEFR_LEVEL),
        subject_area,
        check_write=_check_defined if major < 7 else None,
        lenient=True,
    )


def _ends(side: str) -> tuple[Field, ...]:
    return (
        one(f"{side}-hei-id", values.HEI_ID),
        maybe(f"{side}-ounit-id", values.ID),
        maybe(f"{side}-contact", CONTACT_ENTRY, many=f"{side}_contacts", inner=CONTACT),
    )


def _years(major: int) -> tuple[Field, ...]:
    if major < 7:
        name = "receiving-academic-year-id"
        return (one(name, values.ACADEMIC_YEAR, many="receiving_academic_year_ids"),)
    return (
        one("receiving-first-academic-year-id", values.ACADEMIC_YEAR),
        one("receiving-last-academic-year-id", values.ACADEMIC_YEAR),
    )


def _check_years(spec: MobilitySpec) -> None:
    if isinstance(spec, MobilitySpecV6):
        years = spec.receiving_academic_year_ids
        if any(later[:4] != f"{int(year[:4]) + 1:04}" for year, later in pairwise(years)):
            raise ValueError("needs its academic years in order, without gaps")
    elif spec.receiving_last_academic_year_id < spec.receiving_first_academic_year_id:
        raise ValueError("ends before its first academic year")


def _spec(struct: type[SpecT], major: int, *own: Field, with_skills: bool) -> Shape[SpecT]:
    """Describe a kind of specification; with skills, version 7 insists on one at least."""
    subject_area = _subject_area(major)
    per_year = shape(
        MobilitiesPerYear,
        content("value", values.POSITIVE),
        _not_yet_defined(major),
        check_write=_check_defined if major < 7 else None,
    )
    skill = wanted if major >= 7 and with_skills else maybe
    return shape(
        struct,
        _ends("sending"),
        _ends("receiving"),
        _years(major),
        (wanted if major >= 7 else maybe)("mobilities-per-year", per_year),
        skill(
            "recommended-language-skill",
            _skill(major, subject_area),
            many="recommended_language_skills",
        ),
        replace(subject_area, name="subject_areas", many=True),
        maybe("other-info-terms", values.EXACT_STRING),
        *own,
        check_write=_check_years,
    )


def _of_students(struct: type[SpecT], major: int, *, with_skills: bool) -> Shape[SpecT]:
    total = maybe if major >= 7 else wanted
    return _spec(
        struct,
        major,
        total("total-months-per-year", values.TOTAL),
        wanted("blended", values.BOOLEAN),
        maybe("eqf-level", values.EQF_LEVEL, many="eqf_levels"),
        with_skills=with_skills,
    )


def _of_staff(struct: type[SpecT], major: int, *, with_skills: bool) -> Shape[SpecT]:
    total = maybe if major >= 7 else wanted
    return _spec(struct, major, total("total-days-per-year", values.TOTAL), with_skills=with_skills)


def _kinds(major: int, students: type[Any], staff: type[Any]) -> tuple[Field, ...]:
    return tuple(
        maybe(xml, kind, many=f"{xml.replace('-', '_')}s", kept=True)
        for xml, kind in (
            ("student-studies-mobility-spec", _of_students(students, major, with_skills=True)),
            ("student-traineeship-mobility-spec", _of_students(students, major, with_skills=False)),
            ("staff-teacher-mobility-spec", _of_staff(staff, major, with_skills=True)),
            ("staff-training-mobility-spec", _of_staff(staff, major, with_skills=False)),
        )
    )


CONDITIONS_V6 = shape(
    CooperationConditionsV6, _kinds(6, StudentMobilitySpecV6, StaffMobilitySpecV6)
)
CONDITIONS_V7 = shape(
    CooperationConditionsV7,
    attribute("terminated-as-a-whole", values.BOOLEAN),
    _kinds(7, StudentMobilitySpecV7, StaffMobilitySpecV7),
)
