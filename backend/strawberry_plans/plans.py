"""Plans by document, how they are run, and when the reference executor runs instead."""

from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import strawberry
from graphql import DocumentNode, ExecutionResult, GraphQLError, GraphQLSchema, execute, parse, validate
from graphql.execution import MiddlewareManager
from graphql.execution.values import VariableValues, get_variable_values
from graphql.language import FragmentDefinitionNode, OperationDefinitionNode, OperationType
from graphql.pyutils import is_awaitable

from strawberry_plans.compiler import Compiler, arguments_of
from strawberry_plans.errors import GaveUp, Unplannable
from strawberry_plans.running import Run
from strawberry_plans.selections import Selections, conditions_of, fragments_of, operation_of

MOST_VARIANTS = 16
"""Of one operation, by what its conditions decide."""

NO_VARIABLES = VariableValues({}, {})

Step = Callable[[Any, Run, dict[str, Any]], None]


class Plan(NamedTuple):
    """One operation with its conditions decided."""

    steps: list[tuple[str, Step]]  # all of a query, or each field of a mutation with its key
    arguments: list[Any]


@dataclass(slots=True)
class Operation:
    """A document's operation, and its plans by what its conditions decide."""

    document: DocumentNode
    node: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    conditions: tuple[str, ...]
    plans: dict[tuple[bool, ...], Plan | str] = field(default_factory=dict)


class Plans:
    """Runs a schema's operations, by plan where there is one, else by the reference executor.

    Both give the same data. A query whose plan gives up is run again from the beginning; of a
    mutation the reference executor takes over what its fields have brought, and calls none twice.
    """

    def __init__(self, schema: strawberry.Schema, *, size: int = 500) -> None:
        """Take a schema; `size` is how many operations are remembered."""
        self._strawberry = schema
        self._schema: GraphQLSchema = schema._schema  # noqa: SLF001 - there is no public name
        self._size = size
        self._operations: OrderedDict[tuple[str, str | None], Operation | str] = OrderedDict()
        self.ran = 0
        self.fell_back: Counter[str] = Counter()

    async def execute(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        operation_name: str | None = None,
        context: Any = None,
        root: Any = None,
    ) -> ExecutionResult | strawberry.types.ExecutionResult:
        """Run an operation. What is wrong with it is in the result, as the executor says it."""
        operation = self._operation(query, operation_name)

        def reference() -> Awaitable[Any]:
            return self._strawberry.execute(
                query,
                variable_values=dict(variables) if variables is not None else None,
                operation_name=operation_name,
                context_value=context,
                root_value=root,
            )

        if isinstance(operation, str):
            return await self._fall_back(operation, reference)
        values = self._variables(operation, variables)
        if values is None:
            return await self._fall_back("variables", reference)
        plan = self._plan(operation, values)
        if isinstance(plan, str):
            return await self._fall_back(plan, reference)
        try:
            arguments = arguments_of(plan.arguments, values)
        except GraphQLError:
            return await self._fall_back("arguments", reference)
        run = Run(
            self._schema,
            operation.fragments,
            operation.node,
            values,
            root=root,
            context=context,
            arguments=arguments,
        )
        if operation.node.operation is OperationType.MUTATION:
            return await self._mutated(operation, plan, run, variables)
        data: dict[str, Any] = {}
        try:
            plan.steps[0][1](root, run, data)
            if run.pending:
                await run.settle()
        except Exception as error:  # noqa: BLE001 - whatever it is, the executor says it
            run.drop()
            return await self._fall_back(_reason(error), reference)
        self.ran += 1
        return ExecutionResult(data, None)

    async def _fall_back(self, why: str, reference: Callable[[], Awaitable[Any]]) -> Any:
        self.fell_back[why] += 1
        return await reference()

    def _operation(self, query: str, name: str | None) -> Operation | str:
        key = (query, name)
        found = self._operations.get(key)
        if found is None:
            found = self._read(query, name)
            self._operations[key] = found
            while len(self._operations) > self._size:
                self._operations.popitem(last=False)
        return found

    def _read(self, query: str, name: str | None) -> Operation | str:
        try:
            document = parse(query)
            if validate(self._schema, document):
                return "invalid"
            node = operation_of(document, name)
        except GraphQLError:
            return "malformed"
        except Unplannable as error:
            return str(error)
        return Operation(document, node, fragments_of(document), conditions_of(document))

    def _variables(
        self, operation: Operation, given: Mapping[str, Any] | None
    ) -> VariableValues | None:
        definitions = operation.node.variable_definitions
        if not definitions:
            return NO_VARIABLES
        found = get_variable_values(self._schema, definitions, dict(given or {}))
        return found if isinstance(found, VariableValues) else None

    def _plan(self, operation: Operation, values: VariableValues) -> Plan | str:
        decided = {name: bool(values.coerced.get(name)) for name in operation.conditions}
        which = tuple(decided.values())
        found = operation.plans.get(which)
        if found is None:
            if len(operation.plans) >= MOST_VARIANTS:
                return "too many conditions"
            found = operation.plans[which] = self._compiled(operation, decided)
        return found

    def _compiled(self, operation: Operation, decided: Mapping[str, bool]) -> Plan | str:
        selections = Selections(self._schema, operation.fragments, decided)
        compiler = Compiler(self._schema, selections)
        try:
            return Plan(compiler.compiled(operation.node), compiler.arguments)
        except Unplannable as error:
            return str(error)

    async def _mutated(
        self,
        operation: Operation,
        plan: Plan,
        run: Run,
        variables: Mapping[str, Any] | None,
    ) -> ExecutionResult:
        """Run the fields one after the other, each to its end before the next begins."""
        run.brought = {}
        data: dict[str, Any] = {}
        try:
            for _, step in plan.steps:
                step(run.root, run, data)
                if run.pending:
                    await run.settle()
        except Exception as error:  # noqa: BLE001 - whatever it is, the executor says it
            run.drop()
            self.fell_back[_reason(error)] += 1
            return await self._taken_over(operation, run, variables)
        self.ran += 1
        return ExecutionResult(data, None)

    async def _taken_over(
        self, operation: Operation, run: Run, variables: Mapping[str, Any] | None
    ) -> ExecutionResult:
        """Let the reference executor answer; what a field brought already is not asked again."""
        brought = run.brought or {}

        def once(resolve: Callable[..., Any], source: Any, info: Any, **given: Any) -> Any:
            if info.path.prev is None and info.path.key in brought:
                return brought[info.path.key].again()
            return resolve(source, info, **given)

        result = execute(
            self._schema,
            operation.document,
            run.root,
            run.context,
            dict(variables or {}),
            operation.node.name.value if operation.node.name else None,
            middleware=MiddlewareManager(once),
        )
        found: ExecutionResult = await result if is_awaitable(result) else result
        if found.errors:
            self._strawberry.process_errors(found.errors)
        return found


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, GaveUp) else "an error"
