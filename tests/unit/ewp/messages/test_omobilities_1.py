"""Nominations of version 1: those of version 2, less what that one added."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace
from unit.ewp.messages import strategies as made

from ewp.errors import MessageInvalid
from ewp.messages import omobilities
from ewp.messages.common import Phone, Text

SAMPLE = (Path(__file__).parents[3] / "samples/ewp/omobilities-1-get-response.xml").read_text()
NOMINATION = omobilities.StudentMobilityV2(
    omobility_id="om-2025-0003",
    sending_hei=omobilities.MobilityHei(hei_id="montfort.example", iia_id="MF-12"),
    receiving_hei=omobilities.MobilityHei(hei_id="lindental.example", ounit_id="thl-inf"),
    sending_academic_term_ewp_id="2025/2026-2/2",
    receiving_academic_year_id="2025/2026",
    student=omobilities.StudentV2(
        given_names=(Text(value="Noé"),),
        family_names=(Text(value="Castel"),),
        birth_date=date(2003, 5, 17),
        citizenship="FR",
        gender=1,
        email="noe.castel@montfort.example",
        phone_numbers=(Phone(e164="+33123456"),),
    ),
    status=omobilities.StatusV2.RECOGNIZED,
    planned_arrival_date=date(2026, 3, 2),
    planned_departure_date=date(2026, 7, 31),
    eqf_level_studied_at_nomination=6,
    eqf_level_studied_at_departure=6,
    nominee_isced_f_code="0532",
    nominee_language_skills=(omobilities.LanguageSkill(language="de", cefr_level="B2"),),
)


def test_a_nomination_of_version_1_is_read_as_one_of_version_2_that_says_less():
    assert omobilities.read_get_response(SAMPLE.encode()) == (NOMINATION,)


def test_what_a_partner_has_from_version_2_is_read_as_well():
    added = "</status><activity-attributes>long-term</activity-attributes>"

    [found] = omobilities.read_get_response(SAMPLE.replace("</status>", added).encode())

    assert found == replace(NOMINATION, activity_attributes="long-term")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("<omobility-id>om-2025-0003<", "<omobility-id><", "omobility-id: is missing"),
        ("<status>recognized<", "<status>approved<", "status: must be one of nomination, live"),
        ("<family-name>Castel</family-name>", "", "student/family-name: is missing"),
        ("<hei-id>lindental.example<", "<hei-id>-<", "receiving-hei/hei-id: must be a SCHAC"),
    ],
)
def test_a_nomination_of_version_1_is_refused_with_the_rule_and_its_place(old, new, words):
    assert old in SAMPLE

    with pytest.raises(MessageInvalid) as refused:
        omobilities.read_get_response(SAMPLE.replace(old, new).encode())

    start = "omobilities-get-response/student-mobility-for-studies/"
    assert str(refused.value).startswith(start + words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"activity_type": "student-studies"}, "version 1 knows no activity"),
        ({"activity_attributes": "long-term"}, "version 1 knows no activity"),
        (
            {"additional_requirements": (omobilities.AdditionalRequirement(name="a", file="f"),)},
            "version 1 knows no activity and no additional requirements",
        ),
        ({"sending_academic_term_ewp_id": None}, "needs either a sending academic term"),
    ],
)
def test_what_version_1_cannot_say_is_not_written_in_it(changes, words):
    with pytest.raises(MessageInvalid, match=words):
        omobilities.write_get_response([replace(NOMINATION, **changes)], major=1)


modest = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def older(mobility):
    nothing_newer = {"activity_type": None, "activity_attributes": None}
    return replace(mobility, additional_requirements=(), **nothing_newer)


@modest
@given(made.structs(omobilities.StudentMobilityV2).map(older), made.INDEXES)
def test_nominations_of_version_1_come_back_as_they_were(mobility, ids):
    xml = omobilities.write_get_response([mobility, NOMINATION], major=1)

    assert omobilities.read_get_response(xml) == (mobility, NOMINATION)
    assert omobilities.read_index_response(omobilities.write_index_response(ids, major=1)) == ids
