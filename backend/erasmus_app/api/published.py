"""The documents that we publish, made from the code; and what an older app would miss."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec
from graphql import (
    BreakingChange,
    BreakingChangeType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    get_named_type,
)

from erasmus_app.api.rest import documented
from erasmus_app.api.rest.access import rules_of
from erasmus_app.api.schema import schema as graphql_schema
from erasmus_app.api.trusted import documents_of

OPERATIONS = Path("graphql/operations")


def schema() -> str:
    """Return the GraphQL schema's SDL, with a newline at the end."""
    return graphql_schema.as_str() + "\n"


def openapi() -> str:
    """Return the OpenAPI document of the REST routes, with a newline at the end."""
    document = documented().openapi_schema.to_schema()
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def access() -> str:
    """Return who may have which field and route, a line each; PART: whoever may have the object."""
    fields = {name: rule.words for name, rule in graphql_schema.access.fields.items()}
    both = sorted(fields.items()) + sorted(rules_of(documented()).items())
    return "".join(f"{what:<46} {rule}\n" for what, rule in both)


def documents(folder: Path = OPERATIONS) -> str:
    """Return the operations of a folder as trusted documents: their texts by SHA-256, as JSON."""
    sources = (each.read_text(encoding="utf-8") for each in sorted(folder.glob("**/*.graphql")))
    return json.dumps(documents_of(sources), indent=2, ensure_ascii=False) + "\n"


def broken_since(before: str) -> list[str]:
    """Return what an app that was written for an earlier SDL would miss, in words.

    What was deprecated there already may go.
    """
    old, new = build_schema(before), build_schema(graphql_schema.as_str())
    return [
        each.description
        for each in find_breaking_changes(old, new)
        if not _was_announced(each, old)
    ]


_PLACE = re.compile(r"\b(\w+)(?:\.(\w+))?(?:\((\w+):\))? was removed\.$")


def _was_announced(change: BreakingChange, old: GraphQLSchema) -> bool:
    """Whether what a change takes away was deprecated before."""
    found = _PLACE.search(change.description)
    if found is None:
        return False
    name, member, argument = found.groups()
    if change.type is BreakingChangeType.TYPE_REMOVED:
        return all(_is_deprecated(old, *place) for place in _places_of(name, old))
    return member is not None and _is_deprecated(old, name, member, argument)


def _is_deprecated(old: GraphQLSchema, name: str, member: str, argument: str | None = None) -> bool:
    kind = old.type_map[name]
    found = (getattr(kind, "fields", None) or getattr(kind, "values", {})).get(member)
    if found is not None and argument is not None and found.deprecation_reason is None:
        found = found.args.get(argument)
    return found is not None and found.deprecation_reason is not None


def _places_of(name: str, old: GraphQLSchema) -> Iterable[tuple[str, str]]:
    """Return the fields whose type this is, as type and field."""
    for owner, kind in old.type_map.items():
        for field, found in getattr(kind, "fields", {}).items():
            if get_named_type(found.type).name == name:
                yield owner, field
