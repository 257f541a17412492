"""Requests that are made to wear a GraphQL server out: what GraphQL-cop asks, and more of it."""

import json
from typing import Any

DEEP = 15


def nested(name: str, depth: int) -> str:
    return "{ " + f"{name} {{ " * depth + "id" + " }" * depth + " }"


DOCUMENTS = {
    "fifteen levels": nested("me", DEEP),
    "ten thousand levels": "{ me " * 10_000,
    "1,000 aliases": "{ " + " ".join(f"a{n}: me {{ id }}" for n in range(1_000)) + " }",
    "10,000 tokens": "{ " + "me " * 10_000 + "}",
    "1,000 times one field": "{ me { " + "id " * 1_000 + "} }",
    "1,000 directives": "{ me { id " + "@skip(if: false) " * 1_000 + "} }",
    "1,000 unknown directives": "{ me { id " + "@aa " * 1_000 + "} }",
    "400 variables": "query(" + " ".join(f"$v{n}: ID" for n in range(400)) + ") { me { id } }",
    "300 operations": " ".join(f"query A{n} {{ me {{ id }} }}" for n in range(300)),
    "a circle of fragments": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "a fragment of itself": "{ me { ...A } } fragment A on Student { id ...A }",
    "fragments that double": "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(30))
    + " fragment F30 on Query { me { id } }",
    "a list in a list in a list": "{ me { mobilities { sources { api } "
    + " ".join(f"a{n}: timeline {{ step }}" for n in range(300))
    + " } } }",
    "a text without end": '{ me { mobility(id: "' + "x" * 60_000 + '") { id } } }',
    "a number without end": "{ me { inbox(first: " + "9" * 40_000 + ") { id } } }",
    "a value without end": "{ me { inbox(first: " + "[" * 2_400 + ") { id } } }",
    "the schema": "{ __schema { types { name fields { name type { name } } } } }",
    "a type": '{ __type(name: "Student") { name } }',
}
"""Each is refused before a resolver runs."""

BODIES = {name: json.dumps({"query": text}).encode() for name, text in DOCUMENTS.items()} | {
    "a batch of 1,000": json.dumps([{"query": "{ me { id } }"}] * 1_000).encode(),
    "a batch of one": json.dumps([{"query": "{ me { id } }"}]).encode(),
    "brackets without end": b"[" * 500_000,
    "variables without end": b'{"query": "{ me { id } }", "variables": ' + b'{"a":' * 100_000,
    "half a megabyte of blanks": b'{"query": "{ me { id } }' + b" " * 500_000 + b'"}',
}


def body_of(query: str, **more: Any) -> bytes:
    return json.dumps({"query": query, **more}).encode()
