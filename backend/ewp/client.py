"""Calling partners: signed requests out, verified answers back (guide §2 and §3)."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import msgspec

from ewp.apis import in_parts, names_of, reading
from ewp.bodies import ENCODING, BodyOverlong, BodyUnreadable, NoCookies, unpacked
from ewp.catalogue import ApiEntry, Catalogue, ClientAuth
from ewp.errors import (
    ApiNotServed,
    MessageInvalid,
    PartnerError,
    PartnerRefused,
    PartnerUnreachable,
    ReplyInvalid,
    ReplyNotTrusted,
    XmlRefused,
)
from ewp.ids import HeiId, KeyId
from ewp.keys import PrivateKey
from ewp.messages import cnr, common, echo, file, monitoring
from ewp.signing import ResponseRefused, request_target, sign_request, verify_response
from ewp.signing_headers import ALGORITHM, read_parameters

SILENT_SECONDS = 10.0  # to connect, and between bytes
TOTAL_SECONDS = 60.0  # a slow-loris partner ends here too
LARGEST_ANSWER = 10_000_000  # bytes of XML, unpacked as well
LARGEST_FILE = 20_000_000  # bytes; a signed agreement as PDF
AT_ONCE = 3  # calls to one partner's host (guide §6.6)
FORM = "application/x-www-form-urlencoded"
XML = "text/xml; charset=utf-8"
ACCEPTED = "application/xml, text/xml"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})  # where plain http shows nobody anything

Parameters = Sequence[tuple[str, str]]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A successful answer whose sender is proved as far as the partner offers proof."""

    hei_id: HeiId
    api: str
    major: int
    body: bytes
    signed_by: KeyId | None  # None: the partner signs nothing, its TLS certificate is all
    content_type: str | None = None  # as sent; hardly anybody signs it, so it is a hint only


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, before anything of it is believed."""

    status: int
    headers: tuple[tuple[str, str], ...]  # names in lower case, values decoded as Latin-1
    raw: bytes  # as over the wire: what a digest is of

    @property
    def encoding(self) -> str:
        """How the body is encoded, as sent."""
        return ", ".join(value for name, value in self.headers if name == "content-encoding")


def _now() -> datetime:
    return datetime.now(UTC)


class EwpClient:
    """Calls APIs of partners. The key that signs decides on whose behalf."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        catalogue: Callable[[], Catalogue],
        *,
        now: Callable[[], datetime] = _now,
        silent_seconds: float = SILENT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        """Use `http` for all calls; its own retries must be off. It keeps no cookies from now on.

        `silent_seconds` are those to connect and between two pieces, `total_seconds` all together.
        """
        http.cookies = NoCookies()  # a cookie is not signed, and a jar fills up
        self._http = http
        self._catalogue = catalogue
        self._now = now
        self._silent = silent_seconds
        self._seconds = total_seconds
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(AT_ONCE)
        )

    async def call(
        self,
        key: PrivateKey,
        hei_id: HeiId,
        entry: ApiEntry,
        endpoint: str = "url",
        *,
        parameters: Parameters = (),
        body: bytes | None = None,
        method: str | None = None,
        accept: str = ACCEPTED,
        largest: int = LARGEST_ANSWER,
    ) -> Reply:
        """Call one endpoint of an entry of the catalogue.

        `endpoint` is the entry's element: `url`, `get-url`, `index-url`, `update-url`. A `body`
        goes as XML, parameters go as a form, with GET in the query. `method` is POST unless said
        otherwise, GET for `stats-url`. `largest` is how many bytes of an answer are read.

        Raises:
            ApiNotServed: the entry has no such endpoint, or no security that we can meet.
            PartnerUnreachable: no answer in time, a redirect, or a 5xx.
            PartnerRefused: a 4xx; the message is the partner's for developers.
            ReplyNotTrusted: signature, digest, date or key of the answer is not right.
            ReplyInvalid: another success than 200, or an answer too large to read.
        """
        catalogue = self._catalogue()
        entry = _listed(catalogue, hei_id, entry, endpoint)
        method = method or ("GET" if endpoint == "stats-url" else "POST")
        form = urlencode(list(parameters))
        headers = {"Accept": accept, "Accept-Encoding": ENCODING}
        if method == "GET":
            content = b""
        elif body is None:
            content, headers["Content-Type"] = form.encode(), FORM
        else:
            content, headers["Content-Type"] = body, XML
        try:
            url = _address(entry.urls[endpoint], form if method == "GET" else "")
            sent = self._headers(key, entry, method, str(url), headers, content)
        except (ValueError, httpx.InvalidURL) as error:
            raise ApiNotServed(hei_id, f"{entry.api} {entry.major}: {endpoint} is unfit") from error
        async with self._slots[url.netloc.decode("ascii")]:
            answer = await self._exchange(hei_id, method, url, sent, content, largest)
        if answer.status != HTTPStatus.OK:
            raise _failure(hei_id, answer)
        signed_by = None
        if entry.signs_responses:
            target = request_target(method, str(url))
            signed_by = self._verified(hei_id, catalogue, entry, answer, sent, target)
        return Reply(
            hei_id=hei_id,
            api=entry.api,
            major=entry.major,
            body=_decoded(answer, hei_id, largest),
            signed_by=signed_by,
            content_type=dict(answer.headers).get("content-type"),
        )

    def _headers(
        self,
        key: PrivateKey,
        entry: ApiEntry,
        method: str,
        url: str,
        headers: dict[str, str],
        content: bytes,
    ) -> dict[str, str]:
        """Return what to send: signed, unless the partner lets in only those who are not."""
        if ClientAuth.HTTPSIG in entry.client_auth:
            return sign_request(
                key, method=method, url=url, headers=headers, body=content, now=self._now()
            )
        return headers | {"X-Request-Id": str(uuid4()), "Accept-Signature": ALGORITHM}

    async def _exchange(
        self,
        hei_id: HeiId,
        method: str,
        url: httpx.URL,
        headers: dict[str, str],
        content: bytes,
        largest: int,
    ) -> _Answer:
        """Send, and read at most so much in at most so long."""
        raw = bytearray()
        try:
            request = self._http.build_request(method, url, headers=headers, content=content)
            request.extensions["timeout"] = {
                "connect": self._silent,
                "read": self._silent,
                "write": self._silent,
                "pool": self._seconds,
            }
            async with asyncio.timeout(self._seconds):
                answer = await self._http.send(request, stream=True, follow_redirects=False)
                status = answer.status_code
                try:
                    async for chunk in answer.aiter_raw():
                        raw += chunk
                        if len(raw) > largest:
                            raise ReplyInvalid(hei_id, f"over {largest} bytes", status=status)
                finally:
                    await answer.aclose()
        except TimeoutError as error:
            raise PartnerUnreachable(hei_id, f"no answer in {self._seconds:.0f} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # InvalidURL: httpx reads a `Location` even where it follows none.
            raise PartnerUnreachable(hei_id, type(error).__name__) from error
        return _Answer(
            status=status,
            headers=tuple(
                (name.decode("latin-1").lower(), value.decode("latin-1"))
                for name, value in answer.headers.raw
            ),
            raw=bytes(raw),
        )

    def _verified(
        self,
        hei_id: HeiId,
        catalogue: Catalogue,
        entry: ApiEntry,
        answer: _Answer,
        sent: dict[str, str],
        target: str,
    ) -> KeyId:
        authorization = sent.get("Authorization")
        try:
            return verify_response(
                headers=answer.headers,
                body=answer.raw,
                key_of=lambda key_id: catalogue.server_key(entry, key_id),
                allowed_keys=catalogue.server_keys(entry),
                sent_request_id=sent["X-Request-Id"],
                sent_signature=authorization and _signature(authorization),
                now=self._now(),
                sent_target=target,
            )
        except ResponseRefused as error:
            raise ReplyNotTrusted(hei_id, str(error)) from error

    async def get_objects(
        self,
        key: PrivateKey,
        hei_id: HeiId,
        entry: ApiEntry,
        ids: Sequence[str],
        parameters: Parameters = (),
        *,
        name: str = "omobility_id",
    ) -> list[Reply]:
        """Ask for objects by id, in as many calls as the partner's limit wants.

        Raises:
            PartnerError: as from `call`.
        """
        endpoint = reading(entry.urls, "get")
        return [
            await self.call(key, hei_id, entry, endpoint, parameters=[*parameters, *some])
            for some in in_parts(entry.api, entry.major, entry.limits, name, ids)
        ]

    async def send_cnr(
        self,
        key: PrivateKey,
        hei_id: HeiId,
        entry: ApiEntry,
        ids: Sequence[str],
        parameters: Parameters = (),
    ) -> None:
        """Tell a partner to look again at these mobilities, or agreements (guide §3.4).

        Raises:
            PartnerError: as from `call`.
            ReplyInvalid: what answers is no receiver of notifications.
        """
        name = names_of(entry.api).objects or "omobility_id"
        for some in in_parts(entry.api, entry.major, entry.limits, name, ids):
            reply = await self.call(key, hei_id, entry, parameters=[*parameters, *some])
            if (entry.api, entry.major) not in cnr.NAMESPACE:
                continue
            try:
                cnr.read_cnr_response(reply.body, entry.api, entry.major)
            except (XmlRefused, MessageInvalid) as error:
                raise ReplyInvalid(hei_id, str(error)) from error

    async def file(
        self, key: PrivateKey, hei_id: HeiId, entry: ApiEntry, file_id: str
    ) -> file.File:
        """Get a file whose id another API of the partner has told (guide §4.10).

        Raises:
            PartnerError: as from `call`; PartnerRefused, mostly a 404, where there is no such file.
            MessageInvalid: `file_id` is empty.
        """
        reply = await self.call(
            key,
            hei_id,
            entry,
            parameters=file.parameters(file_id),
            method="GET",
            accept="*/*",
            largest=LARGEST_FILE,
        )
        try:
            return file.read_response(reply.body, reply.content_type)
        except MessageInvalid as error:
            raise ReplyInvalid(hei_id, str(error), status=HTTPStatus.OK) from error

    async def report_failure(
        self, key: PrivateKey, entry: ApiEntry, endpoint: str, error: PartnerError
    ) -> bool:
        """Tell the statistics portal of a call that failed, as `call` raised it (guide §3.5).

        Reports are published. They carry nothing of the request, and of the answer the partner's
        `developer-message`, shortened and without what looks like an id, an address or a value.
        The report is sent and forgotten: False where there was nothing to report or nobody to
        report to, and where the portal did not take it; never a PartnerError.
        """
        portal = self._catalogue().entry(monitoring.PORTAL, "monitoring", 1)
        not_called = isinstance(error, ApiNotServed)
        if portal is None or not_called or entry.api in monitoring.UNREPORTED:
            return False
        answered = isinstance(error, ReplyInvalid | ReplyNotTrusted)
        words = str(error).removeprefix(f"{error.hei_id}: ")
        report = monitoring.Report(
            server_hei_id=error.hei_id,
            api_name=entry.api,
            endpoint_name=monitoring.endpoint_name(endpoint),
            http_code=error.status or (HTTPStatus.OK.value if answered else None),
            server_message=error.developer_message,
            client_message=error.code if error.developer_message else f"{error.code}: {words}",
        )
        try:
            form = monitoring.write_report(report)
            await self.call(key, monitoring.PORTAL, portal, parameters=form)
        except (PartnerError, MessageInvalid):
            return False
        return True

    async def echo(
        self, key: PrivateKey, hei_id: HeiId, values: Sequence[str], *, method: str = "POST"
    ) -> echo.EchoResponse:
        """Call the echo of a partner: does everything about security fit (guide §1.4)?"""
        entry = self._catalogue().entry(hei_id, "echo", 2)
        if entry is None:
            raise ApiNotServed(hei_id, "the catalogue has no echo 2 of it")
        parameters = [("echo", each) for each in values]
        reply = await self.call(key, hei_id, entry, parameters=parameters, method=method)
        try:
            return echo.read_response(reply.body)
        except (XmlRefused, MessageInvalid) as error:
            raise ReplyInvalid(hei_id, str(error)) from error


def _listed(catalogue: Catalogue, hei_id: HeiId, entry: ApiEntry, endpoint: str) -> ApiEntry:
    """Return the entry as this catalogue has it. Raises ApiNotServed.

    An entry knows its host by a place in the catalogue that it came from. Where that one has been
    renewed meanwhile, the place, and with it the server keys, may be another HEI's.
    """
    url = entry.urls.get(endpoint)
    for each in catalogue.entries(hei_id, entry.api, entry.major):
        if url is not None and each.urls.get(endpoint) == url and each.usable:
            return each
    raise ApiNotServed(hei_id, f"{entry.api} {entry.major} has no {endpoint} for us")


def _address(url: str, query: str) -> httpx.URL:
    """Return the address exactly as it goes over the wire. Raises ValueError, httpx.InvalidURL."""
    if query:
        url = f"{url}{'&' if '?' in url else '?'}{query}"
    address = httpx.URL(url)
    if address.fragment or address.userinfo or not address.host:
        raise ValueError("a fragment, a password or no host")
    if address.scheme != "https" and address.host not in LOOPBACK:
        raise ValueError("not https")
    return address


def _signature(authorization: str) -> str:
    return read_parameters(authorization.removeprefix("Signature ")).signature


def _failure(hei_id: HeiId, answer: _Answer) -> PartnerError:
    """Return the error for an answer that is no success. Nobody has to sign those."""
    status = answer.status
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return ReplyInvalid(hei_id, f"status {status} in place of 200", status=status)
    if status < HTTPStatus.BAD_REQUEST:
        return PartnerUnreachable(hei_id, f"status {status}: a redirect", status=status)
    try:
        body = _decoded(answer, hei_id, LARGEST_ANSWER)
        told = common.read_error_response(body).developer_message[:1000]
    except (PartnerError, XmlRefused, MessageInvalid):  # proxies answer HTML, so anything goes
        told = None
    kind = PartnerRefused if status < HTTPStatus.INTERNAL_SERVER_ERROR else PartnerUnreachable
    words = f"status {status}: {told or '(no error-response)'}"
    return kind(hei_id, words, status=status, developer_message=told)


def _decoded(answer: _Answer, hei_id: HeiId, largest: int) -> bytes:
    """Unpack the body. Raises PartnerUnreachable for what cannot be, ReplyInvalid for too much."""
    try:
        return unpacked(answer.raw, answer.encoding, largest)
    except BodyUnreadable as error:
        raise PartnerUnreachable(hei_id, str(error)) from error
    except BodyOverlong as error:
        raise ReplyInvalid(hei_id, str(error), status=answer.status) from error
