"""Agreements between a covered HEI and its partners: what they allow, and where each stands.

Each partner keeps a copy of its own (guide §4.11); copies that name each other belong together. An
HEI's own copy counts first; those of partners stand in where the HEI's cannot be read.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID, uuid5

import msgspec

from erasmus_app.ids import AcademicYearId, HeiId, IiaId, OunitId
from erasmus_app.institutions.places import Office

_NAMES = UUID("5f0c3f7e-7a0f-4b6e-9f55-0d6f2f1f6a16")  # of ids that are made of copies
FIRST_MONTH = 8  # an academic year counts as begun from here on


class CooperationKind(StrEnum):
    """Who goes, and for what, by the parts of an agreement."""

    STUDIES = "student-studies"
    TRAINEESHIP = "student-traineeship"
    TEACHING = "staff-teacher"
    TRAINING = "staff-training"


OF_STUDENTS = frozenset({CooperationKind.STUDIES, CooperationKind.TRAINEESHIP})


class SubjectArea(msgspec.Struct, frozen=True, kw_only=True):
    """A field of education."""

    code: str  # ISCED-F: four digits since version 7, fewer in older agreements
    clarification: str | None = None


class LanguageSkill(msgspec.Struct, frozen=True, kw_only=True):
    """What those who come should speak."""

    language: str  # BCP 47
    level: str | None = None  # A1 to C2
    subject_area: SubjectArea | None = None  # None: in all


class Cooperation(msgspec.Struct, frozen=True, kw_only=True):
    """One direction of an agreement; the years are of the receiving HEI."""

    kind: CooperationKind
    sending: HeiId
    receiving: HeiId
    sending_unit: OunitId | None = None
    receiving_unit: OunitId | None = None
    first_year: AcademicYearId
    last_year: AcademicYearId
    per_year: int | None = None  # people at most; None: not defined
    months_per_year: Decimal | None = None  # of all students together
    days_per_year: Decimal | None = None  # of all staff together
    languages: tuple[LanguageSkill, ...] = ()
    subject_areas: tuple[SubjectArea, ...] = ()  # none: not said
    levels: tuple[int, ...] = ()  # EQF; none: all
    blended: bool | None = None
    terms: str | None = None
    contacts: tuple[Office, ...] = ()  # of the receiving HEI

    def is_for(self, year: AcademicYearId) -> bool:
        """Whether it holds in an academic year."""
        return self.first_year <= year <= self.last_year

    def is_about(self, code: str) -> bool:
        """Whether it is about a subject area, a wider or a narrower one; always where none is said.

        A code that ends in zeros is of the wider field: 0610 is 061.
        """
        wanted = _field(code)
        found = [_field(each.code) for each in self.subject_areas]
        return not found or any(e.startswith(wanted) or wanted.startswith(e) for e in found)


def _field(code: str) -> str:
    return code[:2] + code[2:].rstrip("0")


class AgreementCopy(msgspec.Struct, frozen=True, kw_only=True):
    """One HEI's copy of an agreement."""

    hei_id: HeiId  # whose copy it is
    iia_id: IiaId
    code: str | None = None
    partner_id: HeiId  # the other one
    partner_iia_id: IiaId | None = None  # of the other's copy, where that is known here
    partner_code: str | None = None
    in_effect: bool | None = None  # False: a draft or proposal; None: not said
    is_terminated: bool = False  # before anybody went
    cooperations: tuple[Cooperation, ...] = ()
    carried: str | None = None  # the hash that came with it
    computed: str  # the hash of what came


class KnownCopy(msgspec.Struct, frozen=True, kw_only=True):
    """A copy as it is kept for one tenant. Times are UTC."""

    tenant: HeiId
    copy: AgreementCopy
    approved: str | None = None  # the hash that the other partner says it has approved
    fetched_at: datetime
    last_confirmed_at: datetime
    last_error: str | None = None  # of the last attempt to read this HEI's copies

    @property
    def id(self) -> UUID:
        """An id that stays while the copy is there."""
        return uuid5(_NAMES, f"{self.tenant} {self.copy.hei_id} {self.copy.iia_id}")


class AgreementStatus(StrEnum):
    """Where an agreement stands."""

    IN_EFFECT = "in-effect"
    PROPOSED = "proposed"
    TERMINATED = "terminated"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """An agreement of a tenant: its own copy, the partner's, or both."""

    ours: KnownCopy | None
    theirs: KnownCopy | None

    @property
    def shown(self) -> KnownCopy:
        """The copy that counts: the tenant's own where it can be read."""
        found = self.ours or self.theirs
        assert found is not None  # there is no agreement without a copy
        return found

    @property
    def partner(self) -> HeiId:
        """The other HEI."""
        return self.ours.copy.partner_id if self.ours else self.shown.copy.hei_id

    @property
    def is_approved_by_partner(self) -> bool | None:
        """Whether the partner has approved our copy as it is; None where nobody can tell."""
        if self.ours is None or self.ours.approved is None:
            return None
        return self.ours.approved == self.ours.copy.computed

    def status(self, today: date) -> AgreementStatus:
        """Return where it stands on a day."""
        copy = self.shown.copy
        if copy.is_terminated:
            return AgreementStatus.TERMINATED
        if copy.in_effect is not True:
            no = copy.in_effect is False
            return AgreementStatus.PROPOSED if no else AgreementStatus.UNKNOWN
        last = max((each.last_year for each in copy.cooperations), default=None)
        if last is not None and last < year_of(today):
            return AgreementStatus.EXPIRED
        return AgreementStatus.IN_EFFECT


def year_of(day: date) -> AcademicYearId:
    """Return the academic year that a day is in, as most universities count."""
    first = day.year if day.month >= FIRST_MONTH else day.year - 1
    return AcademicYearId(f"{first}/{first + 1}")


def paired(tenant: HeiId, copies: Iterable[KnownCopy]) -> list[Agreement]:
    """Put copies that name each other together; by partner and id."""
    ours, theirs = list[KnownCopy](), dict[tuple[HeiId, IiaId], KnownCopy]()
    for each in copies:
        if each.copy.hei_id == tenant:
            ours.append(each)
        elif each.copy.partner_id == tenant:
            theirs[each.copy.hei_id, each.copy.iia_id] = each
    naming = {
        (key[0], each.copy.partner_iia_id): key
        for key, each in theirs.items()
        if each.copy.partner_iia_id is not None
    }
    found = []
    for own in sorted(ours, key=lambda each: (each.copy.partner_id, each.copy.iia_id)):
        partner, named = own.copy.partner_id, own.copy.partner_iia_id
        key = (partner, named) if named is not None else naming.get((partner, own.copy.iia_id))
        found.append(Agreement(ours=own, theirs=theirs.pop(key, None) if key else None))
    alone = (Agreement(ours=None, theirs=each) for _, each in sorted(theirs.items()))
    return sorted([*found, *alone], key=lambda each: each.partner)


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where students of an HEI can go by one agreement in effect."""

    id: UUID
    agreement: Agreement
    cooperation: Cooperation


def destinations(
    tenant: HeiId,
    agreements: Iterable[Agreement],
    today: date,
    *,
    year: AcademicYearId | None = None,
    subject_area: str | None = None,
) -> Iterator[Destination]:
    """Yield where students of `tenant` can go, this academic year or later; or in that year.

    A partner's copy counts alone only where the tenant shows none of its own at all: else a partner
    could say that there is an agreement, and students would believe it.
    """
    found = list(agreements)
    has_own = any(each.ours is not None for each in found)
    for agreement in found:
        if agreement.status(today) is not AgreementStatus.IN_EFFECT:
            continue
        if has_own and agreement.ours is None:
            continue
        known = agreement.shown
        for number, each in enumerate(known.copy.cooperations):
            if (
                each.kind in OF_STUDENTS
                and each.sending == tenant
                and each.last_year >= year_of(today)
                and (year is None or each.is_for(year))
                and (subject_area is None or each.is_about(subject_area))
            ):
                yield Destination(
                    id=uuid5(known.id, str(number)), agreement=agreement, cooperation=each
                )
