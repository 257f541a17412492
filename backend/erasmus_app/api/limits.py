"""What a document may ask for at most, looked at once, before it is validated.

Its cost bounds the work that it can cause: a field with a resolver counts 1, one that may wait for
the database 10, and everything in a list as often as the list is long: by `first`, a variable being
as much as a page may have, else by `LENGTH`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    Undefined,
    get_named_type,
    is_list_type,
    is_non_null_type,
)
from strawberry.types.field import StrawberryField

from erasmus_app.api.schema.access import BRIEF, DEFINITION, ONCE, WAITS
from erasmus_app.api.schema.connections import MOST_AT_ONCE
from erasmus_app.api.scopes import needed_by
from erasmus_app.glance import Wanted

MOST_CHARACTERS, MOST_TOKENS = 50_000, 2_500
DEEPEST, MOST_FIELDS, MOST_ALIASES, MOST_DIRECTIVES, MOST_DEFINITIONS = 14, 500, 50, 50, 50
MOST_VARIABLES = 50  # of one operation
MOST_REPEATED = 10  # how often one selection may name one field: each pair is compared
DEEPEST_INTROSPECTION = 24  # what tools ask of a schema nests deeper
MOST_COST = 10_000
LONGEST_NUMBER = 11  # characters of a 32-bit one with its sign
LENGTH = 10  # of a list that is not read page by page
WAITING, COMPUTED = 10, 1
STUDENT = "Student"
OF_RECORDS = frozenset({"Mobility", "WhoseMove", "LearningAgreement"})
"""Types whose resolvers read a mobility's record, but for those that say they do not."""
INTROSPECTION = frozenset({"__schema", "__type"})


class Inspected(NamedTuple):
    """What was found out about a document."""

    operations: Mapping[str | None, str]  # each operation's word (query, ...) by its name
    needs: frozenset[frozenset[str]]  # scopes; of each set one
    cost: int  # of its most costly operation
    wanted: Wanted  # what it asks for of the student, to be read at once
    changes: tuple[str, ...] = ()  # the mutations in it, each as often as it is there


class _Place(NamedTuple):
    """Where in a document a selection stands."""

    kind: GraphQLNamedType | None
    depth: int = 1
    deepest: int = DEEPEST
    page: int | None = None  # how long the lists are that stand here, where somebody said so
    fragments: frozenset[str] = frozenset()


@dataclass(slots=True)
class Inspection:
    """Looks at documents of a schema; see `strawberry_plans.Plans`."""

    schema: GraphQLSchema
    introspection: bool = False  # whether the schema may be asked about itself

    def __call__(self, document: DocumentNode) -> Inspected:
        """Look at one. Raises GraphQLError where it asks for too much."""
        walk = _Walk(self.schema, self.introspection, _fragments_of(document))
        costs = [0]
        operations: dict[str | None, str] = {}
        for definition in document.definitions:
            walk.count_directives(getattr(definition, "directives", None))
            if isinstance(definition, OperationDefinitionNode):
                if len(definition.variable_definitions or ()) > MOST_VARIABLES:
                    raise GraphQLError(f"more than {MOST_VARIABLES} variables")
                root = self.schema.get_root_type(definition.operation)
                costs.append(walk.cost(definition.selection_set, _Place(root)))
                name = definition.name.value if definition.name else None
                operations[name] = definition.operation.value
        cost = max(costs)
        if cost > MOST_COST:
            raise GraphQLError(
                f"it may cost {cost}, more than {MOST_COST}: ask for fewer or shorter lists"
            )
        return Inspected(
            operations,
            needed_by(document, self.schema),
            cost,
            walk.wanted,
            tuple(walk.changes),
        )


@dataclass(slots=True)
class _Walk:
    """One look at one document; what it counts, it counts over all of it."""

    schema: GraphQLSchema
    introspection: bool
    fragments: Mapping[str, FragmentDefinitionNode]
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    once: set[str] = field(default_factory=set)  # fields that were there and may be only once
    wanted: Wanted = field(default_factory=Wanted)
    changes: list[str] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)

    def cost(self, selections: SelectionSetNode | None, at: _Place) -> int:
        """Return the cost of a selection."""
        if selections is None:
            return 0
        if at.depth > at.deepest:
            raise GraphQLError(f"deeper than {at.deepest} levels")
        self._look_for_repeats(selections)
        return sum(self._cost_of(each, at) for each in selections.selections)

    def _cost_of(self, selection: SelectionNode, at: _Place) -> int:
        self.fields += 1
        if self.fields > MOST_FIELDS:
            raise GraphQLError(f"more than {MOST_FIELDS} fields, fragments' where they stand")
        self.count_directives(selection.directives)
        if isinstance(selection, FieldNode):
            return self._cost_of_field(selection, at)
        if isinstance(selection, InlineFragmentNode):
            condition = selection.type_condition
            kind = self.schema.get_type(condition.name.value) if condition else at.kind
            return self.cost(selection.selection_set, at._replace(kind=kind))
        assert isinstance(selection, FragmentSpreadNode)
        name = selection.name.value
        fragment = self.fragments.get(name)
        if fragment is None or name in at.fragments:  # a circle is for validation to refuse
            return 0
        inside = at._replace(
            kind=self.schema.get_type(fragment.type_condition.name.value),
            fragments=at.fragments | {name},
        )
        return self.cost(fragment.selection_set, inside)

    def _cost_of_field(self, node: FieldNode, at: _Place) -> int:
        name = node.name.value
        if node.alias is not None:
            self.aliases += 1
            if self.aliases > MOST_ALIASES:
                raise GraphQLError(f"more than {MOST_ALIASES} aliases")
        if name in INTROSPECTION and not self.introspection:
            raise GraphQLError(f"{name}: introspection is off here; the schema is published")
        found = getattr(at.kind, "fields", {}).get(name)
        inside = _Place(
            get_named_type(found.type) if found else None,
            at.depth + 1,
            DEEPEST_INTROSPECTION if name in INTROSPECTION else at.deepest,
            _page_of(found, node) if found else None,
            at.fragments,
        )
        if at.kind is not None and at.kind.name == STUDENT:
            self._want(node, inside.page)
        if found and at.kind is self.schema.mutation_type:
            self.changes.append(name)
        if found and at.kind is not None and at.kind.name in OF_RECORDS and _reads_record(found):
            self.wanted = self.wanted._replace(records=True)
        if found and at.kind is not None and _is_once(found):
            where = f"{at.kind.name}.{name}"
            if where in self.once:
                raise GraphQLError(f"{name}: once a document")
            self.once.add(where)
        below = self.cost(node.selection_set, inside)
        if found is None:  # of introspection, or unknown
            return below
        times = 1
        if is_list_type(found.type.of_type if is_non_null_type(found.type) else found.type):
            times = LENGTH if at.page is None else at.page
        return _weight_of(found) + times * below

    def _want(self, node: FieldNode, page: int | None) -> None:
        name = node.name.value
        if name == "mobilities":
            self.wanted = self.wanted._replace(mobilities=True)
        elif name == "unreadMessages":
            self.wanted = self.wanted._replace(unread=True)
        elif name == "inbox" and all(each.name.value != "after" for each in node.arguments or ()):
            more = (page or 0) + 1  # one more says that there are more
            self.wanted = self.wanted._replace(inbox=max(self.wanted.inbox, more))

    def count_directives(self, directives: tuple[DirectiveNode, ...] | None) -> None:
        """Count the directives of one place."""
        self.directives += len(directives or ())
        if self.directives > MOST_DIRECTIVES:
            raise GraphQLError(f"more than {MOST_DIRECTIVES} directives")

    def _look_for_repeats(self, selections: SelectionSetNode) -> None:
        if id(selections) in self._seen:  # a fragment's, at another place
            return
        self._seen.add(id(selections))
        times: dict[str, int] = {}
        for each in selections.selections:
            if isinstance(each, FieldNode):
                key = each.alias.value if each.alias else each.name.value
                times[key] = times.get(key, 0) + 1
        if times and max(times.values()) > MOST_REPEATED:
            raise GraphQLError(f"one selection names a field more than {MOST_REPEATED} times")


def _fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    found = {
        each.name.value: each
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    if len(document.definitions) > MOST_DEFINITIONS:
        raise GraphQLError(f"more than {MOST_DEFINITIONS} operations and fragments")
    return found


def _resolved_by(found: GraphQLField) -> StrawberryField | None:
    """Return how a field is written that has a resolver; None of one that is an attribute."""
    definition = found.extensions.get(DEFINITION)
    has_one = isinstance(definition, StrawberryField) and definition.base_resolver is not None
    return definition if has_one else None


def _reads_record(found: GraphQLField) -> bool:
    definition = _resolved_by(found)
    return definition is not None and not definition.metadata.get(BRIEF)


def _is_once(found: GraphQLField) -> bool:
    definition = _resolved_by(found)
    return definition is not None and bool(definition.metadata.get(ONCE))


def _weight_of(found: GraphQLField) -> int:
    definition = _resolved_by(found)
    if definition is None or (resolver := definition.base_resolver) is None:
        return 0
    waits = resolver.is_async or definition.metadata.get(WAITS)
    return WAITING if waits else COMPUTED


def _page_of(found: GraphQLField, node: FieldNode) -> int | None:
    """Return how long a page is that `first` asks for; None of a field without `first`."""
    argument = found.args.get("first")
    if argument is None:
        return None
    given: Any = argument.default_value
    for each in node.arguments or ():
        if each.name.value == "first":
            value = each.value
            given = MOST_AT_ONCE
            if isinstance(value, IntValueNode) and len(value.value) <= LONGEST_NUMBER:
                given = int(value.value)  # what is longer is for validation to refuse
    if given is Undefined or not isinstance(given, int):
        return MOST_AT_ONCE
    return max(0, min(given, MOST_AT_ONCE))
