"""Inter-institutional agreements 6 and 7 (guide §4.11).

Each partner keeps a copy of its own, under its own `iia-id`; copies that carry both ids belong
together. The first partner in a copy is the HEI that answers. What was agreed is described in
`iia_conditions.py`, what is hashed and approved in `iia_hash.py` and `iias_approval.py`.
"""

from collections.abc import Iterable
from datetime import date

import msgspec

from ewp.ids import AcademicYearId, HeiId, IiaId, OunitId
from ewp.messages import values
from ewp.messages.common import CONTACT_ENTRY, Contact
from ewp.messages.documents import Items, Versions, listing
from ewp.messages.iia_conditions import (
    CONDITIONS_V6,
    CONDITIONS_V7,
    CooperationConditionsV6,
    CooperationConditionsV7,
    is_for_year,
    specs_of,
)
from ewp.messages.shapes import maybe, one, shape, wanted
from ewp.messages.writing import CONTACT

_SPEC = "https://github.com/erasmus-without-paper/ewp-specs-api-iias/blob"
GET_NAMESPACE = {n: f"{_SPEC}/stable-v{n}/endpoints/get-response.xsd" for n in (6, 7)}
INDEX_NAMESPACE = {n: f"{_SPEC}/stable-v{n}/endpoints/index-response.xsd" for n in (6, 7)}
STATS_NAMESPACE = {n: f"{_SPEC}/stable-v{n}/endpoints/stats-response.xsd" for n in (6, 7)}


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two HEIs of an agreement; the ids are that HEI's own."""

    hei_id: HeiId
    ounit_id: OunitId | None = None
    iia_id: IiaId | None = None  # of its copy; of the second partner once it is known
    iia_code: str | None = None  # for people; not always unique
    signing_contact: Contact | None = None
    signing_date: date | None = None  # of the first signing
    contacts: tuple[Contact, ...] = ()


class IiaV6(msgspec.Struct, frozen=True, kw_only=True):
    """One partner's copy of an agreement, version 6."""

    partners: tuple[Partner, ...]  # two; the first is the HEI that answers
    in_effect: bool | None = None  # False: a draft or a proposal; None: not said
    cooperation_conditions: CooperationConditionsV6
    conditions_hash: str | None = None  # without it nobody can approve
    pdf: bytes | None = None


class IiaV7(msgspec.Struct, frozen=True, kw_only=True):
    """One partner's copy of an agreement, version 7."""

    partners: tuple[Partner, ...]  # two; the first is the HEI that answers
    in_effect: bool | None = None  # False: a draft or a proposal; None: not said
    cooperation_conditions: CooperationConditionsV7
    iia_hash: str | None = None
    pdf_file: str | None = None  # its id, for the file API


Iia = IiaV6 | IiaV7


class IiaStats(msgspec.Struct, frozen=True, kw_only=True):
    """How many agreements an HEI has made, and who approved them (`stats`, since 6.3)."""

    iia_fetchable: int  # partners can read them
    iia_local_unapproved_partner_approved: int
    iia_local_approved_partner_unapproved: int
    iia_both_approved: int


def is_valid_in(iia: Iia, receiving_academic_year_id: AcademicYearId) -> bool:
    """Whether anything of the agreement is for an academic year, `YYYY/YYYY`."""
    specs = specs_of(iia.cooperation_conditions)
    return any(is_for_year(each, receiving_academic_year_id) for each in specs)


def _check_partners(iia: Iia) -> None:
    if len(iia.partners) != 2:
        raise ValueError("needs two partners")


def _check_written(iia: Iia) -> None:
    _check_partners(iia)
    if iia.partners[0].iia_id is None or iia.partners[0].iia_code is None:
        raise ValueError("needs the iia-id and iia-code of the first partner")
    heis = {each.hei_id for each in iia.partners}
    for spec in specs_of(iia.cooperation_conditions):
        if {spec.sending_hei_id, spec.receiving_hei_id} - heis:
            raise ValueError("has a specification of an HEI that is no partner")


_PARTNERS = one(
    "partner",
    shape(
        Partner,
        one("hei-id", values.HEI_ID),
        maybe("ounit-id", values.ID),
        maybe("iia-id", values.ID),
        maybe("iia-code", values.STRING),
        maybe("signing-contact", CONTACT_ENTRY, inner=CONTACT),
        maybe("signing-date", values.LENIENT_DATE),
        maybe("contact", CONTACT_ENTRY, many="contacts", namespace=CONTACT),
    ),
    many="partners",
)
_IN_EFFECT = wanted("in-effect", values.BOOLEAN)
_GET: Versions[Items[Iia]] = Versions(
    "iias-get-response",
    GET_NAMESPACE,
    {
        6: listing(
            "iia",
            shape(
                IiaV6,
                _PARTNERS,
                _IN_EFFECT,
                one("cooperation-conditions", CONDITIONS_V6),
                maybe("conditions-hash", values.SHA256_HEX),
                maybe("pdf", values.BASE64),
                check_read=_check_partners,
                check_write=_check_written,
            ),
        ),
        7: listing(
            "iia",
            shape(
                IiaV7,
                _PARTNERS,
                _IN_EFFECT,
                one("cooperation-conditions", CONDITIONS_V7),
                wanted("iia-hash", values.SHA256_HEX),
                maybe("pdf-file", values.STRING),
                check_read=_check_partners,
                check_write=_check_written,
            ),
        ),
    },
)
_INDEX: Versions[Items[IiaId]] = Versions(
    "iias-index-response", INDEX_NAMESPACE, listing("iia-id", values.ID)
)
_STATS = Versions(
    "iias-stats-response",
    STATS_NAMESPACE,
    shape(
        IiaStats,
        one("iia-fetchable", values.NATURAL),
        one("iia-local-unapproved-partner-approved", values.NATURAL),
        one("iia-local-approved-partner-unapproved", values.NATURAL),
        one("iia-both-approved", values.NATURAL),
    ),
)


def read_get_response(xml: bytes) -> tuple[Iia, ...]:
    """Read an `iias-get-response`, keeping its order; all of one version.

    Whether a carried hash fits can only be told from the bytes: see `iia_hash.read_checked`.
    """
    return _GET.read(xml).items


def write_get_response(iias: Iterable[Iia], *, major: int) -> bytes:
    """Write an `iias-get-response`; the agreements are of that version, hash included."""
    return _GET.write(Items(items=tuple(iias)), major)


def read_index_response(xml: bytes) -> tuple[IiaId, ...]:
    """Read an `iias-index-response`."""
    return _INDEX.read(xml).items


def write_index_response(iia_ids: Iterable[IiaId], *, major: int) -> bytes:
    """Write an `iias-index-response`."""
    return _INDEX.write(Items(items=tuple(iia_ids)), major)


def read_stats_response(xml: bytes) -> IiaStats:
    """Read an `iias-stats-response`."""
    return _STATS.read(xml)


def write_stats_response(stats: IiaStats, *, major: int) -> bytes:
    """Write an `iias-stats-response`."""
    return _STATS.write(stats, major)
