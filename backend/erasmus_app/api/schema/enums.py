"""Enums of the domain in the schema, with a sentence for each value."""

from collections.abc import Mapping
from enum import Enum

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition


def described_enum(
    cls: type[Enum], *, name: str, description: str, values: Mapping[str, str]
) -> None:
    """Declare an enum as `strawberry.enum` does; `values` says of each what it means.

    Raises:
        ValueError: a value has no sentence, or a sentence no value.
    """
    if set(values) != set(cls.__members__):
        odd = ", ".join(sorted(set(values) ^ set(cls.__members__)))
        raise ValueError(f"{name}: said of one and not of the other: {odd}")
    strawberry.enum(cls, name=name, description=description)
    definition: StrawberryEnumDefinition = cls.__strawberry_definition__  # type: ignore[attr-defined]
    for each in definition.values:
        each.description = values[each.name]
