"""Identifiers, each a type of its own; those of the network are passed on from `ewp.ids`."""

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
