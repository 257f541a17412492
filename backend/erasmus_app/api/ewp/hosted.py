"""What we serve for each covered HEI, and what a CNR leads to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from erasmus_app.api.ewp.own import services_over
from erasmus_app.api.ewp.stats import Counted
from erasmus_app.ids import HeiId, IiaId, OmobilityId
from erasmus_app.institutions.asks import AGREEMENTS, Ask
from erasmus_app.institutions.models import ApiMode, CoveredHei
from erasmus_app.mobilities.figures import Figures
from erasmus_app.mobilities.models import OF_RECEIVING
from erasmus_app.mobilities.own import OwnData
from erasmus_app.mobilities.ports import JobWriter
from erasmus_app.mobilities.refreshes import CNR_OF, REFRESH, Refresh
from erasmus_app.settings import Settings
from erasmus_app.telemetry.metrics import CNR_RECEIVED
from erasmus_app.telemetry.traces import current
from ewp.host import HostedHei
from ewp.host_agreements import AgreementCnrService
from ewp.host_services import CnrService, Service
from ewp.keys import PrivateKey

PROVIDER = "Erasmus+ App backend (open source)"

ABOUT = {name: api for api, name in CNR_OF.items()}
MAJORS = {  # of each CNR, those that we receive
    "omobility-cnr": (1, 2),
    "omobility-la-cnr": (1,),
    "imobility-cnr": (1, 2),
    "imobility-tor-cnr": (1, 2),
}
AGREEMENT_MAJORS = {"iia-cnr": (2, 3), "iia-approval-cnr": (1, 2)}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CnrInbox:
    """Takes change notifications in: a row per id, nothing read but ids (guide §6.5)."""

    jobs: JobWriter
    debounce: timedelta

    async def changed(
        self, api: str, hei_id: HeiId, callers: frozenset[HeiId], ids: Sequence[OmobilityId]
    ) -> None:
        """Enqueue a fetch per id. A caller without the right is dropped silently, and counted."""
        about = ABOUT[api]
        current().note(api=api, hei=hei_id, ids=len(ids))
        if not callers:
            CNR_RECEIVED[api, "dropped"].inc()
            log.warning("cnr.dropped", hei_id=hei_id, api=api)
            return
        wanted = [
            Refresh(
                tenant=hei_id,
                api=about,
                hei_id=caller,
                sending_hei_id=hei_id if about in OF_RECEIVING else caller,
                omobility_id=each,
            )
            for caller in callers
            for each in ids
        ]
        await self.jobs.write(
            REFRESH, {each.dedupe_key: each for each in wanted}, after=self.debounce
        )
        CNR_RECEIVED[api, "received"].inc()
        log.info("cnr.received", api=api, hei_id=hei_id, from_heis=sorted(callers), ids=len(ids))


@dataclass(frozen=True, slots=True)
class AgreementCnrInbox:
    """Takes notifications of agreements in: the job that reads the partner's copies comes soon."""

    jobs: JobWriter
    wait: timedelta  # for more of the same partner: it is read once for all of them

    async def iia_changed(
        self,
        api: str,
        hei_id: HeiId,
        callers: frozenset[HeiId],
        iia_id: IiaId,  # noqa: ARG002 - what has changed the reading finds by itself
    ) -> None:
        """Have the callers' copies read. A caller without the right is dropped, and counted."""
        current().note(api=api, hei=hei_id)
        if not callers:
            CNR_RECEIVED[api, "dropped"].inc()
            log.warning("cnr.dropped", hei_id=hei_id, api=api)
            return
        wanted = [Ask(tenant=hei_id, hei_id=each) for each in callers - {hei_id}]
        await self.jobs.write(
            AGREEMENTS, {each.of_agreements(): each for each in wanted}, after=self.wait
        )
        CNR_RECEIVED[api, "received"].inc()
        log.info("cnr.received", api=api, hei_id=hei_id, from_heis=sorted(callers), ids=1)


def hosted_heis(
    settings: Settings,
    heis: Mapping[HeiId, CoveredHei],
    client_keys: Mapping[HeiId, PrivateKey],
    server_keys: Mapping[HeiId, PrivateKey],
    jobs: JobWriter,
    own: OwnData,
    figures: Figures,
    noted: Callable[[Service], Service] = lambda service: service,
) -> dict[HeiId, HostedHei]:
    """Make every covered HEI's host: its own URLs, its own keys, what it lets us own and serve.

    `noted` is put around the services of the HEI's own data (`api.ewp.noted`).
    """
    inbox = CnrInbox(jobs, timedelta(seconds=settings.cnr_debounce_seconds))
    agreed = AgreementCnrInbox(jobs, timedelta(seconds=settings.refetch_seconds))
    most = settings.ewp_max_ids
    counted = {hei: Counted(hei, figures) for hei in heis}
    return {
        hei.id: HostedHei(
            hei_id=hei.id,
            names=hei.name,
            admin_emails=hei.admin_emails,
            admin_provider=PROVIDER,
            base_url=settings.public_url.rstrip("/"),
            client_keys=(client_keys[hei.id].public,),
            server_key=server_keys[hei.id],
            services=(
                *(noted(each) for each in services_over(hei, own, counted[hei.id], most)),
                *_receivers(hei, ApiMode.OWN, inbox, most, counted[hei.id]),
                *_receivers_of_agreements(hei, agreed),
            ),
            unlisted=_receivers(hei, ApiMode.FORWARDED, inbox, most, None),
        )
        for hei in heis.values()
    }


def _receivers(
    hei: CoveredHei, mode: ApiMode, inbox: CnrInbox, most: int, stats: Counted | None
) -> tuple[CnrService, ...]:
    return tuple(
        CnrService(api, major, inbox, most, forwarded=mode is ApiMode.FORWARDED, stats=stats)
        for api, majors in MAJORS.items()
        if hei.mode(api) is mode
        for major in majors
    )


def _receivers_of_agreements(
    hei: CoveredHei, inbox: AgreementCnrInbox
) -> tuple[AgreementCnrService, ...]:
    return tuple(
        AgreementCnrService(api, major, inbox)
        for api, majors in AGREEMENT_MAJORS.items()
        if hei.mode(api) is ApiMode.OWN
        for major in majors
    )
