"""Transcripts of incoming mobilities, versions 1 to 3 (guide §4.6).

1 and 2 carry ELMO 1.6, 3 carries ELMO 2.1 and the academic year. `get` and `index` are asked with
forms, not XML: `get_parameters` and `index_parameters` fill them in.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import msgspec

from ewp.apis import about_hei
from ewp.ids import HeiId, OmobilityId
from ewp.messages import values
from ewp.messages.documents import Items, Versions, Xml, listing
from ewp.messages.elmo import LARGEST_ATTACHMENT, Elmo
from ewp.messages.elmo_xml import NAMESPACE as ELMO_NAMESPACE
from ewp.messages.elmo_xml import elmo_shape
from ewp.messages.shapes import Need, Shape, attribute, listed, one, shape, wanted

_SPECS = "https://github.com/erasmus-without-paper/ewp-specs-api-"
_SPEC = f"{_SPECS}imobility-tors/blob"
MAJORS = (1, 2, 3)
GET_NAMESPACE = {n: f"{_SPEC}/stable-v{n}/endpoints/get-response.xsd" for n in MAJORS}
INDEX_NAMESPACE = {n: f"{_SPEC}/stable-v{n}/endpoints/index-response.xsd" for n in MAJORS}
STATS_NAMESPACE = {1: f"{_SPECS}imobility-tor-stats/tree/stable-v1"}


class GradeFrequency(msgspec.Struct, frozen=True, kw_only=True):
    """A grade and the share of students who got it."""

    label: str
    percentage: Decimal | None = None


class IscedTable(msgspec.Struct, frozen=True, kw_only=True):
    """How grades are spread in one field of study: what a conversion of grades needs."""

    isced_code: str | None = None
    frequencies: tuple[GradeFrequency, ...] = ()


class Tor(msgspec.Struct, frozen=True, kw_only=True):
    """The transcript of one mobility."""

    omobility_id: OmobilityId
    receiving_academic_year_id: str | None = None  # since version 3
    elmo: Elmo
    grade_conversion: tuple[IscedTable, ...] = ()


class YearStats(msgspec.Struct, frozen=True, kw_only=True):
    """How many transcripts were issued for one academic year."""

    receiving_academic_year_id: str
    imobility_tor_total: int


_CONVERSION = listed(
    "gradeConversionTable",
    "iscedTable",
    shape(
        IscedTable,
        attribute("iscedCode", values.TOKEN, need=Need.WRITING),
        wanted(
            "gradeFrequency",
            shape(
                GradeFrequency,
                attribute("label", values.TOKEN, need=Need.ALWAYS),
                attribute("percentage", values.LENIENT_DECIMAL, need=Need.WRITING),
                lenient=True,
            ),
            many="frequencies",
        ),
    ),
    name="grade_conversion",
)


def _tor(major: int, largest_attachment: int) -> Shape[Tor]:
    version = 2 if major >= 3 else 1
    transcript = elmo_shape(version, largest_attachment)
    elmo = one("elmo", transcript, namespace=ELMO_NAMESPACE[version])
    if major < 3:
        return shape(Tor, one("omobility-id", values.ID), elmo, _CONVERSION)
    year = wanted("receiving-academic-year-id", replace(values.ACADEMIC_YEAR, lenient=True))
    return shape(Tor, one("omobility-id", values.ID), year, elmo, _CONVERSION)


@lru_cache(maxsize=4)
def _get(largest_attachment: int) -> Versions[Items[Tor]]:
    shapes = {major: listing("tor", _tor(major, largest_attachment)) for major in MAJORS}
    return Versions("imobility-tors-get-response", GET_NAMESPACE, shapes)


_INDEX: Versions[Items[OmobilityId]] = Versions(
    "imobility-tors-index-response", INDEX_NAMESPACE, listing("omobility-id", values.ID)
)
_STATS: Versions[Items[YearStats]] = Versions(
    "imobility-tor-stats-response",
    STATS_NAMESPACE,
    listing(
        "academic-year-stats",
        shape(
            YearStats,
            one("receiving-academic-year-id", values.ACADEMIC_YEAR),
            one("imobility-tor-total", values.NUMBER),
        ),
    ),
)

Parameters = list[tuple[str, str]]


def get_parameters(
    receiving_hei_id: HeiId, omobility_ids: Iterable[OmobilityId], *, major: int
) -> Parameters:
    """Ask `get` for these transcripts; mind the API entry's `max-omobility-ids`."""
    ids = [("omobility_id", each) for each in omobility_ids]
    return about_hei("imobility-tors", major, receiving_hei_id) + ids


def index_parameters(
    receiving_hei_id: HeiId,
    *,
    major: int,
    sending_hei_ids: Iterable[HeiId] = (),
    receiving_academic_year_id: str | None = None,
    modified_since: datetime | None = None,
) -> Parameters:
    """Ask `index` for what there is; sending HEIs up to version 2, the year since version 3."""
    found = about_hei("imobility-tors", major, receiving_hei_id)
    if major < 3:
        found += [("sending_hei_id", each) for each in sending_hei_ids]
    elif receiving_academic_year_id is not None:
        found.append(("receiving_academic_year_id", receiving_academic_year_id))
    if modified_since is not None:
        found.append(("modified_since", modified_since.isoformat(timespec="seconds")))
    return found


def read_get_response(xml: Xml, *, largest_attachment: int = LARGEST_ATTACHMENT) -> tuple[Tor, ...]:
    """Read an `imobility-tors-get-response`, leaving out files of more bytes than that."""
    return _get(largest_attachment).read(xml).items


def write_get_response(transcripts: Iterable[Tor], *, major: int) -> bytes:
    """Write an `imobility-tors-get-response`; what that version has no place for is left out."""
    return _get(LARGEST_ATTACHMENT).write(Items(items=tuple(transcripts)), major)


def read_index_response(xml: bytes) -> tuple[OmobilityId, ...]:
    """Read an `imobility-tors-index-response`."""
    return _INDEX.read(xml).items


def write_index_response(omobility_ids: Iterable[OmobilityId], *, major: int) -> bytes:
    """Write an `imobility-tors-index-response`."""
    return _INDEX.write(Items(items=tuple(omobility_ids)), major)


def read_stats_response(xml: bytes) -> tuple[YearStats, ...]:
    """Read an `imobility-tor-stats-response`."""
    return _STATS.read(xml).items


def write_stats_response(years: Iterable[YearStats], *, major: int = 1) -> bytes:
    """Write an `imobility-tor-stats-response`."""
    return _STATS.write(Items(items=tuple(years)), major)
