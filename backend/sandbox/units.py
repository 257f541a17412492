"""The organizational units of the sandbox's universities: the HEI itself and two below it."""

from ewp.ids import OunitId
from ewp.messages.common import Text
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
        _unit(FACULTY_ID, "F-1", FACULTY),
        _unit(EXCHANGE_ID, "EX", EXCHANGE),
    )


def _unit(ounit_id: OunitId, code: str, name: str) -> OrganizationalUnit:
    named = (Text(value=name, lang="en"),)
    return OrganizationalUnit(ounit_id=ounit_id, ounit_code=code, names=named, parent_ounit_id=ROOT)
