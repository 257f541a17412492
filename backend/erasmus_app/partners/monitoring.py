"""Telling the network's statistics portal of calls that failed (guide §3.5).

One report for each failed call, written down as a job so that it delays nobody and is sent once;
whether the portal takes it makes no difference. A partner that is left alone is not called, hence
not reported. Reports are published for all to read: of a call that names students nothing is
repeated that the partner said.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import msgspec
import structlog

from erasmus_app.errors import PartnerFailed
from erasmus_app.ids import HeiId
from erasmus_app.kit.clock import Clock
from erasmus_app.mobilities.ports import JobWriter
from erasmus_app.partners.breakers import Breakers
from erasmus_app.partners.calls import called
from ewp.catalogue import ApiEntry, Catalogue
from ewp.client import EwpClient
from ewp.errors import ApiNotServed, PartnerError, PartnerUnreachable
from ewp.keys import PrivateKey
from ewp.messages import monitoring
from ewp.messages.monitoring import PORTAL, UNREPORTED, Report, endpoint_name

REPORT = "report"
ANSWERED = 200  # what could not be believed or read had this status

log = structlog.get_logger(__name__)


class FailedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of `tenant`'s that failed; nothing in it is personal."""

    tenant: HeiId
    report: Report


@dataclass(frozen=True, kw_only=True, slots=True)
class Monitoring:
    """Writes reports down, and sends them with the key of the HEI whose call it was."""

    client: EwpClient
    catalogue: Callable[[], Catalogue]
    keys: Mapping[HeiId, PrivateKey]
    breakers: Breakers
    jobs: JobWriter
    clock: Clock

    async def failed(
        self, tenant: HeiId, hei: HeiId, entry: ApiEntry, endpoint: str, error: PartnerFailed
    ) -> None:
        """Write a report of one failed call down, if one was made and there is somebody to have it.

        Of what the toolkit says no text is passed on but what an index said, where no student is
        named.
        """
        was_made = error.after is None and error.code != ApiNotServed.code
        if not was_made or entry.api in UNREPORTED or self._portal() is None:
            return
        why = error.__cause__
        answered = not isinstance(why, PartnerUnreachable)
        status = why.status if isinstance(why, PartnerError) else None
        said = None
        if endpoint == "index-url" and isinstance(why, PartnerError) and status is not None:
            said = str(why).partition(f"status {status}: ")[2] or None
        report = Report(
            server_hei_id=hei,
            api_name=entry.api,
            endpoint_name=endpoint_name(endpoint),
            http_code=status or (ANSWERED if answered else None),
            server_message=said,
            client_message=error.code,
        )
        payload = msgspec.to_builtins(FailedCall(tenant=tenant, report=report))
        await self.jobs.write(REPORT, {f"{REPORT} {uuid4()}": payload}, after=timedelta(0))

    async def send(self, call: FailedCall) -> None:
        """Send a report once; that it did not arrive is only logged."""
        entry = self._portal()
        if entry is None or call.tenant not in self.keys:
            return
        key, form = self.keys[call.tenant], monitoring.write_report(call.report)
        try:
            await called(
                self.breakers,
                PORTAL,
                entry,
                "url",
                lambda: self.client.call(key, PORTAL, entry, parameters=form),
            )
        except PartnerFailed as error:
            log.info("report.not_taken", hei_id=call.report.server_hei_id, code=error.code)

    def _portal(self) -> ApiEntry | None:
        entry = self.catalogue().entry(PORTAL, "monitoring", 1)
        return entry if entry is not None and "url" in entry.urls else None
