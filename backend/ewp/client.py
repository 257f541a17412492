"""Calling partners: signed requests out, verified answers back (guide §2 and §3)."""

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec

from ewp.catalogue import ApiEntry, Catalogue
from ewp.errors import (
    ApiNotServed,
    MessageInvalid,
    PartnerRefused,
    PartnerUnreachable,
    ReplyInvalid,
    ReplyNotTrusted,
    XmlRefused,
)
from ewp.ids import HeiId, KeyId, OmobilityId
from ewp.keys import PrivateKey
from ewp.messages import common, echo
from ewp.signing import ResponseRefused, request_target, sign_request, verify_response

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 60.0  # a slow-loris partner ends here too
LARGEST_ANSWER = 20_000_000  # bytes, after decompression as well
AT_ONCE = 3  # calls to one partner's host (guide §6.6)
FORM = "application/x-www-form-urlencoded"

Parameters = Sequence[tuple[str, str]]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A successful answer whose sender is proved as far as the partner offers proof."""

    hei_id: HeiId
    api: str
    major: int
    body: bytes
    signed_by: KeyId | None  # None: the partner signs nothing, its TLS certificate is all


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
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        """Use `http` for all calls; redirects and its own retries must be off."""
        self._http = http
        self._catalogue = catalogue
        self._now = now
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
        method: str = "POST",
    ) -> Reply:
        """Call one endpoint of an entry of the catalogue.

        `endpoint` is the entry's element: `url`, `get-url`, `index-url`, `update-url`. A `body`
        goes as XML, parameters go as a form, with GET in the query.

        Raises:
            ApiNotServed: the entry has no such endpoint, or no security that we can meet.
            PartnerUnreachable: no answer in time, a redirect, or a 5xx.
            PartnerRefused: a 4xx; the message is the partner's for developers.
            ReplyNotTrusted: signature, digest, date or key of the answer is not right.
        """
        url = entry.urls.get(endpoint)
        if url is None or not entry.usable:
            raise ApiNotServed(hei_id, f"{entry.api} {entry.major} has no {endpoint} for us")
        content, headers = body, {"Content-Type": "text/xml; charset=utf-8"}
        if body is None:
            form = urlencode(list(parameters))
            content, headers = form.encode(), {"Content-Type": FORM}
            if method == "GET":
                url, content, headers = f"{url}?{form}" if form else url, b"", {}
        headers |= {"Accept": "application/xml, text/xml", "Accept-Encoding": "gzip"}
        signed = sign_request(
            key, method=method, url=url, headers=headers, body=content or b"", now=self._now()
        )
        async with self._slots[urlsplit(url).netloc]:
            answer, raw = await self._exchange(hei_id, method, url, signed, content or b"")
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.is_redirect:
            raise PartnerUnreachable(
                hei_id, f"status {answer.status_code}", status=answer.status_code
            )
        if answer.status_code != HTTPStatus.OK:
            raise PartnerRefused(
                hei_id,
                f"status {answer.status_code}: {_developer_message(answer.content)}",
                status=answer.status_code,
            )
        signed_by = self._verified(hei_id, entry, answer, raw, signed, request_target(method, url))
        return Reply(
            hei_id=hei_id,
            api=entry.api,
            major=entry.major,
            body=answer.content,
            signed_by=signed_by,
        )

    async def _exchange(
        self, hei_id: HeiId, method: str, url: str, headers: dict[str, str], content: bytes
    ) -> tuple[httpx.Response, bytes]:
        """Send, and read at most so much in at most so long; return the answer and its raw body."""
        raw = bytearray()
        try:
            request = self._http.build_request(
                method, url, headers=headers, content=content, timeout=CONNECT_SECONDS
            )
            request.extensions["timeout"] = {
                "connect": CONNECT_SECONDS,
                "read": self._seconds,
                "write": self._seconds,
                "pool": self._seconds,
            }
            async with asyncio.timeout(self._seconds):
                answer = await self._http.send(request, stream=True, follow_redirects=False)
                try:
                    async for chunk in answer.aiter_raw():
                        raw += chunk
                        if len(raw) > LARGEST_ANSWER:
                            raise PartnerUnreachable(hei_id, f"over {LARGEST_ANSWER} bytes")
                finally:
                    await answer.aclose()
            body = _decoded(bytes(raw), answer.headers.get("content-encoding", ""), hei_id)
        except TimeoutError as error:
            raise PartnerUnreachable(hei_id, f"no answer in {self._seconds:.0f} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise PartnerUnreachable(hei_id, type(error).__name__) from error
        plain = httpx.Response(answer.status_code, content=body)
        plain.headers = answer.headers
        return plain, bytes(raw)

    def _verified(
        self,
        hei_id: HeiId,
        entry: ApiEntry,
        answer: httpx.Response,
        raw: bytes,
        sent: dict[str, str],
        target: str,
    ) -> KeyId | None:
        if not entry.signs_responses:
            return None
        catalogue = self._catalogue()
        try:
            return verify_response(
                headers=[(name.lower(), value) for name, value in answer.headers.multi_items()],
                body=raw,
                key_of=lambda key_id: catalogue.server_key(entry, key_id),
                allowed_keys=catalogue.server_keys(entry),
                sent_request_id=sent["X-Request-Id"],
                sent_signature=sent["Authorization"].rpartition('signature="')[2].rstrip('"'),
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
        """Ask for objects by id, in as many calls as the partner's limit wants."""
        size = max(1, entry.limits.get(f"max-{name.replace('_', '-')}s", 1))
        return [
            await self.call(
                key,
                hei_id,
                entry,
                "get-url",
                parameters=[*parameters, *((name, each) for each in ids[start : start + size])],
            )
            for start in range(0, len(ids), size)
        ]

    async def send_cnr(
        self,
        key: PrivateKey,
        hei_id: HeiId,
        entry: ApiEntry,
        ids: Sequence[OmobilityId],
        parameters: Parameters = (),
    ) -> None:
        """Tell a partner to look again at these mobilities (guide §3.4)."""
        size = max(1, entry.limits.get("max-omobility-ids", 1))
        for start in range(0, len(ids), size):
            some = [("omobility_id", each) for each in ids[start : start + size]]
            await self.call(key, hei_id, entry, "url", parameters=[*parameters, *some])

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


def _decoded(raw: bytes, encoding: str, hei_id: HeiId) -> bytes:
    """Undo gzip, and stop where a small body grows without bound."""
    if encoding.lower() in {"", "identity"}:
        return raw
    if encoding.lower() != "gzip":
        raise PartnerUnreachable(hei_id, "a content encoding that was not asked for")
    expand = zlib.decompressobj(wbits=31)
    try:
        body = expand.decompress(raw, LARGEST_ANSWER)
    except zlib.error as error:
        raise PartnerUnreachable(hei_id, "a gzip body that cannot be read") from error
    if expand.unconsumed_tail:
        raise PartnerUnreachable(hei_id, f"over {LARGEST_ANSWER} bytes")
    return body


def _developer_message(body: bytes) -> str:
    """Return what the partner says to developers; proxies answer HTML, so anything goes."""
    try:
        return common.read_error_response(body).developer_message[:1000]
    except (XmlRefused, MessageInvalid):
        return "(no error-response)"
