"""The request to look again at one mobility: written by a CNR or a poll, done by the worker."""

import msgspec

from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.institutions.models import ApiMode, CoveredHei
from erasmus_app.mobilities.models import OF_RECEIVING, Api, Mobility
from erasmus_app.mobilities.ports import MobilitySource

REFRESH = "refresh"

CNR_OF = {  # the notification of each API, by its manifest element
    Api.OMOBILITIES: "omobility-cnr",
    Api.OMOBILITY_LAS: "omobility-la-cnr",
    Api.IMOBILITIES: "imobility-cnr",
    Api.IMOBILITY_TORS: "imobility-tor-cnr",
}


class Refresh(msgspec.Struct, frozen=True, kw_only=True):
    """Ask `hei_id` as `tenant` about one mobility of `sending_hei_id`."""

    tenant: HeiId
    api: Api
    hei_id: HeiId
    sending_hei_id: HeiId
    omobility_id: OmobilityId

    @property
    def dedupe_key(self) -> str:
        """A newer request while one is queued is the same request (guide §6.5)."""
        return " ".join(
            (REFRESH, self.tenant, self.hei_id, self.api, self.sending_hei_id, self.omobility_id)
        )


def heard(mobility: Mobility, tenant: CoveredHei | None, source: MobilitySource) -> frozenset[Api]:
    """Return the APIs in which the tenant asks the receiving HEI; of others nothing is missing."""
    if tenant is None:  # an HEI that is no longer covered
        return frozenset()
    return frozenset(
        api
        for api in OF_RECEIVING
        if tenant.mode(CNR_OF[api]) is not ApiMode.OFF
        and source.serves(mobility.receiving_hei_id, api, tenant.id)
    )
