"""Identifiers, each a type of its own; those of the network are passed on from `ewp.ids`."""

import re
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from typing import NewType
from uuid import UUID

from ewp.ids import (
    AcademicYearId,
    EuropeanStudentId,
    HeiId,
    IiaId,
    LoiId,
    LosId,
    OmobilityId,
    OunitId,
    ProposalId,
)

__all__ = [
    "AcademicYearId",
    "AccountId",
    "DeliveryId",
    "DeviceId",
    "EuropeanStudentId",
    "EventId",
    "HeiId",
    "IiaId",
    "InboxEntryId",
    "JobId",
    "LoiId",
    "LosId",
    "MobilityId",
    "OmobilityId",
    "OunitId",
    "PersonId",
    "ProposalId",
    "global_id",
    "read_global_id",
]

MobilityId = NewType("MobilityId", UUID)
"""Ours for one mobility in one tenant's data; random, says nothing about the student."""

PersonId = NewType("PersonId", UUID)
"""A student as one tenant's data knows them."""

AccountId = NewType("AccountId", UUID)
"""A login; linked to persons, as a rule later than their mobilities."""

DeviceId = NewType("DeviceId", UUID)
EventId = NewType("EventId", UUID)
"""Deterministic: the same change seen twice, or by two tenants, has the same id."""

InboxEntryId = NewType("InboxEntryId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
JobId = NewType("JobId", int)


_GLOBAL = re.compile(r"([A-Z][A-Za-z]*):([0-9a-f]{32})")


def global_id(kind: str, id: UUID) -> str:
    """Return the id that clients see: opaque, fit for an address, and of one GraphQL type."""
    # Of letters, digits and a colon neither of the characters comes that addresses do not like.
    return b2a_base64(f"{kind}:{id.hex}".encode(), newline=False).rstrip(b"=").decode()


def read_global_id(text: str) -> tuple[str, UUID] | None:
    """Return the type and our id; None for what `global_id` cannot have written."""
    try:
        found = _GLOBAL.fullmatch(urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii"))
    except ValueError:
        return None
    if found is None or global_id(found[1], UUID(found[2])) != text:
        return None
    return found[1], UUID(found[2])
