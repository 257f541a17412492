"""What the domain of mobilities wishes for."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from erasmus_app.ids import AccountId, EuropeanStudentId, HeiId, MobilityId, OmobilityId, PersonId
from erasmus_app.mobilities.consolidate import Reading
from erasmus_app.mobilities.events import MobilityEvent
from erasmus_app.mobilities.local_rules import RuleBook
from erasmus_app.mobilities.models import Api, Mobility
from erasmus_app.mobilities.seen import Seen


class StoredMobility(msgspec.Struct, frozen=True, kw_only=True):
    """A mobility as it is kept: with our id, the person it is of, and its version.

    `account_id` is the account that the person is linked with, where it was read as that account's.
    """

    mobility_id: MobilityId
    person_id: PersonId
    version: int
    changed_at: datetime
    mobility: Mobility
    account_id: AccountId | None = None
    seen: Seen | None = None  # by the latest look, where it was read as an account's


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One object as a partner sent it."""

    xml: bytes  # the object's element as canonical XML
    sha256: bytes
    signed_by: str | None  # key id of the answer's signature; None: the partner offers none


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner's answer says about one asked id; no document where it was left out."""

    reading: Reading
    document: Document | None


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """An account that may see a person's mobilities, with what telling it takes."""

    account_id: AccountId
    language: str
    zone: str


class MobilitySource(Protocol):
    """Where facts about mobilities come from; the EWP network in production."""

    async def ask(
        self, tenant: HeiId, hei: HeiId, api: Api, sending: HeiId, ids: Sequence[OmobilityId]
    ) -> list[Answer]:
        """Ask `hei` as `tenant` about mobilities of `sending`; one answer per id, in order.

        Raises:
            PartnerFailed: the partner brought nothing we may use.
        """

    async def index(
        self, tenant: HeiId, hei: HeiId, api: Api, *, modified_since: datetime | None
    ) -> list[OmobilityId] | None:
        """Return the ids that `hei` shows to `tenant`; None where it has no index of them.

        Raises:
            PartnerFailed: the partner brought nothing we may use.
        """

    def turn(
        self, tenant: HeiId, hei: HeiId, api: Api, *, urgent: bool = False
    ) -> AbstractContextManager[None]:
        """Have a place at the partner's host while asking, one call after the other.

        Raises:
            PartnerBusy: enough calls to that host are under way; more may be for what is urgent.
        """

    def serves(self, hei: HeiId, api: Api, tenant: HeiId) -> bool:
        """Return whether `tenant` can ask `hei` for `api` today."""


class JobWriter(Protocol):
    """Writes work down, in a transaction of its own."""

    async def write(self, kind: str, jobs: Mapping[str, Any], *, after: timedelta) -> None:
        """Write jobs by their dedupe keys, due in `after`; a like one that waits takes it in."""


class RecordChange(Protocol):
    """One transaction on one mobility; its row is locked until the change is saved or left."""

    before: StoredMobility | None
    connection: Any  # of the transaction, for adapters that write in it

    async def readers(self) -> list[Reader]:
        """Return the accounts that may see the mobility's person."""

    async def save(
        self, after: Mobility, answer: Answer | None, *, silent: bool = False
    ) -> StoredMobility:
        """Write the consolidated record and the source document; version + 1 if it differs."""

    async def is_forgotten(self, after: Mobility) -> bool:
        """Return whether it was erased lately, or is a student's who was."""

    async def record_events(self, events: Sequence[MobilityEvent], *, silent: bool) -> None:
        """Append events; one that is there already stays as it is."""

    async def enqueue(
        self, kind: str, payload: Any, *, dedupe_key: str, due: datetime | None = None
    ) -> None:
        """Write a job in the same transaction."""


class LocalRules(Protocol):
    """The rules of deadlines that covered HEIs have set."""

    @property
    def book(self) -> RuleBook:
        """What is known of them by now; no reading."""

    async def refresh(self) -> RuleBook:
        """Return them as they are right now, which costs one small read where nothing changed."""


class Teller(Protocol):
    """Tells the readers of a mobility what happened to it."""

    async def __call__(
        self,
        change: RecordChange,
        happened: Sequence[MobilityEvent],
        stored: StoredMobility,
        now: datetime,
    ) -> None:
        """Put it into their inboxes and on its way to their devices, within the change.

        What changed without an event is told too: an app that shows the record fetches it.
        """


class RecordStore(Protocol):
    """Where consolidated records live."""

    async def mobilities_of(self, account: AccountId) -> list[StoredMobility]:
        """Return everything that the account may see, newest change first."""

    async def record_version(self, account: AccountId) -> str:
        """Return a short opaque text, another whenever what the account may see is.

        That is which mobilities there are, the version of each, and the revision of the factsheet
        of each host. The age of what partners said does not count, nor does the calendar.
        """

    def change(
        self, tenant: HeiId, sending: HeiId, omobility_id: OmobilityId, *, silent: bool = False
    ) -> AbstractAsyncContextManager[RecordChange]:
        """Open a transaction on one mobility; others who want the same one wait.

        It commits on leaving without error. A `silent` one tells nobody anything, so that it need
        not be on disk before what is written after it.
        """

    async def link(self, account: AccountId, esis: Sequence[EuropeanStudentId]) -> int:
        """Let the account see every person with one of the ESIs; return how many are new."""
