"""Lists that grow, page by page, as Relay's connections (Cursor Connections Specification).

A cursor is the id of what stands there. `nodes` is for who needs no cursor of each.
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import strawberry

from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import PART

T = TypeVar("T")

MOST_AT_ONCE = 100


@access.rule(PART)
@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Relay's, for lists that are read in one direction."""

    has_next_page: bool = strawberry.field(description="Whether more follows.")
    has_previous_page: bool = strawberry.field(description="Whether `after` was given.")
    start_cursor: str | None = strawberry.field(description="Of the first; null on an empty page.")
    end_cursor: str | None = strawberry.field(
        description="Of the last, for `after`; null on an empty page."
    )


@access.rule(PART)
@strawberry.type(description="One object in its place in a list.")
class Edge(Generic[T]):
    """An object and its cursor."""

    cursor: str = strawberry.field(description="For `after`.")
    node: T = strawberry.field(description="The object.")


@access.rule(PART)
@strawberry.type(description="A page of a list that grows.")
class Connection(Generic[T]):
    """A page."""

    edges: list[Edge[T]] = strawberry.field(description="The objects with their cursors.")
    nodes: list[T] = strawberry.field(description="The objects alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")


def asked(first: int) -> int:
    """Return how many a page may have of as many as somebody asks for."""
    return max(0, min(first, MOST_AT_ONCE))


def page(
    found: Sequence[T], first: int, cursor: Callable[[T], str], *, after: str | None
) -> Connection[T]:
    """Return a page of up to `first` objects; one more that was found says that more follow."""
    nodes = list(found[:first])
    edges = [Edge(cursor=cursor(each), node=each) for each in nodes]
    return Connection(
        edges=edges,
        nodes=nodes,
        page_info=PageInfo(
            has_next_page=len(found) > first,
            has_previous_page=after is not None,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
    )
