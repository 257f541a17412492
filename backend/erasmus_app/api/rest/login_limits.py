"""How often logins are begun and ended, and codes shown: under what each is counted.

Failures of an address are those of somebody who guesses. What goes wrong at a login provider goes
wrong for a whole campus at once, which has one address.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from litestar import Request

from erasmus_app.api.callers import address_of
from erasmus_app.errors import LoginFailed
from erasmus_app.limits.keeping import Asked
from erasmus_app.limits.rules import Limit
from erasmus_app.services import Services

GUESSED = {"login_unknown", "login_other_browser", "provider_mixed_up", "issuer_mixed_up"}
REFUSED_TOKENS = {"invalid_grant", "invalid_client"}


def _address(request: Request[Any, Any, Any]) -> str | None:
    services: Services = request.app.state.services
    return address_of(request.scope, services.settings.trusted_proxies)


async def begins(request: Request[Any, Any, Any], provider: str) -> None:
    """Count the beginning of a login. Raises TooMany, LimitsAway."""
    services: Services = request.app.state.services
    await services.limits.take(
        (Limit.LOGIN, _address(request)), (Limit.LOGIN_PROVIDER, provider[:40])
    )


async def comes_back(request: Request[Any, Any, Any], provider: str) -> None:
    """Count the end of one, unless too many failed. Raises TooMany, LimitsAway."""
    services: Services = request.app.state.services
    await services.limits.look((Limit.LOGIN_FAILED, _address(request)))
    await begins(request, provider)


def failed(request: Request[Any, Any, Any], error: LoginFailed) -> None:
    """Count a login that never began here so."""
    services: Services = request.app.state.services
    if error.code in GUESSED:
        services.limits.count(Limit.LOGIN_FAILED, _address(request))


def of_tokens(request: Request[Any, Any, Any], given: Mapping[str, str]) -> tuple[Asked, Asked]:
    """Return under what a refused code or refresh token is counted.

    A client counts together with its address: anybody can write anybody's name.
    """
    address, client = _address(request), given.get("client_id")
    both = None
    if address is not None and client is not None:
        both = f"{hashlib.sha256(client.encode()).hexdigest()} {address}"
    return (Limit.TOKEN_FAILED, address), (Limit.TOKEN_CLIENT_FAILED, both)
