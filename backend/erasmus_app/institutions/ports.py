"""What the domain of institutions wishes for."""

from typing import Protocol

import msgspec

from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import Factsheet, KnownFactsheet


class InstitutionNames(Protocol):
    """Names of HEIs; the registry catalogue's in production."""

    def is_known(self, hei: HeiId) -> bool:
        """Return whether an HEI is in the network, or ours; true where that cannot be told."""

    def name(self, hei: HeiId, language: str) -> str:
        """Return the name in `language`, else in English, else any, else the id itself."""


class FactsheetAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner answered about its factsheet."""

    value: Factsheet | None  # None: it publishes none
    xml: bytes  # the whole answer, as it was signed
    signed_by: str | None  # key id of the answer's signature; None: the partner offers none


class FactsheetSource(Protocol):
    """Where factsheets come from; the EWP network in production."""

    def serves(self, hei: HeiId, tenant: HeiId) -> bool:
        """Return whether `tenant` can ask `hei` for its factsheet today."""

    async def ask(self, tenant: HeiId, hei: HeiId) -> FactsheetAnswer:
        """Ask `hei` as `tenant`. Raises PartnerFailed."""


class FactsheetStore(Protocol):
    """Where factsheets are kept."""

    async def factsheet(self, hei: HeiId) -> KnownFactsheet | None:
        """Return what is known of an HEI's factsheet; None where nobody has asked yet."""
