"""Strangers' documents, fetched without being led to anything inside our own network."""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore

from erasmus_app.kit.addresses import Address, AddressRefused, checked_addresses, is_public

LARGEST = 5 * 1024  # bytes; draft-ietf-oauth-client-id-metadata-document
SECONDS = 5.0  # for all of it
TYPES = ("application/json", "application/")  # the latter with +json


class DocumentRefused(Exception):
    """A document that was not fetched; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects to an address that was looked at, and to no other: names may change meanwhile."""

    def __init__(self, allowed: Callable[[Address], bool]) -> None:
        self._allowed = allowed
        self._real = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as the library calls it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve a name, refuse it where any of its addresses is inside, connect to the first."""
        try:
            address, *_ = await checked_addresses(host, port, self._allowed)
        except AddressRefused as error:
            raise DocumentRefused(error.code) from error
        return await self._real.connect_tcp(address, port, timeout, local_address, socket_options)


@dataclass(frozen=True, slots=True)
class SafeDocuments:
    """Gets JSON over https: no redirects, public addresses, little of it and soon."""

    tls: ssl.SSLContext
    allowed: Callable[[Address], bool] = is_public

    async def get(self, address: str) -> tuple[bytes, Mapping[str, str]]:
        """Return a document and its headers by lower-case name. Raises DocumentRefused."""
        try:
            async with asyncio.timeout(SECONDS):
                return await self._get(address)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise DocumentRefused("unreachable") from error
        except (TimeoutError, ssl.SSLError, OSError) as error:
            raise DocumentRefused("unreachable") from error

    async def _get(self, address: str) -> tuple[bytes, Mapping[str, str]]:
        if urlsplit(address).scheme != "https":
            raise DocumentRefused("not_https")
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=self.tls, network_backend=_Guarded(self.allowed)
            ) as pool,
            pool.stream("GET", address, headers={"accept": "application/json"}) as answer,
        ):
            headers = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in answer.headers
            }
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if answer.status != 200:
                raise DocumentRefused("not_200")
            if kind != TYPES[0] and not (kind.startswith(TYPES[1]) and kind.endswith("+json")):
                raise DocumentRefused("not_json")
            content = b""
            async for part in answer.aiter_stream():
                content += part
                if len(content) > LARGEST:
                    raise DocumentRefused("too_large")
            return content, headers
