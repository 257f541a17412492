"""What we promise is in the repository; `make export` writes it anew."""

import json
from pathlib import Path

import pytest
from graphql import parse, validate

from erasmus_app.api import published
from erasmus_app.api.rest.described import ALSO
from erasmus_app.api.schema import schema
from erasmus_app.api.trusted import hash_of, load_trusted

ROOT = Path(__file__).parents[2]
OPERATIONS = sorted((ROOT / "graphql" / "operations").glob("*.graphql"))


def test_the_schema_we_serve_is_the_one_we_publish():
    assert (ROOT / "graphql/schema.graphql").read_text(encoding="utf-8") == published.schema()


def test_the_rest_routes_we_serve_are_the_ones_we_publish():
    assert (ROOT / "openapi/openapi.json").read_text(encoding="utf-8") == published.openapi()


def test_what_operations_may_answer_is_said_of_those_that_there_are():
    paths = json.loads(published.openapi())["paths"].values()
    known = {each["operationId"] for path in paths for each in path.values()}

    assert set(ALSO) - known == set()


def test_the_rules_of_access_we_keep_are_the_ones_we_publish():
    assert (ROOT / "docs/access.txt").read_text(encoding="utf-8") == published.access()


def test_the_documents_that_may_be_trusted_are_the_apps_operations():
    folder = ROOT / "graphql"
    written = (folder / "documents.json").read_text(encoding="utf-8")

    assert written == published.documents(folder / "operations")
    for name, text in load_trusted(folder / "documents.json").items():
        assert hash_of(text) == name
        assert validate(schema._schema, parse(text)) == []


def test_an_app_that_was_written_for_the_last_release_misses_nothing():
    before = (ROOT / "graphql/released.graphql").read_text(encoding="utf-8")

    assert published.broken_since(before) == []


EARLIER = """
type Query {
  me: Student
  you: Student
  old: Old @deprecated(reason: "me")
  node(id: ID!, deep: Boolean @deprecated(reason: "never used"), more: Int): Node
}
interface Node { id: ID! }
type Student implements Node { id: ID!, shoeSize: Int, hat: Int @deprecated(reason: "private") }
type Old { id: ID! }
enum Party { STUDENT SENDING_HEI GONE @deprecated(reason: "nobody") LOST }
"""


def test_what_an_older_app_would_miss_is_told_but_for_what_was_deprecated():
    assert published.broken_since(EARLIER) == [
        "Field Query.you was removed.",
        "Argument Query.node(more:) was removed.",
        "Field Student.shoeSize was removed.",
        "Enum value Party.LOST was removed.",
    ]


def test_every_field_argument_type_and_value_of_the_schema_says_what_it_is():
    bare = []
    for name, type_ in schema._schema.type_map.items():
        if name.startswith("__") or name in {"ID", "String", "Int", "Float", "Boolean"}:
            continue
        members = getattr(type_, "fields", None) or {}
        if not type_.description:
            bare.append(name)
        bare += [f"{name}.{key}" for key, each in members.items() if not each.description]
    assert bare == []


@pytest.mark.parametrize("path", OPERATIONS, ids=lambda path: path.name)
def test_an_operation_of_the_app_fits_the_schema(path: Path):
    assert validate(schema._schema, parse(path.read_text(encoding="utf-8"))) == []


def test_there_are_operations():
    assert [path.stem for path in OPERATIONS] == [
        *("account", "ask", "calendars", "claims", "devices", "home", "inbox", "institutions"),
        *("mail", "messengers", "mobility", "office", "preferences", "privacy", "refresh"),
        "subscriptions",
    ]


def test_each_rest_route_says_what_it_is_for():
    document = json.loads(published.openapi())
    bare = [
        f"{verb} {path}"
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
        if not operation.get("description")
    ]
    assert bare == []
