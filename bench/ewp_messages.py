"""One message of each type, as large as they are in life, and how fast each is read and written."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from ewp_iia import SPECIFICATIONS, an_agreement
from lxml import etree
from measuring import Timing, side_by_side

from ewp.ids import (
    AcademicYearId,
    EuropeanStudentId,
    HeiId,
    IiaId,
    LoiId,
    LosId,
    OmobilityId,
    OunitId,
    ProposalId,
)
from ewp.messages import (
    cnr,
    common,
    echo,
    factsheet,
    iia_hash,
    iias,
    imobilities,
    institutions,
    omobilities,
)
from ewp.messages import omobility_las as las

COMPONENTS = 30  # three tables of ten: a first version with changes to come
MOBILITIES = 20  # in one answer
INDEX = 500  # ids in one answer
SENDING = HeiId("ribeira.example")
RECEIVING = HeiId("lindental.example")


class Sample(NamedTuple):
    """A message and its two functions."""

    name: str
    value: Any
    write: Callable[[Any], bytes]
    read: Callable[[bytes], Any]


class Measured(NamedTuple):
    """One message's size and times, and those of lxml alone for the same bytes."""

    name: str
    size: int
    read: Timing
    write: Timing
    lxml_parse: Timing
    lxml_write: Timing


def measure_messages() -> Iterator[Measured]:
    """Read and write each sample in turns with lxml alone, without any meaning."""
    for sample in samples():
        document = sample.write(sample.value)
        if sample.read(document) != sample.value:
            raise ValueError(f"{sample.name} does not come back as it was written")
        tree = etree.fromstring(document)
        times = side_by_side(
            {
                "read": lambda sample=sample, document=document: sample.read(document),
                "write": lambda sample=sample: sample.write(sample.value),
                "lxml_parse": lambda document=document: etree.fromstring(document),
                "lxml_write": lambda tree=tree: etree.tostring(
                    tree, encoding="utf-8", xml_declaration=True
                ),
            },
            rounds=5,
        )
        yield Measured(sample.name, len(document), **times)


def samples() -> Iterator[Sample]:
    """Yield one of each type, in the order of a mobility's life."""
    ids = tuple(OmobilityId(f"om-2026-{each:04}") for each in range(INDEX))
    some = ids[:MOBILITIES]
    yield Sample(
        f"omobilities 3 get, {MOBILITIES} nominations",
        tuple(map(_nomination_v3, some)),
        lambda value: omobilities.write_get_response(value, major=3),
        omobilities.read_get_response,
    )
    yield Sample(
        f"omobilities 2 get, {MOBILITIES} nominations",
        tuple(map(_nomination_v2, some)),
        lambda value: omobilities.write_get_response(value, major=2),
        omobilities.read_get_response,
    )
    yield Sample(
        f"omobilities 3 index, {INDEX} ids",
        ids,
        lambda value: omobilities.write_index_response(value, major=3),
        omobilities.read_index_response,
    )
    yield Sample(
        "omobilities 3 update request",
        omobilities.RejectProposal(
            omobility_id=ids[0], proposal_id=ProposalId("p-1"), comment="The places are taken."
        ),
        omobilities.write_update_request,
        omobilities.read_update_request,
    )
    yield Sample(
        f"imobilities 2 get, {MOBILITIES} arrivals",
        tuple(
            imobilities.IncomingMobilityV2(omobility_id=each, actual_arrival_date=date(2026, 9, 14))
            for each in some
        ),
        lambda value: imobilities.write_get_response(value, major=2),
        imobilities.read_get_response,
    )
    yield Sample(
        f"omobility-las get, {COMPONENTS} components",
        (a_learning_agreement(),),
        las.write_get_response,
        las.read_get_response,
    )
    yield Sample(
        "omobility-las update request",
        las.UpdateRequest(
            sending_hei_id=SENDING,
            operation=las.ApproveProposal(
                omobility_id=ids[0], changes_proposal_id=ProposalId("3f0a-2"), signature=SIGNATURE
            ),
        ),
        las.write_update_request,
        las.read_update_request,
    )
    yield Sample(
        "omobility-las update response",
        (common.Text(value="The changes are approved.", lang="en"),),
        las.write_update_response,
        las.read_update_response,
    )
    agreement = iia_hash.sealed(an_agreement(SENDING, RECEIVING))
    yield Sample(
        f"iias 7 get, {SPECIFICATIONS} specifications",
        (agreement,),
        lambda value: iias.write_get_response(value, major=7),
        iias.read_get_response,
    )
    yield Sample(
        "the same, its hash made and checked",
        (agreement,),
        lambda value: iias.write_get_response(map(iia_hash.sealed, value), major=7),
        lambda document: tuple(each.iia for each in iia_hash.read_checked(document) if each.fits),
    )
    yield Sample(
        "institutions, 1 HEI", (_an_hei(),), institutions.write_response, institutions.read_response
    )
    yield Sample(
        "factsheet, 1 HEI", (_a_factsheet(),), factsheet.write_response, factsheet.read_response
    )
    yield Sample(
        "echo",
        echo.EchoResponse(hei_ids=(SENDING,), echoes=("a", "ł")),
        echo.write_response,
        echo.read_response,
    )
    yield Sample(
        "omobility-cnr response",
        None,
        lambda _: cnr.write_cnr_response("omobility-cnr", 2),
        lambda document: cnr.read_cnr_response(document, "omobility-cnr", 2),
    )
    yield Sample(
        "error response",
        common.ErrorResponse(developer_message="omobility_id: unknown"),
        common.write_error_response,
        common.read_error_response,
    )


SIGNATURE = las.Signature(
    signer_name="Marta Lindqvist",
    signer_position="Departmental coordinator",
    signer_email="marta.lindqvist@lindental.example",
    timestamp=datetime(2026, 5, 4, 10, 15, tzinfo=UTC),
    signer_app="SIS",
)
STUDENT = EuropeanStudentId("urn:schac:personalUniqueCode:int:esi:ribeira.example:17")
_ADDRESS = common.Address(
    address_lines=("Lindenallee 17",), postal_code="45127", locality="Lindental", country="DE"
)


def a_learning_agreement(components: int = COMPONENTS) -> las.LearningAgreement:
    """A learning agreement with that many components in its first version and its proposal."""
    a_third = components // 3
    return las.LearningAgreement(
        omobility_id=OmobilityId("om-2026-0117"),
        sending_hei=_end(SENDING, "Faculty of Science"),
        receiving_hei=_end(RECEIVING, "Informatik"),
        receiving_academic_year_id=AcademicYearId("2026/2027"),
        student=las.Student(
            given_names="Inês",
            family_name="Duarte",
            global_id=STUDENT,
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
            student_signature=SIGNATURE,
            sending_hei_signature=SIGNATURE,
            receiving_hei_signature=SIGNATURE,
        ),
        changes_proposal=las.ChangesProposal(
            id=ProposalId("3f0a-2"),
            components_studied=_courses(
                components - 2 * a_third,
                las.ComponentStatus.DELETED,
                "timetable-conflict",
            ),
            student_signature=SIGNATURE,
            sending_hei_signature=SIGNATURE,
        ),
        provisions_url="https://www.ribeira.example/provisions",
    )


def _end(hei_id: HeiId, ounit_name: str) -> las.MobilityInstitution:
    return las.MobilityInstitution(
        hei_id=hei_id,
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


def _nomination_v3(omobility_id: OmobilityId) -> omobilities.StudentMobilityV3:
    return omobilities.StudentMobilityV3(
        omobility_id=omobility_id,
        student=omobilities.StudentV3(
            given_names=(common.Text(value="Inês"),),
            family_names=(common.Text(value="Duarte"),),
            global_id=STUDENT,
            birth_date=date(2004, 3, 9),
            nationality="PT",
            gender=2,
            email="ines.duarte@ribeira.example",
        ),
        nomination=omobilities.NominationV3(
            proposal_id=ProposalId("p-1"),
            sending_hei=_mobility_end(SENDING),
            receiving_hei=_mobility_end(RECEIVING),
            sending_academic_term_ewp_id="2026/2027-1/2",
            receiving_academic_year_id=AcademicYearId("2026/2027"),
            activity_type="student-studies",
            activity_attributes="long-term",
            agreement_isced_f_code="0613",
            eqf_level_studied_at_departure=6,
            nominee_isced_f_code="0613",
        ),
        status=omobilities.StatusV3.PENDING,
    )


def _nomination_v2(omobility_id: OmobilityId) -> omobilities.StudentMobilityV2:
    return omobilities.StudentMobilityV2(
        omobility_id=omobility_id,
        sending_hei=_mobility_end(SENDING),
        receiving_hei=_mobility_end(RECEIVING),
        sending_academic_term_ewp_id="2026/2027-1/2",
        receiving_academic_year_id=AcademicYearId("2026/2027"),
        student=omobilities.StudentV2(
            given_names=(common.Text(value="Inês"),),
            family_names=(common.Text(value="Duarte"),),
            global_id=STUDENT,
            birth_date=date(2004, 3, 9),
            citizenship="PT",
            gender=2,
            email="ines.duarte@ribeira.example",
            street_address=_ADDRESS,
            phone_numbers=(common.Phone(e164="+351912345678"),),
        ),
        status=omobilities.StatusV2.LIVE,
        activity_type="student-studies",
        activity_attributes="long-term",
        planned_arrival_date=date(2026, 9, 14),
        planned_departure_date=date(2027, 2, 20),
        eqf_level_studied_at_nomination=6,
        eqf_level_studied_at_departure=6,
        nominee_isced_f_code="0613",
        nominee_language_skills=(omobilities.LanguageSkill(language="de", cefr_level="B2"),),
    )


def _mobility_end(hei_id: HeiId) -> omobilities.MobilityHei:
    return omobilities.MobilityHei(
        hei_id=hei_id, ounit_id=OunitId("ounit-7"), iia_id=IiaId("0f6c0a3e8b7d4c21")
    )


def _an_hei() -> institutions.Hei:
    return institutions.Hei(
        hei_id=RECEIVING,
        other_ids=tuple(
            institutions.OtherId(type=type_, value=value)
            for type_, value in (("pic", "900000017"), ("erasmus", "D LINDENT01"))
        ),
        names=(
            common.Text(value="Universität Lindental", lang="de"),
            common.Text(value="University of Lindental", lang="en"),
        ),
        abbreviation="UL",
        street_address=_ADDRESS,
        website_urls=(common.Text(value="https://www.lindental.example", lang="de"),),
        logo_url="https://www.lindental.example/logo.svg",
        contacts=(
            common.Contact(
                contact_names=(common.Text(value="International Office", lang="en"),),
                emails=("international@lindental.example",),
                phone_numbers=(common.Phone(e164="+4920012345"),),
            ),
        ),
        root_ounit_id=OunitId("root"),
        ounit_ids=tuple(OunitId(f"ounit-{each}") for each in range(20)),
    )


def _a_factsheet() -> factsheet.Factsheet:
    office = factsheet.InformationEntry(
        email="international@lindental.example",
        phone_number=common.Phone(e164="+4920012345"),
        website_urls=(common.Text(value="https://www.lindental.example/incoming", lang="en"),),
    )
    return factsheet.Factsheet(
        hei_id=RECEIVING,
        calendar=factsheet.Calendar(
            student_nominations=factsheet.CalendarEntry(
                autumn_term="--05-31", spring_term="--11-15"
            ),
            student_applications=factsheet.CalendarEntry(
                autumn_term="--06-15", spring_term="--11-30"
            ),
        ),
        application_info=office,
        decision_weeks_limit=4,
        tor_weeks_limit=5,
        housing_info=office,
        visa_info=office,
        insurance_info=office,
    )
