"""Transcripts as they stand in EWP's answers, and the forms that ask for them."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from unit.ewp.messages import strategies as made
from unit.ewp.messages import transcripts

from ewp.errors import MessageInvalid
from ewp.messages import elmo
from ewp.messages import imobility_tors as tors
from ewp.messages.common import Address, Text
from ewp.messages.elmo import (
    AttachedFile,
    Attachment,
    Content,
    Credit,
    Identifier,
    Issuer,
    Learner,
    LearningOpportunityInstance,
    LearningOpportunitySpecification,
    LeftOut,
    Level,
    ResultStatus,
)

SAMPLES = Path(__file__).parents[3] / "samples/ewp"

modest = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def sample(name, *changes):
    xml = (SAMPLES / f"{name}.xml").read_bytes()
    for old, new in changes:
        assert old.encode() in xml
        xml = xml.replace(old.encode(), new.encode())
    return xml


def english(text):
    return Text(value=text, lang="en")


def local(value):
    return Identifier(type="local", value=value)


def part(id_, title, instance=LearningOpportunityInstance(), parts=()):  # noqa: B008 - frozen
    return LearningOpportunitySpecification(
        identifiers=(local(id_),), titles=(Text(value=title),), instance=instance, parts=parts
    )


RESULT = LearningOpportunityInstance(
    identifiers=(Identifier(type="ewp-loi-id", value="MODI/maps-26"),),
    start=date(2026, 10, 12),
    result_date=date(2027, 2, 8),
    academic_term=elmo.AcademicTerm(
        titles=(english("Winter 2026/27"),), start=date(2026, 10, 1), end=date(2027, 3, 31)
    ),
    duration="P6M",
    status=ResultStatus.PASSED,
    grading_scheme_local_id="de-5",
    grading_scheme_external_id="urn:scales:5",
    result_label="1,7",
    shortened_grading=elmo.ShortenedGrading(
        percentage_lower=Decimal("62.5"),
        percentage_equal=Decimal("21.5"),
        percentage_higher=Decimal(16),
    ),
    result_distribution=elmo.ResultDistribution(
        categories=(
            elmo.ResultCategory(label="1,0", count=4),
            elmo.ResultCategory(label="1,7", count=9),
        ),
        descriptions=(english("The last two years"),),
    ),
    credits=(
        Credit(scheme="local", value=Decimal(3)),
        Credit(scheme="ECTS", value=Decimal("7.50")),
    ),
    levels=(Level(type="EQF", description=Text(value="European framework"), value="6"),),
    language_of_instruction="de",
    engagement_hours=Decimal("210.5"),
    attachment_refs=("a-1", "a-2"),
    grouping=elmo.Grouping(typeref="kind", idref="must"),
)
COURSE = LearningOpportunitySpecification(
    identifiers=(Identifier(type="ewp-los-id", value="MOD/maps"), local("M-7")),
    titles=(Text(value="Karten und Gelände", lang="de"), english("Maps & terrain")),
    type="Module",
    subject_area="geodesy",
    isced_code="0532",
    url="https://www.lindental.example/m/7",
    descriptions=(english("One lecture,\none week outside."),),
    html_descriptions=(english("<p>One lecture</p>"),),
    document_type="Certificate",
    instance=RESULT,
    parts=(
        part(
            "M-7-L",
            "Lecture",
            LearningOpportunityInstance(status=ResultStatus.IN_PROGRESS),
            parts=(part("M-7-L-1", "Exercises"),),
        ),
        part(
            "M-7-F",
            "Field week",
            LearningOpportunityInstance(status=ResultStatus.FAILED, result_label="5,0"),
        ),
    ),
)
RECOGNITION = elmo.ResultOfRecognition(
    identifiers=(local("rec-1"),),
    titles=(Text(value="Cartography"),),
    descriptions=(Text(value="As a free elective"),),
    subject_area="geodesy",
    isced_code="0532",
    status="Partially Positive",
    decision_date=date(2027, 3, 2),
    results=(part("CART", "Cartografia"),),
    mappings=(elmo.RecognitionMapping(from_refs=("M-7", "M-8"), to_refs=("CART",)),),
    attachment_refs=("a-2",),
)
PRINTED = Attachment(
    identifiers=(local("a-1"),),
    titles=(english("Transcript of Records"),),
    type="Transcript of Records",
    descriptions=(english("Signed by the dean"),),
    contents=(
        Content(
            file=AttachedFile(media_type="application/pdf", data=b"%PDF-1.7\n% a transcript\n"),
            lang="en",
        ),
    ),
)


def test_a_transcript_of_version_3():
    report = elmo.Report(
        issuer=Issuer(
            country=elmo.CountryCode(value="DE", type="ISO"),
            identifiers=(Identifier(type="schac", value="Lindental.example"),),
            titles=(Text(value="Universität Lindental", lang="de"),),
            url="https://www.lindental.example",
        ),
        courses=(COURSE,),
        recognitions=(RECOGNITION,),
        issue_date=datetime(2027, 2, 19, tzinfo=UTC),
        grading_schemes=(
            elmo.GradingScheme(
                local_id="de-5", descriptions=(english("1 is the best, 4 is enough, 5 is not"),)
            ),
        ),
        status=elmo.ReportStatus(
            code=elmo.ReportCode.PARTIAL_TEMPORARY,
            messages=(english("One examination is still to be marked."),),
        ),
        attachments=(PRINTED,),
    )
    assert tors.read_get_response(sample("imobility-tors-3-get-response")) == (
        tors.Tor(
            omobility_id="om-2026-0117",
            receiving_academic_year_id="2026/2027",
            elmo=elmo.Elmo(
                generated_date=datetime(2027, 2, 20, 9, 30, tzinfo=timezone(timedelta(hours=1))),
                learner=Learner(
                    identifiers=(
                        Identifier(
                            type="esi",
                            value="urn:schac:personalUniqueCode:int:esi:ribeira.example:2026117",
                        ),
                    ),
                    given_names="Inês",
                    family_name="Duarte",
                    alternative_name=Text(value="Ines Duarte", lang="pt-x-ascii"),
                    date_of_birth=date(2004, 3, 9),
                    citizenship=elmo.CountryCode(value="PT", type="ISO"),
                    place_of_birth="Porto",
                    country_of_birth=elmo.CountryCode(
                        value="https://vocabulary.example/country/PRT", type="URI"
                    ),
                    birth_name="Duarte Pires",
                    current_address=Address(address_lines=("Am Hang 4",), country="DE"),
                    gender=2,
                ),
                reports=(report,),
                attachments=(
                    Attachment(
                        identifiers=(local("a-2"),),
                        titles=(Text(value="Reading list"),),
                        type="Other",
                        contents=(
                            Content(
                                file=AttachedFile(media_type="text/plain", data=b"Maps, a history")
                            ),
                            Content(
                                file=AttachedFile(
                                    media_type="text/plain", data=b"Karten, eine Geschichte"
                                ),
                                lang="de",
                            ),
                        ),
                    ),
                ),
                groups=(
                    elmo.GroupType(
                        id="kind",
                        titles=(english("Kind"),),
                        groups=(
                            elmo.Group(
                                id="must", sorting_key="1", titles=(Text(value="Compulsory"),)
                            ),
                        ),
                    ),
                ),
            ),
            grade_conversion=(
                tors.IscedTable(
                    isced_code="0532",
                    frequencies=(
                        tors.GradeFrequency(label="1,0", percentage=Decimal("12.5")),
                        tors.GradeFrequency(label="1,7", percentage=Decimal("87.5")),
                    ),
                ),
            ),
        ),
    )


def test_transcripts_of_version_2_as_a_careless_partner_writes_them():
    unreadable = AttachedFile(media_type="application/pdf", left_out=LeftOut.UNREADABLE)
    files = (
        unreadable,
        AttachedFile(left_out=LeftOut.UNREADABLE),
        unreadable,
        AttachedFile(media_type="application/pdf", data=b"%PDF"),
    )
    course = LearningOpportunitySpecification(
        titles=(Text(value="Étude <du> terrain"),),
        type="Cours",
        instance=LearningOpportunityInstance(
            status=ResultStatus.PASSED,
            result_label="14/20",
            result_distribution=elmo.ResultDistribution(
                categories=(elmo.ResultCategory(label="14/20"),)
            ),
            credits=(Credit(scheme="ects", level="Master"), Credit(value=Decimal("2.5"))),
            levels=(Level(value="6"),),
        ),
        parts=tuple(
            LearningOpportunitySpecification(titles=(Text(value=title),))
            for title in ("Un", "Deux")
        ),
    )
    assert tors.read_get_response(sample("imobility-tors-2-get-response")) == (
        tors.Tor(
            omobility_id="om-2026-0203",
            elmo=elmo.Elmo(
                learner=Learner(
                    identifiers=(
                        Identifier(
                            type="ESI",
                            value="urn:schac:personalUniqueCode:int:esi:ribeira.example:2026203",
                        ),
                    ),
                    given_names="Tiago",
                    family_name="Moreira",
                    date_of_birth=date(2003, 11, 30),
                    citizenship=elmo.CountryCode(value="PT"),
                ),
                reports=(
                    elmo.Report(
                        issuer=Issuer(
                            identifiers=(Identifier(type="schac", value="clairval.example"),),
                            titles=(Text(value="Université de Clairval"),),
                        ),
                        courses=(course,),
                        issue_date=datetime(2027, 2, 10, 8, tzinfo=UTC),
                        attachments=(
                            Attachment(contents=tuple(Content(file=each) for each in files)),
                        ),
                    ),
                ),
            ),
        ),
        tors.Tor(
            omobility_id="om-2026-0204",
            elmo=elmo.Elmo(),
            grade_conversion=(tors.IscedTable(frequencies=(tors.GradeFrequency(label="12"),)),),
        ),
    )


def test_files_are_left_out_where_only_the_results_are_wanted():
    [tor] = tors.read_get_response(sample("imobility-tors-3-get-response"), largest_attachment=0)

    attachments = (*tor.elmo.reports[0].attachments, *tor.elmo.attachments)
    assert [
        (content.file.data, content.file.left_out)
        for each in attachments
        for content in each.contents
    ] == [(None, LeftOut.TOO_LARGE)] * 3
    assert tor.elmo.reports[0].courses == (COURSE,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("<omobility-id>om-2026-0117<", "<omobility-id><"), "tor/omobility-id: is missing"),
        (
            ("<omobility-id>om-2026-0117<", "<omobility-id>om 2026<"),
            "tor/omobility-id: must be 1 to 64 printable ASCII characters",
        ),
        (("elmo-schemas/tree/v2", "elmo-schemas/tree/v1"), "tor/elmo: is missing"),
        (
            ("</tor>", '<elmo xmlns="https://github.com/emrex-eu/elmo-schemas/tree/v2"/></tor>'),
            "tor/elmo: is there twice",
        ),
        (("stable-v3", "stable-v4"), "is no imobility-tors-get-response of version 1, 2, 3"),
    ],
)
def test_what_is_no_transcript_of_a_mobility_is_refused(change, words):
    with pytest.raises(MessageInvalid) as refused:
        tors.read_get_response(sample("imobility-tors-3-get-response", change))

    assert str(refused.value).endswith(words)
    assert "2026" not in str(refused.value)


def test_version_3_is_not_written_without_its_year():
    [tor, *_] = tors.read_get_response(sample("imobility-tors-3-get-response"))
    tor = tors.Tor(omobility_id=tor.omobility_id, elmo=tor.elmo)

    assert tors.read_get_response(tors.write_get_response([tor], major=2))
    with pytest.raises(MessageInvalid, match="tor/receiving-academic-year-id: is missing"):
        tors.write_get_response([tor], major=3)


@pytest.mark.parametrize("major", tors.MAJORS)
def test_transcripts_come_back_as_they_were(major):
    @modest
    @given(transcripts.tors(major))
    def come_back(issued):
        xml = tors.write_get_response(issued, major=major)
        assert tors.read_get_response(xml) == issued

    come_back()


@pytest.mark.parametrize("major", tors.MAJORS)
def test_an_answer_without_transcripts_is_an_empty_root(major):
    assert tors.read_get_response(tors.write_get_response([], major=major)) == ()


@modest
@given(made.INDEXES)
def test_indexes_come_back_in_their_order(ids):
    for major in tors.MAJORS:
        assert tors.read_index_response(tors.write_index_response(ids, major=major)) == ids


def test_the_years_of_the_statistics_come_back():
    years = tuple(
        tors.YearStats(receiving_academic_year_id=f"{year}/{year + 1}", imobility_tor_total=total)
        for year, total in ((2025, 0), (2026, 3104))
    )

    assert tors.read_stats_response(tors.write_stats_response(years)) == years


SINCE = datetime(2027, 2, 12, 15, 19, 21, 500, tzinfo=timezone(timedelta(hours=1)))


def test_older_versions_are_asked_for_a_receiving_hei_and_for_senders():
    for major in (1, 2):
        assert tors.get_parameters("l.example", ["a", "b"], major=major) == [
            ("receiving_hei_id", "l.example"),
            ("omobility_id", "a"),
            ("omobility_id", "b"),
        ]
        assert tors.index_parameters(
            "l.example",
            major=major,
            sending_hei_ids=["r.example", "m.example"],
            receiving_academic_year_id="2026/2027",
            modified_since=SINCE,
        ) == [
            ("receiving_hei_id", "l.example"),
            ("sending_hei_id", "r.example"),
            ("sending_hei_id", "m.example"),
            ("modified_since", "2027-02-12T15:19:21+01:00"),
        ]


def test_version_3_is_asked_for_no_hei_but_for_a_year():
    assert tors.get_parameters("l.example", ["a"], major=3) == [("omobility_id", "a")]
    assert tors.index_parameters("l.example", major=3, sending_hei_ids=["r.example"]) == []
    assert tors.index_parameters(
        "l.example", major=3, receiving_academic_year_id="2026/2027", modified_since=SINCE
    ) == [
        ("receiving_academic_year_id", "2026/2027"),
        ("modified_since", "2027-02-12T15:19:21+01:00"),
    ]
