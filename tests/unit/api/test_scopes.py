"""What a client's scopes cover."""

from graphql import parse

from erasmus_app.api.schema import schema
from erasmus_app.api.scopes import COVERED, DOORS, lacking, needed_by, needs
from erasmus_app.identity.clients import APP, SCOPES


def needed(query: str) -> frozenset[frozenset[str]]:
    return needed_by(parse(query), schema._schema)


def test_what_is_covered_is_a_field_that_there_is_and_a_scope_that_there_is():
    types = schema._schema.type_map
    fields = {f"{door}.{each}" for door in DOORS if door in types for each in types[door].fields}

    assert set(COVERED) <= fields
    assert {scope for each in COVERED.values() for scope in each} <= set(SCOPES)


def test_a_field_that_nobody_has_opened_is_for_the_app_alone():
    assert needs("Student", "somethingNew") == {APP}
    assert needs("Mutation", "doSomething") == {APP}
    assert needs("Query", "everybody") == {APP}
    assert needs("Message", "title") == frozenset()
    assert needs("Student", "__typename") == frozenset()


def test_who_may_everything_lacks_nothing():
    needs_app = needed("mutation { endOtherSessions }")
    assert lacking(needs_app, (APP,)) == ()
    assert lacking(needs_app, ("record:read",)) == (APP,)
    assert lacking(needed("{ me { displayName inbox { nodes { id } } } }"), ()) == (
        "inbox:read",
        "profile:read",
    )
