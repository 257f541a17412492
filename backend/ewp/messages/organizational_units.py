"""Organizational units 1 and 2, which read alike: faculties, departments, offices (guide §4.8).

An HEI's root unit is named by `institutions`; a unit without a parent may stand anywhere, as
universities are free to show a tree, a flat list, or a part of either.
"""

from collections.abc import Iterable

import msgspec

from ewp.ids import OunitId
from ewp.messages.common import (
    CONTACT_ENTRY,
    MAILING_ADDRESS,
    STREET_ADDRESS,
    TEXT,
    WEB_ADDRESS,
    Address,
    Contact,
    Text,
)
from ewp.messages.documents import Items, Versions, listing
from ewp.messages.shapes import maybe, one, shape, wanted
from ewp.messages.values import HTTPS, ID, STRING
from ewp.messages.writing import CONTACT

_SPEC = "https://github.com/erasmus-without-paper/ewp-specs-api-ounits/tree"
NAMESPACE = {1: f"{_SPEC}/stable-v1", 2: f"{_SPEC}/stable-v2"}


class OrganizationalUnit(msgspec.Struct, frozen=True, kw_only=True):
    """One unit of an HEI."""

    ounit_id: OunitId
    ounit_code: str | None = None  # for people; not always unique
    names: tuple[Text, ...]
    abbreviation: str | None = None
    parent_ounit_id: OunitId | None = None  # may be a unit that nobody shows
    street_address: Address | None = None
    mailing_address: Address | None = None
    website_urls: tuple[Text, ...] = ()
    logo_url: str | None = None  # https
    mobility_factsheet_urls: tuple[Text, ...] = ()
    contacts: tuple[Contact, ...] = ()


_OUNIT = shape(
    OrganizationalUnit,
    one("ounit-id", ID),
    wanted("ounit-code", STRING),
    one("name", TEXT, many="names"),
    maybe("abbreviation", STRING),
    maybe("parent-ounit-id", ID),
    STREET_ADDRESS,
    MAILING_ADDRESS,
    maybe("website-url", WEB_ADDRESS, many="website_urls"),
    maybe("logo-url", HTTPS),
    maybe("mobility-factsheet-url", WEB_ADDRESS, many="mobility_factsheet_urls"),
    maybe("contact", CONTACT_ENTRY, many="contacts", namespace=CONTACT),
)
_RESPONSE = Versions("ounits-response", NAMESPACE, listing("ounit", _OUNIT))


def read_response(xml: bytes) -> tuple[OrganizationalUnit, ...]:
    """Read an `ounits-response`; a unit that is not in it is not known there."""
    return _RESPONSE.read(xml).items


def write_response(ounits: Iterable[OrganizationalUnit], *, major: int = 2) -> bytes:
    """Write an `ounits-response`."""
    return _RESPONSE.write(Items(items=tuple(ounits)), major)
