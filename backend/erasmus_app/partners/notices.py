"""Notices of change to partners: the CNRs of the covered HEIs that we serve (guide §3.4)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from erasmus_app.errors import PartnerBusy, PartnerFailed
from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.institutions.health import CallLedger
from erasmus_app.mobilities.models import Api
from erasmus_app.mobilities.refreshes import CNR_OF
from erasmus_app.partners.breakers import Breakers, Busy, host_of
from erasmus_app.partners.calls import called, noted
from erasmus_app.partners.monitoring import Monitoring
from ewp.catalogue import ApiEntry, Catalogue
from ewp.client import EwpClient
from ewp.errors import CatalogueUnavailable
from ewp.keys import PrivateKey

CNR_MAJORS: Mapping[tuple[str, int], tuple[int, ...]] = {
    ("omobilities", 3): (2,),
    ("omobilities", 2): (1,),
    ("omobility-las", 1): (1,),
    ("imobilities", 2): (2,),
    ("imobilities", 1): (1, 2),  # shown in both versions
    ("imobility-tors", 3): (2,),
    ("imobility-tors", 2): (1,),
}
"""In which version of its CNR a change is announced: families are not mixed (guide, page 1)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EwpNotices:
    """Sends CNRs with the key of the HEI that masters the objects."""

    client: EwpClient
    catalogue: Callable[[], Catalogue]
    keys: Mapping[HeiId, PrivateKey]
    breakers: Breakers
    monitoring: Monitoring | None = None  # who hears of calls that failed
    ledger: CallLedger | None = None  # where it is noted how calls went

    async def send(
        self, hei: HeiId, partner: HeiId, api: str, major: int, ids: Sequence[OmobilityId]
    ) -> bool:
        """Send a CNR for changed objects; False where the partner receives none.

        Raises:
            PartnerFailed: the partner did not take it; `retry` says whether it may later.
        """
        try:
            entry = self._entry(partner, api, major)
        except CatalogueUnavailable as error:  # before the very first one: nobody can be found
            raise PartnerFailed(error.code, "there is no catalogue yet", retry=True) from error
        if entry is None:
            return False
        master = "sending_hei_id" if api.startswith("omobilit") else "receiving_hei_id"
        parameters = [(master, hei)] if entry.major == 1 else []
        try:
            with self.breakers.turn([host_of(entry.urls.get("url", ""))], urgent=True):
                await called(
                    self.breakers,
                    partner,
                    entry,
                    "url",
                    lambda: self.client.send_cnr(self.keys[hei], partner, entry, ids, parameters),
                )
        except Busy as busy:
            words = f"enough calls to the host of {partner} are under way"
            raise PartnerFailed(PartnerBusy.code, words, retry=True, after=busy.after) from busy
        except PartnerFailed as error:
            await noted(self.ledger, self.breakers, hei, partner, entry, "url", error)
            if self.monitoring is not None:
                await self.monitoring.failed(hei, partner, entry, "url", error)
            raise
        await noted(self.ledger, self.breakers, hei, partner, entry, "url")
        return True

    def _entry(self, partner: HeiId, api: str, major: int) -> ApiEntry | None:
        catalogue, cnr = self.catalogue(), CNR_OF[Api(api)]
        found = (catalogue.entry(partner, cnr, each) for each in CNR_MAJORS[api, major])
        return next((each for each in found if each is not None), None)
