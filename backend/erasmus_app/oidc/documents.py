"""Strangers' documents, fetched without being led to anything inside our own network."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

import httpcore

LARGEST = 5 * 1024  # bytes; draft-ietf-oauth-client-id-metadata-document
SECONDS = 5.0  # for all of it
TYPES = ("application/json", "application/")  # the latter with +json

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")  # RFC 8215


class DocumentRefused(Exception):
    """A document that was not fetched; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet's."""
    if isinstance(address, IPv6Address):
        if address in _NAT64_LOCAL:
            return False
        within = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            within = IPv4Address(int(address) & 0xFFFFFFFF)
        if within is not None:  # a gateway may take it there
            return is_public(within)
    return address.is_global and not address.is_multicast


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
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise DocumentRefused("name_unknown") from error
        addresses = [str(each[4][0]).partition("%")[0] for each in found]
        if not addresses or not all(self._allowed(ip_address(each)) for each in addresses):
            raise DocumentRefused("address_inside")
        return await self._real.connect_tcp(
            addresses[0], port, timeout, local_address, socket_options
        )


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
