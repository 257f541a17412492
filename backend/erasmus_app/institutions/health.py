"""How it goes with partners: what their APIs last brought, and what was refused at our own door."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple, Protocol

import msgspec

from erasmus_app.ids import HeiId

MOST_SHOWN = 5  # fingerprints of one API


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that did not fit: its fingerprint and why, nothing of its content."""

    sha256: bytes
    size: int  # bytes
    reason: str
    first_seen_at: datetime
    last_seen_at: datetime
    times: int


class ApiHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How calls of one API went. Times are UTC."""

    api: str  # its manifest element
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_failure: str | None = None  # a stable code
    failures: int = 0  # in a row, up to now
    left_alone_until: datetime | None = None
    unread: int = 0  # mobilities that it could not be read of when it was last tried
    quarantined: int = 0
    latest_quarantined: tuple[Quarantined, ...] = ()  # up to MOST_SHOWN


class PartnerHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One partner; or the HEI's own system, where it is the HEI itself."""

    hei_id: HeiId
    as_receiving: int  # mobilities in which it is the receiving HEI
    as_sending: int
    apis: tuple[ApiHealth, ...]  # those that were called, by name


class Refused(NamedTuple):
    """What was refused at the door of a covered HEI; nobody knows of whom it came."""

    api: str  # empty: of what is not served
    reason: str  # a stable code
    times: int
    last_on: date  # UTC


class CallLedger(Protocol):
    """Where it is written down how calls went. It fails no call: what cannot be written is lost."""

    async def answered(self, tenant: HeiId, hei: HeiId, api: str) -> None:
        """Note that a call of `tenant`'s brought what it should."""

    async def failed(
        self, tenant: HeiId, hei: HeiId, api: str, code: str, left_alone_until: datetime | None
    ) -> None:
        """Note that it did not, and until when the partner is left alone now."""

    async def left_alone(self, tenant: HeiId, hei: HeiId, api: str, until: datetime) -> None:
        """Note that no call was made: also where it was another HEI of its host that is silent."""


class HealthStore(Protocol):
    """What the office of a covered HEI sees of this."""

    async def partners(
        self, hei: HeiId, first: int, after: str, *, troubled: bool
    ) -> Sequence[PartnerHealth]:
        """Return partners by id, from behind `after` on; `troubled`: only where something fails."""

    async def refused(self, hei: HeiId, since: date) -> Sequence[Refused]:
        """Return what was refused at the HEI's door, the most frequent first."""
