"""The GraphQL schema, one module per domain."""

import strawberry
from graphql import GraphQLError
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.types import ExecutionContext

from erasmus_app.api.schema.me import Mutation, Query

REMEMBERED = 500  # documents


class QuietSchema(strawberry.Schema):
    """A schema whose errors are logged by `api.endpoint` alone, which knows what may be said."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Log nothing: what an error says may be the student's."""


schema = QuietSchema(
    query=Query,
    mutation=Mutation,
    extensions=[
        lambda: ParserCache(maxsize=REMEMBERED),
        lambda: ValidationCache(maxsize=REMEMBERED),
    ],
)
