"""Who may feed: the token decides, and who shows wrong ones is not listened to for a while."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import structlog
from litestar.connection import ASGIConnection

from erasmus_app.api.callers import address_of
from erasmus_app.errors import FeedRefused
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.limits.keeping import Limits
from erasmus_app.limits.rules import Limit
from erasmus_app.services import Services

TRIED = frozenset({"feed_token_unknown", "feed_of_another_hei"})
"""The refusals of a token that was shown; without one nothing was tried."""

log = structlog.get_logger(__name__)


async def let_feed(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Let in the system of the HEI in the path, which is `request.state.hei` from then on.

    Raises:
        FeedRefused: the token is not that HEI's, or the address has shown too many wrong ones.
    """
    hei_id = connection.path_params["hei_id"]
    with noted(connection, hei_id):
        connection.state.hei = await _fed_by(connection, hei_id)


@contextmanager
def noted(connection: ASGIConnection[Any, Any, Any, Any], hei_id: str) -> Iterator[None]:
    """Log a refusal. A name that anybody can make up is left out."""
    services: Services = connection.app.state.services
    try:
        yield
    except FeedRefused as error:
        known = hei_id if hei_id in services.heis else None
        log.warning("feed.refused", hei_id=known, code=error.code, item=error.item)
        raise


async def _fed_by(request: ASGIConnection[Any, Any, Any, Any], hei_id: str) -> CoveredHei:
    services: Services = request.app.state.services
    name = HeiId(hei_id.lower())
    known = name if name in services.heis else None  # others anybody can make up
    address = address_of(request.scope, services.settings.trusted_proxies)
    try:
        await _look_at_limits(services.limits, address, known)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            words = "Authorization: Bearer is wanted"
            raise FeedRefused("feed_token_missing", words, status=HTTPStatus.UNAUTHORIZED)
        found = services.own.fed_by(name, token.strip())
    except FeedRefused as error:
        await _count(services, address, known, error.code)
        raise
    services.limits.spend(Limit.FEED, name)
    return found


async def _look_at_limits(limits: Limits, address: str | None, known: HeiId | None) -> None:
    """Refuse an address that was refused too often; one without a refusal never is.

    A token has 256 bits: nobody finds one by guessing. What is limited is the noise, and what comes
    of a token that an office chose itself. Where an HEI has many guessers, an address has one try.
    """
    waits = await limits.waits(
        (Limit.FEED_REFUSED, address),
        (Limit.FEED_REFUSED_NOISY, address),
        (Limit.FEED_REFUSED_HEI, known),
    )
    is_noisy = waits.get(Limit.FEED_REFUSED_HEI, 0) > 0
    rule = Limit.FEED_REFUSED_NOISY if is_noisy else Limit.FEED_REFUSED
    if (wait := waits.get(rule, 0)) > 0:
        limits.refused[rule] += 1
        words = "too many tokens of this address were refused; please try again later"
        status, after = HTTPStatus.TOO_MANY_REQUESTS, math.ceil(wait)
        raise FeedRefused("too_many_refusals", words, status=status, after=after)


async def _count(services: Services, address: str | None, known: HeiId | None, code: str) -> None:
    """Count a refusal; the caller's answer does not hang on it."""
    if address is not None and code in TRIED:
        services.limits.count(Limit.FEED_REFUSED, address)
        services.limits.count(Limit.FEED_REFUSED_NOISY, address)
        services.limits.count(Limit.FEED_REFUSED_HEI, known)
    if known is not None:
        try:
            await services.refusals.count_refusal(known, "feed", code)
        except Exception as failure:  # noqa: BLE001 - PostgreSQL may fail in many ways
            log.error("feed.refusal_lost", hei_id=known, error=type(failure).__name__)  # noqa: TRY400
