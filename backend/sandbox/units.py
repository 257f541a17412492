"""The organizational units of the sandbox's universities: the HEI itself and two below it.

Each has an office, and one person who is named to the network: what is kept of whom can be seen.
"""

from ewp.ids import OunitId
from ewp.messages.common import Address, Contact, Phone, Text
from ewp.messages.organizational_units import OrganizationalUnit
from sandbox.cast import University

FACULTY = "Faculty of Sciences and Letters"
EXCHANGE = "Department of Exchange Studies"
ROOT, FACULTY_ID, EXCHANGE_ID = OunitId("hei"), OunitId("faculty-1"), OunitId("exchange")


def units_of(university: University) -> tuple[OrganizationalUnit, ...]:
    """Return the units, the root first."""
    names = tuple(Text(value=name, lang=lang) for lang, name in university.names.items())
    return (
        OrganizationalUnit(ounit_id=ROOT, ounit_code="0", names=names),
        _unit(FACULTY_ID, "F-1", FACULTY, ROOT, university),
        _unit(EXCHANGE_ID, "EX", EXCHANGE, FACULTY_ID, university),
    )


def _unit(
    ounit_id: OunitId, code: str, name: str, parent: OunitId, university: University
) -> OrganizationalUnit:
    return OrganizationalUnit(
        ounit_id=ounit_id,
        ounit_code=code,
        names=(Text(value=name, lang="en"),),
        abbreviation=code,
        parent_ounit_id=parent,
        street_address=address_of(university, name),
        website_urls=(Text(value=f"{university.website}/{ounit_id}", lang="en"),),
        contacts=(
            Contact(
                contact_names=(Text(value="Front desk", lang="en"),),
                phone_numbers=(Phone(e164="+999123457"),),
                emails=(f"{ounit_id}@{university.hei_id}",),
            ),
        ),
    )


def address_of(university: University, recipient: str) -> Address:
    """Return where somebody at a university is."""
    return Address(
        recipient_names=(recipient,),
        street_name="University Square",
        building_number="1",
        postal_code="1000",
        locality=university.locality,
        country=university.country,
    )


def contacts_of(university: University) -> tuple[Contact, ...]:
    """Return the international office, and the person who coordinates."""
    person = university.coordinator
    return (
        Contact(
            contact_names=(Text(value="International Office", lang="en"),),
            phone_numbers=(Phone(e164="+999123456", ext="7"),),
            emails=(f"office@{university.hei_id}",),
            mailing_address=Address(
                address_lines=("International Office", "PO Box 7"),
                postal_code="1001",
                locality=university.locality,
                country=university.country,
            ),
            role_descriptions=(Text(value="Incoming and outgoing students", lang="en"),),
        ),
        Contact(
            contact_names=(Text(value=f"{person.given_names} {person.family_name}"),),
            person_given_names=(Text(value=person.given_names),),
            person_family_names=(Text(value=person.family_name),),
            emails=(person.email,),
            role_descriptions=(Text(value=person.position),),
        ),
    )
