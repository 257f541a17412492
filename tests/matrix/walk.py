"""The queries of the matrix, made from the schema: every field of every type, from the roots on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)

Given = Callable[[str, str], Any]
"""What to give for an argument: by `Type.field` (or the input's name) and the argument's name.

None leaves it out."""

ON = "... on "  # begins a step of a path that tells one of several types
LARGEST = 480  # fields of one query; the endpoint takes 500
ONCE = frozenset(
    {
        *("Institution", "PracticalInformation", "OrganizationalUnit", "PostalAddress"),
        *("ContactPoint", "SubjectArea", "Cooperation"),
    }
)  # large and public: written out once in a query
ROUNDS = 2  # how often a type may stand in itself: CourseResult.parts


@dataclass
class Query:
    """One operation, and the field that it is about."""

    root: str  # query, mutation
    where: str  # `Type.field` of the innermost of its path
    path: tuple[str, ...]  # as an error names it
    text: str
    variables: dict[str, Any]
    asks: set[str]  # every `Type.field` that it selects
    size: int = 0  # in fields, as the endpoint counts them


@dataclass
class Walk:
    """Makes queries of a schema."""

    schema: GraphQLSchema
    leave_out: frozenset[str] = frozenset()  # fields by `Type.field`

    def roots(self) -> Iterator[tuple[str, GraphQLObjectType]]:
        """The roots by the word of their operations."""
        for word in ("query", "mutation", "subscription"):
            if (kind := getattr(self.schema, f"{word}_type")) is not None:
                yield word, kind

    def objects(self) -> dict[str, GraphQLObjectType]:
        """Every type of objects, by name."""
        return {
            name: kind
            for name, kind in self.schema.type_map.items()
            if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
        }

    def fields(self) -> set[str]:
        """Every field there is, as `Type.field`."""
        return {f"{name}.{each}" for name, kind in self.objects().items() for each in kind.fields}

    def whole(self, given: Given) -> Iterator[Query]:
        """Yield queries that together ask for everything: one for each field of what a root has."""
        for word, root in self.roots():
            for name, found in root.fields.items():
                if word == "query" and isinstance(named(found), GraphQLObjectType):
                    yield from self._pieces(word, (name,), given)
                elif word == "subscription":
                    yield from self._own(word, (name,), given)
                else:
                    yield from self.split(word, (name,), given)

    def _own(self, word: str, path: tuple[str, ...], given: Given) -> Iterator[Query]:
        """Yield queries for an event, and no deeper: a query reaches the objects in it as well."""
        kind = self._end(word, path)
        leaves = [name for name, each in kind.fields.items() if is_leaf_type(named(each))]
        yield self.at(word, path, given, only=leaves)
        for name in kind.fields:
            if name not in leaves:
                yield self.at(word, (*path, name), given, only=["id"])

    def split(self, word: str, path: tuple[str, ...], given: Given) -> Iterator[Query]:
        """Yield queries for the field at the end of a path: one, or several where it is large."""
        whole, end = self.at(word, path, given), self._end(word, path)
        if whole.size <= LARGEST or is_leaf_type(end):
            yield whole
        elif isinstance(end, GraphQLObjectType):
            yield from self._pieces(word, path, given)
        else:
            for each in self.schema.get_possible_types(end):
                yield from self._pieces(word, (*path, f"{ON}{each.name}"), given)

    def _pieces(self, word: str, path: tuple[str, ...], given: Given) -> Iterator[Query]:
        """Yield a query for the leaves of an object, and others for each object in it."""
        kind = self._end(word, path)
        leaves = [name for name, each in kind.fields.items() if is_leaf_type(named(each))]
        if leaves:
            yield self.at(word, path, given, only=leaves)
        for name in kind.fields:
            if name not in leaves:
                yield from self.split(word, (*path, name), given)

    def _end(self, word: str, path: tuple[str, ...]) -> Any:
        kind = getattr(self.schema, f"{word}_type")
        for each in path:
            kind = self._below(kind, each)
        return kind

    def _below(self, kind: Any, step: str) -> Any:
        """The type that a step of a path leads to: a field, or one of several types."""
        if step.startswith(ON):
            return self.schema.type_map[step.removeprefix(ON)]
        return named(kind.fields[step])

    def at(
        self, word: str, path: tuple[str, ...], given: Given, only: list[str] | None = None
    ) -> Query:
        """A query for the field at the end of a path, with all that is in it."""
        # A mutation is asked in one piece, or it would act again for the next one.
        writing = _Writing(self, given, written=set(ONCE) if word == "mutation" else set())
        opened, where, kind = "", "", getattr(self.schema, f"{word}_type")
        for each in path:
            # Of a subscription's root nothing but one field may be asked for.
            opened += "{ " if kind is self.schema.subscription_type else "{ __typename "
            if each.startswith(ON):
                opened += f"{each} "
            else:
                where = f"{kind.name}.{each}"
                opened += f"{each}{writing.call(where, kind.fields[each])} "
            kind = self._below(kind, each)
        inner = writing.selection(kind, only=only)
        declared = ", ".join(f"${name}: {kind}" for name, kind in writing.types.items())
        head = f"{word}({declared})" if declared else word
        text = f"{head} {opened}{inner}" + " }" * len(path)
        fields = tuple(each for each in path if not each.startswith(ON))
        return Query(word, where, fields, text, writing.variables, writing.asks, writing.size)

    def on_the_way(self, word: str, path: tuple[str, ...]) -> set[str]:
        """The fields of a path, as `Type.field`."""
        kind, found = getattr(self.schema, f"{word}_type"), set()
        for each in path:
            if not each.startswith(ON):
                found.add(f"{kind.name}.{each}")
            kind = self._below(kind, each)
        return found

    def path_to(self, name: str) -> tuple[str, tuple[str, ...]] | None:
        """The shortest way to a type from a root: the root's word and the fields on the way."""
        seen = set()
        waiting: list[tuple[str, tuple[str, ...], Any]] = [
            (word, (), kind) for word, kind in self.roots()
        ]
        while waiting:
            word, path, kind = waiting.pop(0)
            if kind.name == name:
                return word, path
            if kind.name in seen or not isinstance(kind, GraphQLObjectType):
                continue
            seen.add(kind.name)
            waiting += [(word, (*path, each), named(found)) for each, found in kind.fields.items()]
        return None


@dataclass
class _Writing:
    """One operation while it is written."""

    walk: Walk
    given: Given
    variables: dict[str, Any] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    asks: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)  # of ONCE
    size: int = 0

    def call(self, where: str, found: GraphQLField) -> str:
        """Write a field's arguments as variables; each place has its own."""
        self.asks.add(where)
        self.size += 1
        calls = []
        for name, argument in found.args.items():
            value = self._value(where, name, argument.type)
            if value is not None:
                variable = f"{name}{len(self.variables)}"
                self.variables[variable], self.types[variable] = value, str(argument.type)
                calls.append(f"{name}: ${variable}")
        return f"({', '.join(calls)})" if calls else ""

    def _value(self, where: str, name: str, kind: Any) -> Any:
        inner = get_named_type(kind)
        if not isinstance(inner, GraphQLInputObjectType):
            return self.given(where, name)
        values = {
            each: self._value(inner.name, each, found.type) for each, found in inner.fields.items()
        }
        return {each: value for each, value in values.items() if value is not None}

    def selection(
        self,
        kind: GraphQLNamedType,
        above: tuple[str, ...] = (),
        only: list[str] | None = None,
    ) -> str:
        """Select everything in an object, and in the objects in it."""
        self.size += 1  # its `__typename`
        if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
            inner = " ".join(
                f"... on {each.name} {self.selection(each, above)}"
                for each in self.walk.schema.get_possible_types(kind)
            )
            return f"{{ __typename {inner} }}"
        if not isinstance(kind, GraphQLObjectType):
            return ""
        parts, within = ["__typename"], (*above, kind.name)
        if kind.name in self.written and only is None:
            only = [name for name, each in kind.fields.items() if is_leaf_type(named(each))]
        if kind.name in ONCE:
            self.written.add(kind.name)
        for name, found in kind.fields.items():
            where, inner_kind = f"{kind.name}.{name}", named(found)
            if where in self.walk.leave_out or (only is not None and name not in only):
                continue
            if within.count(inner_kind.name) < ROUNDS:
                call = self.call(where, found)
                parts.append(f"{name}{call} {self.selection(inner_kind, within)}".strip())
        return "{ " + " ".join(parts) + " }"


def named(found: GraphQLField) -> GraphQLNamedType:
    """The type of a field's value, or of those in its list."""
    return get_named_type(found.type)


def told(data: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What an answer tells: each value, with the fields on its way as `Type.field`."""
    return _told(data, ())


def _told(data: Any, way: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(data, list):
        for each in data:
            yield from _told(each, way)
    elif isinstance(data, Mapping):
        for name, value in data.items():
            if name != "__typename":
                further = (*way, f"{data['__typename']}.{name}")
                yield further, value
                yield from _told(value, further)
