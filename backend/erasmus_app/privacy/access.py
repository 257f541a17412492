"""Reading somebody else's data: who did it, what for, and what of it the student is told."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from erasmus_app.ids import HeiId


class ActorKind(StrEnum):
    """Who read."""

    PARTNER = "partner"  # a university's system, over EWP
    STAFF = "staff"  # of a university
    OPERATOR = "operator"  # of this service, by a command


class AccessOutcome(StrEnum):
    """What came of it."""

    SHOWN = "shown"
    REFUSED = "refused"


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody reads.

    `actor` is an HEI id for a partner, our id of the account for staff, a name for an operator;
    `purpose` and `api` are words of ours, in English, the same for the same thing.
    """

    kind: ActorKind
    actor: str
    hei: HeiId | None = None  # for whom staff reads
    purpose: str
    api: str
    outcome: AccessOutcome = AccessOutcome.SHOWN


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """Whose data: a person of a tenant's, or an account where there is no tenant."""

    tenant: HeiId | None
    subject: UUID
    mobility: UUID | None = None  # None: no one in particular


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What a call to our EWP host was answered with: those of `ids` that these callers may see."""

    tenant: HeiId
    callers: frozenset[HeiId]
    api: str
    majors: tuple[int, ...]  # versions of kept objects that the answer can show
    ids: tuple[str, ...]


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the log, as the student reads it: of a human being no name. Times are UTC."""

    access_id: UUID
    first_at: datetime
    last_at: datetime
    times: int
    kind: ActorKind
    hei: HeiId | None  # the partner, or whose staff it was
    purpose: str
    api: str
    outcome: AccessOutcome
    mobility: UUID | None
