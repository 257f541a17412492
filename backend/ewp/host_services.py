"""The APIs that a host can serve, each over a small protocol for its store.

A provider returns what is there; who may see it is decided here, by the rules of each API (guide
§3.3, §4).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ewp.apis import hei_parameter, limit_of, names_of
from ewp.errors import RequestRefused
from ewp.host_calls import (
    GET,
    GET_POST,
    POST,
    Call,
    Endpoint,
    academic_year,
    document,
    moment,
)
from ewp.host_calls import Service as Service  # noqa: PLC0414 - what all of these are
from ewp.host_filters import (
    MOBILITY_TYPES,
    Facts,
    IndexFilter,
    agreement_facts,
    nomination_facts,
    student_key,
)
from ewp.host_stats import IncomingLaStatsProvider, OutgoingLaStatsProvider, let_in_readers
from ewp.ids import HeiId, OmobilityId
from ewp.manifest import Offer
from ewp.messages import (
    cnr,
    factsheet,
    imobilities,
    institutions,
    omobilities,
    omobility_las,
    omobility_stats,
)
from ewp.messages.common import Text


class CnrReceiver(Protocol):
    """Hears that something has changed."""

    async def changed(
        self, api: str, hei_id: HeiId, callers: frozenset[HeiId], ids: Sequence[OmobilityId]
    ) -> None:
        """Note it and return at once. `callers` cover nothing where the caller has no right."""


_CNR_VERSIONS = {
    ("omobility-cnr", 1): "1.0.0",
    ("omobility-cnr", 2): "2.0.0",
    ("imobility-cnr", 1): "1.0.0",
    ("imobility-cnr", 2): "2.0.0",
    ("omobility-la-cnr", 1): "1.1.0",
    ("imobility-tor-cnr", 1): "1.0.0",
    ("imobility-tor-cnr", 2): "2.0.0",
}


@dataclass(frozen=True, slots=True)
class CnrService:
    """A receiver of change notifications (guide §3.4, §4.3 to §4.6).

    `forwarded`: another provider of the HEI's receives them and sends them on with a key that
    speaks for the HEI itself. The form then names the master in every version, by agreement.
    """

    api: str
    major: int
    receiver: CnrReceiver
    most: int = 20
    forwarded: bool = False
    stats: IncomingLaStatsProvider | None = None  # has a place in omobility-la-cnr alone

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """One URL, POST only; statistics where there are any."""
        found = {"": Endpoint(POST, self._changed)}
        if self._counts:
            found["stats"] = Endpoint(GET, self._stats)
        return found

    def offer(self, base: str) -> Offer:
        """Declare it."""
        own = f"{base}/{self.api}/{self.major}"
        children = [("url", own)]
        if self._counts:
            children.append(("stats-url", f"{own}/stats"))
        children.append((limit_of("omobility_id"), str(self.most)))
        version = _CNR_VERSIONS[self.api, self.major]
        return Offer(api=self.api, version=version, major=self.major, children=tuple(children))

    @property
    def _counts(self) -> bool:
        return self.stats is not None and self.api == "omobility-la-cnr"

    async def _stats(self, call: Call) -> bytes:
        assert self.stats is not None
        let_in_readers(call)
        return omobility_stats.write_incoming_las(await self.stats.incoming_la_stats())

    async def _changed(self, call: Call) -> bytes:
        callers, master = call.callers, names_of(self.api).hei
        if master and self.forwarded and call.hei_id in callers:
            callers = frozenset({HeiId(call.needed(master).lower())})
        elif older := hei_parameter(self.api, self.major):
            callers &= {HeiId(call.needed(older).lower())}
        ids = call.omobility_ids(self.most)
        if ids:
            await self.receiver.changed(self.api, call.hei_id, callers, ids)
        return cnr.write_cnr_response(self.api, self.major)


class OmobilitiesProvider(Protocol):
    """The nominations that an HEI sends."""

    async def nominations(
        self, major: int, ids: Sequence[OmobilityId]
    ) -> Sequence[omobilities.StudentMobility]:
        """Return those with these ids."""

    async def nominated(self, major: int, wanted: IndexFilter) -> Sequence[OmobilityId]:
        """Return the ids of those that are asked for; only what the filter's parties may see."""

    async def decide(
        self,
        caller: frozenset[HeiId],
        request: omobilities.UpdateRequest,
        *,
        request_id: str | None,
    ) -> Sequence[Text]:
        """Take R's decision (3 only). Raises EditConflict, RequestRefused."""


def _may(call: Call, facts: Facts) -> bool:
    return bool({facts.sending_hei_id, facts.receiving_hei_id} & call.callers)


@dataclass(frozen=True, slots=True)
class OmobilitiesService:
    """Outgoing mobilities 2 or 3 (guide §4.2): R of each mobility and S itself are let in."""

    major: int
    provider: OmobilitiesProvider
    most: int = 10
    api: str = "omobilities"

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """Get and index; update since version 3."""
        found = {"get": Endpoint(GET_POST, self._get), "index": Endpoint(GET_POST, self._index)}
        if self.major >= 3:
            found["update"] = Endpoint(POST, self._update, takes_xml=True)
        return found

    def offer(self, base: str) -> Offer:
        """Declare it."""
        own = f"{base}/{self.api}/{self.major}"
        children = [("get-url", f"{own}/get"), ("index-url", f"{own}/index")]
        if self.major >= 3:
            children.append(("update-url", f"{own}/update"))
        children.append(("max-omobility-ids", str(self.most)))
        version = "3.0.0" if self.major >= 3 else "2.0.0"
        return Offer(api=self.api, version=version, major=self.major, children=tuple(children))

    async def _get(self, call: Call) -> bytes:
        if self.major < 3:
            call.addressed("sending_hei_id")
        ids = call.omobility_ids(self.most)
        found = await self.provider.nominations(self.major, ids)
        seen = [each for each in found if _may(call, nomination_facts(each))]
        return omobilities.write_get_response(seen, major=self.major)

    async def _index(self, call: Call) -> bytes:
        receiving: frozenset[HeiId] = frozenset()
        esi = activity = None
        if self.major < 3:
            call.addressed("sending_hei_id")
            receiving = _heis(call, "receiving_hei_id")
        else:
            esi, activity = call.one("global_id"), call.one("activity_attributes")
        wanted = IndexFilter(
            parties=call.callers,
            receiving_hei_ids=receiving,
            receiving_academic_year_id=academic_year(call),
            student_key=None if esi is None else student_key(esi),
            kind=activity,
            modified_since=moment(call, "modified_since"),
        )
        ids = await self.provider.nominated(self.major, wanted) if call.callers else ()
        return omobilities.write_index_response(ids, major=self.major)

    async def _update(self, call: Call) -> bytes:
        request = document(omobilities.read_update_request, call.body)
        told = await self.provider.decide(call.callers, request, request_id=call.request_id)
        return omobilities.write_update_response(told)


class OmobilityLasProvider(Protocol):
    """The learning agreements that an HEI is master of."""

    async def agreements(
        self, ids: Sequence[OmobilityId]
    ) -> Sequence[omobility_las.LearningAgreement]:
        """Return the visible ones with these ids."""

    async def agreed(self, wanted: IndexFilter) -> Sequence[OmobilityId]:
        """Return the ids of those that are asked for; only what the filter's parties may see."""

    async def sign_or_comment(
        self,
        caller: frozenset[HeiId],
        request: omobility_las.UpdateRequest,
        *,
        request_id: str | None,
    ) -> Sequence[Text]:
        """Take R's signature or comment. Raises EditConflict, RequestRefused."""


@dataclass(frozen=True, slots=True)
class OmobilityLasService:
    """Learning agreements 1 (guide §4.5): R of each and S itself are let in."""

    provider: OmobilityLasProvider
    most: int = 10
    api: str = "omobility-las"
    major: int = 1
    stats: OutgoingLaStatsProvider | None = None

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """Get, index and update; statistics where there are any."""
        found = {
            "get": Endpoint(GET_POST, self._get),
            "index": Endpoint(GET_POST, self._index),
            "update": Endpoint(POST, self._update, takes_xml=True),
        }
        if self.stats is not None:
            found["stats"] = Endpoint(GET, self._stats)
        return found

    def offer(self, base: str) -> Offer:
        """Declare it."""
        own = f"{base}/{self.api}/{self.major}"
        children = (
            ("get-url", f"{own}/get"),
            ("index-url", f"{own}/index"),
            ("update-url", f"{own}/update"),
            *((("stats-url", f"{own}/stats"),) if self.stats is not None else ()),
            ("max-omobility-ids", str(self.most)),
        )
        return Offer(api=self.api, version="1.2.0", major=1, children=children)

    async def _get(self, call: Call) -> bytes:
        call.addressed("sending_hei_id")
        ids = call.omobility_ids(self.most)
        found = await self.provider.agreements(ids)
        seen = [each for each in found if _may(call, agreement_facts(each))]
        return omobility_las.write_get_response(seen)

    async def _index(self, call: Call) -> bytes:
        call.addressed("sending_hei_id")
        esi, kind = call.one("global_id"), call.one("mobility_type")
        if kind is not None and kind not in MOBILITY_TYPES:
            raise RequestRefused(
                f"mobility_type: must be one of {', '.join(sorted(MOBILITY_TYPES))}"
            )
        wanted = IndexFilter(
            parties=call.callers,
            receiving_hei_ids=_heis(call, "receiving_hei_id"),
            receiving_academic_year_id=academic_year(call),
            student_key=None if esi is None else student_key(esi),
            kind=kind,
            modified_since=moment(call, "modified_since"),
        )
        ids = await self.provider.agreed(wanted) if call.callers else ()
        return omobility_las.write_index_response(ids)

    async def _update(self, call: Call) -> bytes:
        request = document(omobility_las.read_update_request, call.body)
        if request.sending_hei_id != call.hei_id:
            raise RequestRefused("sending-hei-id: not an HEI of this endpoint")
        told = await self.provider.sign_or_comment(
            call.callers, request, request_id=call.request_id
        )
        return omobility_las.write_update_response(told)

    async def _stats(self, call: Call) -> bytes:
        assert self.stats is not None
        let_in_readers(call)
        return omobility_stats.write_outgoing_las(await self.stats.outgoing_la_stats())


def _heis(call: Call, name: str) -> frozenset[HeiId]:
    return frozenset(HeiId(each.lower()) for each in call.all(name))


class ImobilitiesProvider(Protocol):
    """The receiving side of mobilities."""

    async def receptions(
        self, major: int, senders: frozenset[HeiId] | None, ids: Sequence[OmobilityId]
    ) -> Sequence[imobilities.IncomingMobility]:
        """Return what is known of these ids, of these sending HEIs only; None: of all."""


@dataclass(frozen=True, slots=True)
class ImobilitiesService:
    """Incoming mobilities 1 or 2 (guide §4.4): S of each and R itself are let in."""

    major: int
    provider: ImobilitiesProvider
    most: int = 10
    api: str = "imobilities"

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """Get only: there is no index."""
        return {"get": Endpoint(GET_POST, self._get)}

    def offer(self, base: str) -> Offer:
        """Declare it."""
        own = f"{base}/{self.api}/{self.major}"
        children = (("get-url", f"{own}/get"), (limit_of("omobility_id"), str(self.most)))
        version = f"{self.major}.0.0"
        return Offer(api=self.api, version=version, major=self.major, children=children)

    async def _get(self, call: Call) -> bytes:
        if name := hei_parameter(self.api, self.major):
            call.addressed(name)
        ids = call.omobility_ids(self.most)
        found = await self.provider.receptions(self.major, call.senders, ids)
        return imobilities.write_get_response(found, major=self.major)


class PublicDataProvider(Protocol):
    """What anybody may know of an HEI."""

    async def institution(self) -> institutions.Hei:
        """Return the HEI itself."""

    async def factsheet(self) -> factsheet.Factsheet | None:
        """Return its factsheet, if it has one."""


@dataclass(frozen=True, slots=True)
class InstitutionsService:
    """Institutions 2 (guide §4.8): public."""

    provider: PublicDataProvider
    api: str = "institutions"
    major: int = 2

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """One URL, GET and POST, also anonymous."""
        return {"": Endpoint(GET_POST, self._get, anonymous=True)}

    def offer(self, base: str) -> Offer:
        """Declare it."""
        children = (("url", f"{base}/institutions/2"), ("max-hei-ids", "1"))
        return Offer(api=self.api, version="2.2.0", major=2, children=children, anonymous=True)

    async def _get(self, call: Call) -> bytes:
        known = call.some("hei_id", 1)[0].lower() == call.hei_id
        return institutions.write_response([await self.provider.institution()] if known else [])


@dataclass(frozen=True, slots=True)
class FactsheetService:
    """Factsheet 1 (guide §4.7): public."""

    provider: PublicDataProvider
    api: str = "factsheet"
    major: int = 1

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """One URL, GET and POST, also anonymous."""
        return {"": Endpoint(GET_POST, self._get, anonymous=True)}

    def offer(self, base: str) -> Offer:
        """Declare it."""
        children = (("url", f"{base}/factsheet/1"), ("max-hei-ids", "1"))
        return Offer(api=self.api, version="1.2.0", major=1, children=children, anonymous=True)

    async def _get(self, call: Call) -> bytes:
        known = call.some("hei_id", 1)[0].lower() == call.hei_id
        found = await self.provider.factsheet() if known else None
        return factsheet.write_response([found] if found else [])
