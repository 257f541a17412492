"""«Look again now»: a student's wish that partners be asked at once, which is limited.

Whatever students wish, a partner is asked about one object once a minute at most: that is the
worker's to see to (guide §6.4). The limits here keep the queue short, and tell the student when to
come again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import msgspec

from erasmus_app.ids import AccountId, HeiId, MobilityId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.kit.clock import Clock
from erasmus_app.mobilities.models import OF_RECEIVING, Api, Mobility
from erasmus_app.mobilities.ports import JobWriter, MobilitySource, StoredMobility
from erasmus_app.mobilities.refreshes import REFRESH, Refresh

OF_MOBILITY = timedelta(minutes=1)  # between two wishes about one mobility
OF_ACCOUNT, WINDOW = 10, timedelta(hours=1)  # wishes of one account, from the first one on


class WishLimits(Protocol):
    """Counts wishes; may be lost. Where it cannot be asked, no wish is taken."""

    async def take(self, account: AccountId, mobility: MobilityId) -> timedelta | None:
        """Count a wish; None, or in how long there may be one where there were enough.

        Raises EngineFailed.
        """


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
    limits: WishLimits
    clock: Clock

    async def wish(self, account: AccountId, stored: StoredMobility) -> Wished:
        """Queue what there is to ask about a mobility, unless that was done lately.

        Raises EngineFailed where nobody can tell.
        """
        mobility = stored.mobility
        if mobility.tenant not in self.heis:
            return Wished(hindrance=Hindrance.NOT_COVERED)
        asked = [each for each in Api if self._is_served(mobility, each)]
        if not asked:
            return Wished(hindrance=Hindrance.NOT_SHARED)
        if (wait := await self.limits.take(account, stored.mobility_id)) is not None:
            return Wished(again_at=self.clock() + wait)
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
