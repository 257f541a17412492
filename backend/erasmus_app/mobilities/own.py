"""What a covered HEI is master of and gives to us: values, and what we wish for to keep them.

An HEI without an EWP system of its own *feeds* us; we keep it, serve it to partners, and announce
each change. An HEI with one may feed us as well: the network never tells it of its own changes
(guide §6.2).
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.mobilities.models import Api, Fact
from erasmus_app.mobilities.ports import Document, RecordChange

MOBILITY_APIS = frozenset(api.value for api in Api)
PUBLIC_APIS = frozenset({"institutions", "organizational-units", "factsheet"})

SERVED: Mapping[str, tuple[int, ...]] = {
    "omobilities": (2, 3),
    "omobility-las": (1,),
    "imobilities": (1, 2),
    "imobility-tors": (2, 3),
    "institutions": (2,),
    "organizational-units": (2,),
    "factsheet": (1,),
}
"""The major versions that we serve of what is kept here. An object is served in its own one."""

DECIDED_IN: Mapping[str, int] = {"omobilities": 3, "omobility-las": 1}
"""The version in which partners decide."""

ANNOUNCE = "announce"  # the kind of job

Place = tuple[HeiId, str]
"""Sending HEI and id: which object of one API of one HEI."""


class OwnObject(msgspec.Struct, frozen=True, kw_only=True):
    """One object of an HEI's: given by its system, or after a partner's decision."""

    api: str
    major: int
    sending_hei_id: HeiId  # of public data the HEI itself
    object_id: str
    partner: HeiId | None = None  # the other university of a mobility; None: public data
    receiving_academic_year_id: str | None = None
    student_key: str | None = None  # ESI, trimmed and in lower case
    kind: str | None = None  # activity attributes, type of mobility, code of a unit
    proposal_id: str | None = None  # what the partner may decide on now
    document: Document
    fact: Fact | None = None  # None: public data, which make no record

    @property
    def place(self) -> Place:
        """Which object it is, within its API."""
        return self.sending_hei_id, self.object_id


class KeptObject(msgspec.Struct, frozen=True, kw_only=True):
    """What the store knows of an object. A removed one has no document."""

    api: str
    major: int
    sending_hei_id: HeiId
    object_id: str
    partner: HeiId | None
    xml: bytes | None
    sha256: bytes | None
    revision: int
    changed_at: datetime

    @property
    def place(self) -> Place:
        """Which object it is, within its API."""
        return self.sending_hei_id, self.object_id


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The objects of one API and version that a document holds, in its order."""

    api: str
    major: int
    objects: tuple[OwnObject, ...]


class FeedResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a document or a removal has done."""

    received: int  # objects in the document
    changed: int  # of these, new or with another content
    removed: int  # objects that are gone now


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner's `index` asks for; everything that is said must hold."""

    parties: frozenset[HeiId]  # whom the caller speaks for
    receiving_hei_ids: frozenset[HeiId] = frozenset()  # empty: all
    receiving_academic_year_id: str | None = None
    student_key: str | None = None
    kind: str | None = None
    modified_since: datetime | None = None


class Operation(StrEnum):
    """What a receiving HEI may do with a proposal."""

    APPROVE = "approve-proposal-v1"
    REJECT = "reject-proposal-v1"  # of a nomination
    COMMENT = "comment-proposal-v1"  # of a learning agreement: to be made anew


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's decision about a proposal."""

    api: str
    omobility_id: OmobilityId
    proposal_id: str
    operation: Operation
    partner: HeiId | None = None  # None: not yet known, which of the caller's it is
    comment: str | None = (
        None  # of a nomination for the office alone, of an agreement for the student
    )
    request: bytes  # the update, as canonical as it was read
    request_id: str | None = None
    decided_at: datetime | None = None  # None: not stored yet


class OwnMessages(Protocol):
    """Reads what an HEI's system gives, and applies what a partner decides."""

    def read(self, hei: HeiId, body: bytes, sending: HeiId | None) -> tuple[Listing, ...]:
        """Read a document; an exchange file gives two listings.

        `sending` is of objects that do not name their sending HEI; where it is None, theirs is
        empty.

        Raises:
            FeedRefused: with the number of the object and the rule that it breaks.
        """

    def decided(
        self, hei: HeiId, api: str, major: int, xml: bytes, decision: Decision
    ) -> OwnObject | None:
        """Return what a decision makes of an object; None: nothing is left to be shown.

        Raises:
            ProposalNotCurrent: it is not the current proposal, or no longer to be decided.
        """


class OwnChange(Protocol):
    """One transaction on one HEI's own data; a second one waits."""

    async def known(self, api: str, places: Sequence[Place]) -> dict[Place, KeptObject]:
        """Return what is kept of these objects, removed ones too."""

    async def others(
        self, api: str, major: int, sending: HeiId | None, places: Iterable[Place]
    ) -> list[KeptObject]:
        """Return what is there of that version besides these; of one sending HEI, where said."""

    async def senders(self, ids: Sequence[str]) -> dict[str, list[HeiId]]:
        """Return who sends these incoming mobilities, by what the records know."""

    async def decisions(self, api: str, objects: Sequence[OwnObject]) -> dict[Place, Decision]:
        """Return what was decided about the objects' present proposals."""

    async def lock(self, places: Sequence[Place]) -> None:
        """Keep everybody else from these mobilities' records until the end."""

    async def record(self, place: Place) -> RecordChange:
        """Open a mobility's record within this transaction."""

    async def put(self, own: OwnObject, at: datetime, *, tell_partner: bool) -> None:
        """Keep an object's new content."""

    async def confirm(self, api: str, places: Sequence[Place], at: datetime) -> None:
        """Note that the HEI said the same again."""

    async def remove(self, known: KeptObject, at: datetime, *, tell_partner: bool) -> None:
        """Forget an object's content, and keep that it is gone."""

    async def note_decision(self, decision: Decision) -> Decision:
        """Keep a partner's decision; returns it with its time."""

    async def begins(self, api: str, at: datetime) -> bool:
        """Return whether this is the first that the HEI says in that API, and note that it did."""

    async def announce(self, partner: HeiId, api: str, major: int) -> None:
        """Write the job that tells the partner."""


class OwnStore(Protocol):
    """Where an HEI's own data are kept."""

    def change(self, hei: HeiId) -> AbstractAsyncContextManager[OwnChange]:
        """Open a transaction. Commits on leaving without error."""

    async def objects(
        self, hei: HeiId, api: str, majors: Sequence[int], ids: Sequence[str]
    ) -> list[KeptObject]:
        """Return what is there of these ids."""

    async def with_code(self, hei: HeiId, api: str, codes: Sequence[str]) -> list[KeptObject]:
        """Return the objects whose kind is one of these."""

    async def index(
        self, hei: HeiId, api: str, majors: Sequence[int], wanted: Wanted
    ) -> list[OmobilityId]:
        """Return the ids of what is there and asked for, in their order."""

    async def decisions_since(
        self, hei: HeiId, since: datetime | None, limit: int
    ) -> list[Decision]:
        """Return what partners decided, the earliest first; no two have the same time."""


class OwnData(Protocol):
    """What our EWP host stands on."""

    @property
    def store(self) -> OwnStore:
        """Where the data are kept."""

    async def decide(self, hei: HeiId, callers: frozenset[HeiId], decision: Decision) -> None:
        """Take a partner's decision. Raises NotFound, ProposalNotCurrent."""


class ChangeNotices(Protocol):
    """Tells partners to look again; the EWP network in production."""

    async def send(
        self, hei: HeiId, partner: HeiId, api: str, major: int, ids: Sequence[OmobilityId]
    ) -> bool:
        """Send a CNR for changed objects; False where the partner receives none.

        Raises:
            PartnerFailed: the partner did not take it.
        """


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """The job to tell `partner` what changed in `tenant`'s `api`."""

    tenant: HeiId
    partner: HeiId
    api: str
    major: int

    @property
    def dedupe_key(self) -> str:
        """One job for all that is to be told to a partner about one API."""
        return " ".join((ANNOUNCE, self.tenant, self.partner, self.api, str(self.major)))
