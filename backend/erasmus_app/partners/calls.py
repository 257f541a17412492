"""One call to a partner, behind its breaker; what goes wrong becomes an error of ours."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from erasmus_app.errors import PartnerFailed
from erasmus_app.ids import HeiId
from erasmus_app.partners.breakers import Breakers, Resting, Silent
from ewp.errors import ApiNotServed, PartnerError, PartnerUnreachable

T = TypeVar("T")


async def called(
    breakers: Breakers, host: str, hei: HeiId, api: str, call: Callable[[], Awaitable[T]]
) -> T:
    """Return what a call of `hei`'s `api` at `host` brings.

    Raises:
        PartnerFailed: with the toolkit's code; `retry` says whether it may go well later.
    """
    try:
        async with breakers.call(host, hei, api):
            try:
                return await call()
            except PartnerUnreachable as error:
                raise Silent from error
    except Resting as rest:
        raise PartnerFailed(
            PartnerUnreachable.code,
            f"{hei} did not answer a moment ago",
            retry=True,
            after=rest.wait.total_seconds(),
        ) from rest
    except Silent as silent:
        why = silent.__cause__
        raise PartnerFailed(PartnerUnreachable.code, str(why), retry=True) from why
    except PartnerError as error:
        retry = isinstance(error, ApiNotServed)
        raise PartnerFailed(error.code, str(error), retry=retry) from error
