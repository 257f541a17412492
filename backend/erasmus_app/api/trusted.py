"""Trusted documents: what the app sends, by the hash of its text, and nothing else where so set.

The file is a JSON object of `sha256` in hex by text, as GraphQL code generators write it with
`hashAlgorithm: 'sha256'`, and as `make export` writes it for `graphql/operations`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from erasmus_app.api.requests import PREFIX, Refused, Request
from erasmus_app.errors import SettingsInvalid


@dataclass(frozen=True)
class Trusted:
    """The documents by their hashes, and whether no others are answered."""

    documents: Mapping[str, str]
    only: bool
    texts: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "texts", frozenset(self.documents.values()))

    def text_of(self, request: Request) -> str:
        """Return the text of a request's document. Raises Refused where it is not answered."""
        if (name := request.hash) is not None:
            known = self.documents.get(name.lower())
            if known is None:
                raise _not_right("no document that is known has this hash", "document_unknown")
            if request.query is not None and request.query != known:
                raise _not_right("the text is not that of the hash", "document_unknown")
            return known
        if request.query is None:
            raise _not_right("`query` or `documentId` is needed", "request_invalid")
        if self.only and request.query not in self.texts:
            what = "only documents of the app are answered here"
            raise Refused(HTTPStatus.FORBIDDEN, "document_not_trusted", what)
        return request.query


def _not_right(what: str, code: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, code, what)


def hash_of(text: str) -> str:
    """Return the name of a document."""
    return hashlib.sha256(text.encode()).hexdigest()


def load_trusted(path: Path) -> dict[str, str]:
    """Read documents by their hashes.

    Raises:
        SettingsInvalid: the file cannot be read, or a text is not what its hash says.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"trusted_documents: {path}: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise SettingsInvalid(f"trusted_documents: {path}: must be an object of hash and text")
    for name, text in found.items():
        if hash_of(text) != name.removeprefix(PREFIX):
            raise SettingsInvalid(f"trusted_documents: {path}: {name} is not the text's SHA-256")
    return {name.removeprefix(PREFIX): text for name, text in found.items()}


def documents_of(sources: Iterable[str]) -> dict[str, str]:
    """Return each operation of some sources as a document of its own, with its fragments."""
    parsed = (parse(each, no_location=True) for each in sources)
    definitions = [each for document in parsed for each in document.definitions]
    fragments = {
        each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)
    }
    found = {}
    for each in definitions:
        if isinstance(each, OperationDefinitionNode):
            used = _used(each, fragments)
            text = print_ast(DocumentNode(definitions=(each, *(fragments[n] for n in used))))
            found[hash_of(text)] = text
    return dict(sorted(found.items(), key=lambda item: item[1]))


class _Spreads(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: object) -> None:
        """Note one."""
        self.names.append(node.name.value)


def _used(
    node: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> list[str]:
    """Return the names of the fragments that an operation needs, in the order of the alphabet."""
    found: set[str] = set()
    waiting: list[OperationDefinitionNode | FragmentDefinitionNode] = [node]
    while waiting:
        spreads = _Spreads()
        visit(waiting.pop(), spreads)
        for name in spreads.names:
            if name not in found:
                found.add(name)
                waiting.append(fragments[name])
    return sorted(found)
