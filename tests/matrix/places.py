"""What the students' universities publish of themselves, and where they let students go."""

from decimal import Decimal

import msgspec
from factories import LINDENTAL
from fed import OUTONO, RIBEIRA
from matrix.people import NOW
from testbed import Bed

from erasmus_app.ids import AcademicYearId, IiaId, OunitId
from erasmus_app.institutions.agreements import (
    AgreementCopy,
    Cooperation,
    CooperationKind,
    LanguageSkill,
    SubjectArea,
)
from erasmus_app.institutions.models import Link
from erasmus_app.institutions.places import (
    Institution,
    Office,
    OrganizationalUnit,
    PostalAddress,
    Words,
)
from erasmus_app.institutions.ports import PageAnswer
from erasmus_app.store.agreements import AgreementTable
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


AREA = SubjectArea(code="0613", clarification="Software")
ROW = Cooperation(
    kind=CooperationKind.STUDIES,
    sending=RIBEIRA,
    receiving=LINDENTAL,
    receiving_unit=OunitId("faculty"),
    first_year=AcademicYearId("2020/2021"),
    last_year=AcademicYearId("2090/2091"),
    per_year=2,
    months_per_year=Decimal(10),
    languages=(LanguageSkill(language="en", level="B2", subject_area=AREA),),
    subject_areas=(AREA,),
    levels=(6, 7),
    blended=False,
    terms="A room cannot be promised.",
    contacts=(DESK,),
)


async def have_agreements(bed: Bed) -> None:
    """Keep one of each covered university, with its partner's copy and its approval."""
    table = AgreementTable(bed.app.database)
    for hei in (RIBEIRA, OUTONO):
        students = msgspec.structs.replace(ROW, sending=hei)
        staff = msgspec.structs.replace(
            students,
            kind=CooperationKind.TEACHING,
            months_per_year=None,
            days_per_year=Decimal(5),
        )
        ours = AgreementCopy(
            hei_id=hei,
            iia_id=IiaId("ours"),
            code="OURS",
            partner_id=LINDENTAL,
            partner_iia_id=IiaId("theirs"),
            in_effect=True,
            cooperations=(students, staff),
            carried="a" * 64,
            computed="a" * 64,
        )
        theirs = msgspec.structs.replace(
            ours,
            hei_id=LINDENTAL,
            iia_id=IiaId("theirs"),
            partner_id=hei,
            partner_iia_id=IiaId("ours"),
        )
        await table.save(hei, [ours, theirs], NOW)
        await table.approved(hei, LINDENTAL, {IiaId("ours"): "a" * 64})
        for each in (hei, LINDENTAL):
            await table.failed(hei, each, "partner_unreachable", NOW)
