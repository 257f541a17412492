"""Simple course replication 1.0.0-rc9: the ids of all courses of an HEI (guide §4.9)."""

from collections.abc import Iterable

from ewp.ids import LosId
from ewp.messages.courses import LOS_ID
from ewp.messages.documents import Items, Versions, listing

NAMESPACE = {
    1: "https://github.com/erasmus-without-paper/ewp-specs-api-course-replication/tree/stable-v1"
}
_RESPONSE: Versions[Items[LosId]] = Versions(
    "course-replication-response", NAMESPACE, listing("los-id", LOS_ID)
)


def read_response(xml: bytes) -> tuple[LosId, ...]:
    """Read a `course-replication-response`: what to ask `courses` for."""
    return _RESPONSE.read(xml).items


def write_response(los_ids: Iterable[LosId], *, major: int = 1) -> bytes:
    """Write a `course-replication-response`."""
    return _RESPONSE.write(Items(items=tuple(los_ids)), major)
