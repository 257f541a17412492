from datetime import date
from decimal import Decimal

import msgspec
import pytest
from factories import AT, LINDENTAL, OMOBILITY, RIBEIRA, YEAR, later
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.ewp.messages import strategies as made

from erasmus_app.ids import EuropeanStudentId, IiaId, LoiId, LosId, OunitId, ProposalId
from erasmus_app.mobilities import models
from erasmus_app.mobilities.models import ComponentList
from erasmus_app.partners.translate import (
    ends,
    learning_agreement,
    nomination,
    reception,
    transcript,
)
from ewp.messages import elmo, imobilities, imobility_tors, omobilities, omobility_las
from ewp.messages.common import Phone, Text

ESI = EuropeanStudentId("urn:schac:personalUniqueCode:int:esi:ribeira.example:1")
SENDING = omobilities.MobilityHei(hei_id=RIBEIRA, ounit_id=OunitId("o-1"), iia_id=IiaId("i-1"))
RECEIVING = omobilities.MobilityHei(hei_id=LINDENTAL)
OFFICE_ONLY = "between the offices"
BORN = date(2005, 3, 4)
NEW = omobilities.StudentMobilityV3(
    omobility_id=OMOBILITY,
    student=omobilities.StudentV3(
        given_names=(Text(value="Ινές", lang="el"), Text(value="Inês")),
        family_names=(Text(value="Φερρέιρα", lang="el"),),
        global_id=ESI,
        birth_date=BORN,
        nationality="PT",
        gender=2,
        email="ines@ribeira.example",
    ),
    nomination=omobilities.NominationV3(
        proposal_id=ProposalId("p-1"),
        sending_hei=SENDING,
        receiving_hei=RECEIVING,
        sending_academic_term_ewp_id="2026/2027-2/2",
        receiving_academic_year_id=YEAR,
        activity_type="student-studies",
        activity_attributes="long-term",
        agreement_isced_f_code="0231",
        eqf_level_studied_at_departure=6,
        nominee_isced_f_code="0232",
        comment=OFFICE_ONLY,
    ),
    status=omobilities.StatusV3.APPROVED,
)
OLD = omobilities.StudentMobilityV2(
    omobility_id=OMOBILITY,
    sending_hei=SENDING,
    receiving_hei=RECEIVING,
    non_standard_mobility_period=True,
    receiving_academic_year_id=YEAR,
    student=omobilities.StudentV2(
        given_names=(Text(value="Inês"),), family_names=(Text(value="Ferreira"),), citizenship="PT"
    ),
    status=omobilities.StatusV2.LIVE,
    planned_arrival_date=date(2027, 3, 1),
    planned_departure_date=date(2027, 7, 31),
    additional_requirements=(
        omobilities.AdditionalRequirement(name="CV", url="https://lindental.example/cv"),
        omobilities.AdditionalRequirement(name="Portfolio", file="f-1"),
    ),
)


def test_a_nomination_of_the_new_family():
    assert nomination(NEW) == models.Nomination(
        status=models.NominationStatus.APPROVED,
        sending=models.HeiEnd(hei_id=RIBEIRA, ounit_id=OunitId("o-1"), iia_id=IiaId("i-1")),
        receiving=models.HeiEnd(hei_id=LINDENTAL),
        student=models.StudentData(
            given_names="Inês",
            family_name="Φερρέιρα",
            esi=ESI,
            birth_date=BORN,
            nationality="PT",
            gender=2,
            email="ines@ribeira.example",
        ),
        receiving_academic_year_id=YEAR,
        sending_term="2026/2027-2/2",
        proposal_id=ProposalId("p-1"),
        activity_type="student-studies",
        activity_attributes="long-term",
        eqf_level_at_departure=6,
        isced_f_code="0232",
    )


def test_a_nomination_of_the_old_family():
    assert nomination(OLD) == models.Nomination(
        status=models.NominationStatus.LIVE,
        sending=models.HeiEnd(hei_id=RIBEIRA, ounit_id=OunitId("o-1"), iia_id=IiaId("i-1")),
        receiving=models.HeiEnd(hei_id=LINDENTAL),
        student=models.StudentData(given_names="Inês", family_name="Ferreira", nationality="PT"),
        receiving_academic_year_id=YEAR,
        planned_arrival=date(2027, 3, 1),
        planned_departure=date(2027, 7, 31),
        requirements=(
            models.Requirement(name="CV", url="https://lindental.example/cv"),
            models.Requirement(name="Portfolio"),
        ),
    )


@pytest.mark.parametrize("status", omobilities.StatusV3)
def test_every_status_of_the_new_family_has_its_word(status):
    assert nomination(msgspec.structs.replace(NEW, status=status)).status.value == status.value


@pytest.mark.parametrize("status", omobilities.StatusV2)
def test_every_status_of_the_old_family_has_its_word(status):
    assert nomination(msgspec.structs.replace(OLD, status=status)).status.value == status.value


@pytest.mark.parametrize("status", imobilities.NominationStatus)
def test_the_receiving_side_of_the_old_family_has_a_status(status):
    message = imobilities.IncomingMobilityV1(
        omobility_id=OMOBILITY, status=status, comment=OFFICE_ONLY, actual_arrival_date=AT.date()
    )

    assert reception(message) == models.Reception(
        status=models.ReceptionStatus(status.value), actual_arrival=AT.date()
    )


def test_the_receiving_side_of_the_new_family_has_days_alone():
    message = imobilities.IncomingMobilityV2(
        omobility_id=OMOBILITY, actual_departure_date=AT.date()
    )

    assert reception(message) == models.Reception(actual_departure=AT.date())


BY_STUDENT = omobility_las.Signature(timestamp=AT, signer_app="Erasmus+ App")
BY_OFFICE = omobility_las.Signature(
    timestamp=later(hours=1), signer_name="A", signer_position="B", signer_email="c@d.example"
)
HOME = omobility_las.MobilityInstitution(hei_id=RIBEIRA, ounit_name="Letras")
HOST = omobility_las.MobilityInstitution(
    hei_id=LINDENTAL,
    ounit_id=OunitId("o-9"),
    contact_person=omobility_las.ContactPerson(
        given_names="Greta",
        family_name="Baum",
        email="io@lindental.example",
        phone_number=Phone(other_format="ask"),
    ),
)
COURSE = omobility_las.Component(
    title="Logic",
    los_id=LosId("CR/1"),
    los_code="L1",
    term_id=omobility_las.TermId(term_number=2, total_terms=2),
    credits=(omobility_las.Credit(scheme="ects", value=Decimal("7.5")),),
)
AT_HOME = omobility_las.Component(title="Sets", recognition_conditions="an exam")
OUT = omobility_las.Component(
    title="Logic",
    status=omobility_las.ComponentStatus.DELETED,
    reason_code="not-available",
    reason_text="fell through",
)
ONLINE = omobility_las.Component(title="Online", short_description="A seminar")
AGREEMENT = omobility_las.LearningAgreement(
    omobility_id=OMOBILITY,
    sending_hei=HOME,
    receiving_hei=HOST,
    receiving_academic_year_id=YEAR,
    student=omobility_las.Student(given_names="Inês", global_id=ESI, citizenship="PT"),
    start_date=date(2027, 3, 1),
    end_year_month="2027-07",
    student_language_skill=omobility_las.LanguageSkill(language="de", cefr_level="B2"),
    first_version=omobility_las.ListOfComponents(
        components_studied=(COURSE,),
        components_recognized=(AT_HOME,),
        virtual_components=(ONLINE,),
        blended_mobility_components=(ONLINE,),
        short_term_doctoral_components=(ONLINE,),
        student_signature=BY_STUDENT,
        sending_hei_signature=BY_OFFICE,
        receiving_hei_signature=BY_OFFICE,
    ),
    changes_proposal=omobility_las.ChangesProposal(
        id=ProposalId("c-2"),
        components_studied=(OUT,),
        student_signature=BY_STUDENT,
        sending_hei_signature=BY_OFFICE,
        student=omobility_las.Student(family_name="Ferreira Lopes"),
    ),
)


def test_a_learning_agreement():
    student = models.Signature(signed_at=AT, app="Erasmus+ App")
    office = models.Signature(signed_at=later(hours=1), name="A", position="B", email="c@d.example")

    def online(table: ComponentList) -> models.Component:
        return models.Component(table=table, title="Online", short_description="A seminar")

    assert learning_agreement(AGREEMENT) == models.LearningAgreement(
        sending=models.AgreementEnd(hei_id=RIBEIRA, ounit_name="Letras"),
        receiving=models.AgreementEnd(
            hei_id=LINDENTAL,
            ounit_id=OunitId("o-9"),
            contact=models.Contact(
                given_names="Greta", family_name="Baum", email="io@lindental.example", phone="ask"
            ),
        ),
        receiving_academic_year_id=YEAR,
        student=models.StudentData(given_names="Inês", family_name="", esi=ESI, nationality="PT"),
        planned_start="2027-03-01",
        planned_end="2027-07",
        language="de",
        cefr_level="B2",
        first_version=models.AgreementVersion(
            components=(
                models.Component(
                    table=ComponentList.STUDIED,
                    title="Logic",
                    los_id=LosId("CR/1"),
                    los_code="L1",
                    term=(2, 2),
                    credits=(models.Credit(scheme="ects", value=Decimal("7.5")),),
                ),
                models.Component(
                    table=ComponentList.RECOGNIZED, title="Sets", recognition_conditions="an exam"
                ),
                online(ComponentList.VIRTUAL),
                online(ComponentList.BLENDED),
                online(ComponentList.DOCTORAL),
            ),
            student_signature=student,
            sending_signature=office,
            receiving_signature=office,
        ),
        changes_proposal=models.AgreementVersion(
            components=(
                models.Component(
                    table=ComponentList.STUDIED,
                    title="Logic",
                    change=models.ComponentChange.DELETED,
                    reason_code="not-available",
                    reason_text="fell through",
                ),
            ),
            student_signature=student,
            sending_signature=office,
            proposal_id=ProposalId("c-2"),
            student_changes=models.StudentData(given_names="", family_name="Ferreira Lopes"),
        ),
    )


def ids(**named: str) -> tuple[elmo.Identifier, ...]:
    return tuple(elmo.Identifier(type=kind.replace("_", "-"), value=v) for kind, v in named.items())


def test_a_transcript():
    part = elmo.LearningOpportunitySpecification(titles=(Text(value="Übung"),))
    course = elmo.LearningOpportunitySpecification(
        identifiers=ids(local="L1", ewp_los_id="CR/1"),
        titles=(Text(value="Logik", lang="de"), Text(value="Logic", lang="en")),
        type="Module",
        parts=(part,),
        instance=elmo.LearningOpportunityInstance(
            identifiers=ids(ewp_loi_id="CRI/1"),
            result_date=AT.date(),
            status=elmo.ResultStatus.PASSED,
            result_label="1,3",
            grading_scheme_local_id="g",
            result_distribution=elmo.ResultDistribution(
                categories=(elmo.ResultCategory(label="1,3", count=4),)
            ),
            credits=(elmo.Credit(scheme="ects", value=Decimal(6)), elmo.Credit(scheme="SWS")),
            language_of_instruction="de",
        ),
    )
    other = elmo.LearningOpportunitySpecification(identifiers=ids(ewp_los_id="CR/2"))
    report = elmo.Report(
        courses=(course, other),
        issue_date=AT,
        grading_schemes=(
            elmo.GradingScheme(local_id="g", descriptions=(Text(value="1 is best", lang="en"),)),
        ),
        recognitions=(
            elmo.ResultOfRecognition(titles=(Text(value="undecided"),)),
            elmo.ResultOfRecognition(status="Negative", decision_date=AT.date()),
        ),
        status=elmo.ReportStatus(code=elmo.ReportCode.PARTIAL_TEMPORARY),
    )
    learner = elmo.Learner(identifiers=ids(esi=ESI), given_names="Inês", family_name="Ferreira")
    message = imobility_tors.Tor(
        omobility_id=OMOBILITY, elmo=elmo.Elmo(learner=learner, reports=(report,))
    )

    assert transcript(message) == models.Transcript(
        student=models.StudentData(given_names="Inês", family_name="Ferreira", esi=ESI),
        courses=(
            models.CourseResult(
                title="Logic",
                other_titles=("Logik",),
                code="L1",
                los_id=LosId("CR/1"),
                loi_id=LoiId("CRI/1"),
                type="Module",
                status=models.ResultStatus.PASSED,
                grade="1,3",
                grading_scheme="1 is best",
                distribution=(models.GradeShare(grade="1,3", count=4),),
                credits=(models.Credit(scheme="ects", value=Decimal(6)),),
                language="de",
                result_date=AT.date(),
                parts=(models.CourseResult(title="Übung"),),
            ),
            models.CourseResult(title="", code="CR/2", los_id=LosId("CR/2")),
        ),
        issued_at=AT,
        is_final=False,
        recognition="Negative",
        recognition_decided=AT.date(),
    )


def test_a_fact_names_its_ends_and_a_reception_none():
    assert ends(nomination(NEW)) == ends(nomination(OLD)) == (RIBEIRA, LINDENTAL)
    assert ends(learning_agreement(AGREEMENT)) == (RIBEIRA, LINDENTAL)
    assert ends(models.Reception()) is None


MESSAGES = st.one_of(
    made.structs(omobilities.StudentMobilityV2).map(nomination),
    made.structs(omobilities.StudentMobilityV3).map(nomination),
    made.structs(omobility_las.LearningAgreement).map(learning_agreement),
)


@given(MESSAGES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_may_be_sent_becomes_a_fact_that_can_be_kept(fact):
    assert msgspec.json.decode(msgspec.json.encode(fact), type=type(fact)) == fact


def test_no_comment_between_the_offices_is_carried():
    first = imobilities.IncomingMobilityV1(
        omobility_id=OMOBILITY,
        status=imobilities.NominationStatus.REJECTED,
        comment=OFFICE_ONLY,
    )

    for message, fact in ((NEW, nomination(NEW)), (first, reception(first))):
        assert OFFICE_ONLY.encode() in msgspec.json.encode(message)
        assert OFFICE_ONLY.encode() not in msgspec.json.encode(fact)


def test_no_value_of_ours_has_a_place_for_a_comment():
    kinds = [
        each
        for each in vars(models).values()
        if isinstance(each, type) and issubclass(each, msgspec.Struct)
    ]

    assert len(kinds) > 10
    # Of why an agreement came back: what the host wrote to the student (decision 0020).
    fields = [(kind.__name__, name) for kind in kinds for name in kind.__struct_fields__]
    assert [each for each in fields if "comment" in each[1]] == [("SentBack", "comment")]
