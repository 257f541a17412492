"""What an HEI says of itself and of its faculties and offices: for everybody to read.

Of contacts only offices are here. Persons whom an HEI names to the network are left out: a
student's own contacts stand in the learning agreement (decision 0019).
"""

from collections.abc import Iterable, Sequence

import msgspec

from erasmus_app.ids import HeiId, OunitId
from erasmus_app.institutions.models import KnownPage, Link
from erasmus_app.kit.languages import choose


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """A text in one language."""

    text: str
    language: str | None = None  # BCP 47 in lower case; None: not said


class PostalAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where something is, or where letters go."""

    lines: tuple[str, ...] = ()  # who and where, as they stand above the place
    postal_code: str | None = None
    locality: str | None = None
    region: str | None = None
    country: str | None = None  # ISO 3166-1 alpha-2


class Office(msgspec.Struct, frozen=True, kw_only=True):
    """An office that an HEI names as a contact; no person."""

    names: tuple[Words, ...]  # at least one
    roles: tuple[Words, ...] = ()  # what it is there for
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    address: PostalAddress | None = None
    mailing_address: PostalAddress | None = None


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What institutions and their units say alike."""

    names: tuple[Words, ...]  # at least one
    abbreviation: str | None = None
    address: PostalAddress | None = None
    mailing_address: PostalAddress | None = None
    websites: tuple[Link, ...] = ()
    logo_url: str | None = None  # https
    factsheet_links: tuple[Link, ...] = ()
    contacts: tuple[Office, ...] = ()


class OrganizationalUnit(Described, frozen=True, kw_only=True):
    """A faculty, department or office of an HEI."""

    ounit_id: OunitId
    code: str | None = None  # for people; not always unique
    parent_id: OunitId | None = None  # may be a unit that nobody shows


class Institution(Described, frozen=True, kw_only=True):
    """An HEI as it describes itself (institutions 1 and 2, guide §4.8)."""

    hei_id: HeiId
    erasmus_codes: tuple[str, ...] = ()
    course_catalogues: tuple[Link, ...] = ()
    root_unit_id: OunitId | None = None
    units: tuple[OrganizationalUnit, ...] | None = None  # None: they could not be asked for

    def unit(self, ounit_id: OunitId) -> OrganizationalUnit | None:
        """Return one of its units; None for what it does not show."""
        return next((each for each in self.units or () if each.ounit_id == ounit_id), None)


KnownInstitution = KnownPage[Institution]


def in_language(words: Sequence[Words], language: str) -> str | None:
    """Return the text in `language`, else in a wider one, in English, in none, in any."""
    said: dict[str, str] = {}
    for each in words:
        if each.language is not None:
            said.setdefault(each.language, each.text)
    if (chosen := choose(language, said)) is not None:
        return said[chosen]
    unsaid = (each.text for each in words if each.language is None)
    return next(unsaid, words[0].text if words else None)


def as_a_tree(
    units: Iterable[OrganizationalUnit], root: OunitId | None
) -> list[tuple[OrganizationalUnit, int]]:
    """Return units with how deep each stands, parents before children, the root first.

    A unit whose parent is not shown stands at the top. So does one of a circle of units that name
    each other as parents: what an HEI publishes may be wrong.
    """
    known = {each.ounit_id: each for each in units}
    below: dict[OunitId | None, list[OrganizationalUnit]] = {}
    for each in known.values():
        parent = each.parent_id if each.parent_id in known else None
        below.setdefault(parent, []).append(each)
    tops = sorted(below.get(None, []), key=lambda each: each.ounit_id != root)
    found: dict[OunitId, int] = {}
    for top in [*tops, *known.values()]:
        waiting = [(top, 0)]
        while waiting:
            unit, depth = waiting.pop()
            if unit.ounit_id in found:
                continue
            found[unit.ounit_id] = depth
            waiting += [(each, depth + 1) for each in reversed(below.get(unit.ounit_id, []))]
    return [(known[ounit_id], depth) for ounit_id, depth in found.items()]
