"""The statistics portal's side of monitoring 0.2: reports of failed calls come in (guide §3.5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from ewp.errors import MessageInvalid, RequestRefused
from ewp.host_calls import POST, Call, Endpoint
from ewp.ids import HeiId
from ewp.manifest import Offer
from ewp.messages import monitoring


class ReportReceiver(Protocol):
    """Hears of calls that failed."""

    async def reported(self, callers: frozenset[HeiId], report: monitoring.Report) -> None:
        """Note a report of these HEIs; what looks personal has been taken out of it again."""


@dataclass(frozen=True, slots=True)
class MonitoringService:
    """Monitoring 0.2: any HEI of the network may report."""

    receiver: ReportReceiver
    api: str = "monitoring"
    major: int = 1  # of the namespace, which 0.x shares with 1

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """One URL, POST only."""
        return {"": Endpoint(POST, self._report)}

    def offer(self, base: str) -> Offer:
        """Declare it."""
        return Offer(
            api=self.api, version="0.2.0", major=1, children=(("url", f"{base}/{self.api}/1"),)
        )

    async def _report(self, call: Call) -> bytes:
        try:
            report = monitoring.read_report(call.parameters)
        except MessageInvalid as error:
            raise RequestRefused(str(error)) from error
        published = {
            name: monitoring.without_personal_data(said)
            for name in ("server_message", "client_message")
            if (said := getattr(report, name))
        }
        await self.receiver.reported(call.callers, msgspec.structs.replace(report, **published))
        return monitoring.write_response()
