"""A GraphQL request as it comes over HTTP: read, or refused before anything is executed."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar.types import HTTPScope, Receive

from erasmus_app.telemetry import logs

PREFIX = "sha256:"  # may stand before a hash
LARGEST_BODY = 1_000_000  # bytes
LONGEST_QUERY = 16_384  # bytes, of an address


def named() -> dict[str, str]:
    """Return which request is under way, as an error's member; nothing outside of any."""
    request_id = logs.request_id()
    return {} if request_id is None else {"request_id": request_id}


def extensions(code: str) -> dict[str, Any]:
    """Return what an error says beside its message: a stable code, and which request it was."""
    return {"code": code} | named()


class Refused(Exception):
    """A request that is answered before anything is executed."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        challenge: str | None = None,
        answer: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        after: int | None = None,  # seconds until it is worth asking again
    ) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.headers = dict(headers or {})
        if challenge is not None:  # to whoever wants in (RFC 6750 §3)
            self.headers["WWW-Authenticate"] = challenge
        if after is not None:
            self.headers["Retry-After"] = str(after)
        self.is_of_document = answer is not None  # the request itself is well-formed
        self.answer = answer or {"errors": [{"message": message, "extensions": extensions(code)}]}


class PersistedQuery(msgspec.Struct, frozen=True):
    """Apollo's way to name a document."""

    sha256_hash: str = msgspec.field(name="sha256Hash")
    version: int = 1


class Extensions(msgspec.Struct, frozen=True):
    """What we read of `extensions`; all else is others'."""

    persisted_query: PersistedQuery | None = msgspec.field(default=None, name="persistedQuery")


class Request(msgspec.Struct, frozen=True):
    """A request; it names its document by text or by hash."""

    query: str | None = None
    document_id: str | None = msgspec.field(default=None, name="documentId")
    operation_name: str | None = msgspec.field(default=None, name="operationName")
    variables: dict[str, Any] | None = None
    extensions: Extensions | None = None

    @property
    def hash(self) -> str | None:
        """The hash that names the document, in hex."""
        if self.document_id is not None:
            return self.document_id.removeprefix(PREFIX)
        persisted = self.extensions.persisted_query if self.extensions else None
        return persisted.sha256_hash if persisted else None


_decode = msgspec.json.Decoder(Request).decode


def check_media_type(content_type: str) -> None:
    """Refuse what is not JSON; also what keeps other sites' forms out, which cannot send this."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "media_type_not_supported",
            "Content-Type must be application/json",
        )


async def posted(receive: Receive) -> Request:
    """Read the body of a POST."""
    try:
        return _decode(await _body(receive))
    except msgspec.ValidationError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "request_invalid", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "json_malformed", "not JSON") from error


def asked_by_get(scope: HTTPScope) -> Request:
    """Read the address of a GET: a document by its hash, never by its text."""
    if len(scope["query_string"]) > LONGEST_QUERY:
        raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG, "request_invalid", "the address is too long")
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    given: dict[str, Any] = dict(pairs)
    if len(given) != len(pairs):
        raise Refused(HTTPStatus.BAD_REQUEST, "request_invalid", "a parameter is given twice")
    if "query" in given or not given.keys() & {"documentId", "extensions"}:
        raise Refused(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "by GET only a document that is known, by its hash: documentId",
        )
    try:
        for name in ("variables", "extensions"):
            if name in given:
                given[name] = msgspec.json.decode(given[name])
        return msgspec.convert(given, Request)
    except msgspec.ValidationError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "request_invalid", str(error)) from error
    except msgspec.DecodeError as error:
        raise Refused(
            HTTPStatus.BAD_REQUEST, "json_malformed", "variables or extensions: not JSON"
        ) from error


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(HTTPStatus.BAD_REQUEST, "request_invalid", "the body did not end")
        part = message["body"]
        length += len(part)
        if length > LARGEST_BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", "over 1 MB")
        parts.append(part)
        if not message["more_body"]:
            return parts[0] if len(parts) == 1 else b"".join(parts)
