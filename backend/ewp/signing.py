"""HTTP signatures of requests and responses: making them and judging them (guide §2.2 to §2.4).

Based on draft-cavage-http-signatures-07 with the fixed choices of EWP's httpsig methods: sec-
cliauth 1.0 for requests, sec-srvauth 1.1 for responses. Nothing here waits or asks the clock.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec

from ewp.errors import CallerNotAuthenticated, CallerUnknown, EwpError, SignatureRefused
from ewp.ids import KeyId
from ewp.keys import PrivateKey, PublicKey
from ewp.signing_checks import (
    Style,
    check_dates,
    check_names,
    check_signature,
    dates_of,
    host_and_target,
    is_one_of,
    merged,
    parameters_of,
    signed_message,
)
from ewp.signing_headers import (
    ALGORITHM,
    REQUEST_TARGET,
    SignatureParameters,
    check_digest,
    digest_of,
    joined,
)

WINDOW = timedelta(minutes=5)
"""How far a signed date may lie from now, either way. The guide advises never to use less."""

Headers = Mapping[str, str] | Iterable[tuple[str, str]]
"""Names in any case with values decoded as Latin-1; in pairs, a name may be there several times."""

_REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class ResponseRefused(EwpError):
    """A response whose signature, digest, date or key is not right. The body is not to be used."""

    code = "response_refused"


class ResponseUnsigned(ResponseRefused):
    """A response without a signature; as an error response it may still be a hint to retry."""

    code = "response_unsigned"


REQUEST_STYLE = Style(
    headers=(REQUEST_TARGET, "host", "date", "digest", "x-request-id", "accept-signature")
)
RESPONSE_STYLE = Style(headers=("date", "digest", "x-request-id", "x-request-signature"))
ORIGINAL_DATE_RESPONSE_STYLE = Style(
    headers=("original-date", "digest", "x-request-id", "x-request-signature")
)
"""For servers that add a `Date` of their own, as most ASGI servers do (guide §2.6)."""


class IncomingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came over the wire, before anything was decoded."""

    method: str
    target: bytes | str  # raw path and, after `?`, raw query
    headers: list[tuple[str, str]]  # names in lower case, values decoded as Latin-1
    body: bytes


class VerifiedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed a request, and what of it may be believed."""

    key_id: KeyId
    request_id: str
    signature: str  # base64 as sent; the response repeats it in `X-Request-Signature`
    signed_headers: frozenset[str]  # lower-case names
    headers: tuple[tuple[str, str], ...]  # the signed ones alone: all that an application may read


class SeenRequests:
    """Remembers which requests came already, so that a recorded one is not taken again.

    Lives in one process's memory. Keeps what could still be accepted, which is twice the window,
    and `limit` requests at most: beyond it the oldest half is forgotten.
    """

    def __init__(self, *, window: timedelta = WINDOW, limit: int = 100_000) -> None:
        self._span = 2 * window
        self._half = max(1, limit // 2)
        self._since: datetime | None = None
        self._new: set[tuple[KeyId, str]] = set()
        self._old: set[tuple[KeyId, str]] = set()

    def is_new(self, key_id: KeyId, request_id: str, now: datetime) -> bool:
        """Note a request and return whether it is here for the first time."""
        if self._since is None or now - self._since >= self._span or len(self._new) >= self._half:
            self._old, self._new, self._since = self._new, set(), now
        request = (key_id, request_id)
        if request in self._new or request in self._old:
            return False
        self._new.add(request)
        return True


def sign_request(
    key: PrivateKey,
    *,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    now: datetime,
    request_id: str | None = None,
    style: Style = REQUEST_STYLE,
) -> dict[str, str]:
    """Return all headers to send, signed in the name of the HEI whose key it is (guide §2.2).

    `url` and `body` are what goes over the wire: sign after encoding, never before. `headers` are
    sent along; a `Host` among them replaces the one from the URL. Each call, each retry too, gets
    a `request_id` of its own unless one is given. Raises ValueError for a URL that is not encoded
    or a style that names a header which is not there.
    """
    host, target = host_and_target(url)
    sent = {
        "Host": host,
        "Digest": digest_of(body),
        "Want-Digest": "SHA-256",
        "X-Request-Id": str(uuid4()) if request_id is None else request_id,
        "Accept-Signature": ALGORITHM,
    }
    given = dict(headers or {})
    if any(name.lower() == "host" for name in given):
        del sent["Host"]
    return signed_message(
        key,
        merged(given, sent | dates_of(style, now)),
        header="Authorization",
        prefix="Signature ",
        target=f"{method.lower()} {target}",
        style=style,
    )


def verify_request(
    request: IncomingRequest,
    *,
    key_of: Callable[[KeyId], PublicKey | None],
    now: datetime,
    hosts: Collection[str],
    window: timedelta = WINDOW,
    seen: SeenRequests | None = None,
) -> VerifiedRequest:
    """Authenticate a request's caller in the order of guide §2.3, checks 1 to 12.

    `key_of` gives client keys alone. `hosts` are the names that this server goes by, with or
    without a port. With `seen`, a request that came already is refused. Raises
    CallerNotAuthenticated (401), CallerUnknown (403) and SignatureRefused (400), each with a
    message for the caller's developer.
    """
    values = joined(request.headers)
    signed = _authorization(values.get("authorization"))
    target = request.target if isinstance(request.target, str) else request.target.decode("latin-1")
    values[REQUEST_TARGET] = f"{request.method.lower()} {target}"
    check_names(
        signed,
        values,
        required=(REQUEST_TARGET, "host", "digest", "x-request-id"),
        refuse=SignatureRefused,
    )
    if not is_one_of(values["host"].lower(), hosts):
        raise SignatureRefused("Host is not a name of this server")
    request_id = values["x-request-id"]
    if _REQUEST_ID.fullmatch(request_id) is None:
        raise SignatureRefused("X-Request-Id is not a UUID in lower case with dashes")
    check_dates(signed, values, now=now, window=window, refuse=SignatureRefused)
    key_id = KeyId(signed.key_id)
    key = key_of(key_id)
    if key is None:
        raise CallerUnknown("keyId is not among the client keys of the catalogue")
    check_signature(signed, values, key=key, refuse=SignatureRefused)
    try:
        check_digest(values["digest"], request.body)
    except ValueError as error:
        raise SignatureRefused(str(error)) from None
    if seen is not None and not seen.is_new(key_id, request_id, now):
        raise SignatureRefused("a request of this X-Request-Id came already")
    names = frozenset(signed.headers)
    return VerifiedRequest(
        key_id=key_id,
        request_id=request_id,
        signature=signed.signature,
        signed_headers=names,
        headers=tuple((name, value) for name, value in request.headers if name.lower() in names),
    )


def wants_signature(accept_signature: str | None) -> bool:
    """Return whether a caller who sent this `Accept-Signature` must get a signed response."""
    return any(each.strip().lower() == ALGORITHM for each in (accept_signature or "").split(","))


def request_target(method: str, url: str) -> str:
    """Return `(request-target)` of a request: the method in lower case, raw path and query."""
    return f"{method.lower()} {host_and_target(url)[1]}"


def sign_response(
    key: PrivateKey,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes,
    now: datetime,
    request_id: str | None,
    request_signature: str | None,
    style: Style = RESPONSE_STYLE,
    target: str | None = None,
) -> dict[str, str]:
    """Return all headers of a response, signed with a server key (guide §2.4).

    `body` is what goes over the wire, after compression. `request_id` and `request_signature` are
    the request's own, None where it had none: they are then left out of the style's headers.
    `target` is the request's, as from `request_target`, for a style that signs it.
    """
    sent = {"Digest": digest_of(body)} | dates_of(style, now)
    if request_id is not None:
        sent["X-Request-Id"] = request_id
    if request_signature is not None:
        sent["X-Request-Signature"] = request_signature
    absent = {
        name
        for name, value in (
            ("x-request-id", request_id),
            ("x-request-signature", request_signature),
        )
        if value is None
    }
    return signed_message(
        key,
        merged(dict(headers or {}), sent),
        header="Signature",
        prefix="",
        target=target,
        style=Style(
            headers=tuple(name for name in style.headers if name not in absent),
            parameters=style.parameters,
        ),
    )


def verify_response(
    *,
    headers: Headers,
    body: bytes,
    key_of: Callable[[KeyId], PublicKey | None],
    allowed_keys: Collection[KeyId],
    sent_request_id: str | None,
    sent_signature: str | None,
    now: datetime,
    window: timedelta = WINDOW,
    sent_target: str | None = None,
) -> KeyId:
    """Judge a response and return the server key that signed it (guide §2.4, client side).

    `body` is as received, before decompression. `allowed_keys` are the server keys of the host of
    the called API entry. `sent_signature` is the bare signature of our `Authorization`, None after
    an anonymous call. `sent_target` is what `request_target` gives for our request: some servers,
    the Registry's own library among them, sign it too. Raises ResponseRefused, and of its kind
    ResponseUnsigned when there is no signature at all.
    """
    values = joined(headers.items() if isinstance(headers, Mapping) else headers)
    header = values.get("signature")
    if header is None:
        raise ResponseUnsigned("the response has no header Signature")
    signed = parameters_of(header, "Signature", refuse=ResponseRefused)
    if sent_target is not None:
        values[REQUEST_TARGET] = sent_target
    echoed = {"x-request-id": sent_request_id, "x-request-signature": sent_signature}
    check_names(
        signed,
        values,
        required=("digest", *(name for name, sent in echoed.items() if sent is not None)),
        refuse=ResponseRefused,
    )
    key_id = KeyId(signed.key_id)
    key = key_of(key_id) if key_id in allowed_keys else None
    if key is None:
        raise ResponseRefused("keyId is not among the server keys of the API's host")
    try:
        check_digest(values["digest"], body)
    except ValueError as error:
        raise ResponseRefused(str(error)) from None
    check_dates(signed, values, now=now, window=window, refuse=ResponseRefused)
    for name, sent in echoed.items():
        if sent is not None and values[name] != sent:
            raise ResponseRefused(f"{name} is not that of the request")
    check_signature(signed, values, key=key, refuse=ResponseRefused)
    return key_id


def _authorization(header: str | None) -> SignatureParameters:
    if header is None:
        raise CallerNotAuthenticated("the request has no header Authorization")
    scheme, _, parameters = header.partition(" ")
    if scheme.lower() != "signature":
        raise CallerNotAuthenticated("the scheme of Authorization is not Signature")
    return parameters_of(parameters, "Authorization", refuse=SignatureRefused)
