"""Schemas, data and operations out of a source of randomness.

Data may be poisoned: nothing where something is promised, values of the wrong class, resolvers that
fail, objects of another type, lists that are no lists.
"""

from __future__ import annotations

import datetime as dt
import enum
import operator
from functools import reduce
from random import Random
from typing import Annotated, Any, NamedTuple

import strawberry

MOST_DEPTH = 4
VARIABLES = ("$on: Boolean!", "$off: Boolean! = false", "$n: Int = 2")


@strawberry.enum
class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"
    NONE = 0


SCALARS: list[tuple[Any, list[Any]]] = [
    (str, ["", "a", 'quoted "x"', "\u2028 ü"]),
    (int, [0, -1, 2**31 - 1]),
    (float, [0.5, -2.0, 3, 1e300]),
    (bool, [True, False]),
    (strawberry.ID, ["one", "2"]),
    (dt.datetime, [dt.datetime(2026, 2, 28, tzinfo=dt.UTC)]),
    (dt.date, [dt.date(2028, 2, 29)]),
    (Colour, list(Colour)),
]
POISON: list[Any] = [
    None,
    "text",
    2**40,
    float("nan"),
    object(),
    ValueError("bad"),
    [],
    {},
    1.5,
    True,
]


class Quiet(strawberry.Schema):
    """A schema that logs no errors: what is logged keeps alive what failed."""

    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Log nothing."""


class Failure(NamedTuple):
    """What a resolver does instead of bringing a value."""

    error: Exception


class Field(NamedTuple):
    """A generated field."""

    name: str
    leaf: list[Any] | None  # the values of a scalar; None: objects
    target: str | None  # of objects: a type's name, or an abstract one's
    wraps: tuple[str, ...]  # from the outside in: "list", "null"
    mode: str  # attribute, sync, async
    argument: bool


class World(NamedTuple):
    """A schema, and what makes data for it."""

    schema: strawberry.Schema
    types: dict[str, type]
    fields: dict[str, list[Field]]
    possible: dict[str, list[str]]


def world(random: Random) -> World:
    """Make a schema."""
    names = [f"T{n}" for n in range(random.randint(1, 4))]
    members = random.sample(names, random.randint(1, len(names)))
    possible = {name: [name] for name in names} | {"I": members, "U": members}
    fields = {
        name: [_field(random, f"f{n}", [*names, "I", "U"]) for n in range(random.randint(1, 5))]
        for name in names
    }
    for name in members:  # the interface's own
        fields[name].append(Field("common", SCALARS[0][1], None, (), "attribute", argument=False))
    interface = strawberry.interface(type("I", (), {"__annotations__": {"common": str}}))
    space: dict[str, Any] = {"I": interface}
    types: dict[str, type] = {}
    for name in names:
        types[name] = type(
            name,
            (interface,) if name in members else (),
            {"__annotations__": {}, "__module__": __name__},
        )
    union = Annotated[reduce(operator.or_, (types[n] for n in members)), strawberry.union("U")]
    space |= types | {"U": union}
    for name in names:
        for each in fields[name]:
            _declare(types[name], each, space)
        types[name] = strawberry.type(types[name])
    root = type("Query", (), {"__annotations__": {}})
    tops = [_field(random, f"q{n}", [*names, "I", "U"]) for n in range(random.randint(1, 3))]
    for each in tops:
        _declare(root, each, space)
    fields["Query"] = tops
    types["Query"] = strawberry.type(root)
    possible["Query"] = ["Query"]
    return World(Quiet(types["Query"], types=[types[n] for n in names]), types, fields, possible)


def _field(random: Random, name: str, targets: list[str]) -> Field:
    wraps = tuple(random.choice(("list", "null")) for _ in range(random.choice((0, 0, 1, 1, 2, 3))))
    mode = random.choice(("attribute", "attribute", "sync", "async"))
    leaf = random.random() < 0.6
    kind = random.randrange(len(SCALARS))
    return Field(
        name,
        SCALARS[kind][1] if leaf else None,
        None if leaf else random.choice(targets),
        wraps,
        mode,
        argument=mode != "attribute" and random.random() < 0.5,
    )


def _declare(cls: type, field: Field, space: dict[str, Any]) -> None:
    if field.leaf is not None:
        kind = next(kind for kind, values in SCALARS if values is field.leaf)
    else:
        kind = space[str(field.target)]
    for wrap in reversed(field.wraps):
        kind = list[kind] if wrap == "list" else kind | None
    if field.name == "common":
        return  # inherited
    if field.mode == "attribute":
        cls.__annotations__[field.name] = kind
        return
    setattr(cls, field.name, strawberry.field(resolver=_resolver(field, kind)))


def _resolver(field: Field, kind: Any) -> Any:
    def bring(self: Any) -> Any:
        found = self.__dict__[f"_{field.name}"]
        if isinstance(found, Failure):
            raise found.error
        return found

    if field.argument and field.mode == "async":

        async def resolve(self, times: int = 1) -> Any:
            return bring(self) if times != 7 else None

    elif field.argument:

        def resolve(self, times: int = 1) -> Any:
            return bring(self) if times != 7 else None

    elif field.mode == "async":

        async def resolve(self) -> Any:
            return bring(self)

    else:

        def resolve(self) -> Any:
            return bring(self)

    resolve.__annotations__ = {"return": kind} | ({"times": int} if field.argument else {})
    return resolve


def thing(random: Random, of: World, name: str, poison: float, depth: int = 0) -> Any:
    """Make an object of a type."""
    chosen = random.choice(of.possible[name])
    if random.random() < poison:
        chosen = random.choice([each for each in of.types if each != "Query"])
    made = object.__new__(of.types[chosen])
    for each in of.fields[chosen]:
        value = _value(random, of, each, each.wraps, poison, depth)
        if each.mode != "attribute" and random.random() < poison:
            value = Failure(random.choice((ValueError("no"), TypeError("x"), KeyError("k"))))
        made.__dict__[each.name if each.mode == "attribute" else f"_{each.name}"] = value
    return made


def _value(
    random: Random, of: World, field: Field, wraps: tuple[str, ...], poison: float, depth: int
) -> Any:
    if random.random() < poison:
        return random.choice(POISON)
    if wraps:
        if wraps[0] == "null":
            if random.random() < 0.3:
                return None
            return _value(random, of, field, wraps[1:], poison, depth)
        if depth > MOST_DEPTH:
            return []
        items = [
            _value(random, of, field, wraps[1:], poison, depth + 1)
            for _ in range(random.randint(0, 2))
        ]
        return tuple(items) if random.random() < 0.2 else items
    if field.leaf is not None:
        return random.choice(field.leaf)
    if depth > MOST_DEPTH:
        return None  # which is wrong here, and right of both
    return thing(random, of, str(field.target), poison, depth + 1)


class Writer:
    """Writes operations for a schema."""

    def __init__(self, random: Random, of: World) -> None:
        self.random, self.of = random, of
        self.fragments: list[str] = []

    def query(self) -> str:
        """Return a document with one query."""
        selection = self._selection("Query", 0)
        body = "\n".join([selection, *self.fragments])
        used = [each for each in VARIABLES if each.partition(":")[0] in body]
        return f"query Q{'(' + ', '.join(used) + ')' if used else ''} {body}"

    def _selection(self, name: str, depth: int) -> str:
        parts = ["__typename"] if self.random.random() < 0.3 or name == "U" else []
        fields = self.of.fields.get(name) or []
        if name == "I":
            parts.append("common")
        times = self.random.randint(1, 5) if fields else 0
        parts += [self._field(self.random.choice(fields), depth) for _ in range(times)]
        if name in {"I", "U"} or self.random.random() < 0.2:
            target = self.random.choice(self.of.possible[name])
            parts.append(self._fragment(target, depth))
        return "{ " + " ".join(parts) + " }"

    def _fragment(self, target: str, depth: int) -> str:
        if depth > MOST_DEPTH:
            return "__typename"
        body = self._selection(target, depth + 1)
        if self.random.random() < 0.5:
            return f"... on {target}{self._condition()} {body}"
        name = f"F{len(self.fragments)}"
        self.fragments.append("")
        self.fragments[int(name[1:])] = f"fragment {name} on {target} {body}"
        return f"...{name}{self._condition()}"

    def _field(self, field: Field, depth: int) -> str:
        if field.target is not None and depth > MOST_DEPTH:
            return "__typename"
        given, alias = "", ""
        if field.argument:
            number = self.random.choice(("", "1", "7", "$n"))
            given = f"(times: {number})" if number else ""
            alias = f"a{'v' if number == '$n' else number or 0}_{field.name}: "
        elif self.random.random() < 0.2:
            alias = f"other_{field.name}: "
        below = self._selection(str(field.target), depth + 1) if field.target else ""
        return f"{alias}{field.name}{given}{self._condition()} {below}"

    def _condition(self) -> str:
        if self.random.random() < 0.8:
            return ""
        name = self.random.choice(("skip", "include"))
        value = self.random.choice(("true", "false", "$on", "$off"))
        return f" @{name}(if: {value})"
