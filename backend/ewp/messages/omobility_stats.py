"""What the statistics portal asks of both sides: nominations and learning agreements by year.

Three documents of three APIs (guide §3.5): `omobility-stats` 1, the `stats` endpoint that
`omobility-las` has since 1.2 and the one that `omobility-la-cnr` has since 1.1. Figures for
learning agreements begin with 2021/2022. That of transcripts is in `imobility_tors.py`.
"""

from collections.abc import Iterable

import msgspec

from ewp.ids import AcademicYearId
from ewp.messages.documents import Items, Versions, listing
from ewp.messages.shapes import one, shape
from ewp.messages.values import ACADEMIC_YEAR, NATURAL

_SPECS = "https://github.com/erasmus-without-paper/ewp-specs-api-"
NAMESPACE = {1: f"{_SPECS}omobility-stats/tree/stable-v1"}
OUTGOING_LAS_NAMESPACE = {
    1: f"{_SPECS}omobility-las/blob/stable-v1/endpoints/stats-response.xsd",
}
INCOMING_LAS_NAMESPACE = {  # `tree`, as published, where other endpoints have `blob`
    1: f"{_SPECS}omobility-la-cnr/tree/stable-v1/endpoints/stats-response.xsd",
}


class MobilityStats(msgspec.Struct, frozen=True, kw_only=True):
    """The sending HEI's nominations for one year of the receiving HEI's."""

    receiving_academic_year_id: AcademicYearId
    omobility_pending: int
    omobility_approved: int


class OutgoingLaStats(msgspec.Struct, frozen=True, kw_only=True):
    """The sending HEI's learning agreements for one year."""

    receiving_academic_year_id: AcademicYearId
    la_outgoing_total: int
    la_outgoing_not_modified_after_approval: int
    la_outgoing_modified_after_approval: int
    la_outgoing_latest_version_approved: int
    la_outgoing_latest_version_rejected: int
    la_outgoing_latest_version_awaiting: int


class IncomingLaStats(msgspec.Struct, frozen=True, kw_only=True):
    """The receiving HEI's learning agreements for one year."""

    receiving_academic_year_id: AcademicYearId
    la_incoming_total: int
    la_incoming_some_version_approved: int
    la_incoming_latest_version_approved: int
    la_incoming_latest_version_rejected: int
    la_incoming_latest_version_awaiting: int


_YEAR = one("receiving-academic-year-id", ACADEMIC_YEAR)
_MOBILITIES = Versions(
    "omobility-stats-response",
    NAMESPACE,
    listing(
        "academic-year-stats",
        shape(
            MobilityStats,
            _YEAR,
            one("omobility-pending", NATURAL),
            one("omobility-approved", NATURAL),
        ),
    ),
)
_OUTGOING_LAS = Versions(
    "las-outgoing-stats-response",
    OUTGOING_LAS_NAMESPACE,
    listing(
        "academic-year-la-stats",
        shape(
            OutgoingLaStats,
            _YEAR,
            one("la-outgoing-total", NATURAL),
            one("la-outgoing-not-modified-after-approval", NATURAL),
            one("la-outgoing-modified-after-approval", NATURAL),
            one("la-outgoing-latest-version-approved", NATURAL),
            one("la-outgoing-latest-version-rejected", NATURAL),
            one("la-outgoing-latest-version-awaiting", NATURAL),
        ),
    ),
)
_INCOMING_LAS = Versions(
    "las-incoming-stats-response",
    INCOMING_LAS_NAMESPACE,
    listing(
        "academic-year-la-stats",
        shape(
            IncomingLaStats,
            _YEAR,
            one("la-incoming-total", NATURAL),
            one("la-incoming-some-version-approved", NATURAL),
            one("la-incoming-latest-version-approved", NATURAL),
            one("la-incoming-latest-version-rejected", NATURAL),
            one("la-incoming-latest-version-awaiting", NATURAL),
        ),
    ),
)


def read_response(xml: bytes) -> tuple[MobilityStats, ...]:
    """Read an `omobility-stats-response`."""
    return _MOBILITIES.read(xml).items


def write_response(years: Iterable[MobilityStats], *, major: int = 1) -> bytes:
    """Write an `omobility-stats-response`."""
    return _MOBILITIES.write(Items(items=tuple(years)), major)


def read_outgoing_las(xml: bytes) -> tuple[OutgoingLaStats, ...]:
    """Read a `las-outgoing-stats-response`: `omobility-las`, `stats`."""
    return _OUTGOING_LAS.read(xml).items


def write_outgoing_las(years: Iterable[OutgoingLaStats], *, major: int = 1) -> bytes:
    """Write a `las-outgoing-stats-response`."""
    return _OUTGOING_LAS.write(Items(items=tuple(years)), major)


def read_incoming_las(xml: bytes) -> tuple[IncomingLaStats, ...]:
    """Read a `las-incoming-stats-response`: `omobility-la-cnr`, `stats`."""
    return _INCOMING_LAS.read(xml).items


def write_incoming_las(years: Iterable[IncomingLaStats], *, major: int = 1) -> bytes:
    """Write a `las-incoming-stats-response`."""
    return _INCOMING_LAS.write(Items(items=tuple(years)), major)
