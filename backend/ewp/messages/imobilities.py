"""Incoming mobilities 1 and 2: the receiving HEI's side of a mobility (guide §4.4)."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

import msgspec

from ewp.ids import OmobilityId
from ewp.messages.documents import Items, Versions, Xml, listing
from ewp.messages.shapes import maybe, one, shape
from ewp.messages.values import DATE, ID, STRING, word

_SPEC = "https://github.com/erasmus-without-paper/ewp-specs-api-imobilities/blob"
GET_NAMESPACE = {
    1: f"{_SPEC}/stable-v1/endpoints/get-response.xsd",
    2: f"{_SPEC}/stable-v2/endpoints/get-response.xsd",
}


class NominationStatus(StrEnum):
    """The receiving HEI's view of a nomination; version 1 only."""

    PENDING = "pending"
    VERIFIED = "verified"
    REJECTED = "rejected"


class IncomingMobilityV1(msgspec.Struct, frozen=True, kw_only=True):
    """A `student-mobility-for-studies` of version 1."""

    omobility_id: OmobilityId
    status: NominationStatus
    comment: str | None = None  # between the offices; never for the student
    actual_arrival_date: date | None = None
    actual_departure_date: date | None = None


class IncomingMobilityV2(msgspec.Struct, frozen=True, kw_only=True):
    """A `student-mobility` of version 2."""

    omobility_id: OmobilityId
    actual_arrival_date: date | None = None
    actual_departure_date: date | None = None


IncomingMobility = IncomingMobilityV1 | IncomingMobilityV2


_ARRIVAL = maybe("actual-arrival-date", DATE)
_DEPARTURE = maybe("actual-departure-date", DATE)
_MOBILITY_V1 = shape(
    IncomingMobilityV1,
    one("omobility-id", ID),
    one("status", word(NominationStatus)),
    maybe("comment", STRING),
    _ARRIVAL,
    _DEPARTURE,
)
MOBILITY_V2 = shape(IncomingMobilityV2, one("omobility-id", ID), _ARRIVAL, _DEPARTURE)
_GET: Versions[Items[IncomingMobility]] = Versions(
    "imobilities-get-response",
    GET_NAMESPACE,
    {
        1: listing("student-mobility-for-studies", _MOBILITY_V1),
        2: listing("student-mobility", MOBILITY_V2),
    },
)


def read_get_response(xml: Xml) -> tuple[IncomingMobility, ...]:
    """Read an `imobilities-get-response`; all of one version."""
    return _GET.read(xml).items


def write_get_response(mobilities: Iterable[IncomingMobility], *, major: int) -> bytes:
    """Write an `imobilities-get-response`; the mobilities are of that version."""
    return _GET.write(Items(items=tuple(mobilities)), major)
