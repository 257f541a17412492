"""One run of a plan: what the generated code is handed, and what is still to come."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from types import GeneratorType, NoneType
from typing import Any, NamedTuple

from graphql import GraphQLResolveInfo, GraphQLSchema, Undefined
from graphql.execution.values import VariableValues
from graphql.language import FieldNode, FragmentDefinitionNode, OperationDefinitionNode
from graphql.pyutils import Path, is_awaitable, is_iterable
from graphql.type import GraphQLObjectType, GraphQLOutputType
from graphql.type.definition import GraphQLResolveInfoHelpers

from strawberry_plans.errors import GaveUp

MOST_CLASSES = 1_000
KNOWN: set[type] = {
    NoneType,
    bool,
    bytes,
    date,
    datetime,
    Decimal,
    dict,
    float,
    int,
    list,
    str,
    tuple,
}
"""Classes that `see` has looked at: their values are neither errors nor still to come."""

Place = tuple["Place | None", str | int, str | None]
"""A path as the generated code makes it: as `Path`, which is dearer."""


def path_of(place: Place) -> Path:
    """Return a path as GraphQL has it."""
    before, key, kind = place
    return Path(path_of(before) if before else None, key, kind)


class Site(NamedTuple):
    """A field in an operation."""

    name: str
    nodes: list[FieldNode]
    kind: GraphQLOutputType
    parent: GraphQLObjectType


class Told:
    """What a resolver or a check is told of its field.

    It is made whole once more than the context is asked for, which is seldom.
    """

    __slots__ = ("context", "place", "run", "site")

    def __init__(self, run: "Run", site: Site, place: Place) -> None:
        self.run, self.site, self.place = run, site, place
        self.context = run.context

    def __getattr__(self, name: str) -> Any:
        """Look it up in the whole of it."""
        return getattr(self.run.info(self.site, self.place), name)


Info = GraphQLResolveInfo[Any]

Store = Callable[[Any, "Run", Place, "Told | Info | None", Any, Any], None]
"""Completes a value, and puts it into a container at a key."""


class Brought(NamedTuple):
    """What a mutation's field brought, or how it failed."""

    value: Any = None
    error: Exception | None = None

    def again(self) -> Any:
        """Return it, or fail as it did."""
        if self.error is not None:
            raise self.error
        return self.value


class Pending(NamedTuple):
    """A value that is still to come, and what is then done with it."""

    coming: Awaitable[Any]
    store: Store
    place: Place
    info: Told | Info | None
    box: Any
    key: Any


class Run:
    """What is one request's own."""

    __slots__ = (
        "alike",
        "arguments",
        "brought",
        "context",
        "fragments",
        "helpers",
        "operation",
        "pending",
        "root",
        "schema",
        "variables",
    )

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: dict[str, FragmentDefinitionNode],
        operation: OperationDefinitionNode,
        variables: VariableValues,
        *,
        root: Any,
        context: Any,
        arguments: Sequence[dict[str, Any]],
    ) -> None:
        self.schema, self.fragments, self.operation = schema, fragments, operation
        self.variables, self.root, self.context = variables, root, context
        self.arguments = arguments
        self.pending: list[Pending] = []
        self.alike: dict[tuple[Any, int], tuple[Any, dict[str, Any]]] = {}
        self.brought: dict[str, Brought] | None = None  # by a mutation's fields
        self.helpers = GraphQLResolveInfoHelpers(gather=_gather, track=_track)

    def info(self, site: Site, place: Place) -> Info:
        """Return all that a resolver can be told of its field."""
        return GraphQLResolveInfo(
            site.name,
            site.nodes,
            site.kind,
            site.parent,
            path_of(place),
            self.schema,
            self.fragments,
            self.root,
            self.operation,
            self.variables,
            self.context,
            is_awaitable,
            None,
            self.helpers,
        )

    def later(
        self,
        coming: Awaitable[Any],
        store: Store,
        place: Place,
        info: Told | Info | None,
        box: Any,
        key: Any,
    ) -> None:
        """Note a value that is still to come; its place keeps the order of the fields."""
        if box.__class__ is dict:
            box[key] = None
        self.pending.append(Pending(coming, store, place, info, box, key))

    def call(
        self, resolve: Callable[..., Any], key: str, source: Any, info: Any, given: Any
    ) -> Any:
        """Call a mutation's field; what it brings is kept, so that nobody calls it twice."""
        assert self.brought is not None
        try:
            found = resolve(source, info, **given)
        except Exception as error:
            self.brought[key] = Brought(error=error)
            raise
        if is_awaitable(found):
            return self._kept(found, key)
        self.brought[key] = Brought(found)
        return found

    async def _kept(self, coming: Awaitable[Any], key: str) -> Any:
        assert self.brought is not None
        try:
            found = await coming
        except Exception as error:
            self.brought[key] = Brought(error=error)
            raise
        self.brought[key] = Brought(found)
        return found

    async def settle(self) -> None:
        """Wait for everything that is still to come, and for what that brings; side by side."""
        while pending := self.pending:
            self.pending = []
            await self._all(pending)

    async def _all(self, pending: list[Pending]) -> None:
        if len(pending) == 1:
            await self._one(pending[0])
            return
        tasks = [asyncio.ensure_future(self._one(each)) for each in pending]
        try:
            for each in tasks:
                await each
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            _close(pending)

    async def _one(self, each: Pending) -> None:
        value = await each.coming
        others, self.pending = self.pending, []
        try:
            each.store(value, self, each.place, each.info, each.box, each.key)
        except Exception:
            self.drop()
            raise
        finally:
            mine, self.pending = self.pending, others
        if mine:  # and no waiting for what others wait for
            await self._all(mine)

    def drop(self) -> None:
        """Close what nobody will wait for any more."""
        _close(self.pending)
        self.pending = []


def _close(pending: Sequence[Pending]) -> None:
    for each in pending:
        close = getattr(each.coming, "close", None) or getattr(each.coming, "cancel", None)
        if close is not None:
            close()


async def _gather(coming: Sequence[Awaitable[Any]]) -> list[Any]:
    return list(await asyncio.gather(*coming))


def _track(_values: Sequence[Any]) -> None:
    raise GaveUp("a resolver tracks work of its own")


def listed(value: Any) -> Sequence[Any]:
    """Return the items of a list's value. Raises GaveUp for what is no plain iterable."""
    if value.__class__ is list or value.__class__ is tuple:
        return value
    if isinstance(value, Exception) or hasattr(value, "__await__") or not is_iterable(value):
        raise GaveUp("no list")
    if iter(value) is value or hasattr(value, "__aiter__"):  # nobody could read it again
        raise GaveUp("an iterator")
    return list(value)


def awaits(value: Any) -> bool:
    """Whether a value is still to come; its class is known from then on where it is not."""
    if is_awaitable(value):
        return True
    if not isinstance(value, Exception) and value is not Undefined:
        _know(value.__class__)
    return False


def _know(cls: type) -> None:
    if len(KNOWN) < MOST_CLASSES and cls is not GeneratorType:  # some of these are awaited
        KNOWN.add(cls)


def see(value: Any) -> None:
    """Look once at a class whose values are answered as objects.

    Raises:
        GaveUp: its values are errors, or still to come.
    """
    if isinstance(value, Exception) or value is Undefined or is_awaitable(value):
        raise GaveUp("no object")
    _know(value.__class__)
