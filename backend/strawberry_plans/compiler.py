"""From an operation to straight Python: one function for each selection of an object.

A selection that only hands attributes out becomes a function of the value alone, `plain(v)`. One
with resolvers, checks of types, or both is told the run and the path, `full(v, R, p)`; what its
fields bring may be still to come, so each is stored into its place rather than returned.

Nothing that a client writes becomes source: response keys and names are constants by number.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import strawberry
from graphql import (
    FieldNode,
    GraphQLAbstractType,
    GraphQLLeafType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    SelectionSetNode,
    default_type_resolver,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.values import VariableValues, get_argument_values
from graphql.language import OperationDefinitionNode, OperationType, VariableNode
from graphql.pyutils import is_awaitable

from strawberry_plans import leaves
from strawberry_plans.calls import Call, direct
from strawberry_plans.errors import GaveUp, Unplannable
from strawberry_plans.running import KNOWN, Site, Told, awaits, listed, see
from strawberry_plans.selections import Selections

MOST_FIELDS = 5_000  # of a plan, as often as a fragment is spread
_AWAITABLE = "a.__class__ not in KNOWN and awaits(a)"


class Compiler:
    """Writes the functions of one operation."""

    def __init__(
        self, schema: strawberry.Schema, selections: Selections, alike: Collection[str] = ()
    ) -> None:
        self._strawberry, self._alike = schema, alike
        self._schema: GraphQLSchema = schema._schema  # noqa: SLF001 - there is no public name
        self._selections = selections
        self._source: list[str] = []
        self._names: dict[str, Any] = {
            **leaves.GLOBALS,
            "GaveUp": GaveUp,
            "KNOWN": KNOWN,
            "Told": Told,
            "awaits": awaits,
            "is_awaitable": is_awaitable,
            "listed": listed,
            "see": see,
        }
        self._fields = 0
        self._numbered = 0
        self._mutation: GraphQLObjectType | None = None
        self.arguments: list[Given | dict[str, Any]] = []

    def compiled(self, operation: OperationDefinitionNode) -> list[tuple[str, Callable[..., Any]]]:
        """Return what runs the operation: as one function, a mutation field by field.

        Each is `f(root, R, box)` and stores what it finds into `box`. Raises Unplannable.
        """
        roots = {
            OperationType.QUERY: self._schema.query_type,
            OperationType.MUTATION: self._schema.mutation_type,
            OperationType.SUBSCRIPTION: self._schema.subscription_type,  # of one event
        }
        kind = roots.get(operation.operation)
        if kind is None or operation.directives:
            raise Unplannable("directives of the operation")
        fields = self._selections.of(kind, [operation.selection_set])
        if operation.operation is not OperationType.MUTATION:
            groups = [("", fields)]
        else:
            groups = [(key, {key: nodes}) for key, nodes in fields.items()]
        self._mutation = kind if kind is self._schema.mutation_type else None
        names = [(key, self._root(kind, group)) for key, group in groups]
        exec(compile("\n".join(self._source), "<plan>", "exec"), self._names)  # noqa: S102 - the source is ours
        return [(key, self._names[name]) for key, name in names]

    def _root(self, kind: GraphQLObjectType, fields: Mapping[str, list[FieldNode]]) -> str:
        name = self._name("root")
        lines = [f"def {name}(v, R, d):", " p = None"]
        for key, nodes in fields.items():
            lines += self._field(kind, key, nodes)
        self._source += lines
        return name

    def _name(self, kind: str) -> str:
        self._numbered += 1
        return f"{kind}{self._numbered}"

    def _constant(self, value: object) -> str:
        name = f"K{len(self._names)}"
        self._names[name] = value
        return name

    def _count(self) -> None:
        self._fields += 1
        if self._fields > MOST_FIELDS:
            raise Unplannable("too many fields")

    # Objects

    def _is_plain(self, kind: GraphQLObjectType, fields: Mapping[str, list[FieldNode]]) -> bool:
        """Whether an object's fields, and all below, are attributes, and none of it is checked."""
        return kind.is_type_of is None and self._are_plain(kind, fields)

    def _are_plain(self, kind: GraphQLObjectType, fields: Mapping[str, list[FieldNode]]) -> bool:
        for nodes in fields.values():
            name = nodes[0].name.value
            if name == "__typename":
                continue
            found = self._schema.get_field(kind, name)
            if found is None or not _is_attribute(found):
                return False
            inner = _innermost(found.type)
            if is_abstract_type(inner):
                return False
            if is_object_type(inner) and not self._is_plain(inner, self._below(inner, nodes)):
                return False
        return True

    def _below(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> dict[str, list[FieldNode]]:
        sets: list[SelectionSetNode] = [each.selection_set for each in nodes if each.selection_set]
        return self._selections.of(kind, sets)

    def _plain(self, kind: GraphQLObjectType, fields: Mapping[str, list[FieldNode]]) -> str:
        """Write `plain(v)`; return its name."""
        entries, lines = [], []
        for number, (key, nodes) in enumerate(fields.items()):
            self._count()
            if nodes[0].name.value == "__typename":
                entries.append(f"{self._constant(key)}: {self._constant(kind.name)}")
                continue
            found = self._schema.get_field(kind, nodes[0].name.value)
            assert found is not None
            local = f"a{number}"
            lines.append(f" {local} = {self._attribute(found, 'v')}")
            lines.append(f" {local} = {self._plain_value(found.type, nodes, local, 0)}")
            entries.append(f"{self._constant(key)}: {local}")
        name = self._name("plain")
        self._source += [f"def {name}(v):", *lines, f" return {{{', '.join(entries)}}}"]
        return name

    def _plain_value(
        self, kind: GraphQLOutputType, nodes: list[FieldNode], x: str, depth: int
    ) -> str:
        """Return the expression that completes a value named `x`."""
        nullable = not is_non_null_type(kind)
        inner = kind if nullable else kind.of_type  # type: ignore[union-attr]
        if is_leaf_type(inner):
            return self._leaf(inner, x, nullable=nullable)
        if is_list_type(inner):
            item = f"i{depth}"
            each = self._plain_value(inner.of_type, nodes, item, depth + 1)
            made = f"[{each} for {item} in ({x} if {x}.__class__ is list else listed({x}))]"
        else:
            assert is_object_type(inner)
            call = f"{self._plain(inner, self._below(inner, nodes))}({x})"
            made = f"({call} if {x}.__class__ in KNOWN else (see({x}), {call})[1])"
        if nullable:
            return f"(None if {x} is None else {made})"
        return made  # of nothing, neither a list nor an object can be made: both raise

    def _leaf(self, kind: GraphQLLeafType, x: str, *, nullable: bool) -> str:
        write = self._constant(leaves.writer(kind, nullable=nullable))
        members = leaves.members(kind)
        if members is not None:
            return f"({self._constant(members)}.get(id({x})) or {write}({x}))"
        quick = leaves.quick(kind)
        if quick is None:
            return f"{write}({x})"
        where, output = (each.format(x=x) for each in quick)
        return f"({output} if {where} else {write}({x}))"

    def _attribute(self, found: Any, of: str) -> str:
        definition = found.extensions["strawberry-definition"]
        if definition.default_resolver is getattr and definition.python_name.isidentifier():
            return f"{of}.{definition.python_name}"
        read = self._constant(definition.default_resolver)
        return f"{read}({of}, {self._constant(definition.python_name)})"

    # What may be still to come

    def _full(self, kind: GraphQLObjectType, fields: Mapping[str, list[FieldNode]]) -> str:
        """Write `full(v, R, p, d)`, which fills `d`; return its name."""
        lines: list[str] = []
        for key, nodes in fields.items():
            lines += self._field(kind, key, nodes)
        name = self._name("full")
        self._source += [f"def {name}(v, R, p, d):", *(lines or [" pass"])]
        return name

    def _field(self, kind: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> list[str]:
        """Return the lines that resolve a field of `v` and store it into `d`."""
        self._count()
        name, k = nodes[0].name.value, self._constant(key)
        if name == "__typename":
            return [f" d[{k}] = {self._constant(kind.name)}"]
        found = self._schema.get_field(kind, name)
        if found is None or name.startswith("__"):
            raise Unplannable("introspection")
        inner = _innermost(found.type)
        plain = is_leaf_type(inner) or (
            is_object_type(inner) and self._is_plain(inner, self._below(inner, nodes))
        )
        if _is_attribute(found) and plain:
            value = self._plain_value(found.type, nodes, "a", 0)
            return [f" a = {self._attribute(found, 'v')}", f" d[{k}] = {value}"]
        call = None if kind is self._mutation else direct(found, self._strawberry)
        if call is not None and call.info is None and plain and not call.is_async:
            lines = [f" a = {self._call(call, self._given(found, nodes[0], call.names), '')}"]
            lines.append(f" if {_AWAITABLE}: raise GaveUp('awaited, though it is not async')")
            value = self._plain_value(found.type, nodes, "a", 0)
            return [*lines, f" d[{k}] = {value}"]
        site = self._constant(Site(name, nodes, found.type, kind))
        lines = [
            f" q = (p, {k}, {self._constant(kind.name)})",
            f" i = {_told(found, call, inner, site)}",
            f" a = {self._resolved(kind, found, nodes[0], call, k)}",
        ]
        store = self._store(found.type, nodes)
        if call is not None and call.is_async:
            return [*lines, f" R.later(a, {store}, q, i, d, {k})"]
        if is_leaf_type(inner):
            now = f"d[{k}] = {self._plain_value(found.type, nodes, 'a', 0)}"
        else:
            now = f"{store}(a, R, q, i, d, {k})"
        lines.append(f" if {_AWAITABLE}: R.later(a, {store}, q, i, d, {k})")
        return [*lines, f" else: {now}"]

    def _resolved(
        self, kind: GraphQLObjectType, found: Any, node: FieldNode, call: Call | None, k: str
    ) -> str:
        """Return the expression that resolves a field, told `i`."""
        if _is_attribute(found):
            return self._attribute(found, "v")
        given = self._given(found, node, call.names if call else None)
        if call is not None:
            told = ""
            if call.info is not None:
                kind_of_info, definition = map(self._constant, call.info)
                told = f"{kind_of_info}(_raw_info=i, _field={definition})"
            return self._call(call, given, told)
        resolve = self._constant(found.resolve)
        if kind is self._mutation:
            return f"R.call({resolve}, {k}, v, i, {given or '{}'})"
        return f"{resolve}(v, i{f', **{given}' if given else ''})"

    def _call(self, call: Call, given: str, told: str) -> str:
        """Return the call of a resolver's own function."""
        arguments = ["v"] * call.takes_self
        if given:
            arguments.append(f"**{given}")
        if told:
            arguments.append(f"info={told}")
        return f"{self._constant(call.function)}({', '.join(arguments)})"

    def _given(self, found: Any, node: FieldNode, names: Mapping[str, str] | None = None) -> str:
        """Return how a field's arguments are handed on; those without variables are made here.

        With `names` they are called as they are in Python.
        """
        if not found.args:
            return ""
        if not any(_has_variable(each.value) for each in node.arguments or ()):
            try:
                ready = get_argument_values(found, node)
            except Exception as error:
                raise Unplannable("arguments that do not fit") from error
            self.arguments.append(renamed(ready, names))
        else:
            self.arguments.append((found, node, names))
        return f"R.arguments[{len(self.arguments) - 1}]"

    def _store(self, kind: GraphQLOutputType, nodes: list[FieldNode]) -> str:
        """Write `store(x, R, q, i, box, key)`, which completes a value into a box."""
        nullable = not is_non_null_type(kind)
        inner = kind if nullable else kind.of_type  # type: ignore[union-attr]
        below = _innermost(inner)
        if is_leaf_type(below) or (
            is_object_type(below) and self._is_plain(below, self._below(below, nodes))
        ):
            lines = [f" box[key] = {self._plain_value(kind, nodes, 'x', 0)}"]
        else:
            lines = [" if x is None:"]
            lines += ["  box[key] = None", "  return"] if nullable else ["  raise GaveUp('null')"]
            if is_list_type(inner):
                item = self._store(inner.of_type, nodes)
                lines += [
                    " xs = listed(x)",
                    " out = box[key] = [None] * len(xs)",
                    " for n, y in enumerate(xs):",
                    "  if y.__class__ not in KNOWN and awaits(y):",
                    f"   R.later(y, {item}, (q, n, None), i, out, n)",
                    f"  else: {item}(y, R, (q, n, None), i, out, n)",
                ]
            elif is_object_type(inner):
                lines += [" if x.__class__ not in KNOWN: see(x)"]
                lines += self._object(inner, nodes)
            else:
                assert is_abstract_type(inner)
                lines += [" if x.__class__ not in KNOWN: see(x)"]
                lines += self._abstract(inner, nodes)
        name = self._name("store")
        self._source += [f"def {name}(x, R, q, i, box, key):", *lines]
        return name

    def _object(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> list[str]:
        """Return the lines that complete `x` as an object of this type."""
        fields = self._below(kind, nodes)
        if self._are_plain(kind, fields):
            fill = [f"box[key] = {self._plain(kind, fields)}(x)"]
        else:
            full = self._full(kind, fields)
            fill = ["d = box[key] = {}", f"{full}(x, R, q, d)"]
            if kind.name in self._alike:
                # With the object itself, so that no other gets its place in memory meanwhile.
                once = f"({full}, id(x))"
                fill = [
                    f"known = R.alike.get({once})",
                    "if known is not None:",
                    " box[key] = known[1]",
                    "else:",
                    *(f" {each}" for each in fill),
                    f" R.alike[{once}] = (x, d)",
                ]
        if kind.is_type_of is None:
            return [f" {each}" for each in fill]
        filled = self._name("filled")
        self._source += [
            f"def {filled}(ok, R, q, i, box, key, x):",
            " if not ok: raise GaveUp('another type')",
            *(f" {each}" for each in fill),
        ]
        later = f"lambda ok, R, q, i, box, key: {filled}(ok, R, q, i, box, key, x)"
        return [
            f" ok = {self._constant(kind.is_type_of)}(x, i)",
            " if ok is True:",
            *(f"  {each}" for each in fill),
            f" elif is_awaitable(ok): R.later(ok, {later}, q, i, box, key)",
            f" else: {filled}(ok, R, q, i, box, key, x)",
        ]

    def _abstract(self, kind: GraphQLAbstractType, nodes: list[FieldNode]) -> list[str]:
        """Return the lines that find out what `x` is, and complete it as that."""
        by_name = {}
        for each in self._schema.get_possible_types(kind):
            name = self._name("possible")
            lines = self._object(each, nodes)
            self._source += [f"def {name}(x, R, q, i, box, key):", *lines]
            by_name[each.name] = name
        chosen = self._constant({})
        self._source += [f"{chosen}[{each!r}] = {name}" for each, name in by_name.items()]
        resolve = self._constant(kind.resolve_type or default_type_resolver)
        later = f"lambda t, R, q, i, box, key: {chosen}[t](x, R, q, i, box, key)"
        return [
            f" t = {resolve}(x, i, {self._constant(kind)})",
            " if is_awaitable(t):",
            f"  R.later(t, {later}, q, i, box, key)",
            f" else: {chosen}[t](x, R, q, i, box, key)",
        ]


Given = tuple[Any, FieldNode, Mapping[str, str] | None]
"""A field, its node in the operation, and its arguments' names in Python where those are used."""


def renamed(given: dict[str, Any], names: Mapping[str, str] | None) -> dict[str, Any]:
    """Return arguments by their names in Python."""
    if names is None:
        return given
    return {names[name]: value for name, value in given.items()}


def arguments_of(
    of_plan: list[Given | dict[str, Any]], variables: VariableValues
) -> list[dict[str, Any]]:
    """Return each field's arguments with a request's variables. Raises what does not fit."""
    return [
        each
        if isinstance(each, dict)
        else renamed(get_argument_values(each[0], each[1], variables), each[2])
        for each in of_plan
    ]


def _innermost(kind: Any) -> Any:
    while is_list_type(kind) or isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    return kind


def _told(found: Any, call: Call | None, inner: Any, site: str) -> str:
    """Return what is told of a field, to its resolver and to the checks of what it brings."""
    if call is None and not _is_attribute(found):
        return f"R.info({site}, q)"
    is_unchecked = is_leaf_type(inner) or (is_object_type(inner) and inner.is_type_of is None)
    if is_unchecked and (call is None or call.info is None):
        return "None"  # nobody asks
    return f"Told(R, {site}, q)"


def _is_attribute(found: Any) -> bool:
    """Whether a field is an attribute of its object, that nothing stands before."""
    return bool(getattr(found.resolve, "_is_default", False))


def _has_variable(value: Any) -> bool:
    if isinstance(value, VariableNode):
        return True
    inner = [*getattr(value, "values", ()), *(f.value for f in getattr(value, "fields", ()))]
    return any(_has_variable(each) for each in inner)
