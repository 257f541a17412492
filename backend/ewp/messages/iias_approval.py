"""Approvals of agreements, iias-approval 1 and 2 (guide §4.11).

An HEI approves the *partner's* copy: it publishes the hash of that copy, as the partner served it,
under the partner's `iia-id`. An agreement is valid when each has approved the other's current
hash; any change of the conditions changes the hash and voids the approval.
"""

from collections.abc import Iterable

import msgspec

from ewp.ids import IiaId
from ewp.messages import values
from ewp.messages.documents import Items, Versions, listing
from ewp.messages.shapes import maybe, one, shape

_SPEC = "https://github.com/erasmus-without-paper/ewp-specs-api-iias-approval/tree"
NAMESPACE = {1: f"{_SPEC}/stable-v1", 2: f"{_SPEC}/stable-v2"}


class ApprovalV1(msgspec.Struct, frozen=True, kw_only=True):
    """That a copy of version 6 is approved, with these conditions."""

    iia_id: IiaId  # the owner's, of the copy that is approved
    conditions_hash: str
    pdf: bytes | None = None  # the owner's, signed


class ApprovalV2(msgspec.Struct, frozen=True, kw_only=True):
    """That a copy of version 7 is approved, with this content."""

    iia_id: IiaId  # the owner's, of the copy that is approved
    iia_hash: str
    pdf_file: str | None = None  # the owner's, signed: its id, for the file API


Approval = ApprovalV1 | ApprovalV2


_RESPONSE: Versions[Items[Approval]] = Versions(
    "iias-approval-response",
    NAMESPACE,
    {
        1: listing(
            "approval",
            shape(
                ApprovalV1,
                one("iia-id", values.ID),
                one("conditions-hash", values.SHA256_HEX),
                maybe("pdf", values.BASE64),
            ),
        ),
        2: listing(
            "approval",
            shape(
                ApprovalV2,
                one("iia-id", values.ID),
                one("iia-hash", values.SHA256_HEX),
                maybe("pdf-file", values.STRING),
            ),
        ),
    },
)


def read_response(xml: bytes) -> tuple[Approval, ...]:
    """Read an `iias-approval-response`; a copy that is not in it is not approved."""
    return _RESPONSE.read(xml).items


def write_response(approvals: Iterable[Approval], *, major: int) -> bytes:
    """Write an `iias-approval-response`; the approvals are of that version."""
    return _RESPONSE.write(Items(items=tuple(approvals)), major)
