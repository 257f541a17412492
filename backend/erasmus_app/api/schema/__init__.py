"""The GraphQL schema, one module per domain."""

from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.types import ExecutionContext

from erasmus_app.api.schema.access import Access, enforced
from erasmus_app.api.schema.me import Mutation, Query
from erasmus_app.api.schema.subscriptions import Subscription

REMEMBERED = 500  # documents


class GuardedSchema(strawberry.Schema):
    """A schema that keeps the rules of access beside its fields, and logs no errors.

    Those are logged by `api.endpoint` alone, which knows what may be said.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.access = self.guarded()

    def guarded(self) -> Access:
        """Put the checks in, and return the rules."""
        return enforced(self._schema)

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Log nothing: what an error says may be the student's."""


def make_schema(kind: type[GuardedSchema] = GuardedSchema) -> GuardedSchema:
    """Make the schema that we serve. Raises AccessUndeclared where a field has no rule."""
    return kind(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        extensions=[
            lambda: ParserCache(maxsize=REMEMBERED),
            lambda: ValidationCache(maxsize=REMEMBERED),
        ],
    )


schema = make_schema()
