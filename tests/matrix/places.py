"""What the students' universities publish of themselves; the same for everybody."""

from factories import LINDENTAL
from fed import OUTONO, RIBEIRA
from matrix.people import NOW
from testbed import Bed

from erasmus_app.ids import OunitId
from erasmus_app.institutions.models import Link
from erasmus_app.institutions.places import (
    Institution,
    Office,
    OrganizationalUnit,
    PostalAddress,
    Words,
)
from erasmus_app.institutions.ports import PageAnswer
from erasmus_app.store.institutions import InstitutionTable

WHERE = PostalAddress(
    lines=("University Square 1",),
    postal_code="1000",
    locality="Somewhere",
    region="There",
    country="PT",
)
DESK = Office(
    names=(Words(text="International Office", language="en"),),
    roles=(Words(text="Incoming students", language="en"),),
    emails=("office@uni.example",),
    phones=("+999123456",),
    address=WHERE,
    mailing_address=WHERE,
)
PAGE = Link(url="https://uni.example/", language="en")


def _unit(name: str, parent: str | None) -> OrganizationalUnit:
    return OrganizationalUnit(
        ounit_id=OunitId(name),
        code=name.upper(),
        parent_id=OunitId(parent) if parent else None,
        names=(Words(text=f"The {name}", language="en"),),
        abbreviation=name[:1],
        address=WHERE,
        mailing_address=WHERE,
        websites=(PAGE,),
        logo_url="https://uni.example/logo.png",
        factsheet_links=(PAGE,),
        contacts=(DESK,),
    )


async def have_places(bed: Bed) -> None:
    """Keep the same of each university, and of a partner that is silent today."""
    table = InstitutionTable(bed.app.database)
    for hei in (RIBEIRA, OUTONO, LINDENTAL):
        value = Institution(
            hei_id=hei,
            names=(Words(text="A university", language="en"),),
            abbreviation="U",
            erasmus_codes=("P UNI01",),
            address=WHERE,
            mailing_address=WHERE,
            websites=(PAGE,),
            logo_url="https://uni.example/logo.png",
            factsheet_links=(PAGE,),
            course_catalogues=(PAGE,),
            contacts=(DESK,),
            root_unit_id=OunitId("root"),
            units=(_unit("root", None), _unit("faculty", "root"), _unit("desk", "faculty")),
        )
        answer = PageAnswer(value=value, xml=b"<hei/>", signed_by=None)
        await table.save(hei, RIBEIRA, answer, NOW)
        await table.failed(hei, RIBEIRA, "partner_unreachable", NOW)
