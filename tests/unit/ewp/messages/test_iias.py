"""Agreements of versions 6 and 7, and their approvals."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from ewp.errors import MessageInvalid
from ewp.messages import iia_conditions as conditions
from ewp.messages import iias, iias_approval
from ewp.messages.common import Contact, Phone, Text

SAMPLES = Path(__file__).parents[3] / "samples/ewp"
SPEC = "cooperation-conditions/student-studies-mobility-spec"


def sample(name, *changes):
    """A sample, with words of it replaced."""
    text = (SAMPLES / f"{name}.xml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text.encode()


def contact(name, lang=None, **more):
    return Contact(contact_names=(Text(value=name, lang=lang),), **more)


def subject(code, clarification=None):
    return conditions.SubjectArea(
        isced_f_code=conditions.IscedFCode(value=code), isced_clarification=clarification
    )


DESK = contact("Servicepunkt")
STUDIES = conditions.StudentMobilitySpecV7(
    sending_hei_id="ribeira.example",
    sending_contacts=(contact("Marta Sequeira"),),
    receiving_hei_id="lindental.example",
    receiving_ounit_id="fb4",
    receiving_contacts=(DESK,),
    receiving_first_academic_year_id="2026/2027",
    receiving_last_academic_year_id="2028/2029",
    mobilities_per_year=conditions.MobilitiesPerYear(value=4),
    recommended_language_skills=(
        conditions.RecommendedLanguageSkill(language="de", cefr_level="B1"),
        conditions.RecommendedLanguageSkill(
            language="en", cefr_level="C1", subject_area=subject("0613", "")
        ),
    ),
    subject_areas=(subject("0613"), subject("0532", "maps & surveys")),
    other_info_terms=" Excursions\n  are extra. ",
    total_months_per_year=Decimal("20.5"),
    blended=True,
    eqf_levels=(6, 7),
)
TRAINEESHIP = conditions.StudentMobilitySpecV7(
    sending_hei_id="lindental.example",
    receiving_hei_id="ribeira.example",
    receiving_first_academic_year_id="2026/2027",
    receiving_last_academic_year_id="2026/2027",
    mobilities_per_year=conditions.MobilitiesPerYear(value=1),
    blended=False,
)
TRAINING = conditions.StaffMobilitySpecV7(
    sending_hei_id="lindental.example",
    receiving_hei_id="ribeira.example",
    receiving_first_academic_year_id="2027/2028",
    receiving_last_academic_year_id="2028/2029",
    mobilities_per_year=conditions.MobilitiesPerYear(value=2),
    total_days_per_year=Decimal(10),
)
NEWER = iias.IiaV7(
    partners=(
        iias.Partner(
            hei_id="lindental.example",
            ounit_id="fb4",
            iia_id="L/2026/17",
            iia_code="LIN & RIB 17",
            signing_contact=contact("Ruth Amsel", emails=("international@lindental.example",)),
            signing_date=date(2026, 2, 3),
            contacts=(
                contact(
                    "Akademisches Auslandsamt",
                    "de",
                    phone_numbers=(Phone(other_format="-1717"),),
                ),
                DESK,
            ),
        ),
        iias.Partner(hei_id="ribeira.example", iia_id="r-0042"),
    ),
    in_effect=True,
    cooperation_conditions=conditions.CooperationConditionsV7(
        student_studies_mobility_specs=(STUDIES,),
        student_traineeship_mobility_specs=(TRAINEESHIP,),
        staff_training_mobility_specs=(TRAINING,),
    ),
    iia_hash="0" * 64,
    pdf_file="f-17",
)
OLDER = iias.IiaV6(
    partners=(
        iias.Partner(hei_id="clairval.example", iia_id="c-9", iia_code="CLA 9"),
        iias.Partner(hei_id="ribeira.example"),
    ),
    in_effect=False,
    cooperation_conditions=conditions.CooperationConditionsV6(
        student_studies_mobility_specs=(
            conditions.StudentMobilitySpecV6(
                sending_hei_id="ribeira.example",
                receiving_hei_id="clairval.example",
                receiving_academic_year_ids=("2026/2027", "2027/2028"),
                subject_areas=(subject("023"),),
                total_months_per_year=Decimal(10),
                blended=False,
            ),
        ),
        staff_teacher_mobility_specs=(
            conditions.StaffMobilitySpecV6(
                sending_hei_id="clairval.example",
                sending_contacts=(contact("Hugo Lemaire"),),
                receiving_hei_id="ribeira.example",
                receiving_academic_year_ids=("2026/2027",),
                mobilities_per_year=conditions.MobilitiesPerYear(value=1),
                total_days_per_year=Decimal("7.25"),
            ),
        ),
    ),
    pdf=b"%PDF-1.7\n",
)


def test_an_agreement_of_version_7_as_a_partner_writes_it():
    [found] = iias.read_get_response(sample("iias-7-get-response"))

    assert replace(found, iia_hash=NEWER.iia_hash) == NEWER


def test_an_agreement_of_version_6_as_a_partner_writes_it():
    [found] = iias.read_get_response(sample("iias-6-get-response"))

    assert replace(found, conditions_hash=None) == OLDER


def test_the_specifications_stand_in_the_order_of_the_document():
    assert conditions.specs_of(NEWER.cooperation_conditions) == (STUDIES, TRAINEESHIP, TRAINING)


@pytest.mark.parametrize(
    ("iia", "years"),
    [
        (NEWER, ["2026/2027", "2027/2028", "2028/2029"]),
        (OLDER, ["2026/2027", "2027/2028"]),
    ],
)
def test_an_agreement_is_valid_in_the_years_of_any_of_its_specifications(iia, years):
    asked = [f"{year}/{year + 1}" for year in range(2024, 2031)]

    assert [each for each in asked if iias.is_valid_in(iia, each)] == years


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("<mobilities-per-year>4<", '<mobilities-per-year not-yet-defined="true">4<'), True),
        (("<mobilities-per-year>4<", '<mobilities-per-year not-yet-defined="1">4<'), True),
        (("<mobilities-per-year>4<", '<mobilities-per-year not-yet-defined="false">4<'), False),
    ],
)
def test_what_is_not_yet_defined_says_so(change, found):
    [iia] = iias.read_get_response(sample("iias-7-get-response", change))

    [spec] = iia.cooperation_conditions.student_studies_mobility_specs
    assert spec.mobilities_per_year == conditions.MobilitiesPerYear(value=4, not_yet_defined=found)
    assert (b"not-yet-defined" in written(iia)) is found


def test_the_end_of_an_agreement_is_said_once():
    change = ("<cooperation-conditions>", '<cooperation-conditions terminated-as-a-whole="true">')
    [iia] = iias.read_get_response(sample("iias-7-get-response", change))

    assert iia.cooperation_conditions.terminated_as_a_whole
    assert written(iia).count(b'terminated-as-a-whole="true"') == 1
    assert b"terminated-as-a-whole" not in written(NEWER)


def written(iia):
    return iias.write_get_response([iia], major=7 if isinstance(iia, iias.IiaV7) else 6)


@pytest.mark.parametrize(
    "change",
    [
        ("<cefr-level>b1</cefr-level>", "<cefr-level/>"),
        ("<in-effect> 1 </in-effect>", ""),
        ("<mobilities-per-year>4</mobilities-per-year>", ""),
        ("<blended>true</blended>", ""),
        ("<total-months-per-year>20.5<", "<total-months-per-year>many<"),
        ("<language>de</language>", ""),
        ("<signing-date>2026-02-03+01:00<", "<signing-date>3.2.2026<"),
        ("<pdf-file>f-17</pdf-file>", "<pdf-file/>"),
    ],
)
def test_what_readers_can_live_without_is_absent(change):
    [iia] = iias.read_get_response(sample("iias-7-get-response", change))

    assert iia.partners[0].iia_id == "L/2026/17"
    assert replace(iia, iia_hash=NEWER.iia_hash) != NEWER


def test_a_pdf_that_is_none_is_absent():
    [iia] = iias.read_get_response(sample("iias-6-get-response", ("JVBERi0x", "JVBERi0x!")))

    assert replace(iia, conditions_hash=None) == replace(OLDER, pdf=None)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        (
            "iias-7-get-response",
            ("<hei-id>ribeira.example<", "<hei-id>ribeira example<"),
            "partner/hei-id: must be a SCHAC identifier, a domain",
        ),
        (
            "iias-7-get-response",
            ("<iia-id>r-0042<", "<iia-id>r 0042<"),
            "partner/iia-id: must be 1 to 64 printable ASCII characters",
        ),
        (
            "iias-7-get-response",
            ("</partner>\n    <in", "</partner><partner><hei-id>x.example</hei-id></partner><in"),
            "needs two partners",
        ),
        (
            "iias-6-get-response",
            ("<partner>\n      <hei-id>ribeira.example</hei-id>\n    </partner>", ""),
            "needs two partners",
        ),
        (
            "iias-7-get-response",
            (
                "<receiving-last-academic-year-id>2026/2027</receiving-last-academic-year-id>",
                "",
            ),
            "student-traineeship-mobility-spec/receiving-last-academic-year-id: is missing",
        ),
        (
            "iias-6-get-response",
            ("<receiving-academic-year-id>2027/2028<", "<receiving-academic-year-id>2027<"),
            f"{SPEC}/receiving-academic-year-id: must be YYYY/YYYY",
        ),
        (
            "iias-7-get-response",
            ("<mobilities-per-year>4<", "<mobilities-per-year>four<"),
            f"{SPEC}/mobilities-per-year: must be an integer, 1 or more",
        ),
        ("iias-6-get-response", ("cooperation-conditions", "terms"), "is missing"),
        (
            "iias-6-get-response",
            (
                "</cooperation-conditions>",
                "<staff-training-mobility-spec/></cooperation-conditions>",
            ),
            "cooperation-conditions/staff-training-mobility-spec/sending-hei-id: is missing",
        ),
    ],
)
def test_an_agreement_is_refused_with_the_rule_and_its_place(name, change, words):
    with pytest.raises(MessageInvalid) as refused:
        iias.read_get_response(sample(name, change))

    assert str(refused.value).startswith("iias-get-response/iia")
    assert str(refused.value).endswith(words)


def with_spec(iia, spec):
    """The agreement with this as its only specification of students who study."""
    changed = replace(iia.cooperation_conditions, student_studies_mobility_specs=(spec,))
    return replace(iia, cooperation_conditions=changed)


[OLD_STUDIES] = OLDER.cooperation_conditions.student_studies_mobility_specs
LATER = conditions.MobilitiesPerYear(value=2, not_yet_defined=True)


@pytest.mark.parametrize(
    ("iia", "words"),
    [
        (replace(NEWER, partners=NEWER.partners[:1]), "needs two partners"),
        (
            replace(NEWER, partners=NEWER.partners[::-1]),
            "needs the iia-id and iia-code of the first partner",
        ),
        (
            with_spec(NEWER, replace(STUDIES, sending_hei_id="clairval.example")),
            "has a specification of an HEI that is no partner",
        ),
        (replace(NEWER, iia_hash=None), "iia-hash: is missing"),
        (replace(NEWER, iia_hash="E" * 64), "must be 64 lower-case hexadecimal digits"),
        (replace(NEWER, in_effect=None), "in-effect: is missing"),
        (
            with_spec(NEWER, replace(STUDIES, receiving_last_academic_year_id="2025/2026")),
            "ends before its first academic year",
        ),
        (
            with_spec(NEWER, replace(STUDIES, recommended_language_skills=())),
            f"{SPEC}/recommended-language-skill: is missing",
        ),
        (
            with_spec(NEWER, replace(STUDIES, mobilities_per_year=None)),
            f"{SPEC}/mobilities-per-year: is missing",
        ),
        (
            with_spec(
                NEWER, replace(STUDIES, mobilities_per_year=conditions.MobilitiesPerYear(value=0))
            ),
            f"{SPEC}/mobilities-per-year: must be an integer, 1 or more",
        ),
        (
            with_spec(NEWER, replace(STUDIES, total_months_per_year=Decimal("0.00"))),
            f"{SPEC}/total-months-per-year: must be over 0, with two decimals at most",
        ),
        (
            with_spec(NEWER, replace(STUDIES, total_months_per_year=Decimal("1.125"))),
            f"{SPEC}/total-months-per-year: must be over 0, with two decimals at most",
        ),
        (
            with_spec(NEWER, replace(STUDIES, subject_areas=(subject("061"),))),
            f"{SPEC}/subject-area/isced-f-code: must be four digits",
        ),
        (with_spec(NEWER, replace(STUDIES, blended=None)), f"{SPEC}/blended: is missing"),
        (
            with_spec(
                OLDER,
                replace(OLD_STUDIES, receiving_academic_year_ids=("2026/2027", "2028/2029")),
            ),
            f"{SPEC}: needs its academic years in order, without gaps",
        ),
        (
            with_spec(OLDER, replace(OLD_STUDIES, total_months_per_year=None)),
            f"{SPEC}/total-months-per-year: is missing",
        ),
        (
            with_spec(OLDER, replace(OLD_STUDIES, mobilities_per_year=LATER)),
            f"{SPEC}/mobilities-per-year: version 6 knows nothing that is not yet defined",
        ),
        (
            with_spec(
                OLDER,
                replace(
                    OLD_STUDIES,
                    subject_areas=(
                        conditions.SubjectArea(
                            isced_f_code=conditions.IscedFCode(value="0231", v6_value="023")
                        ),
                    ),
                ),
            ),
            f"{SPEC}/subject-area/isced-f-code: version 6 has no value of version 6 beside its own",
        ),
    ],
)
def test_what_the_schema_forbids_is_not_written(iia, words):
    with pytest.raises(MessageInvalid) as refused:
        written(iia)

    assert str(refused.value).startswith("iias-get-response/iia")
    assert str(refused.value).endswith(words)


def test_agreements_of_one_version_are_not_written_as_another():
    with pytest.raises(MessageInvalid, match="there is no iias-get-response of version 5"):
        iias.write_get_response([OLDER], major=5)


# -- Approvals --


def test_approvals_of_both_versions():
    digits = "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456"

    first, second = iias_approval.read_response(sample("iias-approval-1-response"))
    assert first == iias_approval.ApprovalV1(
        iia_id="r-0042", conditions_hash=digits, pdf=b"%PDF-1.7\n"
    )
    assert (second.iia_id, second.pdf) == ("r-0043", None)
    assert iias_approval.read_response(sample("iias-approval-2-response")) == (
        iias_approval.ApprovalV2(iia_id="r-0042", iia_hash=digits, pdf_file="f-17/signed"),
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("<iia-id>r-0042</iia-id>", ""), "iia-id: is missing"),
        (("iia-hash>", "hash>"), "iia-hash: is missing"),
        (("tree/stable-v2", "tree/stable-v3"), "is no iias-approval-response of version 1, 2"),
    ],
)
def test_an_approval_says_of_what_and_with_which_hash(change, words):
    with pytest.raises(MessageInvalid) as refused:
        iias_approval.read_response(sample("iias-approval-2-response", change))

    assert str(refused.value).endswith(words)


# -- Statistics --


def test_statistics_are_four_figures():
    stats = iias.IiaStats(
        iia_fetchable=397,
        iia_local_unapproved_partner_approved=0,
        iia_local_approved_partner_unapproved=106,
        iia_both_approved=204,
    )

    for major in (6, 7):
        xml = iias.write_stats_response(stats, major=major)
        assert iias.read_stats_response(xml) == stats
        assert iias.STATS_NAMESPACE[major].encode() in xml
        with pytest.raises(MessageInvalid, match="iia-fetchable: must be an integer, 0 or more"):
            iias.read_stats_response(xml.replace(b">397<", b">-1<"))
