"""Agreements and approvals that a host serves, and the notifications of both (guide §4.11).

A provider returns what is there; that only partners see a copy, and that its hash is of what is
written, is decided here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from ewp.errors import RequestRefused
from ewp.host_calls import (
    GET,
    GET_POST,
    POST,
    Call,
    Endpoint,
    academic_years,
    is_id,
    is_xml_text,
    moment,
)
from ewp.ids import HeiId, IiaId
from ewp.manifest import Offer
from ewp.messages import cnr, iia_hash, iias, iias_approval

Partners = frozenset[HeiId] | None
"""The HEIs whose agreements with the asked one may be shown; None: those of all."""


class IiasProvider(Protocol):
    """An HEI's own copies of its agreements, drafts included that partners are to see."""

    async def iia_copies(
        self,
        major: int,
        partners: Partners,
        ids: Sequence[IiaId] | None,
        modified_since: datetime | None,
    ) -> Sequence[iias.Iia]:
        """Return those with these ids of the HEI's own, or all; changed since, where it is said."""

    async def iia_copies_by_code(
        self, partners: Partners, codes: Sequence[str]
    ) -> Sequence[iias.IiaV6]:
        """Return those with these codes of the HEI's own (6 only); several may share one."""

    async def iia_stats(self) -> iias.IiaStats:
        """Return how many there are."""


@dataclass(frozen=True, slots=True)
class IiasService:
    """Inter-institutional agreements 6 or 7: both partners of each are let in.

    The hosted HEI is the first partner in what is answered, and the hash is made here: the
    provider's is not looked at. In version 7 an answer has one agreement at most, as a hash may
    hang on what else is in the answer (guide §8.3 no. 20).
    """

    major: int
    provider: IiasProvider
    most: int = 5  # ids, or codes, in version 6, where a copy may bring its PDF
    api: str = "iias"

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """Get, index and stats."""
        return {
            "get": Endpoint(GET_POST, self._get),
            "index": Endpoint(GET_POST, self._index),
            "stats": Endpoint(GET, self._stats),
        }

    def offer(self, base: str) -> Offer:
        """Declare it."""
        own = f"{base}/{self.api}/{self.major}"
        children = [("get-url", f"{own}/get"), ("max-iia-ids", str(self._limit))]
        if self.major < 7:
            children.append(("max-iia-codes", str(self._limit)))
        children += [("index-url", f"{own}/index"), ("stats-url", f"{own}/stats")]
        version = "7.0.0" if self.major >= 7 else "6.3.0"
        return Offer(api=self.api, version=version, major=self.major, children=tuple(children))

    @property
    def _limit(self) -> int:
        return 1 if self.major >= 7 else self.most

    async def _get(self, call: Call) -> bytes:
        with_pdf = False
        if self.major < 7:
            call.addressed("hei_id")
            with_pdf = _boolean(call, "send_pdf")
        found = await self._asked(call)
        shown = [iia_hash.sealed(_without_pdf(each, with_pdf=with_pdf)) for each in found]
        return iias.write_get_response(shown, major=self.major)

    async def _asked(self, call: Call) -> Sequence[iias.Iia]:
        """Return the visible ones that are asked for by id, or in version 6 by code."""
        codes = call.all("iia_code") if self.major < 7 else ()
        if self.major < 7 and bool(codes) == bool(call.all("iia_id")):
            raise RequestRefused("iia_id, iia_code: exactly one of the two is required")
        # What has not the form of an id, or of any text, can only be unknown: no store has to be
        # ready for it.
        partners, found = call.senders, list[iias.Iia]()
        if codes:
            known = [each for each in call.some("iia_code", self._limit) if is_xml_text(each)]
            if known and partners != frozenset():
                found += await self.provider.iia_copies_by_code(partners, known)
        else:
            ids = [IiaId(each) for each in call.some("iia_id", self._limit) if is_id(each)]
            if ids and partners != frozenset():
                found += await self.provider.iia_copies(self.major, partners, ids, None)
        return _visible(call, found)

    async def _index(self, call: Call) -> bytes:
        with_whom: str | None = None
        if self.major < 7:
            call.addressed("hei_id")
            with_whom = call.one("partner_hei_id")
        years, since = academic_years(call), moment(call, "modified_since")
        found: Sequence[iias.Iia] = ()
        if call.senders != frozenset():
            found = await self.provider.iia_copies(self.major, call.senders, None, since)
        ids = [
            ours.iia_id
            for each in _visible(call, found)
            for ours, theirs in [each.partners]
            if ours.iia_id is not None
            and (not with_whom or theirs.hei_id == with_whom.lower())
            and (not years or any(iias.is_valid_in(each, year) for year in years))
        ]
        return iias.write_index_response(ids, major=self.major)

    async def _stats(self, _: Call) -> bytes:
        stats = await self.provider.iia_stats()
        return iias.write_stats_response(stats, major=self.major)


def _visible(call: Call, found: Sequence[iias.Iia]) -> list[iias.Iia]:
    """Return those between the hosted HEI and the caller, the hosted HEI as their first partner."""
    shown = []
    for each in found:
        heis = {partner.hei_id for partner in each.partners}
        if call.hei_id in heis and heis & call.callers:
            partners = sorted(each.partners, key=lambda partner: partner.hei_id != call.hei_id)
            shown.append(msgspec.structs.replace(each, partners=tuple(partners)))
    return shown


def _without_pdf(iia: iias.Iia, *, with_pdf: bool) -> iias.Iia:
    if with_pdf or isinstance(iia, iias.IiaV7):
        return iia
    return msgspec.structs.replace(iia, pdf=None)


def _boolean(call: Call, name: str) -> bool:
    """Read an optional `true` or `false`; false where it is not said. Raises RequestRefused."""
    value = call.one(name)
    if value not in {None, "true", "false"}:
        raise RequestRefused(f"{name}: must be true or false")
    return value == "true"


class IiasApprovalProvider(Protocol):
    """Which of its partners' copies an HEI has approved."""

    async def iia_approvals(
        self, major: int, owners: frozenset[HeiId], ids: Sequence[IiaId]
    ) -> Sequence[iias_approval.Approval]:
        """Return the approvals of these owners' copies with these ids of the owners'."""


@dataclass(frozen=True, slots=True)
class IiasApprovalService:
    """Approvals 1 or 2: each partner is told of its own copies."""

    major: int
    provider: IiasApprovalProvider
    most: int = 10
    api: str = "iias-approval"

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """One URL, GET and POST."""
        return {"": Endpoint(GET_POST, self._get)}

    def offer(self, base: str) -> Offer:
        """Declare it."""
        children = (("url", f"{base}/{self.api}/{self.major}"), ("max-iia-ids", str(self.most)))
        version = "2.0.0" if self.major >= 2 else "1.1.1"
        return Offer(api=self.api, version=version, major=self.major, children=children)

    async def _get(self, call: Call) -> bytes:
        owners, with_pdf = call.callers, False
        if self.major < 2:
            call.addressed("approving_hei_id")
            owners &= {HeiId(call.needed("owner_hei_id").lower())}
            with_pdf = _boolean(call, "send_pdf")
        ids = [IiaId(each) for each in call.some("iia_id", self.most) if is_id(each)]
        found: Sequence[iias_approval.Approval] = ()
        if ids and owners:
            found = await self.provider.iia_approvals(self.major, owners, ids)
        if not with_pdf:
            found = [
                msgspec.structs.replace(each, pdf=None)
                if isinstance(each, iias_approval.ApprovalV1)
                else each
                for each in found
            ]
        return iias_approval.write_response(found, major=self.major)


class AgreementCnrReceiver(Protocol):
    """Hears that a partner has changed its copy, or approved one of ours."""

    async def iia_changed(
        self, api: str, hei_id: HeiId, callers: frozenset[HeiId], iia_id: IiaId
    ) -> None:
        """Note it and return at once. `callers` cover nothing where the caller has no right.

        `iia_id` is that of the caller's copy for `iia-cnr`, of ours for `iia-approval-cnr`.
        """


_CNR_VERSIONS = {
    ("iia-cnr", 2): "2.0.3",
    ("iia-cnr", 3): "3.0.0",
    ("iia-approval-cnr", 1): "1.1.0",
    ("iia-approval-cnr", 2): "2.0.0",
}
_NOTIFIERS = {  # the parameter that names who tells, in the older version of each
    ("iia-cnr", 2): "notifier_hei_id",
    ("iia-approval-cnr", 1): "approving_hei_id",
}


@dataclass(frozen=True, slots=True)
class AgreementCnrService:
    """A receiver of `iia-cnr` 2 or 3, or of `iia-approval-cnr` 1 or 2: one agreement in a call."""

    api: str
    major: int
    receiver: AgreementCnrReceiver

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """One URL, POST only."""
        return {"": Endpoint(POST, self._changed)}

    def offer(self, base: str) -> Offer:
        """Declare it."""
        version = _CNR_VERSIONS[self.api, self.major]
        children = (("url", f"{base}/{self.api}/{self.major}"),)
        return Offer(api=self.api, version=version, major=self.major, children=children)

    async def _changed(self, call: Call) -> bytes:
        callers, notifier = call.callers, _NOTIFIERS.get((self.api, self.major))
        if notifier:
            callers &= {HeiId(call.needed(notifier).lower())}
        if notifier == "approving_hei_id":
            call.addressed("owner_hei_id")
        iia_id = call.needed("iia_id")
        if is_id(iia_id):
            await self.receiver.iia_changed(self.api, call.hei_id, callers, IiaId(iia_id))
        return cnr.write_cnr_response(self.api, self.major)
