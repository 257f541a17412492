"""What readers make of documents as partners write them."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from ewp.errors import MessageInvalid
from ewp.messages import (
    cnr,
    common,
    echo,
    factsheet,
    imobilities,
    institutions,
    omobilities,
    omobility_las,
)
from ewp.messages.common import Address, Phone, Text
from ewp.messages.omobility_las import Component, ComponentStatus, Credit, Signature, TermId

SAMPLES = Path(__file__).parents[3] / "samples/ewp"


def sample(name: str, *changes: tuple[str, str]) -> bytes:
    """A sample, with words of it replaced."""
    xml = (SAMPLES / f"{name}.xml").read_bytes()
    for old, new in changes:
        assert old.encode() in xml
        xml = xml.replace(old.encode(), new.encode())
    return xml


# -- Whole samples --


def test_a_nomination_of_version_3():
    assert omobilities.read_get_response(sample("omobilities-3-get-response")) == (
        omobilities.StudentMobilityV3(
            omobility_id="om-2026-0117",
            student=omobilities.StudentV3(
                given_names=(Text(value="Inês", lang="pt"), Text(value="Ines", lang="pt-x-ascii")),
                family_names=(Text(value="Duarte"),),
                global_id="urn:schac:personalUniqueCode:int:esi:ribeira.example:2026117",
                birth_date=date(2004, 3, 9),
                nationality="PT",
                gender=2,
                email="ines.duarte@ribeira.example",
            ),
            nomination=omobilities.NominationV3(
                proposal_id="om-2026-0117/1",
                sending_hei=omobilities.MobilityHei(
                    hei_id="ribeira.example", ounit_id="ciencias", iia_id="iia-2024-31"
                ),
                receiving_hei=omobilities.MobilityHei(
                    hei_id="lindental.example", iia_id="LT/2024/0007"
                ),
                sending_academic_term_ewp_id="2026/2027-1/2",
                receiving_academic_year_id="2026/2027",
                activity_type="student-studies",
                activity_attributes="long-term",
                agreement_isced_f_code="0613",
                eqf_level_studied_at_departure=6,
                nominee_isced_f_code="0613",
                comment="Please give her a room near the campus.",
            ),
            status=omobilities.StatusV3.PENDING,
        ),
    )


def test_a_nomination_of_version_2_as_a_careless_partner_writes_it():
    assert omobilities.read_get_response(sample("omobilities-2-get-response")) == (
        omobilities.StudentMobilityV2(
            omobility_id="om-2026-0203",
            sending_hei=omobilities.MobilityHei(hei_id="ribeira.example"),
            receiving_hei=omobilities.MobilityHei(hei_id="clairval.example", iia_id="CV-88"),
            non_standard_mobility_period=True,
            receiving_academic_year_id="2026/2027",
            student=omobilities.StudentV2(
                given_names=(Text(value="Tiago"),),
                family_names=(Text(value="Moreira"),),
                global_id="urn:schac:personalUniqueCode:int:esi:ribeira.example:2026203",
                birth_date=date(2003, 11, 30),
                citizenship="PT",
                gender=1,
                email="tiago.moreira@ribeira.example",
                photo_urls=(
                    omobilities.PhotoUrl(
                        value="https://sis.ribeira.example/photos/203",
                        size_px="350x450",
                        public=True,
                        date=date(2026, 2, 1),
                    ),
                ),
                street_address=Address(
                    building_number="12",
                    street_name="Rua do Moinho",
                    postal_code="4000-123",
                    locality="Ribeira",
                    country="PT",
                ),
                phone_numbers=(Phone(e164="+351912345678", ext="4"),),
            ),
            status=omobilities.StatusV2.LIVE,
            activity_type="student-studies",
            activity_attributes="short-term-blended",
            planned_arrival_date=date(2026, 9, 14),
            planned_departure_date=date(2027, 1, 29),
            eqf_level_studied_at_nomination=6,
            eqf_level_studied_at_departure=7,
            nominee_isced_f_code="0231",
            nominee_language_skills=(omobilities.LanguageSkill(language="fr", cefr_level="B1"),),
            additional_requirements=(
                omobilities.AdditionalRequirement(name="Motivation letter", file="f-1"),
                omobilities.AdditionalRequirement(
                    name="Portfolio", url="https://folio.example/tiago"
                ),
            ),
        ),
    )


def test_a_learning_agreement_as_a_careless_partner_writes_it():
    [agreement] = omobility_las.read_get_response(sample("omobility-las-1-get-response"))
    hour = timedelta(hours=1)

    assert agreement == omobility_las.LearningAgreement(
        omobility_id="JZ/2026/44",
        sending_hei=omobility_las.MobilityInstitution(
            hei_id="jezioro.example",
            ounit_name="Wydzial Nauk & Sztuk",
            ounit_id="wns",
            contact_person=omobility_las.ContactPerson(
                given_names="Piotr",
                family_name="Zimny",
                email="piotr.zimny@jezioro.example",
                phone_number=Phone(other_format="(12) 34 56"),
            ),
        ),
        receiving_hei=omobility_las.MobilityInstitution(
            hei_id="ribeira.example",
            contact_person=omobility_las.ContactPerson(
                given_names="Beatriz", family_name="Lago", email="beatriz.lago@ribeira.example"
            ),
        ),
        receiving_academic_year_id="2026/2027",
        student=omobility_las.Student(
            given_names="Zofia",
            family_name="Wrona",
            global_id="urn:schac:personalUniqueCode:int:esi:jezioro.example:44",
            birth_date=date(2004, 12, 24),
            citizenship="PL",
            gender=2,
            email="zofia.wrona@jezioro.example",
        ),
        start_date=date(2027, 2, 15),
        end_year_month="2027-07",
        eqf_level_studied_at_departure=6,
        isced_f_code="0213",
        student_language_skill=omobility_las.LanguageSkill(language="en", cefr_level="C1"),
        first_version=omobility_las.ListOfComponents(
            components_studied=(
                Component(
                    los_id="CR/7781",
                    los_code="ART-2",
                    title="História da Arte",
                    loi_id="CRI/7781-27",
                    term_id=TermId(term_number=2, total_terms=2),
                    credits=(Credit(scheme="ects", value=Decimal("7.5")),),
                ),
            ),
            components_recognized=(
                Component(
                    title="Historia sztuki",
                    credits=(Credit(scheme="ects", value=Decimal("7.50")),),
                    recognition_conditions="Grade of 12 or more",
                ),
            ),
            virtual_components=(
                Component(title="Online tutorial", short_description="Two evenings"),
            ),
            student_signature=Signature(timestamp=datetime(2026, 11, 2, 8, 0, 0, 123456, UTC)),
            sending_hei_signature=Signature(
                signer_name="Piotr Zimny",
                signer_position="Koordynator",
                signer_email="piotr.zimny@jezioro.example",
                timestamp=datetime(2026, 11, 2, 9, 30, tzinfo=timezone(hour)),
                signer_app="Jeziorak",
            ),
            receiving_hei_signature=Signature(
                signer_name="Beatriz Lago",
                signer_position="Coordinator",
                signer_email="beatriz.lago@ribeira.example",
                timestamp=datetime(2026, 11, 3, 10, 0, tzinfo=UTC),
            ),
        ),
        changes_proposal=omobility_las.ChangesProposal(
            id="JZ/2026/44-b",
            components_studied=(
                Component(
                    title="História da Arte",
                    status=ComponentStatus.DELETED,
                    reason_code="timetable-conflict",
                ),
                Component(
                    title="Fotografia",
                    status=ComponentStatus.INSERTED,
                    reason_code="substituting-deleted",
                    reason_text="same hour",
                ),
            ),
            student_signature=Signature(
                timestamp=datetime(2027, 2, 20, 23, 59, 59, tzinfo=timezone(-5 * hour))
            ),
            sending_hei_signature=Signature(timestamp=datetime(2027, 2, 22, tzinfo=UTC)),
            student=omobility_las.Student(family_name="Wrona-Lis"),
        ),
        learning_outcomes_url="https://www.ribeira.example/courses",
    )


def test_incoming_mobilities_of_both_versions():
    assert imobilities.read_get_response(sample("imobilities-1-get-response")) == (
        imobilities.IncomingMobilityV1(
            omobility_id="om-2026-0203",
            status=imobilities.NominationStatus.VERIFIED,
            comment="Arrived a week late.",
            actual_arrival_date=date(2026, 9, 21),
        ),
        imobilities.IncomingMobilityV1(
            omobility_id="om-2026-0204", status=imobilities.NominationStatus.REJECTED
        ),
    )
    assert imobilities.read_get_response(sample("imobilities-2-get-response")) == (
        imobilities.IncomingMobilityV2(
            omobility_id="om-2026-0117",
            actual_arrival_date=date(2026, 9, 14),
            actual_departure_date=date(2027, 2, 5),
        ),
    )


def test_an_institution():
    [hei] = institutions.read_response(sample("institutions-2-response"))

    assert hei == institutions.Hei(
        hei_id="lindental.example",
        other_ids=(
            institutions.OtherId(type="erasmus", value="D LINDENT01"),
            institutions.OtherId(type="pic", value="999000111"),
        ),
        names=(
            Text(value="Technische Hochschule Lindental", lang="de"),
            Text(value="Lindental University of Technology", lang="en"),
        ),
        abbreviation="THL",
        mailing_address=Address(
            recipient_names=("International Office",),
            address_lines=("Lindenweg 3", "Haus B"),
            postal_code="01234",
            locality="Lindental",
            region="Oberland",
            country="DE",
        ),
        website_urls=(Text(value="https://www.lindental.example/", lang="de"),),
        logo_url="https://www.lindental.example/logo.svg",
        mobility_factsheet_urls=(Text(value="https://www.lindental.example/factsheet.pdf"),),
        course_catalogue_urls=(Text(value="https://www.lindental.example/courses", lang="en"),),
        contacts=(
            common.Contact(
                contact_names=(Text(value="Wohnheim"),),
                person_given_names=(Text(value="Uta"),),
                person_family_names=(Text(value="Birnbaum"),),
                person_gender=2,
                phone_numbers=(Phone(e164="+49123456"),),
                fax_numbers=(Phone(e164="+49123457"),),
                emails=("wohnheim@lindental.example",),
                role_descriptions=(Text(value="Rooms, and nothing but rooms", lang="en"),),
            ),
        ),
        root_ounit_id="thl",
        ounit_ids=("thl", "thl-inf"),
    )


def test_a_factsheet_with_gaps_keeps_its_deadlines():
    [found] = factsheet.read_response(sample("factsheet-1-response"))

    assert found.calendar == factsheet.Calendar(
        student_nominations=factsheet.CalendarEntry(autumn_term="--05-15", spring_term="--10-31"),
        student_applications=factsheet.CalendarEntry(autumn_term="--06-01", spring_term="--11-15"),
    )
    assert found.application_info == factsheet.InformationEntry(
        email="accueil@clairval.example",
        phone_number=Phone(e164="+33123456"),
        website_urls=(
            Text(value="https://www.clairval.example/candidature", lang="fr"),
            Text(value="https://www.clairval.example/apply", lang="en"),
        ),
    )
    assert found.accessibilities[0].type is factsheet.AccessibilityType.SERVICE
    assert found.insurance_info == factsheet.InformationEntry(
        website_urls=(Text(value="https://www.clairval.example/assurance"),)
    )
    assert found.additional_infos == (
        factsheet.AdditionalInfo(
            type="Bicycles", info=factsheet.InformationEntry(email="velo@clairval.example")
        ),
    )


def test_an_echo_keeps_blanks_and_empty_texts():
    assert echo.read_response(sample("echo-2-response")) == echo.EchoResponse(
        hei_ids=("ribeira.example",), echoes=(" a  b ", "", "a  b")
    )


def test_an_error():
    assert common.read_error_response(sample("error-response")) == common.ErrorResponse(
        developer_message="proposal_id: om-2026-0117/1 is not the current one\n"
        "it is om-2026-0117/2",
        user_messages=(
            Text(value="The nomination has changed in the meantime.", lang="en"),
            Text(value="Die Nominierung hat sich inzwischen geändert.", lang="de"),
        ),
    )


def test_a_decision_on_a_nomination():
    assert omobilities.read_update_request(
        sample("omobilities-3-update-request")
    ) == omobilities.RejectProposal(
        omobility_id="om-2026-0117",
        proposal_id="om-2026-0117/1",
        comment="No places left in winter; summer is possible.",
    )


def test_a_decision_on_a_learning_agreement():
    assert omobility_las.read_update_request(
        sample("omobility-las-1-update-request")
    ) == omobility_las.UpdateRequest(
        sending_hei_id="jezioro.example",
        operation=omobility_las.ApproveProposal(
            omobility_id="JZ/2026/44",
            changes_proposal_id="JZ/2026/44-b",
            signature=Signature(
                signer_name="Beatriz Lago",
                signer_position="Coordinator",
                signer_email="beatriz.lago@ribeira.example",
                timestamp=datetime(2027, 2, 22, 10, tzinfo=UTC),
                signer_app="SIS",
            ),
        ),
    )


def test_an_empty_root_is_an_empty_answer():
    empty = f'<omobilities-get-response xmlns="{omobilities.GET_NAMESPACE[3]}"/>'

    assert omobilities.read_get_response(empty.encode()) == ()


@pytest.mark.parametrize(("api", "major"), cnr.NAMESPACE)
def test_the_response_to_a_cnr_is_told_from_another_one(api, major):
    cnr.read_cnr_response(cnr.write_cnr_response(api, major), api, major)

    with pytest.raises(MessageInvalid):
        cnr.read_cnr_response(b"<omobility-cnr-response/>", api, major)


# -- Tolerance --


@pytest.mark.parametrize(
    "change",
    [
        ("<global-id>urn:schac:personalUniqueCode:int:esi:ribeira.example:2026117</global-id>", ""),
        ("<birth-date>2004-03-09</birth-date>", "<birth-date/>"),
        ("<gender>2</gender>", "<gender>F</gender>"),
        ("<eqf-level-studied-at-departure>6<", "<eqf-level-studied-at-departure>9<"),
        ("<nominee-isced-f-code>0613<", "<nominee-isced-f-code>613<"),
        ("<activity-attributes>long-term<", "<activity-attributes>short-term-new<"),
        ("<email>ines.duarte@ribeira.example<", "<email>none<"),
        ("<nationality>PT<", "<nationality>pt<"),
        ("<hei-id>lindental.example<", "<hei-id> Lindental.Example <"),
        ("<family-name>Duarte<", "<family-name><"),
        ("<status>pending<", "<new-in-3.1><deep/></new-in-3.1><status>pending<"),
    ],
)
def test_a_nomination_is_read_in_spite_of(change):
    before, *_ = omobilities.read_get_response(sample("omobilities-3-get-response"))

    after, *_ = omobilities.read_get_response(sample("omobilities-3-get-response", change))

    assert isinstance(after, omobilities.StudentMobilityV3)
    assert after.nomination.receiving_hei == before.nomination.receiving_hei
    assert after.status is before.status


def test_values_that_nobody_can_read_count_as_absent():
    [mobility] = omobilities.read_get_response(
        sample(
            "omobilities-3-get-response",
            ("<gender>2<", "<gender>F<"),
            ("<eqf-level-studied-at-departure>6<", "<eqf-level-studied-at-departure>9<"),
        )
    )

    assert mobility.student.gender is None
    assert mobility.nomination.eqf_level_studied_at_departure is None


def test_a_term_without_its_namespace_is_no_term():
    [agreement] = omobility_las.read_get_response(
        sample(
            "omobility-las-1-get-response",
            ("<trm:term-number>2</trm:term-number>", "<term-number>2</term-number>"),
        )
    )

    assert agreement.first_version.components_studied[0].term_id is None
