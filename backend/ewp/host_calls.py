"""One call of a host's endpoint: its parameters and the rules for them, the same for all APIs.

Repeated where one is allowed, missing, or too many → 400; unknown ids → silence; unknown
parameters → ignored (guide §3.1, §3.3).
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol, TypeVar
from urllib.parse import parse_qsl

import msgspec

from ewp.errors import MessageInvalid, RequestRefused, XmlRefused
from ewp.ids import AcademicYearId, HeiId, OmobilityId
from ewp.manifest import Offer
from ewp.messages.file import File
from ewp.messages.values import DATE, DATE_TIME

T = TypeVar("T")

MOST_PARAMETERS = 10_000  # of one call; the largest limit on ids is far below
GET = frozenset({"GET"})
POST = frozenset({"POST"})
GET_POST = GET | POST

_YEAR = re.compile(r"[0-9]{4}/[0-9]{4}")
_ID = re.compile(r"[!-~]{1,64}")
_ZONED = re.compile(r"[^ ]+T[^ ]+(?:Z|[+-][0-9]{2}:[0-9]{2})")
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class UnknownEndpoint(RequestRefused):
    """A path that this host does not serve."""

    code = "unknown_endpoint"
    status = 404


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One authenticated call: the addressed HEI, the caller's HEIs, the parameters, the body."""

    hei_id: HeiId
    callers: frozenset[HeiId]  # empty: anonymous, or a key that covers nothing
    parameters: tuple[tuple[str, str], ...]
    body: bytes
    request_id: str | None = None  # the signed `X-Request-Id`

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a repeatable parameter."""
        return tuple(value for key, value in self.parameters if key == name)

    def one(self, name: str) -> str | None:
        """Return a parameter that may stand once. Raises RequestRefused where it is repeated."""
        found = self.all(name)
        if len(found) > 1:
            raise RequestRefused(f"{name}: may be given once, not {len(found)} times")
        return found[0] if found else None

    def needed(self, name: str) -> str:
        """Return a parameter that must stand once. Raises RequestRefused."""
        value = self.one(name)
        if not value:
            raise RequestRefused(f"{name}: is required")
        return value

    def some(self, name: str, most: int) -> tuple[str, ...]:
        """Return one to `most` values, counted as they stand there. Raises RequestRefused."""
        found = self.all(name)
        if not found or not all(found):
            raise RequestRefused(f"{name}: is required")
        if len(found) > most:
            raise RequestRefused(f"{name}: {len(found)} values, limit is {most}")
        return tuple(dict.fromkeys(found))

    def omobility_ids(self, most: int) -> list[OmobilityId]:
        """Return the asked ids, each once. Raises RequestRefused for none or too many.

        What has not the form of an id is left out: it can only be unknown, and unknown ids are no
        error. No store has to be ready for it.
        """
        found = self.some("omobility_id", most)
        return [OmobilityId(each) for each in found if is_id(each)]

    @property
    def senders(self) -> frozenset[HeiId] | None:
        """The sending HEIs whose students the caller may see; None: those of all."""
        return None if self.hei_id in self.callers else self.callers

    def addressed(self, name: str) -> None:
        """Check the older APIs' parameter for the asked HEI. Raises RequestRefused."""
        if self.needed(name).lower() != self.hei_id:
            raise RequestRefused(f"{name}: not an HEI of this endpoint")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One URL of a service."""

    methods: frozenset[str]
    handle: Callable[[Call], Awaitable[bytes | File]]  # XML, or a file of another type
    takes_xml: bool = False
    anonymous: bool = False


class Service(Protocol):
    """One API in one major version: its endpoints, and how the manifest declares them."""

    @property
    def api(self) -> str:
        """The manifest's element."""

    @property
    def major(self) -> int:
        """The major version."""

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """Endpoints by the last part of their path; the empty one is the API's own."""

    def offer(self, base: str) -> Offer:
        """Declare it for the manifest; `base` is the HEI's own address."""


def read_form(data: bytes) -> tuple[tuple[str, str], ...]:
    """Read a query or a form. Raises RequestRefused for what is no UTF-8, or too much."""
    if data.count(b"&") >= MOST_PARAMETERS:
        raise RequestRefused(f"parameters: more than {MOST_PARAMETERS}")
    try:
        pairs = parse_qsl(data.decode(), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise RequestRefused("parameters: not a form in UTF-8") from error
    return tuple(pairs)


def moment(call: Call, name: str) -> datetime | None:
    """Read an optional `xs:dateTime` with a zone, as UTC. Raises RequestRefused."""
    value = call.one(name)
    if value is None:
        return None
    assert DATE_TIME.read is not None
    try:
        if _ZONED.fullmatch(value) is None:
            raise ValueError(name)
        read: datetime = DATE_TIME.read(value)
        return read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise RequestRefused(f"{name}: must be a date and time with a zone") from None


def academic_year(call: Call) -> str | None:
    """Read the optional `receiving_academic_year_id`. Raises RequestRefused."""
    value = call.one("receiving_academic_year_id")
    if value is not None and _YEAR.fullmatch(value) is None:
        raise RequestRefused("receiving_academic_year_id: must be YYYY/YYYY")
    return value


def academic_years(call: Call) -> tuple[AcademicYearId, ...]:
    """Read `receiving_academic_year_id` where several may be meant. Raises RequestRefused."""
    found = call.all("receiving_academic_year_id")
    if not all(map(_YEAR.fullmatch, found)):
        raise RequestRefused("receiving_academic_year_id: must be YYYY/YYYY")
    return tuple(map(AcademicYearId, found))


def document(read: Callable[[bytes], T], body: bytes) -> T:
    """Read the XML of an `update`. Raises RequestRefused."""
    try:
        return read(body)
    except (XmlRefused, MessageInvalid) as error:
        raise RequestRefused(str(error)) from error


def day(call: Call, name: str) -> date | None:
    """Read an optional `xs:date`; a zone in it is dropped. Raises RequestRefused."""
    value = call.one(name)
    if value is None:
        return None
    assert DATE.read is not None
    try:
        read: date = DATE.read(value)
    except (ValueError, OverflowError):
        raise RequestRefused(f"{name}: must be a date, YYYY-MM-DD") from None
    return read


def ids_or_codes(
    call: Call, id_name: str, code_name: str, most: int
) -> tuple[list[str], list[str]]:
    """Return the asked ids, or the asked codes, each once. Raises RequestRefused for both or none.

    What has not the form of an id, or of any text, is left out: it can only be unknown, and no
    store has to be ready for it.
    """
    by_id, by_code = bool(call.all(id_name)), bool(call.all(code_name))
    if by_id == by_code:
        raise RequestRefused(f"{id_name}, {code_name}: exactly one of the two is required")
    if by_id:
        return [each for each in call.some(id_name, most) if is_id(each)], []
    return [], [each for each in call.some(code_name, most) if is_xml_text(each)]


def is_id(text: str) -> bool:
    """Whether it has the form of an object's id (guide §1.1)."""
    return _ID.fullmatch(text) is not None


def is_xml_text(text: str) -> bool:
    """Whether XML can carry it."""
    return _NOT_IN_XML.search(text) is None


def as_xml_text(text: str) -> str:
    """Return it with `?` for each character that XML cannot carry."""
    return _NOT_IN_XML.sub("?", text)
