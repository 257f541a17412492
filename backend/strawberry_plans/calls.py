"""Calling a resolver as its author wrote it, where all that stands before it does nothing.

Strawberry wraps each resolver: extensions and permissions, handlers of exceptions, arguments made
Python values. Where a field has none of the first, and its arguments are values that stay as they
are, the function itself is called, with the same arguments.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import strawberry
from graphql import (
    GraphQLBoolean,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLString,
    is_non_null_type,
)
from strawberry.types.base import StrawberryMaybe
from strawberry.types.field import StrawberryField

MADE_BY_STRAWBERRY = frozenset(
    f"GraphQLCoreConverter.from_resolver.<locals>.{name}"
    for name in ("_resolver", "_async_resolver")
)
AS_THEY_ARE = (GraphQLBoolean, GraphQLFloat, GraphQLID, GraphQLInt, GraphQLString)


class Call(NamedTuple):
    """How a resolver is called."""

    function: Callable[..., Any]
    takes_self: bool
    info: tuple[type, StrawberryField] | None  # the class of what it is told; None: it asks nothing
    names: Mapping[str, str]  # of its arguments, as they are in Python
    is_async: bool


def direct(found: GraphQLField, schema: strawberry.Schema) -> Call | None:
    """Return how to call a field's function itself; None where something stands before it."""
    made = getattr(found.resolve, "__qualname__", "") in MADE_BY_STRAWBERRY
    definition = found.extensions.get("strawberry-definition")
    if not made or not isinstance(definition, StrawberryField):
        return None
    resolver = definition.base_resolver
    if (
        resolver is None
        or definition.extensions
        or type(definition).get_result is not StrawberryField.get_result
        or schema.schema_converter.exception_handlers
        or resolver.root_parameter
        or resolver.parent_parameter
        or not callable(resolver.wrapped_func)
    ):
        return None
    names = {}
    for argument in definition.arguments:
        name = schema.config.name_converter.get_graphql_name(argument)
        kind = found.args[name].type
        inner = kind.of_type if is_non_null_type(kind) else kind
        if inner not in AS_THEY_ARE or isinstance(argument.type, StrawberryMaybe):
            return None
        names[name] = argument.python_name
    info_name = resolver.info_parameter.name if resolver.info_parameter else None
    if info_name not in {None, "info"}:
        return None
    return Call(
        resolver.wrapped_func,
        bool(resolver.self_parameter),
        (schema.config.info_class, definition) if info_name else None,
        names,
        resolver.is_async,
    )
