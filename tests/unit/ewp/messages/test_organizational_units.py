"""Organizational units: as partners write them, as they are refused, and there and back."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from unit.ewp.messages import strategies as made

from ewp.errors import MessageInvalid
from ewp.messages.common import Address, Contact, Phone, Text
from ewp.messages.organizational_units import (
    NAMESPACE,
    OrganizationalUnit,
    read_response,
    write_response,
)

SAMPLE = (Path(__file__).parents[3] / "samples/ewp/ounits-2-response.xml").read_text()
UNITS = (
    OrganizationalUnit(
        ounit_id="thl-inf",
        ounit_code="FB 4",
        names=(
            Text(value="Fachbereich Informatik & Kartographie", lang="de"),
            Text(value="Department of Computing and Maps", lang="en"),
        ),
        abbreviation="IK",
        parent_ounit_id="thl",
        street_address=Address(
            building_number="7", street_name="Am Lindenhang", locality="Lindental", country="DE"
        ),
        website_urls=(Text(value="https://inf.lindental.example/", lang="de"),),
        logo_url="https://inf.lindental.example/logo.svg",
        mobility_factsheet_urls=(Text(value="https://inf.lindental.example/erasmus.pdf"),),
        contacts=(
            Contact(
                contact_names=(Text(value="Erasmus+ coordinator"),),
                person_given_names=(Text(value="Uta"),),
                person_family_names=(Text(value="Birnbaum"),),
                phone_numbers=(Phone(e164="+49123459"),),
                emails=("uta.birnbaum@lindental.example",),
            ),
        ),
    ),
    OrganizationalUnit(ounit_id="thl", names=(Text(value="Technische Hochschule Lindental"),)),
)


@pytest.mark.parametrize("major", NAMESPACE)
def test_units_are_read_as_a_careless_partner_writes_them(major):
    xml = SAMPLE.replace("stable-v2", f"stable-v{major}").encode()

    assert read_response(xml) == UNITS


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("<ounit-id>thl-inf</ounit-id>", "", "/ounit/ounit-id: is missing"),
        ("<ounit-id>thl-inf<", "<ounit-id> <", "/ounit/ounit-id: is missing"),
        ("<ounit-id>thl-inf<", "<ounit-id>thl inf<", "/ounit/ounit-id: must be 1 to 64"),
        ("<name>Technische Hochschule Lindental</name>", "", "/ounit/name: is missing"),
        ("<parent-ounit-id>thl<", "<parent-ounit-id>t h<", "/ounit/parent-ounit-id: must be 1 to"),
        ("tree/stable-v2", "tree/stable-v3", " is no ounits-response of version 1, 2"),
    ],
)
def test_a_unit_that_cannot_be_named_or_placed_is_refused(old, new, words):
    assert old in SAMPLE

    with pytest.raises(MessageInvalid) as refused:
        read_response(SAMPLE.replace(old, new).encode())

    assert words in f" {refused.value}"


def test_a_unit_without_a_code_or_a_name_is_not_written():
    with pytest.raises(MessageInvalid, match="ounits-response/ounit/ounit-code: is missing"):
        write_response(UNITS[1:])
    with pytest.raises(MessageInvalid, match="ounits-response/ounit/name: is missing"):
        write_response([OrganizationalUnit(ounit_id="thl", ounit_code="1", names=())])


modest = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


@modest
@given(made.lists_of(OrganizationalUnit))
def test_units_come_back_as_they_were(units):
    for major in NAMESPACE:
        assert read_response(write_response(units, major=major)) == units
