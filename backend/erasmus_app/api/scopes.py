"""What a client's scopes cover of the GraphQL schema; everything else is for `app` alone."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    visit,
)

from erasmus_app.identity.clients import APP, CHAT

PROFILE, RECORD, INBOX = "profile:read", "record:read", "inbox:read"
DEADLINES = "deadlines:read"

_ANY: frozenset[str] = frozenset()
_STEPS = frozenset({RECORD, DEADLINES})

COVERED: Mapping[str, frozenset[str]] = {
    "Query.me": _ANY,
    "Query.ask": frozenset({CHAT}),
    "Student.id": _ANY,
    "Student.language": _ANY,
    "Student.displayName": frozenset({PROFILE}),
    "Student.login": frozenset({PROFILE}),
    "Student.inbox": frozenset({INBOX}),
    "Student.unreadMessages": frozenset({INBOX}),
    "Student.mobilities": _STEPS,
    "Student.mobility": _STEPS,
    **dict.fromkeys(
        (
            f"Mobility.{each}"
            for each in (
                *("id", "version", "direction", "sendingInstitution", "receivingInstitution"),
                *("academicYear", "state", "steps", "whoseMove", "deadlines"),
            )
        ),
        _STEPS,
    ),
}
"""By field, the scopes of which one is enough; none is needed where there are none."""

DOORS: Mapping[str, frozenset[str]] = {
    "Query": frozenset({APP}),
    "Mutation": frozenset({APP}),
    "Subscription": frozenset({APP}),
    "Student": frozenset({APP}),
    "Mobility": frozenset({RECORD}),
}
"""Types whose fields are looked at, and what a field needs that `COVERED` does not name.

All else was reached through one of these.
"""


def needs(kind: str, field: str) -> frozenset[str]:
    """Return the scopes of which one is enough for a field; none is needed where there are none."""
    if kind not in DOORS or field.startswith("__"):
        return _ANY
    return COVERED.get(f"{kind}.{field}", DOORS[kind])


class _Fields(Visitor):
    """Collects what the fields of a document need."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self.found: set[frozenset[str]] = set()

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Look at one field."""
        kind = self._types.get_parent_type()
        if kind is not None:
            self.found.add(needs(get_named_type(kind).name, node.name.value))


def needed_by(document: DocumentNode, schema: GraphQLSchema) -> frozenset[frozenset[str]]:
    """Return what a document needs, whatever of it would be run: of each set one scope."""
    types = TypeInfo(schema)
    visitor = _Fields(types)
    visit(document, TypeInfoVisitor(types, visitor))
    return frozenset(each for each in visitor.found if each)


def lacking(needed: frozenset[frozenset[str]], scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Return scopes that are needed and that a client has not; none where it has what it needs."""
    if APP in scopes:
        return ()
    missing = (each for each in needed if not each & set(scopes))
    return tuple(sorted({min(each) for each in missing}))
