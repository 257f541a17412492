"""Documents, read once: parsed, looked at, validated, and remembered by their text."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse, validate

Inspect = Callable[[DocumentNode], Any]
"""Looks at a parsed document before it is validated; raises GraphQLError to refuse it."""


@dataclass(slots=True)
class Document:
    """A document as it was read; `errors` says why it is never run."""

    text: str
    node: DocumentNode | None = None
    errors: list[GraphQLError] = field(default_factory=list)
    found: Any = None  # what `inspect` returned
    is_kept: bool = False  # never forgotten
    operations: dict[str | None, Any] = field(default_factory=dict)


class Documents:
    """A schema's documents. Those that come from outside are bounded; those kept are not."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        size: int,
        inspect: Inspect | None = None,
        most_tokens: int | None = None,
        most_characters: int | None = None,
        hide_suggestions: bool = False,
    ) -> None:
        self._schema, self._size = schema, size
        self._hide_suggestions = hide_suggestions
        self._inspect, self._most_tokens = inspect, most_tokens
        self._most_characters = most_characters
        self._kept: dict[str, Document] = {}
        self._others: OrderedDict[str, Document] = OrderedDict()

    def read(self, text: str) -> Document:
        """Return a document, read now or before."""
        found = self._kept.get(text)
        if found is not None:
            return found
        found = self._others.get(text)
        if found is None:
            found = self._others[text] = self._read(text)
            if len(self._others) > self._size:
                self._others.popitem(last=False)
        else:
            self._others.move_to_end(text)
        return found

    def keep(self, text: str) -> Document:
        """Read a document that is never forgotten, whatever comes from outside."""
        found = self._kept[text] = self._read(text)
        found.is_kept = True
        return found

    def _read(self, text: str) -> Document:
        document = Document(text)
        try:
            document.node = parse(
                text, max_tokens=self._most_tokens, max_source_length=self._most_characters
            )
            if self._inspect is not None:
                document.found = self._inspect(document.node)
        except GraphQLError as error:
            document.errors.append(error)
        else:
            document.errors += validate(
                self._schema, document.node, hide_suggestions=self._hide_suggestions
            )
        return document
