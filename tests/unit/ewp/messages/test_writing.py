"""What writers refuse: a document that the schema would not allow is not written."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from ewp.errors import MessageInvalid
from ewp.messages import cnr, common, echo, omobilities, omobility_las
from ewp.messages.common import Address, Text

A_NOMINATION = omobilities.StudentMobilityV3(
    omobility_id="om-2026-0117",
    student=omobilities.StudentV3(
        given_names=(Text(value="Inês"),),
        family_names=(Text(value="Duarte"),),
        global_id="urn:schac:personalUniqueCode:int:esi:ribeira.example:2026117",
        birth_date=date(2004, 3, 9),
        nationality="PT",
        gender=2,
        email="ines.duarte@ribeira.example",
    ),
    nomination=omobilities.NominationV3(
        proposal_id="1",
        sending_hei=omobilities.MobilityHei(hei_id="ribeira.example"),
        receiving_hei=omobilities.MobilityHei(hei_id="lindental.example"),
        sending_academic_term_ewp_id="2026/2027-1/2",
        receiving_academic_year_id="2026/2027",
        activity_type="student-studies",
        activity_attributes="long-term",
        agreement_isced_f_code="0613",
        eqf_level_studied_at_departure=6,
        nominee_isced_f_code="0613",
    ),
    status=omobilities.StatusV3.PENDING,
)


def with_student(**changes: object) -> omobilities.StudentMobilityV3:
    return replace(A_NOMINATION, student=replace(A_NOMINATION.student, **changes))


def with_nomination(**changes: object) -> omobilities.StudentMobilityV3:
    return replace(A_NOMINATION, nomination=replace(A_NOMINATION.nomination, **changes))


@pytest.mark.parametrize(
    ("mobility", "words"),
    [
        (replace(A_NOMINATION, omobility_id=""), "omobility-id: must be 1 to 64"),
        (replace(A_NOMINATION, omobility_id="o" * 65), "omobility-id: must be 1 to 64"),
        (with_student(global_id=None), "student/global-id: is missing"),
        (with_student(family_names=()), "student/family-name: is missing"),
        (with_student(nationality="Portugal"), "student/nationality: must be ISO 3166-1"),
        (with_student(gender=3), "student/gender: must be 0, 1, 2 or 9"),
        (with_student(email="none"), "student/email: must be an e-mail address"),
        (
            with_student(given_names=(Text(value="a\x00b"),)),
            "student/given-names: has a character that XML cannot carry",
        ),
        (
            with_student(given_names=(Text(value="a", lang="no language"),)),
            "student/given-names/@xml:lang: must be a BCP 47 language",
        ),
        (with_nomination(agreement_isced_f_code="613"), "agreement-isced-f-code: must be four"),
        (with_nomination(activity_attributes="none"), "activity-attributes: must be one of"),
        (
            with_nomination(sending_academic_term_ewp_id=None),
            "nomination: needs either a sending academic term or a non-standard period",
        ),
        (
            with_nomination(non_standard_mobility_period=True),
            "nomination: needs either a sending academic term or a non-standard period",
        ),
    ],
)
def test_a_nomination_that_the_schema_would_refuse_is_not_written(mobility, words):
    with pytest.raises(MessageInvalid) as refused:
        omobilities.write_get_response([mobility], major=3)

    assert words in str(refused.value)


def test_a_version_that_is_not_there_is_refused():
    with pytest.raises(MessageInvalid, match="there is no omobilities-get-response of version 4"):
        omobilities.write_get_response([], major=4)
    with pytest.raises(MessageInvalid, match="there is no imobility-tor-cnr of version 3"):
        cnr.write_cnr_response("imobility-tor-cnr", 3)


def test_a_moment_without_a_zone_is_not_written():
    naive = datetime(2026, 5, 4, 10)  # noqa: DTZ001 - the point of this test

    with pytest.raises(MessageInvalid, match="timestamp: must be a date and time with a zone"):
        omobility_las.write_update_request(an_approval(naive))


def test_a_moment_keeps_its_zone():
    at_ten = datetime(2026, 5, 4, 10, tzinfo=timezone(timedelta(hours=2)))

    assert b">2026-05-04T10:00:00+02:00<" in omobility_las.write_update_request(an_approval(at_ten))
    assert b">2026-05-04T08:00:00Z<" in omobility_las.write_update_request(
        an_approval(at_ten.astimezone(UTC))
    )


def test_a_zone_with_seconds_becomes_utc():
    odd = datetime(2026, 5, 4, 10, tzinfo=timezone(timedelta(seconds=-30)))

    assert b">2026-05-04T10:00:30Z<" in omobility_las.write_update_request(an_approval(odd))


def an_approval(timestamp: datetime) -> omobility_las.UpdateRequest:
    return omobility_las.UpdateRequest(
        sending_hei_id="ribeira.example",
        operation=omobility_las.ApproveProposal(
            omobility_id="om-1",
            changes_proposal_id="1",
            signature=omobility_las.Signature(timestamp=timestamp),
        ),
    )


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (Address(address_lines=("a",), street_name="b"), "either lines or named parts"),
        (Address(address_lines=("a",) * 5), "four lines at most"),
    ],
)
def test_an_address_is_lines_or_parts(address, words):
    mobility = omobilities.StudentMobilityV2(
        omobility_id="om-1",
        sending_hei=omobilities.MobilityHei(hei_id="ribeira.example"),
        receiving_hei=omobilities.MobilityHei(hei_id="clairval.example"),
        non_standard_mobility_period=True,
        receiving_academic_year_id="2026/2027",
        student=omobilities.StudentV2(
            given_names=(Text(value="Tiago"),),
            family_names=(Text(value="Moreira"),),
            global_id="urn:schac:personalUniqueCode:int:esi:ribeira.example:2",
            mailing_address=address,
        ),
        status=omobilities.StatusV2.NOMINATION,
        activity_type="student-studies",
        activity_attributes="long-term",
    )

    with pytest.raises(MessageInvalid, match=words):
        omobilities.write_get_response([mobility], major=2)


def test_texts_are_escaped_and_blanks_in_them_kept():
    message = "<b>1 & 2</b>\r\n\t\"3\" ']]>'"
    xml = common.write_error_response(
        common.ErrorResponse(developer_message=message, user_messages=(Text(value="é", lang="fr"),))
    )

    assert xml.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<error-response xmlns="')
    assert "é".encode() in xml
    assert common.read_error_response(xml).developer_message == message


def test_an_attribute_keeps_its_line_ends():
    signature = omobility_las.Signature(timestamp=datetime(2026, 5, 4, 10, tzinfo=UTC))
    component = omobility_las.Component(
        title="Optics", status=omobility_las.ComponentStatus.DELETED, reason_text='a\n\t"b" <&>'
    )
    proposal = omobility_las.ChangesProposal(
        id="1",
        components_studied=(component,),
        student_signature=signature,
        sending_hei_signature=signature,
    )
    person = omobility_las.ContactPerson(given_names="A", family_name="B", email="a@b.example")
    end = omobility_las.MobilityInstitution(hei_id="ribeira.example", contact_person=person)
    agreement = omobility_las.LearningAgreement(
        omobility_id="om-1",
        sending_hei=end,
        receiving_hei=end,
        receiving_academic_year_id="2026/2027",
        student=omobility_las.Student(given_names="Inês"),
        start_year_month="2026-09",
        end_year_month="2027-02",
        eqf_level_studied_at_departure=6,
        isced_f_code="0613",
        student_language_skill=omobility_las.LanguageSkill(language="de", cefr_level="B1"),
        changes_proposal=proposal,
    )

    xml = omobility_las.write_get_response([agreement])

    assert omobility_las.read_get_response(xml) == (agreement,)


def test_an_echo_of_nothing_is_an_empty_root():
    xml = echo.write_response(echo.EchoResponse())

    assert echo.read_response(xml) == echo.EchoResponse()
