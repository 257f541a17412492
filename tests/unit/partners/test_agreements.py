"""A partner's copy of an agreement as ours, in versions 6 and 7."""

from decimal import Decimal

import msgspec
import pytest

from erasmus_app.ids import AcademicYearId, HeiId, IiaId
from erasmus_app.institutions.agreements import (
    AgreementCopy,
    Cooperation,
    CooperationKind,
    LanguageSkill,
    SubjectArea,
)
from erasmus_app.partners.agreements import MOST_ROWS, translated
from ewp.messages import iia_conditions as conditions
from ewp.messages import iia_hash, iias

HOME, ABROAD, OTHERS = (HeiId(f"{each}.example") for each in ("home", "abroad", "others"))
AREA = conditions.SubjectArea(
    isced_f_code=conditions.IscedFCode(value="0613"), isced_clarification="Soft\u202eware\n"
)
STUDIES = conditions.StudentMobilitySpecV7(
    sending_hei_id=HOME,
    receiving_hei_id=ABROAD,
    receiving_first_academic_year_id=AcademicYearId("2026/2027"),
    receiving_last_academic_year_id=AcademicYearId("2028/2029"),
    mobilities_per_year=conditions.MobilitiesPerYear(value=3),
    recommended_language_skills=(
        conditions.RecommendedLanguageSkill(language="en", cefr_level="B2", subject_area=AREA),
        conditions.RecommendedLanguageSkill(language="fr", not_yet_defined=True),
    ),
    subject_areas=(AREA, AREA),
    other_info_terms="  two\n lines ",
    total_months_per_year=Decimal("15.5"),
    blended=True,
    eqf_levels=(7, 6, 6),
)
TEACHING = conditions.StaffMobilitySpecV7(
    sending_hei_id=ABROAD,
    receiving_hei_id=HOME,
    receiving_first_academic_year_id=AcademicYearId("2026/2027"),
    receiving_last_academic_year_id=AcademicYearId("2026/2027"),
    mobilities_per_year=conditions.MobilitiesPerYear(value=1, not_yet_defined=True),
    total_days_per_year=Decimal(5),
)
PARTNERS = (
    iias.Partner(hei_id=HOME, iia_id=IiaId("h-1"), iia_code="H \u202e1"),
    iias.Partner(hei_id=ABROAD, iia_id=IiaId("a-1")),
)


def read(iia: iias.Iia) -> AgreementCopy:
    """What is taken over of a copy as it came."""
    computed = "b" * 64
    carried = "a" * 64
    return translated(iia_hash.Checked(iia=iia, carried=carried, computed=computed, obstacles=()))


def newer(**more: object) -> iias.IiaV7:
    agreed = conditions.CooperationConditionsV7(
        student_studies_mobility_specs=(STUDIES,), staff_teacher_mobility_specs=(TEACHING,)
    )
    known: dict[str, object] = {"cooperation_conditions": agreed, "in_effect": True}
    return iias.IiaV7(partners=PARTNERS, **known | more)  # type: ignore[arg-type]


def test_a_copy_is_taken_over_with_its_words_harmless():
    area = SubjectArea(code="0613", clarification="Software")

    assert read(newer()) == AgreementCopy(
        hei_id=HOME,
        iia_id=IiaId("h-1"),
        code="H 1",
        partner_id=ABROAD,
        partner_iia_id=IiaId("a-1"),
        in_effect=True,
        cooperations=(
            Cooperation(
                kind=CooperationKind.STUDIES,
                sending=HOME,
                receiving=ABROAD,
                first_year=AcademicYearId("2026/2027"),
                last_year=AcademicYearId("2028/2029"),
                per_year=3,
                months_per_year=Decimal("15.5"),
                languages=(LanguageSkill(language="en", level="B2", subject_area=area),),
                subject_areas=(area,),
                levels=(6, 7),
                blended=True,
                terms="two lines",
            ),
            Cooperation(
                kind=CooperationKind.TEACHING,
                sending=ABROAD,
                receiving=HOME,
                first_year=AcademicYearId("2026/2027"),
                last_year=AcademicYearId("2026/2027"),
                days_per_year=Decimal(5),
            ),
        ),
        carried="a" * 64,
        computed="b" * 64,
    )


def test_years_of_version_6_are_the_first_and_the_last():
    old = conditions.StudentMobilitySpecV6(
        sending_hei_id=HOME,
        receiving_hei_id=ABROAD,
        receiving_academic_year_ids=(
            AcademicYearId("2026/2027"),
            AcademicYearId("2027/2028"),
            AcademicYearId("2028/2029"),
        ),
        total_months_per_year=Decimal(10),
        blended=False,
    )
    agreed = conditions.CooperationConditionsV6(student_traineeship_mobility_specs=(old,))
    found = read(iias.IiaV6(partners=PARTNERS, in_effect=False, cooperation_conditions=agreed))

    assert (found.in_effect, found.is_terminated) == (False, False)
    [row] = found.cooperations
    assert (row.kind, row.first_year, row.last_year, row.per_year) == (
        CooperationKind.TRAINEESHIP,
        "2026/2027",
        "2028/2029",
        None,
    )


def test_what_ended_before_anybody_went_says_so():
    agreed = conditions.CooperationConditionsV7(terminated_as_a_whole=True)

    assert read(newer(cooperation_conditions=agreed)).is_terminated


@pytest.mark.parametrize("end", ["sending_hei_id", "receiving_hei_id"])
def test_a_row_about_others_is_left_out(end: str):
    row = msgspec.structs.replace(STUDIES, **{end: OTHERS})
    agreed = conditions.CooperationConditionsV7(student_studies_mobility_specs=(row,))

    assert read(newer(cooperation_conditions=agreed)).cooperations == ()


def test_of_very_many_rows_a_part_is_kept():
    agreed = conditions.CooperationConditionsV7(student_studies_mobility_specs=(STUDIES,) * 1000)

    assert len(read(newer(cooperation_conditions=agreed)).cooperations) == MOST_ROWS
