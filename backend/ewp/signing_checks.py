"""What signed requests and signed responses have in common: making them, and single checks.

A check raises the error class it is given, with a message for the other side's developer.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec

from ewp import signing_headers
from ewp.errors import EwpError
from ewp.keys import PrivateKey, PublicKey
from ewp.signing_headers import (
    ALGORITHM,
    REQUEST_TARGET,
    SignatureParameters,
    joined,
    read_date,
    signing_string,
    write_date,
)

_DEFAULT_PORTS = {"https": 443, "http": 80}
_SHOWN_NAMES = 5  # of headers in a message to the other side's developer


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """How a signer writes, where EWP leaves it open.

    `headers` are the signed ones in their order; whether `date` or `original-date` is among them
    decides which of the two is sent. `parameters` is the order inside the header.
    """

    headers: tuple[str, ...]
    parameters: tuple[str, ...] = ("keyId", "algorithm", "headers", "signature")


def signed_message(
    key: PrivateKey,
    sent: dict[str, str],
    *,
    header: str,
    prefix: str,
    target: str | None,
    style: Style,
) -> dict[str, str]:
    """Return the headers with the signature in `header`. Raises ValueError for a bad style."""
    values = joined(sent.items())
    if target is not None:
        values[REQUEST_TARGET] = target
    missing = [name for name in style.headers if name not in values]
    if missing:
        raise ValueError(f"the style signs what is not there: {', '.join(missing)}")
    parameters = SignatureParameters(
        key_id=key.key_id,
        algorithm=ALGORITHM,
        headers=style.headers,
        signature=key.sign(signing_string(style.headers, values)),
    )
    written = signing_headers.write_parameters(parameters, style.parameters)
    return merged(sent, {header: prefix + written})


def merged(given: dict[str, str], ours: dict[str, str]) -> dict[str, str]:
    """Put our headers in place of given ones of the same name, whatever their case."""
    names = {name.lower() for name in ours}
    return {name: value for name, value in given.items() if name.lower() not in names} | ours


def dates_of(style: Style, now: datetime) -> dict[str, str]:
    """Return the date headers that the style signs, at `now`."""
    return {
        name: write_date(now) for name in ("Date", "Original-Date") if name.lower() in style.headers
    }


def host_and_target(url: str) -> tuple[str, str]:
    """Return `Host` and raw path with query of a URL. Raises ValueError unless it is encoded."""
    if not url.isascii() or any(character <= " " for character in url):
        raise ValueError("a URL is encoded before it is signed")
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("a URL to sign is absolute, of scheme https or http")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.port is not None and parts.port != _DEFAULT_PORTS[parts.scheme]:
        host = f"{host}:{parts.port}"
    # From the text itself, as urlsplit would lose a `?` with nothing behind it.
    path = url.partition("#")[0].partition("://")[2].removeprefix(parts.netloc)
    return host, path if path.startswith("/") else f"/{path}"


def parameters_of(text: str, name: str, *, refuse: type[EwpError]) -> SignatureParameters:
    """Read what a header says of its signature; the one algorithm is insisted on."""
    try:
        signed = signing_headers.read_parameters(text)
    except ValueError as error:
        raise refuse(f"{name} cannot be read: {error}") from None
    if signed.algorithm != ALGORITHM:
        raise refuse(f"the signature's algorithm is not {ALGORITHM}")
    return signed


def check_names(
    signed: SignatureParameters,
    values: Mapping[str, str],
    *,
    required: tuple[str, ...],
    refuse: type[EwpError],
) -> None:
    """Check that what must be signed is, and that what is said to be signed is there."""
    unsigned = [name for name in required if name not in signed.headers]
    if "date" not in signed.headers and "original-date" not in signed.headers:
        unsigned.append("date or original-date")
    if unsigned:
        raise refuse(f"not signed, but has to be: {', '.join(unsigned)}")
    absent = [name for name in dict.fromkeys(signed.headers) if name not in values]
    if absent:
        raise refuse(f"said to be signed, but absent: {', '.join(absent[:_SHOWN_NAMES])}")


def check_dates(
    signed: SignatureParameters,
    values: Mapping[str, str],
    *,
    now: datetime,
    window: timedelta,
    refuse: type[EwpError],
) -> None:
    """Check that every signed date can be read and lies within the window around now."""
    for name in ("date", "original-date"):
        if name not in signed.headers:
            continue
        try:
            moment = read_date(values[name])
        except ValueError as error:
            raise refuse(f"{name} is {error}") from None
        if not -window <= now - moment <= window:
            away, allowed = (moment - now).total_seconds(), window.total_seconds()
            raise refuse(f"{name} is {away:+.0f} s away from this clock; {allowed:.0f} s may be")


def check_signature(
    signed: SignatureParameters,
    values: Mapping[str, str],
    *,
    key: PublicKey,
    refuse: type[EwpError],
) -> None:
    """Check the signature over the listed headers."""
    try:
        data = signing_string(signed.headers, values)
    except ValueError as error:
        raise refuse(str(error)) from None
    if not key.verify(data, signed.signature):
        raise refuse(f"the signature is not this key's over: {' '.join(signed.headers)}")


def is_one_of(host: str, hosts: Collection[str]) -> bool:
    """Whether a `Host` in lower case is one of these names; ports may be absent on either side."""
    if host in hosts:
        return True
    names = {name.lower() for name in hosts}
    names |= {_without_port(name) for name in names}
    return host in names or _without_port(host) in names


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
