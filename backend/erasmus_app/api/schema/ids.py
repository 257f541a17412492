"""Reading the ids that clients send."""

from uuid import UUID


def uuid_of(id: str) -> UUID | None:
    """Read an id; None for what cannot be one, which is then as unknown as any other."""
    try:
        return UUID(id)
    except ValueError:
        return None
