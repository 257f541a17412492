"""The EWP network as the source of facts about mobilities."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from lxml import etree

from erasmus_app.errors import Misfit, PartnerBusy, PartnerFailed
from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.institutions.health import CallLedger
from erasmus_app.kit.clock import Clock
from erasmus_app.mobilities.consolidate import Reading
from erasmus_app.mobilities.models import OF_RECEIVING, Api, Fact
from erasmus_app.mobilities.ports import Answer, Document
from erasmus_app.partners import translate
from erasmus_app.partners.breakers import Breakers, Busy, host_of
from erasmus_app.partners.calls import called, noted
from erasmus_app.partners.monitoring import Monitoring
from erasmus_app.partners.own_systems import OwnSystems
from ewp.apis import about_hei, most_of
from ewp.catalogue import ApiEntry, Catalogue
from ewp.client import EwpClient, Parameters, Reply
from ewp.errors import (
    ApiNotServed,
    CatalogueUnavailable,
    MessageInvalid,
    ReplyInvalid,
    XmlRefused,
)
from ewp.keys import PrivateKey
from ewp.messages import imobilities, imobility_tors, omobilities, omobility_las
from ewp.messages.documents import Xml
from ewp.xml import canonical, open_xml

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Way:
    """How one API is asked and read, in the order of the versions that we prefer."""

    majors: tuple[int, ...]
    items: frozenset[str]  # local names of one object in an answer
    read: Callable[[Xml], Sequence[Any]]
    translate: Callable[[Any], Fact]
    read_index: Callable[[bytes], Sequence[OmobilityId]] | None


WAYS: Mapping[Api, _Way] = {
    Api.OMOBILITIES: _Way(
        majors=(3, 2, 1),
        items=frozenset({"student-mobility", "student-mobility-for-studies"}),
        read=omobilities.read_get_response,
        translate=translate.nomination,
        read_index=omobilities.read_index_response,
    ),
    Api.IMOBILITIES: _Way(
        majors=(1, 2),  # 1 says what 2 says and the old family's decision
        items=frozenset({"student-mobility", "student-mobility-for-studies"}),
        read=imobilities.read_get_response,
        translate=translate.reception,
        read_index=None,  # there is no index (guide §4.4)
    ),
    Api.OMOBILITY_LAS: _Way(
        majors=(1,),
        items=frozenset({"la"}),
        read=omobility_las.read_get_response,
        translate=translate.learning_agreement,
        read_index=omobility_las.read_index_response,
    ),
    Api.IMOBILITY_TORS: _Way(
        majors=(3, 2, 1),
        items=frozenset({"tor"}),
        read=imobility_tors.read_get_response,
        translate=translate.transcript,
        read_index=imobility_tors.read_index_response,
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class EwpPartners:
    """Asks partners, each time with the key of the covered HEI that asks.

    A covered HEI's own system is found by the manifest that the operator named, where there is one;
    everybody else, and it without one, by the registry's catalogue.
    """

    client: EwpClient
    catalogue: Callable[[], Catalogue]
    own_systems: OwnSystems
    keys: Mapping[HeiId, PrivateKey]
    breakers: Breakers
    clock: Clock
    monitoring: Monitoring | None = None  # who hears of calls that failed
    ledger: CallLedger | None = None  # where it is noted how calls went

    def serves(self, hei: HeiId, api: Api, tenant: HeiId) -> bool:
        """Return whether `tenant` can ask `hei` for `api` by what is listed today."""
        return bool(self._entries(tenant, hei, api))

    @contextmanager
    def turn(self, tenant: HeiId, hei: HeiId, api: Api, *, urgent: bool = False) -> Iterator[None]:
        """Have a place at each host that serves the API for the HEI."""
        entries = self._entries(tenant, hei, api)
        hosts = {host_of(url) for entry in entries for url in entry.urls.values()}
        with ExitStack() as stack:
            try:
                stack.enter_context(self.breakers.turn(hosts, urgent=urgent))
            except Busy as busy:
                raise PartnerBusy(busy.after) from busy
            yield

    async def index(
        self, tenant: HeiId, hei: HeiId, api: Api, *, modified_since: datetime | None
    ) -> list[OmobilityId] | None:
        """Ask for the ids that `hei` shows; of all the versions that it serves."""
        way, found = WAYS[api], dict[OmobilityId, None]()
        entries = self._served(tenant, hei, api)
        if way.read_index is None or not all("index-url" in entry.urls for entry in entries):
            return None
        for entry in entries:
            parameters = about_hei(entry.api, entry.major, hei)
            if parameters and tenant != hei:
                end = "sending_hei_id" if api in OF_RECEIVING else "receiving_hei_id"
                parameters.append((end, tenant))
            if modified_since is not None:
                parameters.append(("modified_since", modified_since.isoformat(timespec="seconds")))
            listed = await self.asked(
                tenant, hei, entry, "index-url", parameters, partial(fitting, read=way.read_index)
            )
            found |= dict.fromkeys(listed)
        return list(found)

    async def ask(
        self, tenant: HeiId, hei: HeiId, api: Api, sending: HeiId, ids: Sequence[OmobilityId]
    ) -> list[Answer]:
        """Ask `hei` about mobilities of `sending`; one answer per id, in the order asked.

        A partner in the middle of its move to the new family serves two versions: what the newer
        one leaves out is asked of the older one.
        """
        way, entries = WAYS[api], self._served(tenant, hei, api)
        answers: dict[OmobilityId, Answer] = {}
        for entry in entries:
            missing = [each for each in ids if each not in answers or not answers[each].document]
            size = most_of(entry.limits, "omobility_id")
            for start in range(0, len(missing), size):
                chunk = missing[start : start + size]
                began = self.clock()
                parameters = about_hei(entry.api, entry.major, hei)
                parameters += [("omobility_id", each) for each in chunk]
                there = await self.asked(
                    tenant, hei, entry, "get-url", parameters, partial(_objects, way)
                )
                for each in chunk:
                    document, fact = there.get(each, (None, None))
                    ends = translate.ends(fact) if fact else None
                    if ends and ends[0] != sending:
                        document, fact, ends = None, None, None  # it may not speak for others
                    answers[each] = Answer(
                        reading=Reading(
                            tenant=tenant,
                            api=api,
                            major=entry.major,
                            hei_id=hei,
                            asked_as=tenant,
                            sending_hei_id=sending,
                            receiving_hei_id=ends[1] if ends else None,
                            omobility_id=each,
                            at=began,
                            value=fact,
                        ),
                        document=document,
                    )
        return [answers[each] for each in ids]

    def _served(self, tenant: HeiId, hei: HeiId, api: Api) -> list[ApiEntry]:
        """Return the entries, of which there is one at least. Raises PartnerFailed."""
        entries = self._entries(tenant, hei, api)
        if not entries:
            raise PartnerFailed(ApiNotServed.code, f"{hei} does not serve {api}", retry=True)
        return entries

    def _entries(self, tenant: HeiId, hei: HeiId, api: Api) -> list[ApiEntry]:
        found = (self.entry(tenant, hei, api.value, major) for major in WAYS[api].majors)
        return [entry for entry in found if entry is not None]

    def entry(self, tenant: HeiId, hei: HeiId, api: str, major: int) -> ApiEntry | None:
        """Return where `tenant` asks `hei`; None where it cannot, or no catalogue was read yet."""
        own = self.own_systems.of(hei) if tenant == hei else None
        if tenant not in self.keys:
            return None
        try:
            return (own.catalogue if own else self.catalogue()).entry(hei, api, major)
        except CatalogueUnavailable:
            return None

    async def asked(
        self,
        tenant: HeiId,
        hei: HeiId,
        entry: ApiEntry,
        endpoint: str,
        parameters: Parameters,
        read: Callable[[Reply], T],
    ) -> T:
        """Call one endpoint of `hei` as `tenant`, and read; a call that failed is reported.

        Raises:
            PartnerFailed: the partner brought nothing we may use.
        """
        try:
            found = read(await self._call(tenant, hei, entry, endpoint, parameters))
        except PartnerFailed as error:
            await noted(self.ledger, self.breakers, tenant, hei, entry, endpoint, error)
            if self.monitoring is not None:
                await self.monitoring.failed(tenant, hei, entry, endpoint, error)
            raise
        await noted(self.ledger, self.breakers, tenant, hei, entry, endpoint)
        return found

    async def _call(
        self,
        tenant: HeiId,
        hei: HeiId,
        entry: ApiEntry,
        endpoint: str,
        parameters: Parameters,
    ) -> Reply:
        """Call one endpoint of `hei` as `tenant`. Raises PartnerFailed."""
        own = self.own_systems.of(hei) if tenant == hei else None
        client = own.client if own else self.client
        return await called(
            self.breakers,
            hei,
            entry,
            endpoint,
            lambda: client.call(self.keys[tenant], hei, entry, endpoint, parameters=parameters),
        )


def _objects(way: _Way, reply: Reply) -> dict[OmobilityId, tuple[Document, Fact]]:
    """Read what a `get` brought, parsed once: the values, and each object's own document.

    Raises:
        PartnerFailed: it does not fit, or contradicts itself.
    """
    root = fitting(reply, open_xml)
    values = fitting(reply, lambda _: way.read(root))
    items = {f"{{{etree.QName(root).namespace}}}{each}" for each in way.items}
    texts = fitting(reply, lambda _: [canonical(each) for each in root if each.tag in items])
    found: dict[OmobilityId, tuple[Document, Fact]] = {}
    for value, xml in zip(values, texts, strict=True):
        document = Document(xml=xml, sha256=hashlib.sha256(xml).digest(), signed_by=reply.signed_by)
        known = found.setdefault(value.omobility_id, (document, way.translate(value)))
        if known[0].sha256 != document.sha256:
            raise _misfit(reply, "one id is there twice, with different content")
    return found


def fitting(reply: Reply, read: Callable[[bytes], T]) -> T:
    """Read an answer's body. Raises PartnerFailed, with the fingerprint to be quarantined."""
    try:
        return read(reply.body)
    except (XmlRefused, MessageInvalid) as error:
        raise _misfit(reply, str(error)) from error


def _misfit(reply: Reply, why: str) -> PartnerFailed:
    """Return the failure for what does not fit, with the fingerprint to be quarantined."""
    misfit = Misfit(hashlib.sha256(reply.body).digest(), len(reply.body), why)
    error = ReplyInvalid(reply.hei_id, why)
    return PartnerFailed(error.code, str(error), retry=False, misfit=misfit)
