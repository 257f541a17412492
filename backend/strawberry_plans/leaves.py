"""Scalars and enums: what the generated code does with them.

A value of the class that is expected is taken as it is; for any other the type's own
`coerce_output_value` decides, and its refusal is the reference executor's to tell.
"""

from collections.abc import Callable
from datetime import date, datetime
from enum import Enum
from math import isfinite
from operator import methodcaller
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)

from strawberry_plans.errors import GaveUp

_QUICK: dict[GraphQLLeafType, str] = {
    GraphQLString: "{x}.__class__ is str",
    GraphQLID: "{x}.__class__ is str",
    GraphQLBoolean: "({x} is True or {x} is False)",
    GraphQLInt: "({x}.__class__ is int and -2147483648 <= {x} <= 2147483647)",
    GraphQLFloat: "({x}.__class__ is float and isfinite({x}))",
}
_ISO = methodcaller("isoformat").__reduce__()
GLOBALS: dict[str, Any] = {"date": date, "datetime": datetime, "isfinite": isfinite}
"""What the conditions of `quick` name."""


def quick(kind: GraphQLLeafType) -> tuple[str, str] | None:
    """Return when a value `{x}` needs no further looking at, and what its output is then.

    Both are expressions; None where there is no such shortcut.
    """
    coerce: Any = kind.coerce_output_value
    if isinstance(coerce, methodcaller) and coerce.__reduce__() == _ISO:  # Strawberry's DateTime
        return "({x}.__class__ is datetime or {x}.__class__ is date)", "{x}.isoformat()"
    found = _QUICK.get(kind)
    return (found, "{x}") if found else None


def writer(kind: GraphQLLeafType, *, nullable: bool) -> Callable[[Any], Any]:
    """Return what makes output of any value of a leaf; it raises GaveUp, or what the type does."""
    coerce = kind.coerce_output_value

    def write(value: Any) -> Any:
        if value is None or value is Undefined:
            if nullable:
                return None
            raise GaveUp("null")
        if isinstance(value, Exception) or hasattr(value, "__await__"):
            raise GaveUp("a value that is still to come")
        found = coerce(value)
        if found is None or found is Undefined:
            raise GaveUp("a leaf of nothing")
        return found

    return write


def members(kind: GraphQLLeafType) -> dict[int, str] | None:
    """Return an enum's names by the identity of its members, which live as long as their class.

    None for what is no enum made of a class.
    """
    members = getattr(kind, "wrapped_cls", None) if isinstance(kind, GraphQLEnumType) else None
    if members is None or not issubclass(members, Enum):
        return None
    return {id(each): kind.coerce_output_value(each) for each in members}
