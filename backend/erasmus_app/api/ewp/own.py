"""What partners read of a covered HEI that has given us its data, and what they decide about it.

Who may see what is decided by the toolkit's services; the store answers what they ask.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from erasmus_app.api.ewp.stats import Counted
from erasmus_app.errors import NotFound, ProposalNotCurrent
from erasmus_app.ids import HeiId, OmobilityId, OunitId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.mobilities.own import Decision, KeptObject, Operation, OwnData, Wanted
from ewp.errors import EditConflict, RequestRefused
from ewp.host_filters import IndexFilter
from ewp.host_places import OunitsService
from ewp.host_services import (
    FactsheetService,
    ImobilitiesService,
    InstitutionsService,
    OmobilitiesService,
    OmobilityLasService,
    Service,
)
from ewp.host_stats import ImobilityTorStatsService, OmobilityStatsService
from ewp.host_transcripts import ImobilityTorsService, Senders
from ewp.messages import (
    factsheet,
    imobilities,
    imobility_tors,
    institutions,
    objects,
    omobilities,
    omobility_las,
    organizational_units,
)
from ewp.messages.common import Text

STORED = (Text(value="Thank you, the decision is stored.", lang="en"),)


def services_over(
    hei: CoveredHei, own: OwnData, counted: Counted, most: int
) -> tuple[Service, ...]:
    """Return the services for what the HEI lets us serve, in every version that we can.

    `most` ids are taken in one call; fewer of transcripts, which have megabytes. Statistics come
    with what they count: a family of APIs is wanted whole (guide §1.3).
    """
    kept = OwnProvider(hei.id, own, hei.name)
    found: dict[str, tuple[Service, ...]] = {
        "omobilities": (
            OmobilitiesService(2, kept, most),
            OmobilitiesService(3, kept, most),
            OmobilityStatsService(counted),
        ),
        "omobility-las": (OmobilityLasService(kept, most, stats=counted),),
        "imobilities": (
            ImobilitiesService(1, kept, most),
            ImobilitiesService(2, kept, most),
        ),
        "imobility-tors": (
            ImobilityTorsService(2, kept),
            ImobilityTorsService(3, kept),
            ImobilityTorStatsService(counted),
        ),
        "institutions": (InstitutionsService(kept),),
        "organizational-units": (OunitsService(kept, most),),
        "factsheet": (FactsheetService(kept),),
    }
    return tuple(each for api, services in found.items() if hei.serves(api) for each in services)


@dataclass(frozen=True, slots=True)
class OwnProvider:
    """The providers of all the services over one HEI's own data."""

    hei_id: HeiId
    own: OwnData
    names: dict[str, str]  # by language, until the HEI feeds its own entry

    async def nominations(
        self, major: int, ids: Sequence[OmobilityId]
    ) -> Sequence[omobilities.StudentMobility]:
        """Return those with these ids."""
        found: Sequence[omobilities.StudentMobility] = await self._there("omobilities", major, ids)
        return found

    async def nominated(self, major: int, wanted: IndexFilter) -> Sequence[OmobilityId]:
        """Return whose there are."""
        return await self._index("omobilities", (major,), wanted)

    async def decide(
        self,
        caller: frozenset[HeiId],
        request: omobilities.UpdateRequest,
        *,
        request_id: str | None,
    ) -> Sequence[Text]:
        """Take the receiving HEI's decision about a nomination."""
        comment = request.comment if isinstance(request, omobilities.RejectProposal) else None
        return await self._decide(
            caller,
            Decision(
                api="omobilities",
                omobility_id=request.omobility_id,
                proposal_id=request.proposal_id,
                operation=Operation.APPROVE if comment is None else Operation.REJECT,
                comment=comment,
                request=omobilities.write_update_request(request),
                request_id=request_id,
            ),
        )

    async def agreements(
        self, ids: Sequence[OmobilityId]
    ) -> Sequence[omobility_las.LearningAgreement]:
        """Return those with these ids."""
        found: Sequence[omobility_las.LearningAgreement] = await self._there(
            "omobility-las", 1, ids
        )
        return found

    async def agreed(self, wanted: IndexFilter) -> Sequence[OmobilityId]:
        """Return whose there are."""
        return await self._index("omobility-las", (1,), wanted)

    async def sign_or_comment(
        self,
        caller: frozenset[HeiId],
        request: omobility_las.UpdateRequest,
        *,
        request_id: str | None,
    ) -> Sequence[Text]:
        """Take the receiving HEI's signature or comment."""
        operation = request.operation
        comment = None
        if isinstance(operation, omobility_las.CommentProposal):
            comment = operation.comment
        return await self._decide(
            caller,
            Decision(
                api="omobility-las",
                omobility_id=operation.omobility_id,
                proposal_id=operation.changes_proposal_id,
                operation=Operation.APPROVE if comment is None else Operation.COMMENT,
                comment=comment,
                request=omobility_las.write_update_request(request),
                request_id=request_id,
            ),
        )

    async def receptions(
        self, major: int, senders: Senders, ids: Sequence[OmobilityId]
    ) -> Sequence[imobilities.IncomingMobility]:
        """Return the receiving side of mobilities; version 2 shows less of what is kept as 1."""
        majors = (1,) if major < 2 else (1, 2)
        kept = _of(senders, await self.own.store.objects(self.hei_id, "imobilities", majors, ids))
        found: list[imobilities.IncomingMobility] = []
        for each in kept:
            [value] = _read([each])
            found.append(value if each.major == major else _in_version_2(value))
        return found

    async def transcripts(
        self, major: int, senders: Senders, ids: Sequence[OmobilityId]
    ) -> Sequence[imobility_tors.Tor]:
        """Return those with these ids, of students of these sending HEIs only."""
        kept = await self.own.store.objects(self.hei_id, "imobility-tors", (major,), ids)
        found: Sequence[imobility_tors.Tor] = _read(_of(senders, kept))
        return found

    async def issued(
        self,
        major: int,
        senders: Senders,
        modified_since: datetime | None,
        receiving_academic_year_id: str | None,
    ) -> Sequence[OmobilityId]:
        """Return whose there are."""
        wanted = Wanted(
            parties=frozenset({self.hei_id}) if senders is None else senders,
            receiving_academic_year_id=receiving_academic_year_id,
            modified_since=modified_since,
        )
        return await self.own.store.index(self.hei_id, "imobility-tors", (major,), wanted)

    async def institution(self) -> institutions.Hei:
        """Return the HEI's own entry, or its names where it has given none."""
        found = await self._there("institutions", 2, [self.hei_id])
        if found:
            given: institutions.Hei = found[0]
            return given
        names = tuple(Text(value=name, lang=lang) for lang, name in self.names.items())
        return institutions.Hei(hei_id=self.hei_id, names=names)

    async def factsheet(self) -> factsheet.Factsheet | None:
        """Return its factsheet, if it has given one."""
        found = await self._there("factsheet", 1, [self.hei_id])
        given: factsheet.Factsheet | None = found[0] if found else None
        return given

    async def ounits_by_id(
        self, ids: Sequence[OunitId]
    ) -> Sequence[organizational_units.OrganizationalUnit]:
        """Return those with these ids."""
        found: Sequence[organizational_units.OrganizationalUnit] = await self._there(
            "organizational-units", 2, ids
        )
        return found

    async def ounits_by_code(
        self, codes: Sequence[str]
    ) -> Sequence[organizational_units.OrganizationalUnit]:
        """Return those with these codes."""
        api = "organizational-units"
        return _read(await self.own.store.with_code(self.hei_id, api, codes))

    async def _there(self, api: str, major: int, ids: Sequence[str]) -> Sequence[Any]:
        return _read(await self.own.store.objects(self.hei_id, api, (major,), ids))

    async def _index(
        self, api: str, majors: Sequence[int], wanted: IndexFilter
    ) -> Sequence[OmobilityId]:
        asked = Wanted(**msgspec.structs.asdict(wanted))
        return await self.own.store.index(self.hei_id, api, majors, asked)

    async def _decide(self, caller: frozenset[HeiId], decision: Decision) -> Sequence[Text]:
        try:
            await self.own.decide(self.hei_id, caller, decision)
        except NotFound as error:
            raise RequestRefused(f"omobility-id: {error}") from error
        except ProposalNotCurrent as error:
            raise EditConflict(str(error)) from error
        return STORED


def _of(senders: Senders, kept: Iterable[KeptObject]) -> list[KeptObject]:
    return [each for each in kept if senders is None or each.sending_hei_id in senders]


def _read(kept: Sequence[KeptObject]) -> Sequence[Any]:
    """Read objects of one API and version."""
    if not kept:
        return ()
    xml = [each.xml for each in kept if each.xml is not None]
    return objects.read_objects(kept[0].api, kept[0].major, xml)


def _in_version_2(value: imobilities.IncomingMobility) -> imobilities.IncomingMobilityV2:
    """Leave out the decision on the nomination and the offices' comment (guide §4.4)."""
    return imobilities.IncomingMobilityV2(
        omobility_id=value.omobility_id,
        actual_arrival_date=value.actual_arrival_date,
        actual_departure_date=value.actual_departure_date,
    )
