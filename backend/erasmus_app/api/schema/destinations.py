"""Where a university's agreements let its students go; and, for its office, the agreements."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from uuid import UUID

import strawberry

from erasmus_app.api.context import Info, awaited
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import COORDINATOR, OWNER, PART, Whose
from erasmus_app.api.schema.connections import Connection, asked, page
from erasmus_app.api.schema.deadlines import Direction
from erasmus_app.api.schema.ids import global_id, uuid_of
from erasmus_app.api.schema.institutions import Institution, institution
from erasmus_app.api.schema.places import ContactPoint, OrganizationalUnit
from erasmus_app.identity.roles import HeiRole
from erasmus_app.ids import AcademicYearId, HeiId, OunitId
from erasmus_app.institutions import agreements
from erasmus_app.institutions.agreements import (
    AgreementStatus,
    CooperationKind,
    KnownCopy,
    destinations,
    paired,
)

_YEAR = re.compile(r"\d{4}/\d{4}")
_CODE = re.compile(r"\d{2,4}")
_LIVING = frozenset({HeiRole.STUDENT, HeiRole.STAFF, HeiRole.COORDINATOR})

strawberry.enum(
    CooperationKind,
    name="CooperationKind",
    description="Who goes, and for what, by the parts of an agreement.",
)
strawberry.enum(
    AgreementStatus,
    name="AgreementStatus",
    description="Where an agreement stands. PROPOSED: the copy says that it is not in effect; "
    "EXPIRED: its last year is over; UNKNOWN: the copy does not say.",
)


@access.rule(PART)
@strawberry.type(description="A field of education, ISCED-F 2013.")
class SubjectArea:
    """A subject area."""

    code: str = strawberry.field(
        description="Four digits with leading zeros; in older agreements fewer."
    )
    name: str | None = strawberry.field(
        description="In the language of the request; of a code without a name of its own, that of "
        "the wider field. Null for what is no code of ISCED-F."
    )
    clarification: str | None = strawberry.field(description="In the agreement's words.")

    @classmethod
    def of(cls, known: agreements.SubjectArea, info: Info) -> "SubjectArea":
        """Make it from ours."""
        name = info.context.services.fields.name(known.code, info.context.language)
        return cls(code=known.code, name=name, clarification=known.clarification)


@access.rule(PART)
@strawberry.type(description="What those who come should speak.")
class LanguageRequirement:
    """A recommended language."""

    language: str = strawberry.field(description="BCP 47.")
    level: str | None = strawberry.field(description="A1 to C2; null where none is said.")
    subject_area: SubjectArea | None = strawberry.field(description="Null: in all of them.")

    @classmethod
    def of(
        cls, known: Iterable[agreements.LanguageSkill], info: Info
    ) -> "list[LanguageRequirement]":
        """Make them from ours."""
        return [
            cls(
                language=each.language,
                level=each.level,
                subject_area=(
                    SubjectArea.of(each.subject_area, info) if each.subject_area else None
                ),
            )
            for each in known
        ]


@access.rule(PART)
@strawberry.type(description="The copy of an agreement that something is read from. Times are UTC.")
class AgreementSource:
    """Whose copy, and how fresh."""

    hei_id: str = strawberry.field(
        description="Whose copy it is: the home university's, or the partner's where the home "
        "university's cannot be read."
    )
    fetched_at: datetime = strawberry.field(description="When this content was first read.")
    last_confirmed_at: datetime = strawberry.field(description="When it was last confirmed.")
    last_error: str | None = strawberry.field(
        description="A stable code where the latest attempt failed, or a part of it."
    )

    @classmethod
    def of(cls, known: KnownCopy) -> "AgreementSource":
        """Make it from ours."""
        return cls(
            hei_id=known.copy.hei_id,
            fetched_at=known.fetched_at,
            last_confirmed_at=known.last_confirmed_at,
            last_error=known.last_error,
        )


@access.rule(PART)
@strawberry.type(description="One direction of an agreement: who goes where, and how many.")
class Cooperation:
    """A row of an agreement."""

    receiving: strawberry.Private[HeiId]
    unit_id: strawberry.Private[OunitId | None]
    kind: CooperationKind = strawberry.field(description="Who goes, and for what.")
    direction: Direction = strawberry.field(
        description="OUTGOING: from the home university to its partner."
    )
    subject_areas: list[SubjectArea] = strawberry.field(description="None: it is not said.")
    places_per_year: int | None = strawberry.field(
        description="How many people at most each year; null where it is not settled."
    )
    total_months_per_year: Decimal | None = strawberry.field(
        description="Months of all students together, each year."
    )
    total_days_per_year: Decimal | None = strawberry.field(
        description="Days of all staff together, each year."
    )
    languages: list[LanguageRequirement] = strawberry.field(
        description="What those who come should speak."
    )
    first_academic_year: str = strawberry.field(
        description="`YYYY/YYYY` of the receiving university."
    )
    last_academic_year: str = strawberry.field(description="Likewise; the years between count.")
    levels: list[int] = strawberry.field(
        description="EQF: 5 short cycle, 6 bachelor, 7 master, 8 doctorate. None: all."
    )
    blended: bool | None = strawberry.field(
        description="Whether blended stays are welcome; null where it is not said."
    )
    terms: str | None = strawberry.field(
        description="Anything else, in the words of the two offices: for them, null for students."
    )
    contacts: list[ContactPoint] = strawberry.field(
        description="Offices of the receiving university."
    )

    @access.field(
        PART, description="The faculty there, where the agreement names one that is shown."
    )
    def receiving_unit(self, info: Info) -> OrganizationalUnit | None:
        """Look it up."""
        return awaited(_unit(self.receiving, self.unit_id, info)) if self.unit_id else None

    @classmethod
    def of(
        cls, known: agreements.Cooperation, home: HeiId, info: Info, *, for_office: bool
    ) -> "Cooperation":
        """Make it from ours, as `home` sees it."""
        return cls(
            receiving=known.receiving,
            unit_id=known.receiving_unit,
            kind=known.kind,
            direction=Direction.OUTGOING if known.sending == home else Direction.INCOMING,
            subject_areas=[SubjectArea.of(each, info) for each in known.subject_areas],
            places_per_year=known.per_year,
            total_months_per_year=known.months_per_year,
            total_days_per_year=known.days_per_year,
            languages=LanguageRequirement.of(known.languages, info),
            first_academic_year=known.first_year,
            last_academic_year=known.last_year,
            levels=list(known.levels),
            blended=known.blended,
            terms=known.terms if for_office else None,
            contacts=ContactPoint.of(known.contacts, info.context.language),
        )


async def _unit(hei: HeiId, unit_id: OunitId, info: Info) -> OrganizationalUnit | None:
    known = await info.context.institutions.load(hei)
    unit = known.value.unit(unit_id) if known and known.value else None
    return OrganizationalUnit.of(unit, known, info.context.language) if known and unit else None


@access.rule(PART)
@strawberry.type(
    description="Somewhere that the student's home university has an agreement in effect with, "
    "for this academic year or a later one."
)
class Destination:
    """A destination."""

    id: strawberry.ID = strawberry.field(description="Opaque.")
    institution: Institution = strawberry.field(description="The university there.")
    cooperation: Cooperation = strawberry.field(description="What was agreed.")
    source: AgreementSource = strawberry.field(description="Where this is written.")


@strawberry.type
class Destinations:
    """Where a student can go."""

    @access.field(
        OWNER,
        description="Where the agreements of the student's home university let its students go, "
        "by the names of the universities; nothing where its agreements cannot be read. "
        "`subjectArea` is a code of ISCED-F, of 2 to 4 digits: narrower and wider ones are found "
        "as well. `academicYear` is `YYYY/YYYY`. What is neither finds nothing.",
    )
    async def destinations(
        self,
        info: Info,
        first: int = 20,
        after: strawberry.ID | None = None,
        subject_area: str | None = None,
        academic_year: str | None = None,
    ) -> Connection[Destination]:
        """Find them; one after a destination that is no more begins anew."""
        context, first = info.context, asked(first)
        odd = (subject_area is not None and not _CODE.fullmatch(subject_area)) or (
            academic_year is not None and not _YEAR.fullmatch(academic_year)
        )
        year = AcademicYearId(academic_year) if academic_year is not None else None
        names, language = context.services.names, context.language
        found: list[tuple[str, agreements.Destination]] = []
        for hei in await _homes(info) if not odd else ():
            copies = await context.services.agreements.copies(hei)
            for each in destinations(
                hei, paired(hei, copies), context.today, year=year, subject_area=subject_area
            ):
                name = names.name(each.cooperation.receiving, language)
                found.append((name.casefold(), each))
        found.sort(key=lambda each: (each[0], each[1].cooperation.first_year, each[1].id))
        shown = [each for _, each in found]
        behind = uuid_of(after, "Destination") if after else None
        start = _behind((each.id for each in shown), behind)
        nodes = [
            Destination(
                id=global_id("Destination", each.id),
                institution=institution(each.cooperation.receiving),
                cooperation=Cooperation.of(
                    each.cooperation, each.agreement.shown.tenant, info, for_office=False
                ),
                source=AgreementSource.of(each.agreement.shown),
            )
            for each in shown[start : start + first + 1]
        ]
        return page(nodes, first, lambda each: each.id, after=after)


async def _homes(info: Info) -> list[HeiId]:
    """Return the covered HEIs that somebody is at now, not was."""
    standing = await info.context.standing()
    found = {each.hei for each in standing.roles if each.role in _LIVING}
    return sorted(found & info.context.services.heis.keys())


def _behind(ids: Iterable[UUID], after: UUID | None) -> int:
    return next((n for n, each in enumerate(ids, 1) if each == after), 0)


@access.rule(PART)
@strawberry.type(description="One university's copy of an agreement.")
class AgreementCopy:
    """A copy."""

    iia_id: str = strawberry.field(description="Its `iia-id`, that university's own.")
    code: str | None = strawberry.field(description="For people (`iia-code`).")
    in_effect: bool | None = strawberry.field(description="What the copy says of itself.")
    hash: str | None = strawberry.field(description="The hash that it carries.")
    is_hash_right: bool = strawberry.field(
        description="Whether that is the hash of its content; if not, nobody can approve it."
    )
    source: AgreementSource = strawberry.field(description="How fresh it is.")

    @classmethod
    def of(cls, known: KnownCopy | None) -> "AgreementCopy | None":
        """Make it from ours."""
        if known is None:
            return None
        return cls(
            iia_id=known.copy.iia_id,
            code=known.copy.code,
            in_effect=known.copy.in_effect,
            hash=known.copy.carried,
            is_hash_right=known.copy.carried == known.copy.computed,
            source=AgreementSource.of(known),
        )


@access.rule(COORDINATOR)
@strawberry.type(description="An agreement of a university with another one.")
class Agreement:
    """An agreement, for its office."""

    whose: strawberry.Private[Whose]
    id: strawberry.ID = strawberry.field(description="Opaque.")
    partner: Institution = strawberry.field(description="The other university.")
    status: AgreementStatus = strawberry.field(description="Where it stands today.")
    ours: AgreementCopy | None = strawberry.field(
        description="The university's own copy; null where it cannot be read."
    )
    theirs: AgreementCopy | None = strawberry.field(description="The partner's, likewise.")
    is_approved_by_partner: bool | None = strawberry.field(
        description="Whether the partner has approved our copy as it is; null where it does not "
        "tell. What we approved of theirs is told to the partner alone."
    )
    first_academic_year: str | None = strawberry.field(description="The first of all its rows.")
    last_academic_year: str | None = strawberry.field(description="The last of all its rows.")
    cooperations: list[Cooperation] = strawberry.field(
        description="Its rows, of our copy where it can be read."
    )

    @classmethod
    def of(cls, hei: HeiId, known: agreements.Agreement, today: date, info: Info) -> "Agreement":
        """Make it from ours."""
        rows = known.shown.copy.cooperations
        return cls(
            whose=Whose(None, hei),
            id=global_id("Agreement", known.shown.id),
            partner=institution(known.partner),
            status=known.status(today),
            ours=AgreementCopy.of(known.ours),
            theirs=AgreementCopy.of(known.theirs),
            is_approved_by_partner=known.is_approved_by_partner,
            first_academic_year=min((each.first_year for each in rows), default=None),
            last_academic_year=max((each.last_year for each in rows), default=None),
            cooperations=[Cooperation.of(each, hei, info, for_office=True) for each in rows],
        )


@strawberry.type
class AgreementsOfOffice:
    """What an office sees of its university's agreements."""

    @access.field(
        COORDINATOR,
        description="Its agreements, as its own system or its partners show them, by partner.",
    )
    async def agreements(
        self, info: Info, first: int = 20, after: strawberry.ID | None = None
    ) -> Connection[Agreement]:
        """Read them; one after an agreement that is no more begins anew."""
        whose: Whose = self.whose  # type: ignore[attr-defined]  # the office's
        hei, first = whose.hei_id, asked(first)
        assert hei is not None
        found = paired(hei, await info.context.services.agreements.copies(hei))
        behind = uuid_of(after, "Agreement") if after else None
        start = _behind((each.shown.id for each in found), behind)
        today = info.context.today
        nodes = [
            Agreement.of(hei, each, today, info) for each in islice(found, start, start + first + 1)
        ]
        return page(nodes, first, lambda each: each.id, after=after)
