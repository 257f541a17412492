"""A schema or an application with a field or route that has no rule of access is not made."""

from typing import Any

import pytest
import strawberry
from litestar import Litestar, Router, asgi, get
from litestar.openapi import OpenAPIConfig
from strawberry.scalars import JSON

from erasmus_app.api.rest import ROUTES, routes
from erasmus_app.api.rest.access import RouteUndeclared, declared, keep
from erasmus_app.api.schema import GuardedSchema, access, schema
from erasmus_app.api.schema.access import (
    ADMINISTRATOR,
    COORDINATOR,
    OWNER,
    PART,
    PUBLIC,
    SIGNED_IN,
    AccessUndeclared,
    Whose,
)


def made_with(**fields: Any) -> str:
    """What is said about a schema whose root has these fields."""

    def bare() -> int:
        return 1

    declared_fields = {"fine": access.field(SIGNED_IN)(bare)} | fields
    query = strawberry.type(type("Query", (), declared_fields))
    with pytest.raises(AccessUndeclared) as refusal:
        GuardedSchema(query=query)
    return str(refusal.value)


def test_a_field_without_a_rule_stops_the_making_and_is_told_what_to_write():
    def exports() -> int:
        return 1

    said = made_with(exports=strawberry.field(exports))
    assert said.startswith(
        "Query.exports: has no rule of access; write `@access.field(OWNER, description=...)`"
    )


def test_a_type_without_a_rule_stops_the_making_and_is_told_what_to_write():
    @strawberry.type
    class Consent:
        text: str

    def consent() -> Consent:
        raise NotImplementedError

    said = made_with(consent=access.field(OWNER)(consent))
    assert said.startswith("Consent: says not who may have it; write `@access.rule(OWNER)`")


def test_a_field_with_a_resolver_is_not_covered_by_its_type():
    @access.rule(PART)
    @strawberry.type
    class Consent:
        text: str

        @strawberry.field
        def history(self) -> list[str]:
            return []

    def consent() -> Consent:
        raise NotImplementedError

    said = made_with(consent=access.field(OWNER)(consent))
    assert said.startswith("Consent.history: has no rule of access")


def test_a_rule_that_would_not_be_kept_stops_the_making():
    @access.rule(OWNER)
    @strawberry.type
    class Consent:
        whose: strawberry.Private[Whose]

        @access.field(OWNER | COORDINATOR)
        def text(self) -> str:
            return ""

    def consent() -> Consent:
        raise NotImplementedError

    def part() -> int:
        raise NotImplementedError

    said = made_with(consent=access.field(OWNER)(consent), part=access.field(PART)(part))
    assert "Consent.text: OWNER | COORDINATOR is wider than its type's OWNER" in said
    assert "Query.part: PART is for the fields of objects" in said


def test_a_type_for_its_owner_has_to_say_whose_it_is():
    with pytest.raises(AccessUndeclared, match="Consent: OWNER needs to know whose an object is"):

        @access.rule(OWNER)
        @strawberry.type
        class Consent:
            text: str


def test_a_type_is_a_part_or_is_checked_itself():
    with pytest.raises(AccessUndeclared, match="Step: PART stands alone"):

        @access.rule(PART | OWNER)
        @strawberry.type
        class Step:
            whose: strawberry.Private[Whose]


def test_a_field_of_what_all_may_see_can_be_for_a_few():
    @access.rule(SIGNED_IN)
    @strawberry.type
    class University:
        name: str

        @access.field(ADMINISTRATOR)
        def refusals(self) -> int:
            return 3

        @access.field(PUBLIC)
        def open(self) -> bool:
            return True

        @access.field(OWNER)
        def own(self) -> bool:
            return True

    def university() -> University:
        raise NotImplementedError

    said = made_with(university=access.field(SIGNED_IN)(university))
    assert "University.open: PUBLIC is wider than its type's SIGNED_IN" in said
    assert "University.own: OWNER needs to know whose an object is" in said
    assert "University.refusals" not in said


def test_an_argument_that_takes_in_anything_stops_the_making():
    @strawberry.input
    class Wish:
        more: JSON

    def set_language(data: JSON) -> int:
        raise NotImplementedError

    def wish(wish: Wish) -> int:
        raise NotImplementedError

    said = made_with(setLanguage=access.field(OWNER)(set_language), wish=access.field(OWNER)(wish))
    assert "setLanguage(data:): JSON takes in anything" in said
    assert "Wish(more:): JSON takes in anything" in said


def test_every_field_of_ours_has_its_rule():
    every = {
        f"{name}.{each}"
        for name, kind in schema._schema.type_map.items()
        if not name.startswith("__") and hasattr(kind, "is_type_of")
        for each in kind.fields
    }

    assert set(schema.access.fields) == every
    assert schema.access.fields["Student.mobilities"] is OWNER
    assert schema.access.fields["Institution.name"] is PUBLIC
    assert schema.access.objects["Mobility"] is OWNER


def app(*handlers: Any, **more: Any) -> Litestar:
    return declared(Litestar(handlers, guards=[keep], openapi_config=None, **more))


def test_an_application_with_a_route_without_a_rule_is_not_made():
    @get("/who", sync_to_thread=False)
    def who() -> str:
        return ""

    @get("/what", opt={"access": "sign_in"}, sync_to_thread=False)
    def what() -> str:
        return ""

    @asgi("/mounted", is_mount=True, copy_scope=True)
    async def mounted(scope: Any, receive: Any, send: Any) -> None: ...

    with pytest.raises(RouteUndeclared) as refusal:
        app(who, what, mounted, *ROUTES)
    said = str(refusal.value).splitlines()
    assert len(said) == 3
    assert any(each.startswith("/who") and "has no rule of access" in each for each in said)
    assert any(each.startswith("/what") and "there is no rule 'sign_in'" in each for each in said)
    assert any(each.startswith("/mounted") and "ewp, signed_in" in each for each in said)


def test_a_rule_that_nobody_keeps_is_none():
    @get("/who", opt={"access": "signed_in"}, sync_to_thread=False)
    def who() -> str:
        return ""

    with pytest.raises(RouteUndeclared, match=r"/who .*: its rule is kept by nobody"):
        declared(Litestar([routes(), who], openapi_config=None))
    assert declared(Litestar([routes()], openapi_config=None))


def test_litestars_own_pages_need_a_rule_as_well():
    with pytest.raises(RouteUndeclared, match="/openapi"):
        declared(
            Litestar(
                openapi_config=OpenAPIConfig(
                    title="", version="", openapi_router=Router("/openapi", route_handlers=[])
                )
            )
        )
