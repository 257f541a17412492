"""What a partner says of itself and its units, as ours."""

import pytest

from erasmus_app.ids import HeiId, OunitId
from erasmus_app.institutions.models import Link
from erasmus_app.institutions.places import Institution, Office, PostalAddress, Words
from erasmus_app.partners.institutions import a_unit, address, offices, translated
from ewp.messages import institutions, organizational_units
from ewp.messages.common import Address, Contact, Phone, Text

LINDENTAL = HeiId("lindental.example")
NAME = (Text(value="Lindental", lang="DE"),)


def test_everything_for_the_public_is_taken_over():
    street = Address(
        recipient_names=("Lindental",),
        street_name="Square",
        building_number="1",
        postal_code="1000",
        locality="Lindental",
        country="DE",
    )
    page = Text(value="https://lindental.example/", lang="de")
    found = translated(
        institutions.Hei(
            hei_id=LINDENTAL,
            other_ids=(
                institutions.OtherId(type="erasmus", value="D  LINDENT01"),
                institutions.OtherId(type="pic", value="999"),
            ),
            names=NAME,
            abbreviation="L",
            street_address=street,
            website_urls=(page,),
            logo_url="https://lindental.example/logo.png",
            mobility_factsheet_urls=(page,),
            course_catalogue_urls=(page,),
            contacts=(
                Contact(
                    contact_names=(Text(value="Office"),),
                    phone_numbers=(Phone(e164="+999123"),),
                    emails=("io@lindental.example",),
                    mailing_address=street,
                    role_descriptions=(Text(value="Incoming", lang="en"),),
                ),
            ),
            root_ounit_id=OunitId("root"),
            ounit_ids=(OunitId("root"),),
        )
    )
    where = PostalAddress(
        lines=("Lindental", "Square 1"), postal_code="1000", locality="Lindental", country="DE"
    )
    link = Link(url="https://lindental.example/", language="de")

    assert found == Institution(
        hei_id=LINDENTAL,
        names=(Words(text="Lindental", language="de"),),
        abbreviation="L",
        address=where,
        websites=(link,),
        logo_url="https://lindental.example/logo.png",
        factsheet_links=(link,),
        course_catalogues=(link,),
        contacts=(
            Office(
                names=(Words(text="Office"),),
                roles=(Words(text="Incoming", language="en"),),
                emails=("io@lindental.example",),
                phones=("+999123",),
                mailing_address=where,
            ),
        ),
        erasmus_codes=("D LINDENT01",),
        root_unit_id=OunitId("root"),
    )


@pytest.mark.parametrize(
    "named",
    [
        {"person_given_names": (Text(value="Ruth"),)},
        {"person_family_names": (Text(value="Amsel"),)},
        {"person_gender": 2},
    ],
    ids=lambda named: next(iter(named)),
)
def test_a_person_is_left_out(named: dict[str, object]):
    contact = Contact(contact_names=(Text(value="Ruth Amsel"),), emails=("r@x.example",), **named)  # type: ignore[arg-type]

    assert offices((contact,)) == ()


def test_what_steers_a_screen_or_leads_elsewhere_is_left_out():
    found = a_unit(
        organizational_units.OrganizationalUnit(
            ounit_id=OunitId("u"),
            ounit_code="\u202eU\x07",
            names=(Text(value="\u200b"), Text(value="two\nlines", lang="en")),
            website_urls=(
                Text(value="javascript:alert(1)"),
                Text(value="https://good.example@evil.example/"),
            ),
            logo_url="http://lindental.example/logo.png",
            contacts=(
                Contact(contact_names=(Text(value="\u2066"),)),
                Contact(contact_names=(Text(value="Desk"),), emails=("a@b", "a b@c.example")),
            ),
        )
    )

    assert (found.code, found.names, found.websites, found.logo_url) == (
        "U",
        (Words(text="two lines", language="en"),),
        (),
        None,
    )
    assert found.contacts == (Office(names=(Words(text="Desk"),)),)


def test_a_unit_without_a_name_that_can_be_shown_is_called_by_its_id():
    found = a_unit(organizational_units.OrganizationalUnit(ounit_id=OunitId("u-1"), names=()))

    assert found.names == (Words(text="u-1"),)


def test_an_address_is_lines_above_a_place():
    assert address(Address(address_lines=("A", "A", " ", "B"), region="R")) == PostalAddress(
        lines=("A", "B"), region="R"
    )
    assert address(
        Address(street_name="S", building_name="H", floor="2nd", post_office_box="PO 7")
    ) == PostalAddress(lines=("S", "H", "2nd", "PO 7"))
    assert address(Address()) is None
    assert address(None) is None


def test_of_very_much_a_part_is_kept():
    many = tuple(Contact(contact_names=(Text(value=f"Office {n}"),)) for n in range(1000))

    assert len(offices(many)) == 20
    assert address(Address(recipient_names=tuple(f"line {n}" for n in range(99)))) == PostalAddress(
        lines=tuple(f"line {n}" for n in range(10))
    )
