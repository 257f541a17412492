"""Which fields an operation selects, worked out once: directives, fragments, merged fields.

As the GraphQL specification's CollectFields (October 2021, §6.3.2), with `@skip` and `@include`
decided beforehand.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    is_abstract_type,
)

from strawberry_plans.errors import Unplannable

CONDITIONS = {"include": True, "skip": False}


@dataclass(frozen=True, slots=True)
class Selections:
    """An operation's document, with its conditions decided."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    decided: Mapping[str, bool]  # by variable

    def of(
        self, runtime_type: GraphQLObjectType, sets: Iterable[SelectionSetNode]
    ) -> dict[str, list[FieldNode]]:
        """Return the fields that are selected of a type, by response key, in order."""
        found: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for each in sets:
            self._collect(runtime_type, each, found, seen)
        return found

    def _collect(
        self,
        runtime_type: GraphQLObjectType,
        selection_set: SelectionSetNode,
        found: dict[str, list[FieldNode]],
        seen: set[str],
    ) -> None:
        for each in selection_set.selections:
            if not self._is_wanted(each):
                continue
            if isinstance(each, FieldNode):
                key = each.alias.value if each.alias else each.name.value
                found.setdefault(key, []).append(each)
            elif isinstance(each, InlineFragmentNode):
                if self._fits(each, runtime_type):
                    self._collect(runtime_type, each.selection_set, found, seen)
            elif isinstance(each, FragmentSpreadNode):
                name = each.name.value
                fragment = self.fragments.get(name)
                if name in seen or fragment is None:
                    continue
                seen.add(name)
                if self._fits(fragment, runtime_type):
                    self._collect(runtime_type, fragment.selection_set, found, seen)

    def _is_wanted(self, selection: SelectionNode) -> bool:
        for directive in selection.directives or ():
            wanted = CONDITIONS.get(directive.name.value)
            if wanted is None:
                raise Unplannable(f"directive {directive.name.value}")
            if self._condition(directive) is not wanted:
                return False
        return True

    def _condition(self, directive: DirectiveNode) -> bool:
        [argument] = directive.arguments or ()  # both take one, and validation has seen it
        value = argument.value
        if isinstance(value, BooleanValueNode):
            return value.value
        if isinstance(value, VariableNode):
            return self.decided[value.name.value]
        raise Unplannable("a condition that is no boolean")

    def _fits(
        self, fragment: FragmentDefinitionNode | InlineFragmentNode, runtime_type: GraphQLObjectType
    ) -> bool:
        if fragment.type_condition is None:
            return True
        kind = self.schema.get_type(fragment.type_condition.name.value)
        if kind is runtime_type:
            return True
        return is_abstract_type(kind) and self.schema.is_sub_type(kind, runtime_type)


def conditions_of(document: DocumentNode) -> tuple[str, ...]:
    """Return the variables that decide which fields a document selects, in one order."""
    found: set[str] = set()

    def walk(selection_set: SelectionSetNode | None) -> None:
        for each in selection_set.selections if selection_set else ():
            for directive in each.directives or ():
                if directive.name.value in CONDITIONS:
                    values = (argument.value for argument in directive.arguments or ())
                    found.update(v.name.value for v in values if isinstance(v, VariableNode))
            walk(getattr(each, "selection_set", None))

    for definition in document.definitions:
        walk(getattr(definition, "selection_set", None))
    return tuple(sorted(found))


def operation_of(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """Return the operation to run. Raises Unplannable where there is not exactly one."""
    operations = [
        each
        for each in document.definitions
        if isinstance(each, OperationDefinitionNode)
        and (name is None or (each.name is not None and each.name.value == name))
    ]
    if len(operations) != 1:
        raise Unplannable("not exactly one operation")
    return operations[0]


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """Return the fragments by name."""
    return {
        each.name.value: each
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
