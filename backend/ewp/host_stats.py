"""Statistics that a host serves: figures by academic year, for the statistics portal (guide §3.5).

Those of learning agreements are endpoints of `omobility-las` and `omobility-la-cnr` and stand in
`host_services.py`; what they count is here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from ewp.errors import CallerNotAllowed
from ewp.host_calls import GET, Call, Endpoint
from ewp.manifest import Offer
from ewp.messages import imobility_tors, omobility_stats
from ewp.messages.monitoring import PORTAL


class OutgoingLaStatsProvider(Protocol):
    """Counts the learning agreements of students who go out."""

    async def outgoing_la_stats(self) -> Sequence[omobility_stats.OutgoingLaStats]:
        """Return the figures by year, from 2021/2022 on."""


class IncomingLaStatsProvider(Protocol):
    """Counts the learning agreements of students who come in."""

    async def incoming_la_stats(self) -> Sequence[omobility_stats.IncomingLaStats]:
        """Return the figures by year, from 2021/2022 on."""


class OmobilityStatsProvider(Protocol):
    """Counts the nominations that an HEI sends."""

    async def omobility_stats(self) -> Sequence[omobility_stats.MobilityStats]:
        """Return the figures by year."""


class TorStatsProvider(Protocol):
    """Counts the transcripts that an HEI issues."""

    async def tor_stats(self) -> Sequence[imobility_tors.YearStats]:
        """Return the figures by year."""


def let_in_readers(call: Call) -> None:
    """Let in the statistics portal and the HEI itself. Raises CallerNotAllowed."""
    if not {PORTAL, call.hei_id} & call.callers:
        raise CallerNotAllowed("statistics are for the statistics portal")


class _Stats:
    """Figures at one URL, of an API that has nothing else."""

    api: ClassVar[str]
    major: ClassVar[int] = 1

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """One URL, GET only."""
        return {"": Endpoint(GET, self._get)}

    def offer(self, base: str) -> Offer:
        """Declare it."""
        children = (("url", f"{base}/{self.api}/{self.major}"),)
        return Offer(api=self.api, version="1.0.0", major=self.major, children=children)

    async def _get(self, call: Call) -> bytes:
        let_in_readers(call)
        return await self._figures()

    async def _figures(self) -> bytes:
        raise NotImplementedError


@dataclass(frozen=True)
class OmobilityStatsService(_Stats):
    """Statistics of outgoing mobilities 1."""

    provider: OmobilityStatsProvider
    api = "omobility-stats"

    async def _figures(self) -> bytes:
        return omobility_stats.write_response(await self.provider.omobility_stats())


@dataclass(frozen=True)
class ImobilityTorStatsService(_Stats):
    """Statistics of transcripts 1."""

    provider: TorStatsProvider
    api = "imobility-tor-stats"

    async def _figures(self) -> bytes:
        return imobility_tors.write_stats_response(await self.provider.tor_stats())
