"""An EWP host as an ASGI application: several HEIs, each with its own URLs, keys and services.

    /ewp/{hei_id}/manifest.xml     anonymous
    /ewp/{hei_id}/echo             signed
    /ewp/{hei_id}/{api}/{major}    and .../get, .../index, .../update

What is served and what the manifest declares come from the same services, so that they never
drift. Authentication comes first, then the method, then the parameters (guide §2.3). Every answer
of 4xx and 5xx is an `error-response`, and every answer of a hosted HEI is signed.

Proxies in front may write a `Date` of their own, as nginx does: the signature covers our
`Original-Date`. They may add no content encoding, as `Digest` is of these bytes, and must pass
`Host`, path and query on as they came.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog

from ewp.catalogue import Catalogue
from ewp.errors import (
    BodyTooLarge,
    BodyTooSlow,
    CallerNotAuthenticated,
    CallerUnknown,
    CatalogueUnavailable,
    HostBusy,
    MediaTypeNotSupported,
    RequestRefused,
    SignatureRefused,
    place_of,
)
from ewp.host_answers import Answer, TakesOnly, TooOften, busy, failure, refusal
from ewp.host_calls import Call, Endpoint, Service, UnknownEndpoint, read_form
from ewp.host_echo import EchoService
from ewp.ids import HeiId
from ewp.keys import PrivateKey, PublicKey
from ewp.manifest import Manifest, write_manifest
from ewp.messages.file import File
from ewp.signing import (
    ORIGINAL_DATE_RESPONSE_STYLE,
    IncomingRequest,
    SeenRequests,
    VerifiedRequest,
    sign_response,
    verify_request,
)
from ewp.signing_headers import digest_of, joined, write_date

LARGEST_BODY = 2_000_000  # bytes; an `update` of a learning agreement has some thousands
BODY_SECONDS = 30.0  # for a body to arrive
FORM = "application/x-www-form-urlencoded"
XML = ("text/xml", "application/xml")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

log = structlog.get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


Pace = Callable[[Scope, VerifiedRequest | None, str], float | None]
"""Is told who has called which API, None being nobody who could prove it. Returns after how many
seconds that caller may come again, None where it may go on."""


Place = Callable[[], contextlib.AbstractAsyncContextManager[None]]
"""Waits until one more request may be worked on, which it is within the block. Raises HostBusy."""


async def _nothing(*_: object) -> None:
    """Do nothing, where nobody wants to hear."""


def _at_any_pace(*_: object) -> None:
    """Let everybody come as often as they like."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HostedHei:
    """One HEI as this host serves it."""

    hei_id: HeiId
    names: Mapping[str, str]  # by language
    admin_emails: tuple[str, ...]
    admin_provider: str
    base_url: str  # https, without a slash at the end; the paths above follow
    client_keys: tuple[PublicKey, ...]  # those that we call with, for the manifest
    server_key: PrivateKey  # signs answers
    services: tuple[Service, ...]
    unlisted: tuple[Service, ...] = ()  # served by agreement, and not declared
    other_ids: tuple[tuple[str, str], ...] = ()  # type and value: `erasmus`, `pic`, ...
    admin_notes: str | None = None

    @property
    def served(self) -> tuple[Service, ...]:
        """Everything that is answered, declared or not."""
        return (*self.services, *self.unlisted)

    def serves(self, api: str) -> bool:
        """Whether there is anything under that name."""
        return api in {"manifest.xml", "echo"} or any(each.api == api for each in self.served)

    def manifest(self) -> Manifest:
        """Declare exactly what is served to everybody."""
        own = f"{self.base_url}/ewp/{self.hei_id}"
        services = (EchoService(), *self.services)
        return Manifest(
            url=f"{own}/manifest.xml",
            hei_id=self.hei_id,
            names=self.names,
            other_ids=self.other_ids,
            admin_emails=self.admin_emails,
            admin_provider=self.admin_provider,
            admin_notes=self.admin_notes,
            offers=tuple(each.offer(own) for each in services),
            client_keys=self.client_keys,
            server_keys=(self.server_key.public,),
        )


class EwpHost:
    """The ASGI application."""

    def __init__(
        self,
        hosted: Callable[[HeiId], HostedHei | None],
        catalogue: Callable[[], Catalogue],
        *,
        hosts: Collection[str],
        now: Callable[[], datetime] = _now,
        refresh_for_unknown_key: Callable[[], Awaitable[object]] = _nothing,
        on_refusal: Callable[[HeiId, str, str], Awaitable[None]] = _nothing,
        seen: SeenRequests | None = None,
        pace: Pace = _at_any_pace,
        place: Place = contextlib.nullcontext,
        body_seconds: float = BODY_SECONDS,
        unavailable: Callable[[BaseException], object] = lambda _: None,
    ) -> None:
        """Serve the HEIs that `hosted` knows under the names in `hosts` (with and without port).

        `on_refusal(hei_id, api, code)` hears of every refused request, of what is not served with
        an empty `api`; `refresh_for_unknown_key` is asked once before a key counts as unknown, and
        must limit itself. `seen` remembers requests, so that a recorded one is not taken again; one
        of its own where none is given. `pace` says who has come too often: 429, which is neither
        signed nor told of where nobody knows who that is. A body has `body_seconds` to arrive; a
        request that has arrived is worked on within `place`. An error of a service of which
        `unavailable` says something is answered with 503: come again.
        """
        self._hosted = hosted
        self._catalogue = catalogue
        self._hosts = {each.lower() for each in hosts}
        self._now = now
        self._refresh = refresh_for_unknown_key
        self._on_refusal = on_refusal
        self._seen = SeenRequests() if seen is None else seen
        self._pace = pace
        self._place = place
        self._body_seconds = body_seconds
        self._unavailable = unavailable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        raw = scope.get("raw_path") or scope["path"].encode("latin-1")
        query: bytes = scope.get("query_string", b"")
        target = (raw + b"?" + query if query else raw).decode("latin-1")
        headers = [(k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in scope["headers"]]
        hosted, api, rest = self._find(scope["path"])
        request = IncomingRequest(method=scope["method"], target=target, headers=headers, body=b"")
        verified: VerifiedRequest | None = None
        try:
            if hosted is None:
                raise UnknownEndpoint("no such HEI here")
            body = await _body(receive, self._body_seconds)
            request = msgspec.structs.replace(request, body=body)
            async with self._place():
                if api == "manifest.xml" and not rest:
                    self._keep_pace(scope, None, api)
                    answer = self._manifest(hosted, request.method)
                else:
                    endpoint = _endpoint(hosted, api, rest)
                    verified = await self._caller(request, endpoint)
                    self._keep_pace(scope, verified, api)
                    answer = await self._call(hosted, endpoint, request, verified, query)
        except TooOften as error:
            answer = refusal(error)
            hosted = hosted if verified is not None else None  # a signature is dear
        except RequestRefused as error:
            answer = refusal(error)
            if verified is None and (wait := self._pace(scope, None, api)) is not None:
                answer, hosted = refusal(TooOften(wait)), None
            if hosted is not None:
                await self._note(hosted, api, error)
        except Exception as error:  # noqa: BLE001 - one caller's misfortune is that caller's
            answer = self._failed(api, error)
            hosted = None if isinstance(error, HostBusy) else hosted  # a signature is dear
        await self._send(send, hosted, request, verified, answer)

    def _failed(self, api: str, error: Exception) -> Answer:
        """Say of what is no fault of the caller's when to come again."""
        if isinstance(error, HostBusy):
            return busy(error)
        if isinstance(error, CatalogueUnavailable):
            return failure(503, "no catalogue yet; please try again later")
        # Where, but not what it says: that may be a student's.
        log.error("ewp.failed", api=api, error=type(error).__name__, where=place_of(error))
        if self._unavailable(error):
            return failure(503, "our data cannot be reached; please try again later")
        return failure(500, "an error of ours; please try again later")

    def _keep_pace(self, scope: Scope, verified: VerifiedRequest | None, api: str) -> None:
        if (wait := self._pace(scope, verified, api)) is not None:
            raise TooOften(wait)

    async def _note(self, hosted: HostedHei, api: str, error: RequestRefused) -> None:
        """Tell of a refusal. Names that anybody can make up are neither logged nor counted."""
        known = api if hosted.serves(api) else ""
        log.info("ewp.refused", api=known, code=error.code, status=error.status)
        try:
            await self._on_refusal(hosted.hei_id, known, error.code)
        except Exception as failure:  # noqa: BLE001 - the caller's answer does not hang on it
            log.error("ewp.refusal_lost", error=type(failure).__name__, where=place_of(failure))  # noqa: TRY400

    def _find(self, path: str) -> tuple[HostedHei | None, str, tuple[str, ...]]:
        parts = path.strip("/").split("/")
        if len(parts) < 3 or parts[0] != "ewp":
            return None, "", ()
        return self._hosted(HeiId(parts[1])), parts[2], tuple(parts[3:])

    def _manifest(self, hosted: HostedHei, method: str) -> Answer:
        if method not in {"GET", "HEAD"}:
            raise TakesOnly("GET", "HEAD")
        body = write_manifest(hosted.manifest())
        return Answer(200, body, (("Cache-Control", "max-age=300"),))

    async def _caller(self, request: IncomingRequest, endpoint: Endpoint) -> VerifiedRequest | None:
        """Authenticate. None: an anonymous caller, where public data allow one."""
        try:
            return self._verify(request)
        except CallerNotAuthenticated:
            signed = any(name == "authorization" for name, _ in request.headers)
            if endpoint.anonymous and not signed:
                return None
            raise
        except CallerUnknown:
            with contextlib.suppress(CatalogueUnavailable):
                await self._refresh()
            return self._verify(request)

    def _verify(self, request: IncomingRequest) -> VerifiedRequest:
        known, now = self._catalogue().client_key, self._now()
        verified = partial(
            verify_request, key_of=known, now=now, hosts=self._hosts, seen=self._seen
        )
        try:
            return verified(request)
        except SignatureRefused:
            assert isinstance(request.target, str)  # made here
            if "?" in request.target:
                raise
            # ASGI does not tell `/get?` from `/get`, and some clients send and sign the former.
            asked = msgspec.structs.replace(request, target=f"{request.target}?")
            with contextlib.suppress(SignatureRefused):
                return verified(asked)
            raise

    async def _call(
        self,
        hosted: HostedHei,
        endpoint: Endpoint,
        request: IncomingRequest,
        verified: VerifiedRequest | None,
        query: bytes,
    ) -> Answer:
        if request.method not in endpoint.methods:
            raise TakesOnly(*sorted(endpoint.methods))
        parameters: tuple[tuple[str, str], ...] = ()
        if request.method == "GET":
            parameters = read_form(query)
        else:
            # Hardly anybody signs it, so it is read unsigned: it decides nothing but 415.
            kind = joined(request.headers).get("content-type", "").partition(";")[0].strip().lower()
            wanted = XML if endpoint.takes_xml else (FORM,)
            if kind not in wanted and (request.body or kind):
                raise MediaTypeNotSupported(f"Content-Type: {' or '.join(wanted)} is wanted")
            if not endpoint.takes_xml:
                parameters = read_form(request.body)
        callers = self._catalogue().heis_of_client_key(verified.key_id) if verified else frozenset()
        call = Call(
            hei_id=hosted.hei_id,
            callers=callers,
            parameters=parameters,
            body=request.body,
            request_id=joined(request.headers).get("x-request-id"),
        )
        content = await endpoint.handle(call)
        if isinstance(content, File):
            return Answer(200, content.content, (("Content-Type", content.media_type),))
        return Answer(200, content)

    async def _send(
        self,
        send: Send,
        hosted: HostedHei | None,
        request: IncomingRequest,
        verified: VerifiedRequest | None,
        answer: Answer,
    ) -> None:
        given, now = joined(request.headers), self._now()
        body = b"" if request.method == "HEAD" else answer.body
        headers = {"Content-Type": "application/xml; charset=utf-8", "Date": write_date(now)}
        headers |= dict(answer.headers)
        if hosted is not None:
            headers = sign_response(
                hosted.server_key,
                headers=headers,
                body=body,
                now=now,
                request_id=given.get("x-request-id"),
                request_signature=verified.signature if verified else _bare_signature(given),
                style=ORIGINAL_DATE_RESPONSE_STYLE,
            )
        else:  # nobody whose key could sign it
            headers["Digest"] = digest_of(body)
            if "x-request-id" in given:
                headers["X-Request-Id"] = given["x-request-id"]
        headers["Content-Length"] = str(len(answer.body))
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [
                    (name.lower().encode(), value.encode("latin-1"))
                    for name, value in headers.items()
                ],
            }
        )
        await send({"type": "http.response.body", "body": body})


def _endpoint(hosted: HostedHei, api: str, rest: tuple[str, ...]) -> Endpoint:
    if api == "echo" and not rest:
        return EchoService().endpoints[""]
    if rest:
        for service in hosted.served:
            if service.api == api and str(service.major) == rest[0] and len(rest) <= 2:
                found = service.endpoints.get(rest[1] if len(rest) > 1 else "")
                if found is not None:
                    return found
    raise UnknownEndpoint("no such endpoint here")


def _bare_signature(headers: Mapping[str, str]) -> str | None:
    """Return the request's signature for an answer that refuses it; None where there is none."""
    value = headers.get("authorization", "")
    _, found, rest = value.partition('signature="')
    return rest.partition('"')[0] if found else None


async def _body(receive: Receive, seconds: float) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RequestRefused("the connection ended within the body")
                body += message.get("body", b"")
                if len(body) > LARGEST_BODY:
                    raise BodyTooLarge(f"a body has at most {LARGEST_BODY} bytes")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise BodyTooSlow(f"a body has {seconds:.0f} seconds to arrive") from None


def host_names(base_url: str) -> frozenset[str]:
    """Return the names that strangers put into `Host` for a URL: with and without its port."""
    parts = urlsplit(base_url)
    return frozenset({parts.netloc.lower(), (parts.hostname or "").lower()})
