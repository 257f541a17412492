"""What institutions say of themselves: addresses, offices, units. For everybody."""

from collections.abc import Callable
from typing import TypeVar

import strawberry

from erasmus_app.api.context import Info, awaited
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, PART, PUBLIC
from erasmus_app.api.schema.connections import Connection, asked, page
from erasmus_app.api.schema.pages import Link, PageSource
from erasmus_app.api.schema.records import OfRecord
from erasmus_app.ids import HeiId
from erasmus_app.institutions import models, places
from erasmus_app.institutions.places import Institution, KnownInstitution, as_a_tree, in_language
from erasmus_app.mobilities.models import AgreementEnd, HeiEnd, LearningAgreement, Nomination
from erasmus_app.mobilities.ports import StoredMobility

T = TypeVar("T")

API = "institutions"


@access.rule(PART)
@strawberry.type(description="Where something is, or where letters go.")
class PostalAddress:
    """An address."""

    lines: list[str] = strawberry.field(
        description="What stands above the place: who, street and number, building, box."
    )
    postal_code: str | None = strawberry.field(description="As it is written there.")
    locality: str | None = strawberry.field(description="City or village.")
    region: str | None = strawberry.field(description="Where the country's addresses have one.")
    country: str | None = strawberry.field(description="ISO 3166-1, two letters.")

    @classmethod
    def of(cls, known: places.PostalAddress | None) -> "PostalAddress | None":
        """Make it from ours; None where nothing is known."""
        if known is None:
            return None
        return cls(
            lines=list(known.lines),
            postal_code=known.postal_code,
            locality=known.locality,
            region=known.region,
            country=known.country,
        )


@access.rule(PART)
@strawberry.type(description="A text in one of the languages that an institution writes.")
class LocalText:
    """A text and its language."""

    text: str = strawberry.field(description="The text, as the institution wrote it.")
    language: str | None = strawberry.field(
        description="BCP 47 in lower case; null where it is not said."
    )

    @classmethod
    def of(cls, words: tuple[places.Words, ...]) -> "list[LocalText]":
        """Make them from ours."""
        return [cls(text=each.text, language=each.language) for each in words]


@access.rule(PART)
@strawberry.type(
    description="An office that an institution names as a contact. Persons are not among them: "
    "a student's own contacts stand in the learning agreement."
)
class ContactPoint:
    """A contact that is no person."""

    name: str = strawberry.field(description="In the language of the request, else as there is.")
    role: str | None = strawberry.field(description="What it is there for, likewise.")
    emails: list[str] = strawberry.field(description="E-mail addresses.")
    phones: list[str] = strawberry.field(description="Telephones, international where known.")
    address: PostalAddress | None = strawberry.field(description="Where it is.")
    mailing_address: PostalAddress | None = strawberry.field(description="Where letters go.")

    @classmethod
    def of(cls, known: tuple[places.Office, ...], language: str) -> "list[ContactPoint]":
        """Make them from ours."""
        return [
            cls(
                name=in_language(each.names, language) or "",
                role=in_language(each.roles, language),
                emails=list(each.emails),
                phones=list(each.phones),
                address=PostalAddress.of(each.address),
                mailing_address=PostalAddress.of(each.mailing_address),
            )
            for each in known
        ]


@access.rule(PART)
@strawberry.type(description="A faculty, department or office of an institution.")
class OrganizationalUnit:
    """A unit."""

    unit_id: str = strawberry.field(description="Its id at its institution (`ounit-id`).")
    code: str | None = strawberry.field(description="For people; not always unique.")
    name: str = strawberry.field(description="In the language of the request, else as there is.")
    names: list[LocalText] = strawberry.field(description="In each language that there is.")
    abbreviation: str | None = strawberry.field(description="A short name.")
    parent_id: str | None = strawberry.field(
        description="The `unitId` of what it is a part of; it may be one that nobody shows."
    )
    address: PostalAddress | None = strawberry.field(description="Where it is.")
    mailing_address: PostalAddress | None = strawberry.field(description="Where letters go.")
    websites: list[Link] = strawberry.field(description="Its pages.")
    logo_url: str | None = strawberry.field(description="A picture; https.")
    factsheet_links: list[Link] = strawberry.field(
        description="Pages or files for exchange students."
    )
    contacts: list[ContactPoint] = strawberry.field(description="Its offices.")
    source: PageSource = strawberry.field(description="Where this is written, and how fresh.")

    @classmethod
    def of(
        cls, unit: places.OrganizationalUnit, known: KnownInstitution, language: str
    ) -> "OrganizationalUnit":
        """Make it from ours."""
        return cls(
            unit_id=unit.ounit_id,
            code=unit.code,
            name=in_language(unit.names, language) or unit.ounit_id,
            names=LocalText.of(unit.names),
            abbreviation=unit.abbreviation,
            parent_id=unit.parent_id,
            address=PostalAddress.of(unit.address),
            mailing_address=PostalAddress.of(unit.mailing_address),
            websites=Link.of(unit.websites),
            logo_url=unit.logo_url,
            factsheet_links=Link.of(unit.factsheet_links),
            contacts=ContactPoint.of(unit.contacts, language),
            source=PageSource.of(API, known),
        )


@access.rule(PART)
@strawberry.type(description="A unit in its place among those of its institution.")
class UnitInTree:
    """A unit and how deep it stands."""

    depth: int = strawberry.field(
        description="0 for the institution itself and for what stands beside it."
    )
    unit: OrganizationalUnit = strawberry.field(description="The unit.")


@strawberry.type
class OfPlace:
    """What an institution says of itself.

    None of the fields is an `async def`: all that an answer has of it come by one read, so that
    each costs little.
    """

    hei_id: strawberry.Private[str]

    @access.field(
        PUBLIC,
        description="Whether it is known what the institution says of itself (`names` to `units`), "
        "and how fresh that is. They are null where it is not known.",
    )
    def institution_source(self, info: Info) -> PageSource:
        """Return it."""
        return awaited(_told(self.hei_id, info, lambda known: PageSource.of(API, known)))

    @access.field(PUBLIC, description="Its name in each language that it gives.")
    def names(self, info: Info) -> list[LocalText] | None:
        """Return them."""
        return _said(self.hei_id, info, lambda said: LocalText.of(said.names))

    @access.field(PUBLIC, description="A short name.")
    def abbreviation(self, info: Info) -> str | None:
        """Return it."""
        return _said(self.hei_id, info, lambda said: said.abbreviation)

    @access.field(PUBLIC, description="Its Erasmus codes (`P LISBOA01`), as it gives them.")
    def erasmus_codes(self, info: Info) -> list[str] | None:
        """Return them."""
        return _said(self.hei_id, info, lambda said: list(said.erasmus_codes))

    @access.field(PUBLIC, description="Where it is.")
    def address(self, info: Info) -> PostalAddress | None:
        """Return it."""
        return _said(self.hei_id, info, lambda said: PostalAddress.of(said.address))

    @access.field(PUBLIC, description="Where letters go.")
    def mailing_address(self, info: Info) -> PostalAddress | None:
        """Return it."""
        return _said(self.hei_id, info, lambda said: PostalAddress.of(said.mailing_address))

    @access.field(
        PUBLIC,
        description="Its page in the language of the request, else in English, else the first.",
    )
    def website(self, info: Info) -> Link | None:
        """Choose it among those that it gives."""
        language = info.context.language
        return _said(self.hei_id, info, lambda said: _page_in(said.websites, language))

    @access.field(PUBLIC, description="A picture; https.")
    def logo_url(self, info: Info) -> str | None:
        """Return it."""
        return _said(self.hei_id, info, lambda said: said.logo_url)

    @access.field(PUBLIC, description="Pages or files for exchange students.")
    def factsheet_links(self, info: Info) -> list[Link] | None:
        """Return them."""
        return _said(self.hei_id, info, lambda said: Link.of(said.factsheet_links))

    @access.field(PUBLIC, description="Where its courses are listed.")
    def course_catalogues(self, info: Info) -> list[Link] | None:
        """Return them."""
        return _said(self.hei_id, info, lambda said: Link.of(said.course_catalogues))

    @access.field(PUBLIC, description="Its offices.")
    def contacts(self, info: Info) -> list[ContactPoint] | None:
        """Return them."""
        language = info.context.language
        return _said(self.hei_id, info, lambda said: ContactPoint.of(said.contacts, language))

    @access.field(
        PUBLIC,
        description="Its units, each behind what it is a part of; null where they could not be "
        "asked for. At most a hundred at once.",
    )
    def units(
        self, info: Info, first: int = 20, after: str | None = None
    ) -> Connection[UnitInTree] | None:
        """Return a page of them; one after a unit that is no more begins anew."""
        language = info.context.language
        return awaited(
            _told(self.hei_id, info, lambda known: _page_of(known, asked(first), after, language))
        )


@access.rule(PART)
@strawberry.type(description="The faculty or office of one university that a mobility is at.")
class MobilityUnit:
    """A unit as a mobility names it."""

    unit_id: str | None = strawberry.field(
        description="Its id at that university; null where only a name was given."
    )
    name: str | None = strawberry.field(
        description="As the university publishes it, in the language of the request, else as the "
        "learning agreement has it."
    )
    unit: OrganizationalUnit | None = strawberry.field(
        description="What the university says of it; null where it shows no such unit."
    )


@strawberry.type
class AtUnits(OfRecord):
    """Where in the two universities a mobility is."""

    @access.field(
        OWNER,
        description="The faculty at home, as the nomination or the learning agreement names it; "
        "null where neither does.",
    )
    async def sending_unit(self, info: Info) -> MobilityUnit | None:
        """Look it up."""
        nomination, agreement = _papers(self.stored)
        return await _unit(
            self.stored.mobility.sending_hei_id,
            nomination.sending if nomination else None,
            agreement.sending if agreement else None,
            info,
        )

    @access.field(OWNER, description="The faculty abroad, likewise.")
    async def receiving_unit(self, info: Info) -> MobilityUnit | None:
        """Look it up."""
        nomination, agreement = _papers(self.stored)
        return await _unit(
            self.stored.mobility.receiving_hei_id,
            nomination.receiving if nomination else None,
            agreement.receiving if agreement else None,
            info,
        )


async def _told(hei: str, info: Info, tell: Callable[[KnownInstitution | None], T]) -> T:
    return tell(await info.context.institutions.load(HeiId(hei)))


def _said(hei: str, info: Info, tell: Callable[[Institution], T | None]) -> T | None:
    def known(page: KnownInstitution | None) -> T | None:
        return tell(page.value) if page and page.value else None

    return awaited(_told(hei, info, known))


def _page_in(websites: tuple[models.Link, ...], language: str) -> Link | None:
    words = [places.Words(text=each.url, language=each.language) for each in websites]
    url = in_language(words, language)
    return next((each for each in Link.of(websites) if each.url == url), None)


def _page_of(
    known: KnownInstitution | None, first: int, after: str | None, language: str
) -> Connection[UnitInTree] | None:
    said = known.value if known else None
    if known is None or said is None or said.units is None:
        return None
    tree = as_a_tree(said.units, said.root_unit_id)
    behind = (n for n, (unit, _) in enumerate(tree, 1) if unit.ounit_id == after)
    start = next(behind, 0)
    found = [
        UnitInTree(depth=depth, unit=OrganizationalUnit.of(unit, known, language))
        for unit, depth in tree[start : start + first + 1]
    ]
    return page(found, first, lambda each: each.unit.unit_id, after=after)


def _papers(stored: StoredMobility) -> tuple[Nomination | None, LearningAgreement | None]:
    known = stored.mobility
    nomination = known.nomination.value if known.nomination else None
    agreement = known.agreement.value if known.agreement else None
    return nomination, agreement


async def _unit(
    hei: HeiId, nominated: HeiEnd | None, agreed: AgreementEnd | None, info: Info
) -> MobilityUnit | None:
    """Find the unit that the nomination names, else the learning agreement."""
    named = agreed.ounit_name if agreed else None
    ounit_id = (nominated.ounit_id if nominated else None) or (agreed.ounit_id if agreed else None)
    if ounit_id is None:
        return MobilityUnit(unit_id=None, name=named, unit=None) if named else None
    known = await info.context.institutions.load(hei)
    unit = known.value.unit(ounit_id) if known and known.value else None
    if known is None or unit is None:
        # A name in the agreement may be another unit's than the nomination's.
        same = agreed is not None and agreed.ounit_id in {None, ounit_id}
        return MobilityUnit(unit_id=ounit_id, name=named if same else None, unit=None)
    shown = OrganizationalUnit.of(unit, known, info.context.language)
    return MobilityUnit(unit_id=ounit_id, name=shown.name, unit=shown)
