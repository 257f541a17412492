"""Who may call as a messenger: the signature decides, before anything is read or written."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

import structlog
from litestar import Request
from litestar.connection import ASGIConnection

from erasmus_app.api.callers import address_of
from erasmus_app.chat.messengers import Gateway, Messenger
from erasmus_app.errors import MessengerRefused, NotFound
from erasmus_app.limits.rules import Limit
from erasmus_app.services import Services

LARGEST = {  # bytes of a request
    Messenger.TELEGRAM: 256_000,
    Messenger.WHATSAPP: 3_100_000,  # the platform's own limit is 3 MB
    Messenger.MESSENGER: 3_100_000,
    Messenger.SLACK: 256_000,
    Messenger.MATRIX: 8_000_000,  # a hundred events of 64 kB
}

log = structlog.get_logger(__name__)


async def let_messenger(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Let in the messenger that the route is of; `state.gateway` and `state.body` from then on.

    Raises:
        NotFound: it is not configured.
        MessengerRefused: the signature is not the messenger's, or the request is too large.
        TooMany: there were as many requests as may be; messengers come again.
    """
    gateway = gateway_of(connection)
    request = cast("Request[Any, Any, Any]", connection)
    services: Services = connection.app.state.services
    headers = headers_of(connection)
    body = await _bounded(request, LARGEST[gateway.messenger])
    if not gateway.admits(headers, body, services.clock()):
        log.warning("messenger.refused", messenger=gateway.messenger.value)
        address = address_of(connection.scope, services.settings.trusted_proxies)
        services.limits.spend(Limit.MESSENGER_FORGED, address)
        status = HTTPStatus.FORBIDDEN if _is_shown(headers) else HTTPStatus.UNAUTHORIZED
        raise MessengerRefused("signature_invalid", "That is not signed as it must be.", status)
    services.limits.spend(Limit.MESSENGER, gateway.messenger.value)
    connection.state.gateway, connection.state.body = gateway, body


def gateway_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Gateway:
    """Return the messenger that a route is of. Raises NotFound where it is not configured."""
    services: Services = connection.app.state.services
    gateway = services.desk.gateways.get(Messenger(connection.route_handler.opt["messenger"]))
    if gateway is None:
        raise NotFound("There is no such messenger here.")
    return gateway


def headers_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Mapping[str, str]:
    """Return the headers by lower-case name."""
    return {name.lower(): value for name, value in connection.headers.items()}


def _is_shown(headers: Mapping[str, str]) -> bool:
    """Whether anything was shown at all, right or wrong."""
    shown = ("authorization", "x-telegram-bot-api-secret-token", "x-hub-signature-256")
    return any(headers.get(each) for each in (*shown, "x-slack-signature"))


async def _bounded(request: Request[Any, Any, Any], largest: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest:
            words = f"a request has at most {largest} bytes"
            raise MessengerRefused("too_large", words, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return bytes(body)
