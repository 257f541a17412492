"""One call to a partner, behind its breaker; what goes wrong becomes an error of ours."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import TypeVar

from erasmus_app.errors import PartnerFailed
from erasmus_app.ids import HeiId
from erasmus_app.institutions.health import CallLedger
from erasmus_app.partners.breakers import Breakers, Resting, Silent, host_of
from erasmus_app.telemetry.metrics import CLIENT_REQUESTS, CLIENT_SECONDS
from erasmus_app.telemetry.traces import span
from ewp.catalogue import ApiEntry
from ewp.errors import ApiNotServed, PartnerError, PartnerUnreachable

T = TypeVar("T")


async def called(
    breakers: Breakers,
    hei: HeiId,
    entry: ApiEntry,
    endpoint: str,
    call: Callable[[], Awaitable[T]],
) -> T:
    """Return what a call of one endpoint of an entry of `hei`'s brings.

    Raises:
        PartnerFailed: with the toolkit's code; `retry` says whether it may go well later.
    """
    with span("ewp.call", "client", api=entry.api, hei=hei, endpoint=endpoint):
        try:
            async with breakers.call(host_of(entry.urls.get(endpoint, "")), hei, entry.api):
                began, code = perf_counter(), "cancelled"
                try:
                    found = await call()
                    code = "ok"
                except PartnerError as error:
                    code = error.code
                    if isinstance(error, PartnerUnreachable):
                        raise Silent from error
                    raise
                finally:
                    CLIENT_REQUESTS[entry.api, hei, code].inc()
                    CLIENT_SECONDS[entry.api].observe(perf_counter() - began)
                return found
        except Resting as rest:
            raise PartnerFailed(
                PartnerUnreachable.code,
                f"{hei} did not answer a moment ago",
                retry=True,
                after=rest.wait.total_seconds(),
                how="left alone",
            ) from rest
        except Silent as silent:
            why = silent.__cause__
            assert isinstance(why, PartnerUnreachable)
            raise PartnerFailed(why.code, str(why), retry=True, how=why.how) from why
        except PartnerError as error:
            retry = isinstance(error, ApiNotServed)
            raise PartnerFailed(error.code, str(error), retry=retry) from error


async def noted(
    ledger: CallLedger | None,
    breakers: Breakers,
    tenant: HeiId,
    hei: HeiId,
    entry: ApiEntry,
    endpoint: str,
    error: PartnerFailed | None = None,
) -> None:
    """Write down how a call went; one that was not made, as the partner is left alone, is none."""
    if ledger is None:
        return
    call = (tenant, hei, entry.api)
    if error is None:
        await ledger.answered(*call)
        return
    until = breakers.open_until(host_of(entry.urls.get(endpoint, "")), hei, entry.api)
    if error.after is None:
        await ledger.failed(*call, error.code, until)
    elif until is not None:
        await ledger.left_alone(*call, until)
