"""Transcripts of records that a host serves (guide §4.6): the receiving HEI's side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ewp.apis import hei_parameter, limit_of
from ewp.host_calls import GET_POST, Call, Endpoint, academic_year, moment
from ewp.ids import HeiId, OmobilityId
from ewp.manifest import Offer
from ewp.messages import imobility_tors

Senders = frozenset[HeiId] | None
"""The sending HEIs whose students' transcripts may be shown; None: those of all."""


class TranscriptsProvider(Protocol):
    """The transcripts that an HEI has issued: those complete enough for recognition."""

    async def transcripts(
        self, major: int, senders: Senders, ids: Sequence[OmobilityId]
    ) -> Sequence[imobility_tors.Tor]:
        """Return those with these ids, of students of these sending HEIs only."""

    async def issued(
        self,
        major: int,
        senders: Senders,
        modified_since: datetime | None,
        receiving_academic_year_id: str | None,
    ) -> Sequence[OmobilityId]:
        """Return whose there are, of these sending HEIs only, by the filters that are said."""


@dataclass(frozen=True, slots=True)
class ImobilityTorsService:
    """Incoming mobility transcripts 2 or 3: S of each and R itself are let in.

    An HEI that is not served here is an empty answer in version 2, unlike in other APIs, and is
    not asked for in version 3, where old clients name it all the same (guide §3.3, §4.6).
    """

    major: int
    provider: TranscriptsProvider
    most: int = 5  # a transcript with its PDF has megabytes
    api: str = "imobility-tors"

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """Get and index."""
        return {"get": Endpoint(GET_POST, self._get), "index": Endpoint(GET_POST, self._index)}

    def offer(self, base: str) -> Offer:
        """Declare it."""
        own = f"{base}/{self.api}/{self.major}"
        children = (
            ("get-url", f"{own}/get"),
            ("index-url", f"{own}/index"),
            (limit_of("omobility_id"), str(self.most)),
        )
        version = f"{self.major}.0.0"
        return Offer(api=self.api, version=version, major=self.major, children=children)

    async def _get(self, call: Call) -> bytes:
        here, senders = self._is_addressed(call), call.senders
        ids = call.omobility_ids(self.most)
        found: Sequence[imobility_tors.Tor] = ()
        if here and ids and senders != frozenset():
            found = await self.provider.transcripts(self.major, senders, ids)
        return imobility_tors.write_get_response(found, major=self.major)

    async def _index(self, call: Call) -> bytes:
        here, senders = self._is_addressed(call), call.senders
        year = None
        if self.major >= 3:
            year = academic_year(call)
        elif asked := frozenset(HeiId(each.lower()) for each in call.all("sending_hei_id")):
            senders = asked if senders is None else senders & asked
        since = moment(call, "modified_since")
        found: Sequence[OmobilityId] = ()
        if here and senders != frozenset():
            found = await self.provider.issued(self.major, senders, since, year)
        return imobility_tors.write_index_response(found, major=self.major)

    def _is_addressed(self, call: Call) -> bool:
        name = hei_parameter(self.api, self.major)
        return name is None or call.needed(name).lower() == call.hei_id
