"""Posts to servers that strangers name, without being led to anything inside our own network."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

import httpcore

from erasmus_app.kit.addresses import Address, AddressRefused, checked_addresses, is_public
from erasmus_app.push.http2 import Answer, NoAnswer
from erasmus_app.settings import LOOPBACK_NAMES

Networks = Sequence[IPv4Network | IPv6Network]

SECONDS = 8.0  # for all of a request, up to the head of its answer
CONNECT_SECONDS = 2.0  # for an address, where there is another one
MOST_ADDRESSES = 3  # of one name
DRAIN_SECONDS = 1.0  # for the rest of the answer, which nobody reads
LARGEST_ANSWER = 4096  # bytes; beyond them the connection is closed
SECURE_PORT = 443
IDLE_CONNECTIONS, IDLE_SECONDS = 64, 60


class Doors:
    """Where requests may go: the open internet's https port, and networks that are named."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks

    def open(self, address: Address, port: int) -> bool:
        """Whether an address may be connected to."""
        if any(address in each for each in self._networks):
            return True
        return port == SECURE_PORT and is_public(address)

    def refusal(self, url: str) -> str | None:
        """Return what is wrong with an address, as far as it says so itself; None for nothing.

        Where its name leads is looked at when it is connected to.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return "is no address"
        if not host or "@" in parts.netloc or parts.scheme not in {"https", "http"}:
            return "is no https address"
        if parts.scheme == "http" and (host not in LOOPBACK_NAMES or not self._networks):
            return "is no https address"
        if port not in {None, SECURE_PORT} and not self._networks:
            return f"wants a port other than {SECURE_PORT}"
        with contextlib.suppress(ValueError):
            if not self.open(ip_address(host), port or _PORTS[parts.scheme]):
                return "leads to an address that is not the open internet's"
        return None


class Guarded(httpcore.AsyncNetworkBackend):
    """Connects to an address that was looked at, and to no other: names may change meanwhile.

    `allowed` says of a name, one of its addresses and a port whether that may be connected to;
    `connect_tcp` raises AddressRefused.
    """

    def __init__(self, allowed: Callable[[str, Address, int], bool]) -> None:
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
        """Look the name up, and connect to the first of its addresses that lets us."""
        addresses = await checked_addresses(
            host, port, lambda found: self._allowed(host, found, port)
        )
        *others, last = addresses[:MOST_ADDRESSES]
        for address in others:  # one of IPv6, say, where that leads nowhere
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._real.connect_tcp(
                    address, port, CONNECT_SECONDS, local_address, socket_options
                )
        return await self._real.connect_tcp(last, port, timeout, local_address, socket_options)


class StrangersHttp:
    """A client over HTTP/1.1 and HTTP/2 that follows no redirects and waits for nobody long."""

    def __init__(self, tls: ssl.SSLContext, doors: Doors, *, seconds: float = SECONDS) -> None:
        self.doors = doors
        self._seconds = seconds
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            http2=True,
            network_backend=Guarded(lambda _, address, port: doors.open(address, port)),
            max_connections=None,  # as many as the worker has jobs
            max_keepalive_connections=IDLE_CONNECTIONS,
            keepalive_expiry=IDLE_SECONDS,
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post, and return the answer without its content.

        Raises:
            AddressRefused: this is not where requests may go; nobody was connected to.
            NoAnswer: none came, or none that is HTTP; the outcome is unknown.
        """
        if self.doors.refusal(url) is not None:
            raise AddressRefused("address_inside")
        lines = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        lines.append((b"content-length", str(len(body)).encode("ascii")))
        try:
            async with contextlib.AsyncExitStack() as stack:
                async with asyncio.timeout(self._seconds):
                    answer = await stack.enter_async_context(
                        self._pool.stream("POST", _url(url), headers=lines, content=body)
                    )
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(DRAIN_SECONDS):
                        await _drained(answer)
                return Answer(
                    status=answer.status,
                    headers={
                        name.decode("latin-1").lower(): value.decode("latin-1")
                        for name, value in answer.headers
                    },
                    body=b"",
                )
        except AddressRefused as error:
            if error.code == "address_inside":
                raise
            raise NoAnswer(error.code) from error
        except TimeoutError as error:
            raise NoAnswer(f"no answer in {self._seconds:.0f} s") from error
        except Exception as error:  # strangers make libraries stumble in ways of their own
            raise NoAnswer(type(error).__name__) from error

    async def close(self) -> None:
        """End all connections."""
        await self._pool.aclose()


async def _drained(answer: httpcore.Response) -> None:
    """Read the rest of an answer, so that its connection can be used again, if there is little."""
    seen = 0
    async for part in answer.aiter_stream():
        seen += len(part)
        if seen > LARGEST_ANSWER:
            return


_PORTS = {"https": SECURE_PORT, "http": 80}


def _url(url: str) -> httpcore.URL:
    """Take an address apart once, in the way in which it was looked at."""
    parts = urlsplit(url)
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    return httpcore.URL(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=parts.port,
        target=target,
    )
