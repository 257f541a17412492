"""Erasure, and the proof of it."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from erasmus_app.ids import AccountId, HeiId, PersonId

NOT_AGAIN = timedelta(days=30)
"""How long what was erased is kept from coming back with the next poll (identity guide §7.3)."""

NOT_AGAIN_LAPSED = timedelta(days=5 * 365)
"""The same for a mobility whose time is over: universities list theirs for years."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """All that we know one student as."""

    accounts: tuple[AccountId, ...]
    persons: tuple[tuple[HeiId, PersonId], ...]
    shared: int = 0  # persons that somebody else's login sees too: they stay


class ErasureState(StrEnum):
    """Where a wish to be forgotten stands."""

    REQUESTED = "requested"  # it can be taken back
    CANCELLED = "cancelled"
    EXECUTED = "executed"


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """A student's wish to be forgotten. Times are UTC."""

    erasure_id: UUID
    account_id: AccountId | None  # whose; None: it is executed
    requested_at: datetime
    due_at: datetime  # it is executed then, unless it is taken back
    cancelled_at: datetime | None = None
    executed_at: datetime | None = None

    @property
    def state(self) -> ErasureState:
        """Where it stands."""
        if self.executed_at is not None:
            return ErasureState.EXECUTED
        return ErasureState.CANCELLED if self.cancelled_at else ErasureState.REQUESTED


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """Proof of an erasure: how much of what, and when; nothing personal."""

    erasure_id: UUID
    requested_at: datetime
    executed_at: datetime
    erased: Mapping[str, int]  # rows by table
    kept: Mapping[str, str]  # by table, why
    shared: int  # persons that another login sees too, and that stay for it

    @property
    def sha256(self) -> bytes:
        """The hash of the certificate's JSON with its names in order."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).digest()
