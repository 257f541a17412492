"""How often partners may call our EWP host, see `limits.rules`.

Who has signed counts by the key, which no other can use up. Who has not counts by address, and only
after that was seen: behind the address of a node that serves fifty universities, one that has a
wrong key must not keep the others out.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from erasmus_app.api.callers import address_of
from erasmus_app.errors import Crowded, LimitsAway, TooMany
from erasmus_app.limits.keeping import Limits
from erasmus_app.limits.places import Places
from erasmus_app.limits.rules import Limit
from ewp.errors import HostBusy
from ewp.host import Pace, Place, Scope
from ewp.signing import VerifiedRequest


def pace_of(limits: Limits, trusted_proxies: tuple[str, ...]) -> Pace:
    """Return what says who has come too often."""

    def pace(scope: Scope, verified: VerifiedRequest | None, api: str) -> float | None:
        try:
            if verified is None:
                limits.spend(Limit.EWP_UNKNOWN, address_of(cast("Any", scope), trusted_proxies))
            elif api.endswith("-cnr"):
                limits.spend(Limit.EWP_NOTICES, verified.key_id)
            else:
                limits.spend(Limit.EWP_CALLS, verified.key_id)
        except (TooMany, LimitsAway) as error:
            return error.after
        return None

    return pace


def place_among(places: Places) -> Place:
    """Return what lets requests in as there are places for them."""

    @asynccontextmanager
    async def place() -> AsyncIterator[None]:
        try:
            async with places:
                yield
        except Crowded as error:
            raise HostBusy(error.after) from error

    return place
