"""What a university's staff do; the story calls these and then tells the other side."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec

from ewp.ids import AcademicYearId, HeiId, OmobilityId, OunitId
from ewp.messages import elmo, imobilities, imobility_tors, omobilities, omobility_las
from ewp.messages.common import Text
from sandbox.cast import UNIVERSITIES, Student, University
from sandbox.clock import academic_year, today
from sandbox.hei import SandboxHei
from sandbox.units import EXCHANGE, EXCHANGE_ID, FACULTY, FACULTY_ID

STAY = timedelta(days=150)
SOON, LATER = timedelta(days=5), timedelta(days=90)

Term = tuple[AcademicYearId, int]
"""An academic year, and 1 or 2 for its terms."""


def stay() -> tuple[date, date]:
    """Return the planned days: a life takes a minute here, so its stay ends today."""
    return today() - STAY, today()


def this_term() -> Term:
    """Return the first term of the year in which the stay began."""
    return academic_year(stay()[0]), 1


def term_before(deadline: date) -> Term:
    """Return the term that a day in a factsheet is for: spring's come before March."""
    if deadline.month in {10, 11, 12}:
        return AcademicYearId(f"{deadline.year}/{deadline.year + 1}"), 2
    if deadline.month in {1, 2}:
        return AcademicYearId(f"{deadline.year - 1}/{deadline.year}"), 2
    return AcademicYearId(f"{deadline.year}/{deadline.year + 1}"), 1


def nominee(student: Student) -> omobilities.StudentV3:
    """Return a student as a nomination of the new family names them."""
    return omobilities.StudentV3(
        given_names=(Text(value=student.given_names),),
        family_names=(Text(value=student.family_name),),
        global_id=student.esi,
        birth_date=student.birth_date,
        nationality=student.nationality,
        gender=student.gender,
        email=student.email,
    )


def nominate_new(
    hei: SandboxHei,
    student: Student,
    receiving: HeiId,
    omobility_id: OmobilityId,
    *,
    term: Term | None = None,
) -> None:
    """Nominate in the new family (omobilities 3)."""
    year, number = term or this_term()
    hei.kept.new[omobility_id] = omobilities.StudentMobilityV3(
        omobility_id=omobility_id,
        student=nominee(student),
        nomination=omobilities.NominationV3(
            proposal_id=hei.next_proposal(),
            sending_hei=omobilities.MobilityHei(hei_id=hei.hei_id, ounit_id=FACULTY_ID),
            receiving_hei=omobilities.MobilityHei(hei_id=receiving, ounit_id=EXCHANGE_ID),
            sending_academic_term_ewp_id=f"{year}-{number}/2",
            receiving_academic_year_id=year,
            activity_type="student-studies",
            activity_attributes="long-term",
            agreement_isced_f_code="0613",
            eqf_level_studied_at_departure=6,
            nominee_isced_f_code="0613",
            comment="Between the offices: grant is confirmed, please do not tell the student yet.",
        ),
        status=omobilities.StatusV3.PENDING,
    )
    hei.save(omobility_id)


def nominate_old(
    hei: SandboxHei, student: Student, receiving: HeiId, omobility_id: OmobilityId
) -> None:
    """Nominate in the old family (omobilities 2)."""
    (arrival, departure), (year, number) = stay(), this_term()
    hei.kept.old[omobility_id] = omobilities.StudentMobilityV2(
        omobility_id=omobility_id,
        sending_hei=omobilities.MobilityHei(hei_id=hei.hei_id, ounit_id=FACULTY_ID),
        receiving_hei=omobilities.MobilityHei(hei_id=receiving, ounit_id=EXCHANGE_ID),
        sending_academic_term_ewp_id=f"{year}-{number}/2",
        receiving_academic_year_id=year,
        student=omobilities.StudentV2(
            given_names=(Text(value=student.given_names),),
            family_names=(Text(value=student.family_name),),
            global_id=student.esi,
            birth_date=student.birth_date,
            citizenship=student.nationality,
            gender=student.gender,
            email=student.email,
        ),
        status=omobilities.StatusV2.NOMINATION,
        activity_type="student-studies",
        activity_attributes="long-term",
        planned_arrival_date=arrival,
        planned_departure_date=departure,
        eqf_level_studied_at_departure=6,
        nominee_isced_f_code="0232",
    )
    hei.save(omobility_id)


def receive(hei: SandboxHei, sending: HeiId, omobility_id: OmobilityId, status: str) -> None:
    """Register an incoming mobility, or decide on it (imobilities 1)."""
    hei.kept.receptions[omobility_id] = imobilities.IncomingMobilityV1(
        omobility_id=omobility_id,
        status=imobilities.NominationStatus(status),
        comment="Between the offices: a place in the residence is held." if status else None,
    )
    hei.kept.senders[omobility_id] = sending
    hei.save(omobility_id)


def confirm_arrival(hei: SandboxHei, omobility_id: OmobilityId) -> None:
    """Record that the student has come."""
    known = hei.kept.receptions[omobility_id]
    hei.kept.receptions[omobility_id] = msgspec.structs.replace(known, actual_arrival_date=today())
    hei.save(omobility_id)


def confirm_departure(hei: SandboxHei, omobility_id: OmobilityId) -> None:
    """Record that the student has gone home."""
    known = hei.kept.receptions[omobility_id]
    hei.kept.receptions[omobility_id] = msgspec.structs.replace(
        known, actual_departure_date=today()
    )
    hei.save(omobility_id)


def issue_transcript(
    hei: SandboxHei,
    student: Student,
    sending: HeiId,
    omobility_id: OmobilityId,
    *,
    grades: Sequence[str],
    recognition: str | None = None,
) -> None:
    """Issue a transcript of records for what was studied, or a new one in its place."""
    now = datetime.now(UTC).replace(microsecond=0)
    learner = elmo.Learner(
        identifiers=(elmo.Identifier(type="esi", value=student.esi),),
        given_names=student.given_names,
        family_name=student.family_name,
        alternative_name=Text(value=f"{student.given_names} {student.family_name}"),
        date_of_birth=student.birth_date,
    )
    issuer = elmo.Issuer(
        identifiers=(elmo.Identifier(type="schac", value=hei.hei_id),),
        titles=(Text(value=next(iter(hei.university.names.values()))),),
        url=hei.university.website,
    )
    meaning = Text(value="20 is the best, 10 is needed to pass.", lang="en")
    report = elmo.Report(
        issuer=issuer,
        courses=tuple(
            _result(component, grade) for component, grade in zip(TAKEN, grades, strict=True)
        ),
        recognitions=(elmo.ResultOfRecognition(status=recognition),) if recognition else (),
        issue_date=now,
        grading_schemes=(elmo.GradingScheme(local_id="points", descriptions=(meaning,)),),
    )
    hei.kept.transcripts[omobility_id] = imobility_tors.Tor(
        omobility_id=omobility_id,
        receiving_academic_year_id=this_term()[0],
        elmo=elmo.Elmo(generated_date=now, learner=learner, reports=(report,)),
    )
    hei.kept.senders[omobility_id] = sending
    hei.save(omobility_id)


def _result(
    component: omobility_las.Component, grade: str
) -> elmo.LearningOpportunitySpecification:
    code = component.los_code or ""
    others = (("18-20", 9), ("14-17", 31), ("10-13", 27), ("0-9", 8))
    return elmo.LearningOpportunitySpecification(
        identifiers=(
            elmo.Identifier(type="ewp-los-id", value=f"CR/{code}"),
            elmo.Identifier(type="local", value=code),
        ),
        titles=(Text(value=component.title, lang="en"),),
        type="Course",
        instance=elmo.LearningOpportunityInstance(
            identifiers=(elmo.Identifier(type="ewp-loi-id", value=f"CRI/{code}/1"),),
            academic_term=elmo.AcademicTerm(
                titles=(Text(value="Term 1", lang="en"),), start=stay()[0], end=stay()[1]
            ),
            status=elmo.ResultStatus.PASSED,
            grading_scheme_local_id="points",
            result_label=grade,
            result_distribution=elmo.ResultDistribution(
                categories=tuple(
                    elmo.ResultCategory(label=label, count=count) for label, count in others
                )
            ),
            credits=tuple(
                elmo.Credit(scheme=each.scheme, value=each.value) for each in component.credits
            ),
            language_of_instruction="en",
        ),
    )


def set_status(hei: SandboxHei, omobility_id: OmobilityId, status: omobilities.StatusV2) -> None:
    """Say how far a mobility of the old family is."""
    known = hei.kept.old[omobility_id]
    hei.kept.old[omobility_id] = msgspec.structs.replace(known, status=status)
    hei.save(omobility_id)


def _signature(university: University) -> omobility_las.Signature:
    person = university.coordinator
    return omobility_las.Signature(
        signer_name=f"{person.given_names} {person.family_name}",
        signer_position=person.position,
        signer_email=person.email,
        timestamp=datetime.now(UTC).replace(microsecond=0),
        signer_app="Sandbox SIS",
    )


def _component(title: str, code: str, ects: str, **more: object) -> omobility_las.Component:
    return omobility_las.Component(
        los_code=code,
        title=title,
        term_id=omobility_las.TermId(term_number=1, total_terms=2),
        credits=(omobility_las.Credit(scheme="ects", value=Decimal(ects)),),
        **more,  # type: ignore[arg-type]
    )


STUDIED = (
    _component("Distributed Systems", "INF-401", "6"),
    _component("Human-Computer Interaction", "INF-412", "6"),
    _component("Language and Society", "LIN-210", "5"),
    _component("Statistics in Practice", "MAT-305", "7.5"),
)
INSTEAD = _component("Interface Design Studio", "INF-433", "6")
TAKEN = (STUDIED[0], INSTEAD, *STUDIED[2:])  # after the change
RECOGNIZED = (_component("Elective package, third year", "EL-3", "24.5"),)


def send_agreement(
    hei: SandboxHei,
    student: Student,
    receiving: HeiId,
    omobility_id: OmobilityId,
    *,
    studied: tuple[omobility_las.Component, ...] = STUDIED,
    term: Term | None = None,
    begins: date | None = None,
) -> None:
    """Publish a learning agreement that the student and the sending HEI have signed."""
    start = begins or stay()[0]
    hei.kept.agreements[omobility_id] = omobility_las.LearningAgreement(
        omobility_id=omobility_id,
        sending_hei=_institution(hei.university, FACULTY, FACULTY_ID),
        receiving_hei=_institution(UNIVERSITIES[receiving], EXCHANGE, EXCHANGE_ID),
        receiving_academic_year_id=(term or this_term())[0],
        student=omobility_las.Student(
            given_names=student.given_names,
            family_name=student.family_name,
            global_id=student.esi,
            birth_date=student.birth_date,
            citizenship=student.nationality,
            gender=student.gender,
            email=student.email,
        ),
        start_date=start,
        end_date=start + STAY,
        eqf_level_studied_at_departure=6,
        isced_f_code="0613",
        student_language_skill=omobility_las.LanguageSkill(language="en", cefr_level="B2"),
        changes_proposal=_proposal(hei, studied=studied, recognized=RECOGNIZED),
    )
    hei.save(omobility_id)


def propose_change(hei: SandboxHei, omobility_id: OmobilityId) -> None:
    """Swap a course: one cannot be taken, another takes its place."""
    known = hei.kept.agreements[omobility_id]
    gone = msgspec.structs.replace(
        STUDIED[1],
        status=omobility_las.ComponentStatus.DELETED,
        reason_code="timetable-conflict",
    )
    instead = msgspec.structs.replace(
        INSTEAD,
        status=omobility_las.ComponentStatus.INSERTED,
        reason_code="substituting-deleted",
    )
    proposal = _proposal(hei, studied=(gone, instead), recognized=())
    hei.kept.agreements[omobility_id] = msgspec.structs.replace(known, changes_proposal=proposal)
    hei.save(omobility_id)


def _proposal(
    hei: SandboxHei,
    *,
    studied: tuple[omobility_las.Component, ...],
    recognized: tuple[omobility_las.Component, ...],
) -> omobility_las.ChangesProposal:
    return omobility_las.ChangesProposal(
        id=hei.next_proposal(),
        components_studied=studied,
        components_recognized=recognized,
        student_signature=omobility_las.Signature(
            timestamp=datetime.now(UTC).replace(microsecond=0), signer_app="Sandbox SIS"
        ),
        sending_hei_signature=_signature(hei.university),
    )


def signature_of(university: University) -> omobility_las.Signature:
    """Return the coordinator's signature, now."""
    return _signature(university)


def _institution(
    university: University, unit: str, ounit_id: OunitId
) -> omobility_las.MobilityInstitution:
    person = university.coordinator
    return omobility_las.MobilityInstitution(
        hei_id=university.hei_id,
        ounit_name=unit,
        ounit_id=ounit_id,
        contact_person=omobility_las.ContactPerson(
            given_names=person.given_names, family_name=person.family_name, email=person.email
        ),
    )
