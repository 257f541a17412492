"""The organizational units that the host's university shows."""

from ewp.messages.common import Text
from ewp.messages.organizational_units import OrganizationalUnit

UNITS = tuple(
    OrganizationalUnit(
        ounit_id=id_,
        ounit_code=code,
        names=(Text(value=name, lang="de"),),
        parent_ounit_id=parent,
    )
    for id_, code, name, parent in (
        ("thl", "0", "Universität Lindental", None),
        ("inf", "FB 4", "Informatik & Kartographie", "thl"),
        ("old/inf", "FB 4", "Informatik <bis 2019>", "thl"),
    )
)


class Units:
    """The part of the store that has them."""

    async def ounits_by_id(self, ids):
        return self.units_where(ids, lambda unit: unit.ounit_id in ids)

    async def ounits_by_code(self, codes):
        return self.units_where(codes, lambda unit: unit.ounit_code in codes)

    def units_where(self, asked, fits):
        self.asked.append(asked)
        if self.broken:
            raise ConnectionResetError("Kartographie")
        return [unit for unit in UNITS if fits(unit)]
