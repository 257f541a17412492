"""Identifiers of the network, each a type of its own so that two swapped strings show up early."""

from typing import NewType

HeiId = NewType("HeiId", str)
"""SCHAC home organisation of an HEI, a lower-case domain: the primary key of the network."""

OmobilityId = NewType("OmobilityId", str)
"""A mobility's id, given by the sending HEI and unique only within it. Case-sensitive."""

EuropeanStudentId = NewType("EuropeanStudentId", str)
"""ESI, EWP's `global-id`, as sent. Compare case-insensitively."""

IiaId = NewType("IiaId", str)
OunitId = NewType("OunitId", str)
LosId = NewType("LosId", str)
LoiId = NewType("LoiId", str)

ProposalId = NewType("ProposalId", str)
"""Names one content of a nomination (omobilities 3) or of a learning agreement's proposal."""

AcademicYearId = NewType("AcademicYearId", str)
"""`YYYY/YYYY`; on the southern hemisphere both years are the same."""

KeyId = NewType("KeyId", str)
"""SHA-256 of a public key's DER SubjectPublicKeyInfo, 64 lower-case hex characters."""
