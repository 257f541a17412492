"""The ids that clients see and send: one for each object, whatever type it is of."""

from uuid import UUID

import strawberry

from erasmus_app import ids
from erasmus_app.ids import read_global_id


@strawberry.interface(
    description="An object that `node` finds again by its id alone (Relay's convention)."
)
class Node:
    """An object with an id of its own."""

    @strawberry.field(description="Opaque; the same object, the same id.")
    def id(self) -> strawberry.ID:
        """Return it; each type has its own way."""
        raise NotImplementedError


def global_id(kind: str, id: UUID) -> strawberry.ID:
    """Return an object's id; `kind` is its GraphQL type."""
    return strawberry.ID(ids.global_id(kind, id))


def uuid_of(id: str, kind: str) -> UUID | None:
    """Read an id of one type; None for any other, which is then as unknown as a made-up one."""
    found = read_global_id(id)
    return found[1] if found is not None and found[0] == kind else None
