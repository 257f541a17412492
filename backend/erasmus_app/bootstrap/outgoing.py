"""The clients for calls out: to addresses that an operator wrote, and to what HEIs publish.

Any HEI may register whatever address it likes, and our worker would sign and post there. So
partners are reached at addresses of the open internet alone, and in networks that `EWP_NETWORKS`
names.
"""

import ssl
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import httpcore
import httpx
import structlog

from erasmus_app.institutions.models import CoveredHei
from erasmus_app.kit.addresses import Address, AddressRefused, is_public
from erasmus_app.kit.trust import trusting
from erasmus_app.push.strangers import Guarded
from erasmus_app.settings import Settings

TIMEOUT = 10.0  # seconds, where a call names no other
# Those under way are bounded by host (`Breakers`): silent hosts must not take the others' places.
# Apache, Node and uvicorn close a connection after five idle seconds: a request sent just then is
# lost, and a poll with it. So ours are given up before that.
CONNECTIONS = httpx.Limits(max_connections=None, max_keepalive_connections=50, keepalive_expiry=4.0)


log = structlog.get_logger(__name__)


class AddressInside(httpx.ConnectError):
    """A host that leads inside; the toolkit names it by the class."""


class _GuardedTransport(httpx.AsyncHTTPTransport):
    def __init__(self, tls: ssl.SSLContext, allowed: Callable[[str, Address, int], bool]) -> None:
        super().__init__(verify=tls, limits=CONNECTIONS, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(  # the library offers no other way in
            ssl_context=tls,
            max_connections=CONNECTIONS.max_connections,
            max_keepalive_connections=CONNECTIONS.max_keepalive_connections,
            keepalive_expiry=CONNECTIONS.keepalive_expiry,
            network_backend=Guarded(allowed),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except AddressRefused as error:
            if error.code == "address_inside":
                log.warning("partner.inside", host=request.url.host)
                raise AddressInside(error.code, request=request) from error
            raise httpx.ConnectError(error.code, request=request) from error


def open_client(settings: Settings) -> httpx.AsyncClient:
    """Return a client for addresses that an operator wrote: registry, login providers, messengers.

    Raises:
        OSError: the file of authorities cannot be read.
    """
    return httpx.AsyncClient(
        verify=trusting(settings.tls_ca_file), timeout=TIMEOUT, trust_env=False, limits=CONNECTIONS
    )


def partners_client(settings: Settings, heis: Iterable[CoveredHei] = ()) -> httpx.AsyncClient:
    """Return a client for addresses that HEIs have published, in the catalogue or a manifest.

    The hosts of the `own_system` of `heis` are an operator's choice, and may be inside.

    Raises:
        OSError: the file of authorities cannot be read.
    """
    networks = settings.partner_networks
    known = {_place(each.own_system) for each in heis if each.own_system}

    def allowed(host: str, address: Address, port: int) -> bool:
        inside = (host, port) in known or any(address in each for each in networks)
        return inside or is_public(address)

    transport = _GuardedTransport(trusting(settings.tls_ca_file), allowed)
    return httpx.AsyncClient(transport=transport, timeout=TIMEOUT, trust_env=False)


def _place(address: str) -> tuple[str, int | None]:
    parts = urlsplit(address)
    return parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme)
