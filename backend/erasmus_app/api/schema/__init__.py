"""The GraphQL schema, one module per domain."""

import strawberry
from strawberry.extensions import ParserCache, ValidationCache

from erasmus_app.api.schema.me import Mutation, Query

REMEMBERED = 500  # documents

schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    extensions=[
        lambda: ParserCache(maxsize=REMEMBERED),
        lambda: ValidationCache(maxsize=REMEMBERED),
    ],
)
