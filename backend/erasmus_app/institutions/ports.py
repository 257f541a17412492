"""What the domain of institutions wishes for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, Protocol

import msgspec

from erasmus_app.ids import HeiId, IiaId
from erasmus_app.institutions.agreements import AgreementCopy, KnownCopy
from erasmus_app.institutions.models import Factsheet, KnownFactsheet, PageT
from erasmus_app.institutions.places import Institution, KnownInstitution


class InstitutionNames(Protocol):
    """Names of HEIs; the registry catalogue's in production."""

    def is_known(self, hei: HeiId) -> bool:
        """Return whether an HEI is in the network, or ours; true where that cannot be told."""

    def name(self, hei: HeiId, language: str) -> str:
        """Return the name in `language`, else in English, else any, else the id itself."""


class PageAnswer(msgspec.Struct, Generic[PageT], frozen=True, kw_only=True):
    """What a partner answered about what it publishes for everybody."""

    value: PageT | None  # None: it publishes none
    xml: bytes  # the whole answer, as it was signed
    signed_by: str | None  # key id of the answer's signature; None: the partner offers none
    more_xml: tuple[bytes, ...] = ()  # further answers that the value was read from
    lacking: str | None = None  # code of why a part could not be read, and is as it was before


FactsheetAnswer = PageAnswer[Factsheet]


class PageSource(Protocol[PageT]):
    """Where pages of one kind come from; the EWP network in production."""

    def serves(self, hei: HeiId, tenant: HeiId) -> bool:
        """Return whether `tenant` can ask `hei` for it today."""

    async def ask(self, tenant: HeiId, hei: HeiId, known: PageT | None = None) -> PageAnswer[PageT]:
        """Ask `hei` as `tenant`; `known` is what it said before. Raises PartnerFailed."""


FactsheetSource = PageSource[Factsheet]
InstitutionSource = PageSource[Institution]


class FactsheetStore(Protocol):
    """Where factsheets are kept."""

    async def factsheet(self, hei: HeiId) -> KnownFactsheet | None:
        """Return what is known of an HEI's factsheet; None where nobody has asked yet."""

    async def pages(self, heis: Sequence[HeiId]) -> list[KnownFactsheet | None]:
        """Return the same of several HEIs, in their order, by one read."""


class InstitutionStore(Protocol):
    """Where what institutions say of themselves is kept."""

    async def pages(self, heis: Sequence[HeiId]) -> list[KnownInstitution | None]:
        """Return what is known of several HEIs, in their order, by one read."""


class AgreementSource(Protocol):
    """Where copies of agreements come from; the EWP network in production."""

    def serves(self, hei: HeiId, tenant: HeiId) -> bool:
        """Return whether `tenant` can ask `hei` today."""

    async def index(
        self, tenant: HeiId, hei: HeiId, modified_since: datetime | None = None
    ) -> list[IiaId]:
        """Return the ids of `hei`'s copies that `tenant` may see. Raises PartnerFailed."""

    def parts(self, tenant: HeiId, hei: HeiId, ids: Sequence[IiaId]) -> list[list[IiaId]]:
        """Return ids in parts, as many in each as one call may have. Raises PartnerFailed."""

    async def copies(self, tenant: HeiId, hei: HeiId, ids: Sequence[IiaId]) -> list[AgreementCopy]:
        """Return `hei`'s copies with these ids, of one part. Raises PartnerFailed."""

    async def approvals(
        self, tenant: HeiId, hei: HeiId, ids: Sequence[IiaId]
    ) -> dict[IiaId, str] | None:
        """Return the hashes of `tenant`'s copies that `hei` has approved; None: it does not tell.

        Raises PartnerFailed.
        """


class AgreementStore(Protocol):
    """Where copies of agreements are kept."""

    async def copies(self, tenant: HeiId) -> list[KnownCopy]:
        """Return every copy that a tenant has read."""
