"""The covered HEIs' own data: fed by their systems, decided on by partners (guide §4.2 to §4.8)."""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from erasmus_app.errors import FeedRefused, NotFound, ProposalNotCurrent
from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.kit.clock import Clock
from erasmus_app.mobilities.consolidate import Reading
from erasmus_app.mobilities.models import OF_RECEIVING, Api
from erasmus_app.mobilities.own import (
    DECIDED_IN,
    MOBILITY_APIS,
    SERVED,
    Decision,
    FeedResult,
    KeptObject,
    Listing,
    OwnChange,
    OwnMessages,
    OwnObject,
    OwnStore,
    Place,
)
from erasmus_app.mobilities.ports import Answer
from erasmus_app.mobilities.taking import TakingIn

MOST_OBJECTS = 2000  # of one document: each locks a row until all of them are written
MOST_DECISIONS = 1000  # of one answer


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnDataService:
    """Takes what the covered HEIs' systems give, and what partners decide about it."""

    heis: Mapping[HeiId, CoveredHei]
    messages: OwnMessages
    store: OwnStore
    take_in: TakingIn
    clock: Clock

    def fed_by(self, hei_id: str, token: str) -> CoveredHei:
        """Return the HEI whose system shows this token.

        Raises:
            FeedRefused: no HEI has that token, or another one.
        """
        shown, holder = hashlib.sha256(token.encode()).hexdigest(), None
        for hei in self.heis.values():
            for known in hei.feed_token_sha256:
                if hmac.compare_digest(known, shown):
                    holder = hei
        if holder is None:
            raise FeedRefused("feed_token_unknown", "no HEI's feed has this token", status=401)
        if holder.id != hei_id:
            raise FeedRefused("feed_of_another_hei", "the token is another HEI's", status=403)
        return holder

    async def feed(
        self, hei: CoveredHei, body: bytes, *, sending: HeiId | None, complete: bool
    ) -> FeedResult:
        """Take a document in: all of it, or nothing.

        The same content again changes nothing but the time of its confirmation. `complete`: what
        the document does not list of its API and version (of the one sending HEI, where `sending`
        says one) is removed; an empty one is refused. The first that an HEI says in an API makes no
        messages.

        Raises:
            FeedRefused: with the object and the rule that it breaks.
        """
        listings = await asyncio.to_thread(self.messages.read, hei.id, body, sending)
        if complete and len(listings) > 1:
            words = "complete: a document of two kinds cannot be the whole of one"
            raise FeedRefused("complete_not_possible", words)
        received = sum(len(each.objects) for each in listings)
        if complete and not received:
            words = "complete: an empty document, as a broken export makes one, removes nothing"
            raise FeedRefused("document_empty", words)
        if received > MOST_OBJECTS:
            words = f"{received} objects, limit is {MOST_OBJECTS}"
            raise FeedRefused("too_many_objects", words, status=413)
        changed = removed = 0
        async with self.store.change(hei.id) as change:
            feeding = _Feeding(self, hei, change, self.clock())
            for listing in listings:
                if listing.objects:
                    more = await feeding.listing(listing, sending, complete=complete)
                    changed, removed = changed + more.changed, removed + more.removed
            await feeding.tell_partners()
        return FeedResult(received=received, changed=changed, removed=removed)

    async def remove(
        self, hei: CoveredHei, api: str, object_id: str, *, sending: HeiId | None
    ) -> FeedResult:
        """Remove one object, which the HEI's word does at once.

        Raises:
            NotFound: there was never such an object.
            FeedRefused: several incoming mobilities have that id; `sending` would tell.
        """
        async with self.store.change(hei.id) as change:
            if sending is None:
                sending = hei.id
                if api in OF_RECEIVING:
                    sending = _only((await change.senders([object_id])).get(object_id, []), None)
            known = (await change.known(api, [(sending, object_id)])).get((sending, object_id))
            if known is None:
                raise NotFound("The feed has never brought such an object.")
            feeding = _Feeding(self, hei, change, self.clock())
            await change.lock([known.place])
            gone = await feeding.gone(known, silent=False)
            await feeding.tell_partners()
        return FeedResult(received=0, changed=0, removed=int(gone))

    async def decide(self, hei: HeiId, callers: frozenset[HeiId], decision: Decision) -> None:
        """Take a partner's decision about a proposal: object, record and student in one go.

        Raises:
            NotFound: no such mobility, or the caller is not its receiving HEI.
            ProposalNotCurrent: another proposal is current, or none is to be decided.
        """
        covered, api = self.heis[hei], decision.api
        place: Place = (hei, decision.omobility_id)
        async with self.store.change(hei) as change:
            known = (await change.known(api, [place])).get(place)
            theirs = known is not None and known.partner in callers
            if known is None or not theirs or known.xml is None or known.major != DECIDED_IN[api]:
                raise NotFound("unknown, or not a mobility to the caller")
            after = self.messages.decided(hei, api, known.major, known.xml, decision)
            await change.note_decision(msgspec.structs.replace(decision, partner=known.partner))
            feeding = _Feeding(self, covered, change, self.clock())
            await change.lock([place])
            comment = decision.comment if api == Api.OMOBILITY_LAS else None
            if after is None:
                await feeding.gone(known, silent=False, comment=comment)
            else:
                await feeding.given(after, known, silent=False, comment=comment)
            await feeding.tell_partners()

    async def decisions(self, hei: CoveredHei, since: datetime | None) -> list[Decision]:
        """Return what partners decided since (UTC, this moment included), the earliest first."""
        return await self.store.decisions_since(hei.id, since, MOST_DECISIONS)


@dataclass(frozen=True, slots=True)
class _Feeding:
    """One document or decision on its way into the store and the records."""

    service: OwnDataService
    hei: CoveredHei
    change: OwnChange
    now: datetime
    told: set[tuple[HeiId, str, int]] = field(default_factory=set)  # whom, of which API and version

    async def listing(
        self, listing: Listing, sending: HeiId | None, *, complete: bool
    ) -> FeedResult:
        """Take the objects of one API and version in."""
        api = listing.api
        objects = await self._with_senders(listing)
        places = [each.place for each in objects]
        if len(set(places)) < len(places):
            item = next(n for n, each in enumerate(places, 1) if each in places[: n - 1])
            raise FeedRefused("object_twice", "stands in the document twice", item=item)
        known = await self.change.known(api, places)
        for item, own in enumerate(objects, 1):
            before = known.get(own.place)
            if before is not None and before.partner != own.partner:
                words = "the id was that of a mobility with another HEI, and is never used again"
                raise FeedRefused("partner_changed", words, item=item)
        others: list[KeptObject] = []
        if complete:
            others = await self.change.others(api, listing.major, sending, places)
        decisions = await self.change.decisions(api, objects)
        silent = api in MOBILITY_APIS and await self.change.begins(api, self.now)
        await self.change.lock([*places, *(each.place for each in others)])
        changed = removed = 0
        same: list[Place] = []
        # In the order of the students' keys, so that nobody waits in a circle for their accounts.
        for own in sorted(objects, key=lambda each: each.student_key or ""):
            before = known.get(own.place)
            after = self._as_decided(own, decisions.get(own.place))
            if after is None:
                if before is not None:
                    removed += await self.gone(before, silent=silent)
            elif await self.given(after, before, silent=silent):
                changed += 1
            else:
                same.append(own.place)
        await self.change.confirm(api, same, self.now)
        for each in others:
            removed += await self.gone(each, silent=silent)
        return FeedResult(received=len(objects), changed=changed, removed=removed)

    async def given(
        self, own: OwnObject, before: KeptObject | None, *, silent: bool, comment: str | None = None
    ) -> bool:
        """Take one object in; return whether it is new or another than before.

        `comment` is why the partner has sent a part of it back.
        """
        api, major = own.api, own.major
        is_new = before is None or (before.major, before.sha256) != (major, own.document.sha256)
        if is_new:
            served = self._is_served(api, major)
            await self.change.put(own, self.now, tell_partner=served)
            if served and own.partner is not None:
                self.told.add((own.partner, api, major))
        await self._record(own.place, api, major, own, silent=silent, comment=comment)
        return is_new

    async def gone(self, known: KeptObject, *, silent: bool, comment: str | None = None) -> bool:
        """Remove one object; return whether it was there. `comment` as in `given`."""
        if known.xml is None:
            return False
        served = self._is_served(known.api, known.major)
        await self.change.remove(known, self.now, tell_partner=served)
        if served and known.partner is not None:
            self.told.add((known.partner, known.api, known.major))
        await self._record(
            known.place, known.api, known.major, None, silent=silent, comment=comment
        )
        return True

    async def tell_partners(self) -> None:
        """Write the jobs that tell them, in one order for all."""
        for partner, api, major in sorted(self.told):
            await self.change.announce(partner, api, major)

    async def _record(
        self,
        place: Place,
        api: str,
        major: int,
        own: OwnObject | None,
        *,
        silent: bool,
        comment: str | None,
    ) -> None:
        if api not in MOBILITY_APIS:
            return
        sending, object_id = place
        receiving = own.partner if own else None
        if api in OF_RECEIVING:
            receiving = self.hei.id
        reading = Reading(
            tenant=self.hei.id,
            api=Api(api),
            major=major,
            hei_id=self.hei.id,
            asked_as=self.hei.id,
            sending_hei_id=sending,
            receiving_hei_id=receiving,
            omobility_id=OmobilityId(object_id),
            at=self.now,
            value=own.fact if own else None,
            own=True,
            comment=comment,
        )
        answer = Answer(reading=reading, document=own.document if own else None)
        await self.service.take_in(await self.change.record(place), answer, silent=silent)

    def _as_decided(self, own: OwnObject, decision: Decision | None) -> OwnObject | None:
        """Return it with what was decided meanwhile about its proposal, which stays decided."""
        if decision is None:
            return own
        try:
            return self.service.messages.decided(
                self.hei.id, own.api, own.major, own.document.xml, decision
            )
        except ProposalNotCurrent:  # the HEI says itself what became of it, or has cancelled it
            return own

    async def _with_senders(self, listing: Listing) -> Sequence[OwnObject]:
        """Look the sending HEIs up where the document does not name them."""
        unnamed = [each.object_id for each in listing.objects if not each.sending_hei_id]
        if not unnamed:
            return listing.objects
        senders = await self.change.senders(unnamed)
        found = []
        for item, own in enumerate(listing.objects, 1):
            sender = own.sending_hei_id or _only(senders.get(own.object_id, []), item)
            found.append(msgspec.structs.replace(own, sending_hei_id=sender, partner=sender))
        return found

    def _is_served(self, api: str, major: int) -> bool:
        return self.hei.serves(api) and major in SERVED[api]


def _only(senders: Sequence[HeiId], item: int | None) -> HeiId:
    if len(senders) != 1:
        what = "no known incoming mobility has" if not senders else "several sending HEIs use"
        words = f"{what} this id; say sending_hei_id"
        raise FeedRefused("sending_hei_not_known", words, item=item)
    return senders[0]
