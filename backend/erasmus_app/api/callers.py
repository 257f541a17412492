"""From where a request comes."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from litestar.types import Scope

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def address_of(scope: Scope, trusted_proxies: tuple[str, ...]) -> str | None:
    """Return from where a request comes, see `caller_address`."""
    client = scope.get("client")
    if client is None:
        return None
    forwarded_for = ",".join(
        value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"
    )
    return caller_address(client[0], forwarded_for, _networks(trusted_proxies))


@lru_cache(maxsize=10)
def _networks(proxies: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(map(ip_network, proxies))


def caller_address(peer: str, forwarded_for: str, proxies: Sequence[Network]) -> str | None:
    """Return the caller's address, of IPv6 its /64; None where it cannot be told.

    `peer` is who has connected, `forwarded_for` the header `X-Forwarded-For`, to which each proxy
    appends whom it saw: it is believed from its end, as far as `proxies` wrote it. A peer from a
    private network that is not one of them may be a proxy that nobody has declared, before
    everybody; so it stands for nobody.
    """
    last = _read(peer)
    if last is None or not _among(last, proxies):
        return _shown(last) if last is not None and last.is_global else None
    for hop in reversed(forwarded_for.split(",")):
        address = _read(hop.strip())
        if address is None:
            return None
        if not _among(address, proxies):
            return _shown(address)
    return None


def is_among(peer: str, proxies: Sequence[Network]) -> bool:
    """Return whether who has connected is one of our proxies."""
    address = _read(peer)
    return address is not None and _among(address, proxies)


def _read(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def _among(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in each for each in networks)


def _shown(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))  # what one customer has at least
