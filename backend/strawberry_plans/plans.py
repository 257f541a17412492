"""Plans by document, how they are run, and when the reference executor runs instead."""

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import strawberry
from graphql import DocumentNode, ExecutionResult, Executor, GraphQLError, GraphQLSchema, execute
from graphql.execution import (
    MiddlewareManager,
    create_source_event_stream,
    execute_subscription_event,
    map_source_to_response_event,
)
from graphql.execution.values import VariableValues, get_variable_values
from graphql.language import FragmentDefinitionNode, OperationDefinitionNode, OperationType
from graphql.pyutils import is_awaitable

from strawberry_plans.compiler import Compiler, arguments_of
from strawberry_plans.documents import Document, Documents, Inspect
from strawberry_plans.errors import GaveUp, Unplannable
from strawberry_plans.running import Run
from strawberry_plans.selections import Selections, conditions_of, fragments_of, operation_of

MOST_VARIANTS = 16
MOST_ERRORS = 50  # of variables: as many as the executor tells
"""Of one operation, by what its conditions decide."""

NO_VARIABLES = VariableValues({}, {})

T = TypeVar("T")
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

    `ran` counts what plans have answered, `fell_back` by reason what they have not.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        size: int = 500,
        inspect: Inspect | None = None,
        most_tokens: int | None = None,
        most_characters: int | None = None,
        hide_suggestions: bool = False,
        alike: Collection[str] = (),
    ) -> None:
        """Take a schema, when everything that checks its fields is in it.

        Args:
            schema: what is run.
            size: how many documents are remembered, beside those that `keep` was told.
            inspect: looks once at each document, before it is validated; may refuse it by a
                GraphQLError. What it returns is `Document.found`.
            most_tokens: longer documents are refused while they are parsed.
            most_characters: longer documents are refused before they are parsed.
            hide_suggestions: whether errors in documents and variables name nothing that there is.
            alike: types whose fields are the same wherever one object stands in an answer, because
                no resolver asks for its path. A selection of such an object is completed once.
        """
        self._strawberry, self._alike = schema, frozenset(alike)
        self._hide_suggestions = hide_suggestions
        self._schema: GraphQLSchema = schema._schema  # noqa: SLF001 - there is no public name
        self._documents = Documents(
            self._schema,
            size=size,
            inspect=inspect,
            most_tokens=most_tokens,
            most_characters=most_characters,
            hide_suggestions=hide_suggestions,
        )
        self.read = self._documents.read
        self.keep = self._documents.keep
        self.ran = 0
        self.fell_back: Counter[str] = Counter()

    async def execute(
        self,
        query: str | Document,
        variables: Mapping[str, Any] | None = None,
        *,
        operation_name: str | None = None,
        context: Any = None,
        root: Any = None,
    ) -> ExecutionResult | strawberry.types.ExecutionResult:
        """Run an operation. What is wrong with it is in the result, as the executor says it."""
        document = query if isinstance(query, Document) else self.read(query)
        if document.errors:
            return ExecutionResult(None, document.errors)
        operation = self._operation(document, operation_name)

        def reference() -> Awaitable[strawberry.types.ExecutionResult]:
            return self._strawberry.execute(
                document.text,
                variable_values=dict(variables) if variables is not None else None,
                operation_name=operation_name,
                context_value=context,
                root_value=root,
            )

        ready = self._ready(operation, variables, context, root)
        if isinstance(ready, ExecutionResult):
            return ready
        if isinstance(ready, str):
            return await self._fall_back(ready, reference)
        run, plan = ready
        if run.operation.operation is OperationType.MUTATION:
            return await self._mutated(run, plan, document, variables)
        found = await self._planned(run, plan)
        return await self._fall_back(found, reference) if isinstance(found, str) else found

    async def subscribe(
        self,
        query: str | Document,
        variables: Mapping[str, Any] | None = None,
        *,
        operation_name: str | None = None,
        context: Any = None,
        root: Any = None,
    ) -> AsyncGenerator[ExecutionResult, None] | ExecutionResult:
        """Begin a subscription: its events, each answered by plan; or what is wrong with it."""
        document = query if isinstance(query, Document) else self.read(query)
        if document.errors or document.node is None:
            return ExecutionResult(None, document.errors)
        executor: Any = Executor.build(
            self._schema,
            document.node,
            root,
            context,
            dict(variables or {}),
            operation_name,
            hide_suggestions=self._hide_suggestions,
        )
        if not isinstance(executor, Executor):
            return ExecutionResult(None, executor)
        started = create_source_event_stream(executor)
        stream: Any = await started if is_awaitable(started) else started
        if isinstance(stream, ExecutionResult):
            return stream
        operation = self._operation(document, operation_name)

        async def answered(of_event: Executor[Any]) -> ExecutionResult:
            event = of_event.root_value
            ready = self._ready(operation, variables, context, event)
            found = await self._planned(*ready) if isinstance(ready, tuple) else ready
            if not isinstance(found, str):
                return found
            self.fell_back[found] += 1
            return await self._executed(execute_subscription_event(of_event))

        return self._told(map_source_to_response_event(executor, stream, answered))

    async def _told(
        self, results: AsyncGenerator[ExecutionResult, None]
    ) -> AsyncGenerator[ExecutionResult, None]:
        """Yield results; a source that fails ends in one that says so, as Strawberry has it."""
        try:
            async with aclosing(results):
                async for each in results:
                    yield each
        except Exception as error:  # noqa: BLE001 - whatever a resolver raises
            told = error if isinstance(error, GraphQLError) else None
            told = told or GraphQLError(str(error), original_error=error)
            self._strawberry.process_errors([told])
            yield ExecutionResult(None, [told])

    async def _planned(self, run: Run, plan: Plan) -> ExecutionResult | str:
        """Run a query, or the answer to an event; return the result, or why there is none."""
        data: dict[str, Any] = {}
        try:
            plan.steps[0][1](run.root, run, data)
            if run.pending:
                await run.settle()
        except Exception as error:  # noqa: BLE001 - whatever it is, the executor says it
            run.drop()
            return _reason(error)
        self.ran += 1
        return ExecutionResult(data, None)

    async def _executed(self, result: Any) -> ExecutionResult:
        """Wait for the reference executor, and let the schema know of its errors."""
        found: ExecutionResult = await result if is_awaitable(result) else result
        if found.errors:
            self._strawberry.process_errors(found.errors)
        return found

    async def _fall_back(self, why: str, reference: Callable[[], Awaitable[T]]) -> T:
        self.fell_back[why] += 1
        return await reference()

    def _operation(self, document: Document, name: str | None) -> Operation | str:
        found = document.operations.get(name)
        if found is None:
            found = self._read_operation(document, name)
            if not isinstance(found, str):  # names that nothing has are the client's, and endless
                document.operations[name] = found
        return found

    def _read_operation(self, document: Document, name: str | None) -> Operation | str:
        assert document.node is not None
        try:
            node = operation_of(document.node, name)
        except Unplannable as error:
            return str(error)
        fragments = fragments_of(document.node)
        return Operation(document.node, node, fragments, conditions_of(document.node))

    def _ready(
        self,
        operation: Operation | str,
        variables: Mapping[str, Any] | None,
        context: Any,
        root: Any,
    ) -> tuple[Run, Plan] | ExecutionResult | str:
        """Return a run and its plan, what is wrong with the variables, or why there is no plan."""
        if isinstance(operation, str):
            return operation
        values = self._variables(operation, variables)
        if not isinstance(values, VariableValues):
            return ExecutionResult(None, values)
        plan = self._plan(operation, values)
        if isinstance(plan, str):
            return plan
        try:
            arguments = arguments_of(plan.arguments, values)
        except GraphQLError:
            return "arguments"
        run = Run(
            self._schema,
            operation.fragments,
            operation.node,
            values,
            root=root,
            context=context,
            arguments=arguments,
        )
        return run, plan

    def _variables(
        self, operation: Operation, given: Mapping[str, Any] | None
    ) -> VariableValues | list[GraphQLError]:
        definitions = operation.node.variable_definitions
        if not definitions:
            return NO_VARIABLES
        return get_variable_values(
            self._schema, definitions, dict(given or {}), MOST_ERRORS, self._hide_suggestions
        )

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
        compiler = Compiler(self._strawberry, selections, self._alike)
        try:
            return Plan(compiler.compiled(operation.node), compiler.arguments)
        except Unplannable as error:
            return str(error)

    async def _mutated(
        self, run: Run, plan: Plan, document: Document, variables: Mapping[str, Any] | None
    ) -> ExecutionResult:
        """Run the fields one after the other, each to its end before the next begins."""
        run.brought = {}
        data: dict[str, Any] = {}
        try:
            for _, step in plan.steps:
                step(run.root, run, data)
                if run.pending:
                    await run.settle()
                run.alike.clear()  # the next field may change what this one has seen
        except Exception as error:  # noqa: BLE001 - whatever it is, the executor says it
            run.drop()
            self.fell_back[_reason(error)] += 1
            return await self._taken_over(run, document, variables)
        self.ran += 1
        return ExecutionResult(data, None)

    async def _taken_over(
        self, run: Run, document: Document, variables: Mapping[str, Any] | None
    ) -> ExecutionResult:
        """Let the reference executor answer; what a field brought already is not asked again."""
        brought = run.brought or {}
        assert document.node is not None

        def once(resolve: Callable[..., Any], source: Any, info: Any, **given: Any) -> Any:
            if info.path.prev is None and info.path.key in brought:
                return brought[info.path.key].again()
            return resolve(source, info, **given)

        return await self._executed(
            execute(
                self._schema,
                document.node,
                run.root,
                run.context,
                dict(variables or {}),
                run.operation.name.value if run.operation.name else None,
                middleware=MiddlewareManager(once),
            )
        )


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, GaveUp) else "an error"
