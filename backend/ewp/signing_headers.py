"""The headers of a signed message: parameters, dates, digests, the signing string (guide §2.2).

What does not fit raises ValueError with the rule in plain English; `signing` makes it the error
that belongs to the message.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

import msgspec

ALGORITHM = "rsa-sha256"
REQUEST_TARGET = "(request-target)"

MAX_LENGTH = 8_192  # characters of the whole header; a signature of 16384 bits takes 2,732
MAX_PARAMETERS = 16
MAX_NAMES = 64  # signed headers

_PARAMETER = re.compile(
    r"""[ \t]*([A-Za-z][A-Za-z0-9_-]*)[ \t]*=[ \t]*"""
    r"""(?:"([ !\x23-\x5b\x5d-\x7e]*)"|([A-Za-z0-9!#$%&'*+.^_`|~-]+))[ \t]*(,|\Z)"""
)
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{1,2}) ([A-Z][a-z]{2}) ([0-9]{4}) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1
    )
}


class SignatureParameters(msgspec.Struct, frozen=True, kw_only=True):
    """What `Authorization: Signature` and the header `Signature` say."""

    key_id: str
    algorithm: str
    headers: tuple[str, ...]  # lower-case, in the order of the signing string
    signature: str  # base64


def read_parameters(text: str) -> SignatureParameters:
    """Read `keyId="…",algorithm="…",headers="…",signature="…"` in any order.

    Parameters of other names are ignored. Raises ValueError.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"longer than {MAX_LENGTH} characters")
    found: dict[str, str] = {}
    at, more = 0, True
    while more:
        match = _PARAMETER.match(text, at)
        if match is None:
            raise ValueError(f'no name="value" at character {at + 1}')
        name, quoted, token, comma = match.groups()
        if name in found:
            raise ValueError(f"the parameter {name} is there twice")
        if len(found) == MAX_PARAMETERS:
            raise ValueError(f"more than {MAX_PARAMETERS} parameters")
        found[name] = token if quoted is None else quoted
        at, more = match.end(), comma == ","
    missing = [name for name in ("keyId", "algorithm", "headers", "signature") if name not in found]
    if missing:
        raise ValueError(f"without {', '.join(missing)}")
    names = tuple(found["headers"].lower().split())
    if len(names) > MAX_NAMES:
        raise ValueError(f"more than {MAX_NAMES} signed headers")
    return SignatureParameters(
        key_id=found["keyId"],
        algorithm=found["algorithm"],
        headers=names,
        signature=found["signature"],
    )


def write_parameters(parameters: SignatureParameters, order: Sequence[str]) -> str:
    """Write the four parameters in the given order of their names."""
    values = {
        "keyId": parameters.key_id,
        "algorithm": parameters.algorithm,
        "headers": " ".join(parameters.headers),
        "signature": parameters.signature,
    }
    return ",".join(f'{name}="{values[name]}"' for name in order)


def joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return one value per lower-case name; several of one name are joined by a comma."""
    values: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        known = values.get(key)
        values[key] = value.strip() if known is None else f"{known}, {value.strip()}"
    return values


def signing_string(names: Sequence[str], values: Mapping[str, str]) -> bytes:
    """Return what is signed: a line per name in their order, without a line feed at the end.

    `values` has `(request-target)` too, when it is among the names. Raises ValueError for a value
    with a line break or outside Latin-1, KeyError for a name without a value.
    """
    text = "\n".join([f"{name}: {values[name]}" for name in names])
    if text.count("\n") != len(names) - 1 or "\r" in text:
        raise ValueError("a header's value has a line break")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("a header's value has characters outside Latin-1") from None


def write_date(moment: datetime) -> str:
    """Write the RFC 1123 form in GMT, whole seconds."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def read_date(text: str) -> datetime:
    """Read `Mon, 02 Mar 2026 09:05:07 GMT`. Raises ValueError.

    A day of one digit is read too, as Java's formatter writes it.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 1123 date in GMT")
    day, month, year, hour, minute, second = match.groups()
    try:
        return datetime(
            int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=UTC
        )
    except (KeyError, ValueError):
        raise ValueError("not a date of the calendar") from None


def digest_of(body: bytes) -> str:
    """Return the value of `Digest` for a body as it goes over the wire."""
    return f"SHA-256={_sha256(body)}"


def check_digest(header: str, body: bytes) -> None:
    """Raise ValueError unless the header has a SHA-256 of the body.

    Other algorithms beside it are ignored. When SHA-256 is there twice, both must be right.
    """
    found = False
    for part in header.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name.strip().lower() != "sha-256":
            continue
        found = True
        if value.strip() != _sha256(body):
            raise ValueError("the SHA-256 in Digest is not that of the body received")
    if not found:
        raise ValueError("Digest has no SHA-256")


def _sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")
