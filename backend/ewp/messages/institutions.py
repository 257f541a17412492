"""Institutions 1 and 2: names, addresses and contacts of HEIs (guide §4.8).

Version 1 only lacks the addresses of course catalogues.
"""

from collections.abc import Iterable
from dataclasses import replace

import msgspec

from ewp.ids import HeiId, OunitId
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
from ewp.messages.shapes import Need, attribute, content, maybe, one, shape
from ewp.messages.values import HEI_ID, HTTPS, ID, LINE, STRING
from ewp.messages.writing import CONTACT

_SPEC = "https://github.com/erasmus-without-paper/ewp-specs-api-institutions/tree"
NAMESPACE = {1: f"{_SPEC}/stable-v1", 2: f"{_SPEC}/stable-v2"}


class OtherId(msgspec.Struct, frozen=True, kw_only=True):
    """An identifier of another scheme: `pic`, `erasmus`, `previous-schac`, ..."""

    type: str
    value: str


class Hei(msgspec.Struct, frozen=True, kw_only=True):
    """One HEI."""

    hei_id: HeiId
    other_ids: tuple[OtherId, ...] = ()
    names: tuple[Text, ...]
    abbreviation: str | None = None
    street_address: Address | None = None
    mailing_address: Address | None = None
    website_urls: tuple[Text, ...] = ()
    logo_url: str | None = None  # https
    mobility_factsheet_urls: tuple[Text, ...] = ()
    course_catalogue_urls: tuple[Text, ...] = ()
    contacts: tuple[Contact, ...] = ()
    root_ounit_id: OunitId | None = None
    ounit_ids: tuple[OunitId, ...] = ()


_OTHER_ID = shape(
    OtherId, content("value", STRING), attribute("type", LINE, need=Need.ALWAYS), lenient=True
)
_HEI = shape(
    Hei,
    one("hei-id", HEI_ID),
    maybe("other-id", _OTHER_ID, many="other_ids"),
    one("name", TEXT, many="names"),
    maybe("abbreviation", STRING),
    STREET_ADDRESS,
    MAILING_ADDRESS,
    maybe("website-url", WEB_ADDRESS, many="website_urls"),
    maybe("logo-url", HTTPS),
    maybe("mobility-factsheet-url", WEB_ADDRESS, many="mobility_factsheet_urls"),
    maybe("course-catalogue-url", WEB_ADDRESS, many="course_catalogue_urls"),
    maybe("contact", CONTACT_ENTRY, many="contacts", namespace=CONTACT),
    maybe("root-ounit-id", ID),
    maybe("ounit-id", ID, many="ounit_ids"),
)


def _check_version_1(hei: Hei) -> None:
    if hei.course_catalogue_urls:
        raise ValueError("version 1 knows no course catalogue")


_RESPONSE = Versions(
    "institutions-response",
    NAMESPACE,
    {1: listing("hei", replace(_HEI, check_write=_check_version_1)), 2: listing("hei", _HEI)},
)


def read_response(xml: bytes) -> tuple[Hei, ...]:
    """Read an `institutions-response`; an HEI that is not in it is not known there."""
    return _RESPONSE.read(xml).items


def write_response(heis: Iterable[Hei], *, major: int = 2) -> bytes:
    """Write an `institutions-response`."""
    return _RESPONSE.write(Items(items=tuple(heis)), major)
