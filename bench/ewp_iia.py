"""An agreement as large as they are in life."""

from decimal import Decimal

from ewp.ids import AcademicYearId, HeiId, IiaId
from ewp.messages import common, iia_conditions, iias

SPECIFICATIONS = 10  # directions of exchange


def an_agreement(sending: HeiId, receiving: HeiId) -> iias.IiaV7:
    """As many specifications as two universities with several faculties agree on."""
    spec = iia_conditions.StudentMobilitySpecV7(
        sending_hei_id=sending,
        receiving_hei_id=receiving,
        receiving_first_academic_year_id=AcademicYearId("2026/2027"),
        receiving_last_academic_year_id=AcademicYearId("2028/2029"),
        mobilities_per_year=iia_conditions.MobilitiesPerYear(value=2),
        recommended_language_skills=(
            iia_conditions.RecommendedLanguageSkill(language="de", cefr_level="B2"),
        ),
        subject_areas=(
            iia_conditions.SubjectArea(isced_f_code=iia_conditions.IscedFCode(value="0613")),
        ),
        total_months_per_year=Decimal(10),
        blended=True,
        eqf_levels=(6, 7),
    )
    contact = common.Contact(
        contact_names=(common.Text(value="International Office", lang="en"),),
        emails=("international@lindental.example",),
    )
    return iias.IiaV7(
        partners=tuple(
            iias.Partner(
                hei_id=hei_id, iia_id=IiaId(f"{hei_id}/17"), iia_code="17", contacts=(contact,)
            )
            for hei_id in (sending, receiving)
        ),
        in_effect=True,
        cooperation_conditions=iia_conditions.CooperationConditionsV7(
            student_studies_mobility_specs=(spec,) * SPECIFICATIONS
        ),
    )
