"""Transcripts by themselves: files, nesting, and what each version has a place for."""

import base64
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree
from unit.ewp.messages import transcripts as made

from ewp.errors import MessageInvalid
from ewp.messages import elmo, elmo_xml
from ewp.messages.common import Text
from ewp.messages.elmo import (
    AttachedFile,
    Attachment,
    Content,
    Credit,
    Elmo,
    Identifier,
    Issuer,
    Learner,
    LearningOpportunityInstance,
    LearningOpportunitySpecification,
    LeftOut,
    Report,
)

SAMPLES = Path(__file__).parents[3] / "samples/elmo"

modest = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


@modest
@given(made.elmos(1))
def test_transcripts_of_version_1_come_back_as_they_were(transcript):
    assert elmo_xml.read(elmo_xml.write(transcript, major=1)) == transcript


@modest
@given(made.elmos(2))
def test_transcripts_of_version_2_come_back_as_they_were(transcript):
    assert elmo_xml.read(elmo_xml.write(transcript, major=2)) == transcript


def test_version_2_0_is_read_although_it_stands_in_the_namespace_of_version_1():
    transcript = elmo_xml.read((SAMPLES / "elmo-2.0-in-namespace-1.xml").read_bytes())

    [report] = transcript.reports
    assert transcript.learner == Learner(
        given_names="Inês",
        family_name="Duarte",
        alternative_name=Text(value="Ines Duarte"),
        date_of_birth=date(2004, 3, 9),
    )
    assert [each.status for each in report.recognitions] == ["Positive"]
    assert report.courses[0].instance.grading_scheme_external_id == "urn:scales:5"


SINCE_2 = {
    "alternative_name": None,
    "country_of_birth": None,
    "recognitions": (),
    "document_type": None,
    "duration": None,
    "grading_scheme_external_id": None,
}


def as_of_version_1(value):
    match value:
        case elmo.CountryCode():
            return elmo.CountryCode(value=value.value)
        case tuple():
            return tuple(map(as_of_version_1, value))
        case msgspec.Struct():
            names = value.__struct_fields__
            kept = {name: as_of_version_1(getattr(value, name)) for name in names}
            gone = {name: absent for name, absent in SINCE_2.items() if name in names}
            if isinstance(value, Report):
                gone["status"] = None
            return type(value)(**kept | gone)
        case _:
            return value


@modest
@given(made.elmos(2))
def test_what_version_1_has_no_place_for_is_left_out_of_it(transcript):
    groups = tuple(
        msgspec.structs.replace(
            of_type,
            titles=of_type.titles[:1],
            groups=tuple(
                msgspec.structs.replace(group, titles=group.titles[:1]) for group in of_type.groups
            ),
        )
        for of_type in transcript.groups
    )
    transcript = msgspec.structs.replace(transcript, groups=groups)

    older = elmo_xml.read(elmo_xml.write(transcript, major=1))

    assert older == as_of_version_1(transcript)


# -- Files --

PDF = base64.b64encode(b"%PDF-1.7").decode()


def file_of(text, **limit):
    xml = (
        f'<elmo xmlns="{elmo_xml.NAMESPACE[2]}">'
        f"<attachment><content>{text}</content></attachment></elmo>"
    ).encode()
    [attachment] = elmo_xml.read(xml, **limit).attachments
    [content] = attachment.contents
    return content.file


def pdf(data):
    return AttachedFile(media_type="application/pdf", data=data)


@pytest.mark.parametrize(
    ("text", "file"),
    [
        (f"data:application/pdf;base64,{PDF}", pdf(b"%PDF-1.7")),
        (f"DATA:Application/PDF;name=a.pdf;BASE64,\n {PDF[:5]}\n\t{PDF[5:]}", pdf(b"%PDF-1.7")),
        (f"data:application/pdf;base64,{PDF.rstrip('=')}", pdf(b"%PDF-1.7")),
        ("data:application/pdf;base64,%2B%2F%3D%3D", pdf(b"\xfb")),
        ("data:text/html,%3Cb%3E", AttachedFile(media_type="text/html", data=b"<b>")),
        ("data:,a", AttachedFile(media_type="text/plain", data=b"a")),
        *(
            (
                f"data:application/pdf;base64,{text}",
                AttachedFile(media_type="application/pdf", left_out=LeftOut.UNREADABLE),
            )
            for text in ("", "=", "A", "@@@@", "JVBERi...", "é", "AA==AA==")
        ),
        *(
            (text, AttachedFile(left_out=LeftOut.UNREADABLE))
            for text in ("data:application/pdf", "https://x.example/a,b", PDF, "javascript:a,")
        ),
    ],
)
def test_a_file_is_what_its_data_uri_holds(text, file):
    assert file_of(text) == file


@pytest.mark.parametrize("start", ["data:text/plain;base64,", "data:text/plain,"])
def test_a_file_over_the_limit_is_left_out(start):
    def text(size):
        data = b"a" * size
        return start + (base64.b64encode(data) if "base64" in start else data).decode()

    too_large = AttachedFile(media_type="text/plain", left_out=LeftOut.TOO_LARGE)
    for size in (1, 2, 3, 300):
        kept = AttachedFile(media_type="text/plain", data=b"a" * size)
        assert file_of(text(size), largest_attachment=size) == kept
        assert file_of(text(size), largest_attachment=size - 1) == too_large


def test_a_printed_transcript_of_some_megabytes_is_read():
    data = bytes(range(256)) * 24_000

    file = file_of(f"data:application/pdf;base64,{base64.b64encode(data).decode()}")

    assert file == pdf(data)


# -- Courses in courses --


def nested(depth):
    opening = (
        "<learningOpportunitySpecification><title>{}</title>"
        "<specifies><learningOpportunityInstance/></specifies>"
    )
    inside = "".join(f"{opening.format(level)}<hasPart>" for level in range(depth))
    closing = "</hasPart></learningOpportunitySpecification>" * depth
    course = f"{opening.format(depth)}</learningOpportunitySpecification>"
    return (
        f'<elmo xmlns="{elmo_xml.NAMESPACE[1]}"><report>{inside}{course}{closing}</report></elmo>'
    ).encode()


def test_courses_nest_as_deep_as_the_door_lets_them():
    [report] = elmo_xml.read(nested(29)).reports

    titles, [course] = [], report.courses
    while True:
        titles.append(course.titles[0].value)
        if not course.parts:
            break
        [course] = course.parts
    assert titles == [str(level) for level in range(30)]


def test_what_is_asked_of_a_transcript_by_type_is_found_in_any_case():
    ids = (Identifier(type="ESI", value="a:ESI:b"), Identifier(type="Schac", value="A.Example"))
    course_ids = (
        Identifier(type="local", value="1"),
        Identifier(type="ewp-los-id", value="CR/2"),
        Identifier(type="ewp-loi-id", value="CRI/3"),
    )
    credits_ = (
        Credit(value=Decimal(1)),
        Credit(scheme="local", value=Decimal(2)),
        Credit(scheme="ects"),
        Credit(scheme="Ects", value=Decimal("7.5")),
    )
    course = LearningOpportunitySpecification(
        identifiers=course_ids,
        instance=LearningOpportunityInstance(identifiers=course_ids, credits=credits_),
    )

    assert (Learner(identifiers=ids).esi, Issuer(identifiers=ids).hei_id) == (
        "a:ESI:b",
        "a.example",
    )
    assert (course.los_id, course.instance.loi_id, course.instance.ects) == (
        "CR/2",
        "CRI/3",
        Decimal("7.5"),
    )
    assert (Learner().esi, Issuer().hei_id, LearningOpportunityInstance().ects) == (
        None,
        None,
        None,
    )


# -- Refusals --


def readable(**changes):
    """A transcript that either version may write, with changes to its only report."""
    issuer = Issuer(
        identifiers=(Identifier(type="schac", value="lindental.example"),),
        titles=(Text(value="Lindental"),),
        url="https://lindental.example",
    )
    report = {"issuer": issuer, "issue_date": made.A_MOMENT} | changes
    return Elmo(
        generated_date=made.A_MOMENT,
        learner=Learner(
            given_names="Inês", family_name="Duarte", alternative_name=Text(value="Ines")
        ),
        reports=(Report(**report),),
    )


def attached(file):
    return {"attachments": (Attachment(contents=(Content(file=file),)),)}


COURSE = LearningOpportunitySpecification(titles=(Text(value="Maps"),))
NO_FILE = "report/attachment/content: must have a media type and bytes"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"issuer": Issuer()}, "report/issuer/identifier: is missing"),
        ({"issue_date": None}, "report/issueDate: is missing"),
        ({"courses": (COURSE,)}, "learningOpportunitySpecification/identifier: is missing"),
        (attached(AttachedFile(left_out=LeftOut.TOO_LARGE)), NO_FILE),
        (attached(AttachedFile(media_type="a/b", data=b"")), NO_FILE),
        (attached(AttachedFile(media_type="a/b;c,d", data=b"x")), NO_FILE),
        (attached(AttachedFile(data=b"x")), NO_FILE),
        ({"attachments": (Attachment(type="Selfie"),)}, "attachment/type: must be one of Diploma"),
        (
            {"status": elmo.ReportStatus(messages=(Text(value="Soon"),))},
            "report/status/code: is missing",
        ),
    ],
)
def test_what_the_schema_would_refuse_is_not_written(changes, words):
    if words is None:
        assert elmo_xml.read(elmo_xml.write(readable(**changes), major=2)) == readable(**changes)
        return
    with pytest.raises(MessageInvalid) as refused:
        elmo_xml.write(readable(**changes), major=2)
    assert words in str(refused.value)


def test_what_only_version_2_asks_for_is_not_asked_for_by_version_1():
    transcript = readable(courses=(COURSE,))
    nameless = msgspec.structs.replace(transcript.learner, alternative_name=None)
    transcript = msgspec.structs.replace(transcript, learner=nameless)

    assert elmo_xml.read(elmo_xml.write(transcript, major=1)) == transcript
    with pytest.raises(MessageInvalid, match="learner/alternativeName: is missing"):
        elmo_xml.write(transcript, major=2)


def test_a_group_has_one_title_in_the_version_that_is_in_use():
    titles = (Text(value="Kind", lang="en"), Text(value="Art", lang="de"))
    transcript = msgspec.structs.replace(
        readable(), groups=(elmo.GroupType(id="kind", titles=titles),)
    )

    assert elmo_xml.read(elmo_xml.write(transcript, major=2)) == transcript
    with pytest.raises(MessageInvalid, match="groups: may have one title"):
        elmo_xml.write(transcript, major=1)


def test_two_results_of_one_course_are_refused_rather_than_chosen_from():
    result = "<learningOpportunityInstance/>"
    xml = nested(0).replace(result.encode(), (result * 2).encode())

    with pytest.raises(MessageInvalid, match="learningOpportunityInstance: is there twice"):
        elmo_xml.read(xml)


def test_another_document_is_refused():
    for xml in (b"<elmo/>", etree.tostring(etree.Element(f"{{{elmo_xml.NAMESPACE[1]}}}report"))):
        with pytest.raises(MessageInvalid, match="is no elmo of version 1, 2"):
            elmo_xml.read(xml)
