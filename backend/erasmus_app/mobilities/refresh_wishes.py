"""«Look again now»: a student's wish that partners be asked at once, which is limited.

Whatever students wish, a partner is asked about one object once a minute at most: that is the
worker's to see to (guide §6.4). Limits keep the queue short, and tell the student when to come
again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from erasmus_app.errors import TooMany
from erasmus_app.ids import AccountId, HeiId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.kit.clock import Clock
from erasmus_app.limits.keeping import Limits
from erasmus_app.limits.rules import Limit
from erasmus_app.mobilities.models import OF_RECEIVING, Api, Mobility
from erasmus_app.mobilities.ports import JobWriter, MobilitySource, StoredMobility
from erasmus_app.mobilities.refreshes import REFRESH, Refresh


class Hindrance(StrEnum):
    """Why nobody is asked."""

    NOT_COVERED = "not_covered"  # the university in whose data it is is not served here any more
    NOT_SHARED = "not_shared"  # neither university shares anything that could be asked for today


class Wished(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a wish: exactly one of these."""

    apis: tuple[Api, ...] = ()  # that are asked, queued at once
    again_at: datetime | None = None  # UTC; it was too soon
    hindrance: Hindrance | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RefreshWishes:
    """Takes wishes in."""

    jobs: JobWriter
    source: MobilitySource
    heis: Mapping[HeiId, CoveredHei]
    limits: Limits
    clock: Clock

    async def wish(self, account: AccountId, stored: StoredMobility) -> Wished:
        """Queue what there is to ask about a mobility, unless that was done lately.

        Raises LimitsAway where nobody can tell.
        """
        mobility = stored.mobility
        if mobility.tenant not in self.heis:
            return Wished(hindrance=Hindrance.NOT_COVERED)
        asked = [each for each in Api if self._is_served(mobility, each)]
        if not asked:
            return Wished(hindrance=Hindrance.NOT_SHARED)
        of_both = (
            (Limit.ASK_PARTNERS_MOBILITY, stored.mobility_id),
            (Limit.ASK_PARTNERS, account),
        )
        try:
            await self.limits.take(*of_both)
        except TooMany as error:
            return Wished(again_at=self.clock() + timedelta(seconds=error.after))
        wanted = [
            Refresh(
                tenant=mobility.tenant,
                api=api,
                hei_id=_hei(mobility, api),
                sending_hei_id=mobility.sending_hei_id,
                omobility_id=mobility.omobility_id,
            )
            for api in asked
        ]
        jobs = {each.dedupe_key: each for each in wanted}
        await self.jobs.write(REFRESH, jobs, after=timedelta(0))
        return Wished(apis=tuple(asked))

    def _is_served(self, mobility: Mobility, api: Api) -> bool:
        return self.source.serves(_hei(mobility, api), api, mobility.tenant)


def _hei(mobility: Mobility, api: Api) -> HeiId:
    return mobility.receiving_hei_id if api in OF_RECEIVING else mobility.sending_hei_id
