"""Where a stranger's address leads: looked up once, looked at, and only then connected to."""

import asyncio
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_GLOBAL_UNICAST = IPv6Network("2000::/3")  # all that IANA has given out of the open internet
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052


class AddressRefused(Exception):
    """A name that was not connected to; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet's."""
    if isinstance(address, IPv6Address):
        within = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            within = IPv4Address(int(address) & 0xFFFFFFFF)
        if within is not None:  # a gateway may take it there
            return is_public(within)
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not address.is_multicast


async def checked_addresses(host: str, port: int, allowed: Callable[[Address], bool]) -> list[str]:
    """Look a name up and return the addresses to connect to, the best first.

    Raises:
        AddressRefused: there is no such name (`name_unknown`), or not all of its addresses are
            allowed (`address_inside`).
    """
    try:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressRefused("name_unknown") from error
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    if not addresses or not all(allowed(ip_address(each)) for each in addresses):
        raise AddressRefused("address_inside")
    return list(dict.fromkeys(addresses))
