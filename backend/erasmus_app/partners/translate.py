"""EWP's messages as values of ours. Comments between offices are left behind here."""

from collections.abc import Callable, Mapping, Sequence

from erasmus_app.ids import EuropeanStudentId, HeiId, LoiId, LosId
from erasmus_app.mobilities.models import (
    AgreementEnd,
    AgreementVersion,
    Component,
    ComponentChange,
    ComponentList,
    Contact,
    CourseResult,
    Credit,
    Fact,
    GradeShare,
    HeiEnd,
    LearningAgreement,
    Nomination,
    NominationStatus,
    Reception,
    ReceptionStatus,
    Requirement,
    ResultStatus,
    Signature,
    StudentData,
    Transcript,
)
from ewp.messages import elmo, imobilities, imobility_tors, omobilities, omobility_las
from ewp.messages.common import Text


def nomination(message: omobilities.StudentMobility) -> Nomination:
    """Translate a nomination of version 1, 2 or 3 (guide §4.2)."""
    if isinstance(message, omobilities.StudentMobilityV3):
        return _nomination_v3(message)
    return _nomination_v2(message)


def _nomination_v3(message: omobilities.StudentMobilityV3) -> Nomination:
    content, student = message.nomination, message.student
    return Nomination(
        status=NominationStatus(message.status.value),
        sending=_end(content.sending_hei),
        receiving=_end(content.receiving_hei),
        student=StudentData(
            given_names=_latin(student.given_names),
            family_name=_latin(student.family_names),
            esi=student.global_id,
            birth_date=student.birth_date,
            nationality=student.nationality,
            gender=student.gender,
            email=student.email,
        ),
        receiving_academic_year_id=content.receiving_academic_year_id,
        sending_term=content.sending_academic_term_ewp_id,
        proposal_id=content.proposal_id,
        activity_type=content.activity_type or "student-studies",
        activity_attributes=content.activity_attributes,
        eqf_level_at_departure=content.eqf_level_studied_at_departure,
        isced_f_code=content.nominee_isced_f_code,
    )


def _nomination_v2(message: omobilities.StudentMobilityV2) -> Nomination:
    student = message.student
    return Nomination(
        status=NominationStatus(message.status.value),
        sending=_end(message.sending_hei),
        receiving=_end(message.receiving_hei),
        student=StudentData(
            given_names=_latin(student.given_names),
            family_name=_latin(student.family_names),
            esi=student.global_id,
            birth_date=student.birth_date,
            nationality=student.citizenship,
            gender=student.gender,
            email=student.email,
        ),
        receiving_academic_year_id=message.receiving_academic_year_id,
        sending_term=message.sending_academic_term_ewp_id,
        activity_type=message.activity_type or "student-studies",
        activity_attributes=message.activity_attributes,
        planned_arrival=message.planned_arrival_date,
        planned_departure=message.planned_departure_date,
        eqf_level_at_departure=message.eqf_level_studied_at_departure,
        isced_f_code=message.nominee_isced_f_code,
        requirements=tuple(
            Requirement(name=each.name, url=each.url) for each in message.additional_requirements
        ),
    )


def _end(end: omobilities.MobilityHei) -> HeiEnd:
    return HeiEnd(hei_id=end.hei_id, ounit_id=end.ounit_id, iia_id=end.iia_id)


def _latin(names: Sequence[Text]) -> str:
    """Choose the spelling without a language, else the first (guide §4.2.2: other scripts)."""
    plain = [each.value for each in names if each.lang is None]
    return (plain or [each.value for each in names] or [""])[0]


def reception(message: imobilities.IncomingMobility) -> Reception:
    """Translate the receiving HEI's side, version 1 or 2 (guide §4.4)."""
    status = None
    if isinstance(message, imobilities.IncomingMobilityV1):
        status = ReceptionStatus(message.status.value)
    return Reception(
        status=status,
        actual_arrival=message.actual_arrival_date,
        actual_departure=message.actual_departure_date,
    )


def transcript(message: imobility_tors.Tor) -> Transcript:
    """Translate a transcript of version 1, 2 or 3 (guide §4.6)."""
    document, learner = message.elmo, message.elmo.learner
    reports = document.reports
    schemes = {
        each.local_id: _text(each.descriptions)
        for report in reports
        for each in report.grading_schemes
    }
    codes = {each.status.code for each in reports if each.status is not None}
    said = [each for report in reports for each in report.recognitions if each.status]
    issued = [each.issue_date for each in reports if each.issue_date is not None]
    return Transcript(
        student=StudentData(
            given_names=learner.given_names or "",
            family_name=learner.family_name or "",
            esi=EuropeanStudentId(learner.esi) if learner.esi else None,
            birth_date=learner.date_of_birth,
            gender=learner.gender,
        ),
        courses=tuple(_course(course, schemes) for report in reports for course in report.courses),
        issued_at=max(issued, default=document.generated_date),
        is_final=elmo.ReportCode.PARTIAL_TEMPORARY not in codes,
        has_document=any(
            content.file.data
            for attachment in (*document.attachments, *(a for r in reports for a in r.attachments))
            for content in attachment.contents
        ),
        recognition=said[0].status if said else None,
        recognition_decided=said[0].decision_date if said else None,
    )


def _course(
    course: elmo.LearningOpportunitySpecification, schemes: Mapping[str, str | None]
) -> CourseResult:
    taken = course.instance
    spread = taken.result_distribution
    title = _text(course.titles) or ""
    return CourseResult(
        title=title,
        other_titles=tuple(each.value for each in course.titles if each.value != title),
        code=_local_id(course.identifiers) or course.los_id,
        los_id=LosId(course.los_id) if course.los_id else None,
        loi_id=LoiId(taken.loi_id) if taken.loi_id else None,
        type=course.type,
        status=ResultStatus(taken.status.value) if taken.status else None,
        grade=taken.result_label,
        grading_scheme=schemes.get(taken.grading_scheme_local_id or ""),
        distribution=tuple(
            GradeShare(grade=each.label, count=each.count)
            for each in (spread.categories if spread else ())
        ),
        credits=tuple(
            Credit(scheme=each.scheme, value=each.value)
            for each in taken.credits
            if each.scheme and each.value is not None
        ),
        language=taken.language_of_instruction,
        result_date=taken.result_date,
        parts=tuple(_course(each, schemes) for each in course.parts),
    )


def _local_id(identifiers: Sequence[elmo.Identifier]) -> str | None:
    return next((each.value for each in identifiers if each.type.lower() == "local"), None)


def _text(texts: Sequence[Text]) -> str | None:
    """Return the English text, else the first."""
    english = (each.value for each in texts if (each.lang or "").lower().startswith("en"))
    return next(english, texts[0].value if texts else None)


_TABLES: dict[
    ComponentList,
    Callable[[omobility_las.ListOfComponents], tuple[omobility_las.Component, ...]],
] = {
    ComponentList.STUDIED: lambda version: version.components_studied,
    ComponentList.RECOGNIZED: lambda version: version.components_recognized,
    ComponentList.VIRTUAL: lambda version: version.virtual_components,
    ComponentList.BLENDED: lambda version: version.blended_mobility_components,
    ComponentList.DOCTORAL: lambda version: version.short_term_doctoral_components,
}


def learning_agreement(message: omobility_las.LearningAgreement) -> LearningAgreement:
    """Translate a learning agreement (guide §4.5)."""
    skill = message.student_language_skill
    return LearningAgreement(
        sending=_agreement_end(message.sending_hei),
        receiving=_agreement_end(message.receiving_hei),
        receiving_academic_year_id=message.receiving_academic_year_id,
        student=_agreement_student(message.student),
        planned_start=str(message.start_date or message.start_year_month or ""),
        planned_end=str(message.end_date or message.end_year_month or ""),
        first_version=_version(message.first_version),
        approved_changes=_version(message.approved_changes),
        changes_proposal=_version(message.changes_proposal),
        isced_f_code=message.isced_f_code,
        eqf_level_at_departure=message.eqf_level_studied_at_departure,
        language=skill.language if skill else None,
        cefr_level=skill.cefr_level if skill else None,
        learning_outcomes_url=message.learning_outcomes_url,
        provisions_url=message.provisions_url,
    )


def _agreement_end(end: omobility_las.MobilityInstitution) -> AgreementEnd:
    person = end.contact_person
    contact = None
    if person is not None:
        phone = person.phone_number
        contact = Contact(
            given_names=person.given_names or "",
            family_name=person.family_name or "",
            email=person.email or "",
            phone=(phone.e164 or phone.other_format) if phone else None,
        )
    return AgreementEnd(
        hei_id=end.hei_id, ounit_name=end.ounit_name, ounit_id=end.ounit_id, contact=contact
    )


def _agreement_student(student: omobility_las.Student) -> StudentData:
    return StudentData(
        given_names=student.given_names or "",
        family_name=student.family_name or "",
        esi=student.global_id,
        birth_date=student.birth_date,
        nationality=student.citizenship,
        gender=student.gender,
        email=student.email,
    )


def _version(version: omobility_las.ListOfComponents | None) -> AgreementVersion | None:
    if version is None:
        return None
    proposal = version if isinstance(version, omobility_las.ChangesProposal) else None
    changed = proposal.student if proposal else None
    return AgreementVersion(
        components=tuple(
            _component(table, each) for table, of in _TABLES.items() for each in of(version)
        ),
        student_signature=_signature(version.student_signature),
        sending_signature=_signature(version.sending_hei_signature),
        receiving_signature=(
            _signature(version.receiving_hei_signature) if version.receiving_hei_signature else None
        ),
        proposal_id=proposal.id if proposal else None,
        student_changes=_agreement_student(changed) if changed else None,
    )


def _component(table: ComponentList, component: omobility_las.Component) -> Component:
    term = component.term_id
    return Component(
        table=table,
        title=component.title,
        los_id=component.los_id,
        los_code=component.los_code,
        loi_id=component.loi_id,
        term=(term.term_number, term.total_terms) if term else None,
        credits=tuple(Credit(scheme=each.scheme, value=each.value) for each in component.credits),
        short_description=component.short_description,
        recognition_conditions=component.recognition_conditions,
        change=ComponentChange(component.status.value) if component.status else None,
        reason_code=component.reason_code,
        reason_text=component.reason_text,
    )


def _signature(signature: omobility_las.Signature) -> Signature:
    return Signature(
        signed_at=signature.timestamp,
        name=signature.signer_name,
        position=signature.signer_position,
        email=signature.signer_email,
        app=signature.signer_app,
    )


def ends(fact: Fact) -> tuple[HeiId, HeiId] | None:
    """Return the sending and the receiving HEI that a fact names; some name none."""
    if isinstance(fact, Nomination | LearningAgreement):
        return fact.sending.hei_id, fact.receiving.hei_id
    return None
