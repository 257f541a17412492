"""How fast a learning agreement is read: a document of 30 components, bytes to structs."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from ewp.ids import AcademicYearId, EuropeanStudentId, HeiId, LoiId, LosId, OmobilityId, ProposalId
from ewp.messages import omobility_las as las

COMPONENTS = 30  # three tables of ten, as in a first version with changes to come
ROUNDS = 20
CALLS_PER_ROUND = 50


def a_learning_agreement(components: int = COMPONENTS) -> las.LearningAgreement:
    """A learning agreement with that many components in its first version and its proposal."""
    a_third = components // 3
    signature = las.Signature(
        signer_name="Marta Lindqvist",
        signer_position="Departmental coordinator",
        signer_email="marta.lindqvist@lindental.example",
        timestamp=datetime(2026, 5, 4, 10, 15, tzinfo=UTC),
        signer_app="SIS",
    )
    return las.LearningAgreement(
        omobility_id=OmobilityId("om-2026-0117"),
        sending_hei=_end("ribeira.example", "Faculty of Science"),
        receiving_hei=_end("lindental.example", "Informatik"),
        receiving_academic_year_id=AcademicYearId("2026/2027"),
        student=las.Student(
            given_names="Inês",
            family_name="Duarte",
            global_id=EuropeanStudentId("urn:schac:personalUniqueCode:int:esi:ribeira.example:17"),
            birth_date=date(2004, 3, 9),
            citizenship="PT",
            gender=2,
            email="ines.duarte@ribeira.example",
        ),
        start_date=date(2026, 9, 14),
        end_year_month="2027-02",
        eqf_level_studied_at_departure=6,
        isced_f_code="0613",
        isced_clarification="Software engineering",
        student_language_skill=las.LanguageSkill(language="de", cefr_level="B2"),
        first_version=las.ListOfComponents(
            components_studied=_courses(a_third),
            components_recognized=_courses(a_third),
            student_signature=signature,
            sending_hei_signature=signature,
            receiving_hei_signature=signature,
        ),
        changes_proposal=las.ChangesProposal(
            id=ProposalId("3f0a-2"),
            components_studied=_courses(
                components - 2 * a_third,
                las.ComponentStatus.DELETED,
                "timetable-conflict",
            ),
            student_signature=signature,
            sending_hei_signature=signature,
        ),
        provisions_url="https://www.ribeira.example/provisions",
    )


def _end(hei_id: str, ounit_name: str) -> las.MobilityInstitution:
    return las.MobilityInstitution(
        hei_id=HeiId(hei_id),
        ounit_name=ounit_name,
        contact_person=las.ContactPerson(
            given_names="Marta", family_name="Lindqvist", email=f"marta.lindqvist@{hei_id}"
        ),
    )


def _courses(
    number: int, status: las.ComponentStatus | None = None, reason_code: str | None = None
) -> tuple[las.Component, ...]:
    return tuple(
        las.Component(
            los_id=LosId(f"CR/course-{each}"),
            los_code=f"INF{each:03}",
            title=f"Distributed systems, part {each}",
            loi_id=LoiId(f"CRI/course-{each}-2026"),
            term_id=las.TermId(term_number=1, total_terms=2),
            credits=(las.Credit(scheme="ects", value=Decimal("7.5")),),
            status=status,
            reason_code=reason_code,
        )
        for each in range(number)
    )


def measure_parse() -> dict[str, float]:
    """Read one learning agreement over and over; the best round counts, as others had to wait."""
    document = las.write_get_response([a_learning_agreement()])
    best = min(_round(lambda: las.read_get_response(document)) for _ in range(ROUNDS))
    seconds = best.total_seconds() / CALLS_PER_ROUND
    return {
        "messages_per_second": 1 / seconds,
        "ms_per_message": seconds * 1_000,
        "kilobytes": len(document) / 1_000,
    }


def _round(call: Callable[[], object]) -> timedelta:
    started = time.perf_counter()
    for _ in range(CALLS_PER_ROUND):
        call()
    return timedelta(seconds=time.perf_counter() - started)


if __name__ == "__main__":
    for name, value in measure_parse().items():
        print(f"{name:>20} {value:12.3f}")
